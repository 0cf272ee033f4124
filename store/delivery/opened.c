#include "store/delivery/opened.h"

#include "lib/base/file.h"
#include "lib/base/text.h"

#include <glib.h>
#include <string.h>

struct ph_opened {
	char *path, *root;
	GMutex saving;	   /* before mutex */
	GMutex mutex;	   /* lines */
	GHashTable *lines; /* as in the file */
};

static int
load(struct ph_opened *opened, struct ph_err *err)
{
	g_auto(GStrv) lines = NULL;

	if (ph_file_lines(opened->path, &lines, err) < 0)
		return -1;
	for (char **line = lines; *line; line++) {
		if (!strchr(*line, '\t'))
			return ph_err_set(err, PH_ERR_PERM,
					  "%s: damaged: \"%s\"; expected a "
					  "database, a tab and a store",
					  opened->path, *line);
		g_hash_table_add(opened->lines, g_strdup(*line));
	}
	return 0;
}

int
ph_opened_load(const char *path, const char *root, struct ph_opened **opened_r,
	       struct ph_err *err)
{
	struct ph_opened *opened = g_new0(struct ph_opened, 1);

	opened->path = g_strdup(path);
	opened->root = g_strdup(root);
	g_mutex_init(&opened->saving);
	g_mutex_init(&opened->mutex);
	opened->lines =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (load(opened, err) < 0) {
		ph_opened_free(&opened);
		return -1;
	}
	*opened_r = opened;
	return 0;
}

void
ph_opened_free(struct ph_opened **opened)
{
	if (!*opened)
		return;
	g_hash_table_unref((*opened)->lines);
	g_mutex_clear(&(*opened)->saving);
	g_mutex_clear(&(*opened)->mutex);
	g_free((*opened)->path);
	g_free((*opened)->root);
	g_clear_pointer(opened, g_free);
}

/* A name with a tab or a line break in it is another line, of which nothing is
 * known. */
static char *
format_line(const struct ph_opened *opened, const char *database)
{
	g_autofree char *folded = ph_fold(database);

	g_strdelimit(folded, "\t\r\n", ' ');
	return g_strconcat(folded, "\t", opened->root, NULL);
}

bool
ph_opened_has(struct ph_opened *opened, const char *database)
{
	g_autofree char *line = format_line(opened, database);
	bool has;

	g_mutex_lock(&opened->mutex);
	has = g_hash_table_contains(opened->lines, line);
	g_mutex_unlock(&opened->mutex);
	return has;
}

/* With the mutex held; g_free. */
static char *
format_all(const struct ph_opened *opened)
{
	g_autofree const char **lines =
	    (const char **)(gpointer)g_hash_table_get_keys_as_array(
		opened->lines, NULL);
	g_autofree char *joined = g_strjoinv("\n", (char **)(gpointer)lines);

	return g_strconcat(joined, "\n", NULL);
}

int
ph_opened_add(struct ph_opened *opened, const char *database,
	      struct ph_err *err)
{
	g_autofree char *text = NULL;
	int r;

	/* No older list replaces a newer one, and who asks does not wait for
	 * the disk. */
	g_mutex_lock(&opened->saving);
	g_mutex_lock(&opened->mutex);
	g_hash_table_add(opened->lines, format_line(opened, database));
	text = format_all(opened);
	g_mutex_unlock(&opened->mutex);
	r = ph_file_replace(opened->path, text, err);
	g_mutex_unlock(&opened->saving);
	return r;
}
