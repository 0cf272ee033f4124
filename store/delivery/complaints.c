#include "store/delivery/complaints.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "store/mailbox/path.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { QUIET_MS = 60 * 1000, LIMIT = 1000 };

struct ph_complaints {
	char *root;
	GMutex mutex;	  /* said */
	GHashTable *said; /* text: when, monotonic ms */
};

struct ph_complaints *
ph_complaints_new(const char *root)
{
	struct ph_complaints *complaints = g_new0(struct ph_complaints, 1);

	complaints->root = g_strdup(root);
	complaints->said =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_mutex_init(&complaints->mutex);
	return complaints;
}

void
ph_complaints_free(struct ph_complaints **complaints)
{
	if (!*complaints)
		return;
	g_hash_table_unref((*complaints)->said);
	g_mutex_clear(&(*complaints)->mutex);
	g_free((*complaints)->root);
	g_clear_pointer(complaints, g_free);
}

static bool
is_new(struct ph_complaints *complaints, const char *text)
{
	int64_t now = ph_clock_mono();
	const int64_t *before;
	bool is;

	g_mutex_lock(&complaints->mutex);
	before = g_hash_table_lookup(complaints->said, text);
	is = !before || *before + QUIET_MS < now;
	if (is) {
		if (g_hash_table_size(complaints->said) >= LIMIT)
			g_hash_table_remove_all(complaints->said);
		g_hash_table_insert(complaints->said, g_strdup(text),
				    g_memdup2(&now, sizeof(now)));
	}
	g_mutex_unlock(&complaints->mutex);
	return is;
}

void
ph_complain(struct ph_complaints *complaints, int fd, const char *database,
	    const char *below, int error, const struct ph_err *err)
{
	g_autofree char *component = ph_path_component(database);
	g_autofree char *where =
	    g_build_filename(complaints->root, component, below, NULL);
	const char *remedy = ph_path_remedy(error, fd);
	g_autofree char *text = g_strdup_printf("%s: %s%s%s", where, err->text,
						*remedy ? "; " : "", remedy);

	if (is_new(complaints, text))
		ph_error("%s", text);
}
