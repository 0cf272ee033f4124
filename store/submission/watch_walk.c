#include "store/submission/watch_private.h"

#include "lib/base/log.h"
#include "store/mailbox/path.h"
#include "store/submission/mine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

static int
fail_read(const char *directory, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "cannot read %s: %s", directory,
			  g_strerror(errno));
}

/* 1; 0: there is no such directory; -1. */
static int
open_stream(int dir, const char *component, DIR **stream_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int fd = ph_path_open(dir, component, false, &why);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return ph_err_set(err, why.kind, "%s", why.text);
	*stream_r = fdopendir(fd);
	if (*stream_r != NULL)
		return 1;
	ph_path_close(&fd);
	return fail_read(component, err);
}

/* The next name that may be one of ours; NULL: no more, or errno. */
static const char *
next_name(DIR *stream)
{
	struct dirent *entry;

	while ((errno = 0, entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.' &&
		    (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
			return entry->d_name;
	return NULL;
}

/* One database, as it is walked. */
struct place {
	const char *name, *component;
};

/* 0; -1: who else is in it cannot be said. */
static int
walk_domain(struct ph_watch *watch, const struct place *place, int dir,
	    const char *domain, struct ph_err *err)
{
	DIR *locals;
	const char *local;
	int r = open_stream(dir, domain, &locals, err);

	if (r != 1)
		return r;
	ph_watch_place(watch, dirfd(locals));
	while ((local = next_name(locals)) != NULL)
		see(watch, place->name, place->component, domain, local);
	r = errno == 0 ? 0 : fail_read(domain, err);
	closedir(locals);
	return r;
}

/* 0; -1: some of it, of which err names one, could not be read. */
static int
walk_database(struct ph_watch *watch, int root, const char *database,
	      struct ph_err *err)
{
	g_autofree char *component = ph_path_component(database);
	const struct place place = {database, component};
	const char *domain;
	DIR *domains;
	int r = open_stream(root, component, &domains, err);

	if (r != 1)
		return r;
	r = 0;
	ph_watch_place(watch, dirfd(domains));
	while ((domain = next_name(domains)) != NULL)
		if (walk_domain(watch, &place, dirfd(domains), domain, err) < 0)
			r = -1;
	if (errno != 0)
		r = fail_read(component, err);
	closedir(domains);
	return r;
}

/* ---- what was not seen -------------------------------------------------- */

/* Of a database that could not be read as a whole it may well be there. */
static void
keep(struct ph_watch *watch, const char *database)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, watch->boxes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct ph_watch_box *w = value;

		if (w->round == watch->round ||
		    strcmp(ph_outbox_name(w->outbox)->database, database) != 0)
			continue;
		w->round = watch->round;
		g_ptr_array_add(watch->order, w);
	}
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

static void
note_blind(struct ph_watch *watch, bool blind, const struct ph_err *err)
{
	if (blind && !watch->blind)
		ph_warn("cannot say which mailboxes there are, those that are "
			"known go on: %s",
			err->text);
	if (!blind && watch->blind)
		ph_info("it is known again which mailboxes there are");
	watch->blind = blind;
}

/* -1: not all could be read. */
static int
walk_active(struct ph_watch *watch, int root, struct ph_snapshot *snapshot,
	    struct ph_err *err)
{
	size_t n;
	const struct ph_object *const *databases =
	    ph_snapshot_list(snapshot, "database", &n);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = ph_object_name(databases[i]);

		if (!ph_submission_mine(watch->submission, snapshot, name, NULL,
					NULL) ||
		    walk_database(watch, root, name, err) == 0)
			continue;
		keep(watch, name);
		r = -1;
	}
	return r;
}

int
ph_watch_walk(struct ph_watch *watch, struct ph_snapshot *snapshot)
{
	struct ph_err err = PH_ERR_INIT;
	int root = ph_box_root(watch->submission->root, &err);
	int r = -1;

	/* No reason to forget what is known. */
	if (root >= 0) {
		watch->round++;
		g_ptr_array_set_size(watch->order, 0);
		ph_watch_place(watch, root);
		r = walk_active(watch, root, snapshot, &err);
		ph_path_close(&root);
		g_hash_table_foreach_remove(watch->boxes, is_gone, watch);
	}
	note_blind(watch, r < 0, &err);
	return r;
}
