#include "lib/health/epochs.h"

#include "lib/base/file.h"
#include "lib/base/text.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

struct ph_epochs {
	char *path;
	GMutex mutex;
	GHashTable *highest; /* folded name: int64_t */
	bool dirty;	     /* the file does not hold all of it */
};

static void
put(struct ph_epochs *epochs, const char *folded, int64_t epoch)
{
	int64_t *value = g_new(int64_t, 1);

	*value = epoch;
	g_hash_table_replace(epochs->highest, g_strdup(folded), value);
}

/* "<Epoch> <name>" */
static int
parse_line(struct ph_epochs *epochs, const char *line, struct ph_err *err)
{
	char *end;
	int64_t epoch = g_ascii_strtoll(line, &end, 10);

	if (end == line || *end != ' ' || end[1] == '\0' || epoch < 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: damaged: \"%s\"; expected an Epoch and "
				  "a database",
				  epochs->path, line);
	put(epochs, end + 1, epoch);
	return 0;
}

static int
load(struct ph_epochs *epochs, struct ph_err *err)
{
	g_auto(GStrv) lines = NULL;

	if (ph_file_lines(epochs->path, &lines, err) < 0)
		return -1;
	for (char **line = lines; *line; line++)
		if (parse_line(epochs, *line, err) < 0)
			return -1;
	return 0;
}

int
ph_epochs_open(const char *path, struct ph_epochs **epochs_r,
	       struct ph_err *err)
{
	struct ph_epochs *epochs = g_new0(struct ph_epochs, 1);

	epochs->path = g_strdup(path);
	g_mutex_init(&epochs->mutex);
	epochs->highest =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (load(epochs, err) < 0) {
		ph_epochs_close(&epochs);
		return -1;
	}
	*epochs_r = epochs;
	return 0;
}

void
ph_epochs_close(struct ph_epochs **epochs)
{
	struct ph_epochs *p = *epochs;

	if (!p)
		return;
	*epochs = NULL;
	g_hash_table_unref(p->highest);
	g_mutex_clear(&p->mutex);
	g_free(p->path);
	g_free(p);
}

/* Under the mutex. */
static GString *
format_all(struct ph_epochs *epochs)
{
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer name, epoch;

	g_hash_table_iter_init(&iter, epochs->highest);
	while (g_hash_table_iter_next(&iter, &name, &epoch))
		g_string_append_printf(text, "%" PRId64 " %s\n",
				       *(int64_t *)epoch, (char *)name);
	return text;
}

static int64_t
highest(struct ph_epochs *epochs, const char *folded)
{
	const int64_t *epoch = g_hash_table_lookup(epochs->highest, folded);

	return epoch ? *epoch : -1;
}

int
ph_epochs_note(struct ph_epochs *epochs, const struct ph_topology *topology,
	       struct ph_err *err)
{
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);
	g_autoptr(GString) text = NULL;
	int r;

	g_mutex_lock(&epochs->mutex);
	for (size_t i = 0; i < n; i++) {
		g_autofree char *folded = ph_fold(list[i].name);
		int64_t before = highest(epochs, folded);

		/* One that was never moved needs no memory. */
		if (list[i].epoch <= MAX(before, 0))
			continue;
		put(epochs, folded, list[i].epoch);
		epochs->dirty = true;
	}
	if (epochs->dirty)
		text = format_all(epochs);
	g_mutex_unlock(&epochs->mutex);
	if (text == NULL)
		return 0;
	/* Whoever asks does not wait for the disk: what is higher in memory
	 * than there only refuses more. */
	r = ph_file_replace(epochs->path, text->str, err);
	g_mutex_lock(&epochs->mutex);
	epochs->dirty = r < 0;
	g_mutex_unlock(&epochs->mutex);
	return r;
}

int64_t
ph_epochs_highest(struct ph_epochs *epochs, const char *database)
{
	g_autofree char *folded = ph_fold(database);
	int64_t epoch;

	g_mutex_lock(&epochs->mutex);
	epoch = highest(epochs, folded);
	g_mutex_unlock(&epochs->mutex);
	return epoch;
}
