#include "store/submission/watch_private.h"

#include "lib/base/log.h"
#include "store/mailbox/path.h"
#include "store/submission/mine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void
ph_watch_box_free(void *p)
{
	struct ph_watch_box *w = p;

	ph_outbox_free(&w->outbox);
	g_free(w->path);
	g_free(w);
}

void
ph_watch_due(struct ph_watch *watch, struct ph_watch_box *w, int64_t due)
{
	w->due = due;
	if (due == INT64_MAX)
		g_hash_table_remove(watch->due, w);
	else
		g_hash_table_add(watch->due, w);
}

static void
see(struct ph_watch *watch, const char *database, const char *component,
    const char *domain, const char *local)
{
	struct ph_box_name *name = ph_box_name_new(database, domain, local);
	char *key = ph_box_name_key(name);
	struct ph_watch_box *w = g_hash_table_lookup(watch->boxes, key);

	if (w == NULL) {
		w = g_new0(struct ph_watch_box, 1);
		w->outbox = ph_outbox_new(name);
		w->path = g_strjoin("/", watch->submission->root, component,
				    domain, local, ".Outbox", NULL);
		for (int kind = 0; kind < PH_WATCHED; kind++)
			w->wd[kind] = -1;
		g_hash_table_insert(watch->boxes, g_steal_pointer(&key), w);
		w->stamps[PH_WATCHED_NEW].ns = -1;
		w->due = INT64_MAX;
		/* As if nobody had told: the poll comes to it. */
		watch->lost = true;
		watch->next = 0;
	}
	w->round = watch->round;
	g_ptr_array_add(watch->order, w);
	ph_box_name_free(&name);
	g_free(key);
}

/* NULL: it is not there, or cannot be read. */
static DIR *
open_stream(int dir, const char *component)
{
	int fd = ph_path_open(dir, component, false, NULL);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (stream == NULL)
		ph_path_close(&fd);
	return stream;
}

/* The next name that may be one of ours; NULL: no more. */
static const char *
next_name(DIR *stream)
{
	struct dirent *entry;

	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.' &&
		    (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
			return entry->d_name;
	return NULL;
}

static void
walk_database(struct ph_watch *watch, int root, const char *database)
{
	g_autofree char *component = ph_path_component(database);
	DIR *domains = open_stream(root, component);
	const char *domain, *local;

	if (domains == NULL)
		return;
	ph_watch_place(watch, dirfd(domains));
	while ((domain = next_name(domains)) != NULL) {
		DIR *locals = open_stream(dirfd(domains), domain);

		if (locals != NULL)
			ph_watch_place(watch, dirfd(locals));
		while (locals != NULL && (local = next_name(locals)) != NULL)
			see(watch, database, component, domain, local);
		if (locals != NULL)
			closedir(locals);
	}
	closedir(domains);
}

static gboolean
is_gone(gpointer key, gpointer value, gpointer data)
{
	struct ph_watch *watch = data;
	struct ph_watch_box *w = value;

	(void)key;
	if (w->round == watch->round)
		return FALSE;
	ph_watch_drop(watch, w);
	g_hash_table_remove(watch->due, w);
	return TRUE;
}

void
ph_watch_walk(struct ph_watch *watch, struct ph_snapshot *snapshot)
{
	size_t n;
	const struct ph_object *const *databases =
	    ph_snapshot_list(snapshot, "database", &n);
	int root = ph_box_root(watch->submission->root, NULL);

	/* No reason to forget what is known. */
	if (root < 0)
		return;
	watch->round++;
	g_ptr_array_set_size(watch->order, 0);
	ph_watch_place(watch, root);
	for (size_t i = 0; i < n; i++) {
		const char *name = ph_object_name(databases[i]);

		if (ph_submission_mine(watch->submission, snapshot, name, NULL,
				       NULL))
			walk_database(watch, root, name);
	}
	ph_path_close(&root);
	g_hash_table_foreach_remove(watch->boxes, is_gone, watch);
}
