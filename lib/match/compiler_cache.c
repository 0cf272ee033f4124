#include "lib/match/match_private.h"

#include "lib/base/log.h"

#include <glib/gstdio.h>
#include <hs.h>
#include <string.h>
#include <utime.h>

/*
 * Images on disk, so that a restarted daemon does not compile for seconds what
 * it had. A file is named by all that went into it, so that there is nothing to
 * invalidate; a damaged one is found out by its checksum when it is unpacked.
 */
#define FORMAT "posthub match 1"
#define SUFFIX ".db"
#define KEPT 16

static void
add_number(GChecksum *c, uint32_t number)
{
	g_checksum_update(c, (const guchar *)&number, sizeof number);
}

static void
add_machine(GChecksum *c)
{
	const char *version = hs_version();
	hs_platform_info_t platform;

	memset(&platform, 0, sizeof platform);
	hs_populate_platform(&platform);
	g_checksum_update(c, (const guchar *)FORMAT, sizeof FORMAT);
	g_checksum_update(c, (const guchar *)version,
			  (gssize)strlen(version) + 1);
	g_checksum_update(c, (const guchar *)&platform.tune,
			  sizeof platform.tune);
	g_checksum_update(c, (const guchar *)&platform.cpu_features,
			  sizeof platform.cpu_features);
}

char *
ph_cache_key(const struct ph_set *set)
{
	GChecksum *c = g_checksum_new(G_CHECKSUM_SHA256);
	char *key;

	add_machine(c);
	add_number(c, set->kind);
	add_number(c, set->n);
	for (uint32_t i = 0; i < set->n; i++) {
		add_number(c, (uint32_t)set->sizes[i]);
		g_checksum_update(c, (const guchar *)set->texts[i],
				  (gssize)set->sizes[i]);
	}
	key = g_strdup(g_checksum_get_string(c));
	g_checksum_free(c);
	return key;
}

static char *
make_path(const char *dir, const char *key)
{
	return g_strconcat(dir, G_DIR_SEPARATOR_S, key, SUFFIX, NULL);
}

GByteArray *
ph_cache_load(const char *dir, const char *key)
{
	g_autofree char *path = NULL;
	char *data;
	gsize size;
	GStatBuf st;

	if (dir == NULL)
		return NULL;
	path = make_path(dir, key);
	if (g_stat(path, &st) != 0 || (guint64)st.st_size > PH_IMAGE_LIMIT ||
	    !g_file_get_contents(path, &data, &size, NULL))
		return NULL;
	if (size > PH_IMAGE_LIMIT) {
		g_free(data);
		return NULL;
	}
	/* It was useful: it is the newest now. */
	g_utime(path, NULL);
	return g_byte_array_new_take((guint8 *)data, size);
}

void
ph_cache_remove(const char *dir, const char *key)
{
	g_autofree char *path = NULL;

	if (dir == NULL)
		return;
	path = make_path(dir, key);
	g_unlink(path);
}

/* ---- keeping few ---- */

struct entry {
	char *path;
	gint64 time;
};

static void
clear_entry(gpointer data)
{
	g_free(((struct entry *)data)->path);
}

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
	const struct entry *entry_a = a;
	const struct entry *entry_b = b;

	return (entry_b->time > entry_a->time) -
	       (entry_b->time < entry_a->time);
}

/* Also what a crash left behind of writing one: "<key>.db.XXXXXX". */
static bool
is_ours(const char *name)
{
	return strspn(name, "0123456789abcdef") == 64 &&
	       g_str_has_prefix(name + 64, SUFFIX);
}

static GArray *
list_entries(const char *dir)
{
	GArray *entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	g_array_set_clear_func(entries, clear_entry);
	while (d != NULL && (name = g_dir_read_name(d)) != NULL) {
		struct entry e = {g_build_filename(dir, name, NULL), 0};
		GStatBuf st;

		if (is_ours(name) && g_stat(e.path, &st) == 0) {
			e.time = (gint64)st.st_mtim.tv_sec * G_USEC_PER_SEC +
				 st.st_mtim.tv_nsec / 1000;
			g_array_append_val(entries, e);
		} else {
			g_free(e.path);
		}
	}
	if (d != NULL)
		g_dir_close(d);
	return entries;
}

void
ph_cache_store(const char *dir, const char *key, const GByteArray *image)
{
	g_autofree char *path = NULL;
	GArray *entries;
	GError *error = NULL;

	if (dir == NULL)
		return;
	path = make_path(dir, key);
	g_mkdir_with_parents(dir, 0700);
	if (!g_file_set_contents_full(
		path, (const char *)image->data, (gssize)image->len,
		G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error)) {
		ph_warn("database of terms not kept: %s", error->message);
		g_error_free(error);
		return;
	}
	entries = list_entries(dir);
	g_array_sort(entries, compare_entries);
	for (guint i = KEPT; i < entries->len; i++)
		g_unlink(g_array_index(entries, struct entry, i).path);
	g_array_unref(entries);
}
