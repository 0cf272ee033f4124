#include "store/delivery/opened.h"

#include "lib/base/text.h"

#include <glib.h>
#include <string.h>

struct ph_opened {
	char *path, *root;
	GMutex mutex;	   /* lines */
	GHashTable *lines; /* as in the file */
};

static int
load(struct ph_opened *opened, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(opened->path, &text, NULL, &error))
		return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)
			   ? 0
			   : ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (!**line)
			continue;
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

/* Under the mutex, so that no older list replaces a newer one. */
static int
save(const struct ph_opened *opened, struct ph_err *err)
{
	g_autofree const char **lines =
	    (const char **)(gpointer)g_hash_table_get_keys_as_array(
		opened->lines, NULL);
	g_autofree char *joined = g_strjoinv("\n", (char **)(gpointer)lines);
	g_autofree char *text = g_strconcat(joined, "\n", NULL);
	g_autoptr(GError) error = NULL;

	if (g_file_set_contents_full(opened->path, text, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT |
					 G_FILE_SET_CONTENTS_DURABLE,
				     0600, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
}

int
ph_opened_add(struct ph_opened *opened, const char *database,
	      struct ph_err *err)
{
	int r;

	g_mutex_lock(&opened->mutex);
	g_hash_table_add(opened->lines, format_line(opened, database));
	r = save(opened, err);
	g_mutex_unlock(&opened->mutex);
	return r;
}
