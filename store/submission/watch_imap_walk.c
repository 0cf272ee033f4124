#include "store/submission/watch_imap_walk.h"

#include "lib/base/text.h"
#include "store/mailbox/path.h"
#include "store/submission/box.h"
#include "store/submission/mine.h"

#include <sys/eventfd.h>

enum phase {
	IDLE,
	WALKING,
	ENDED, /* not taken yet */
};

struct ph_imap_walk {
	const struct ph_submission *submission;
	int wake;
	GThreadPool *pool; /* of one thread */
	gint stopping;	   /* atomic */

	/* Of the walk: its thread's while it goes on. */
	struct ph_snapshot *snapshot;
	GHashTable *mine; /* database: is it? */
	GPtrArray *names;
	struct ph_err err;
	int r;

	GMutex mutex;
	GCond ended;
	enum phase phase; /* under the mutex */
};

/* ---- its thread -------------------------------------------------------- */

/* Asked once a walk: it may be read from a file. */
static bool
is_mine(struct ph_imap_walk *walk, const char *database)
{
	gpointer known = g_hash_table_lookup(walk->mine, database);
	bool mine;

	if (known != NULL)
		return GPOINTER_TO_INT(known) > 0;
	mine = ph_submission_mine(walk->submission, walk->snapshot, database,
				  NULL, NULL);
	g_hash_table_insert(walk->mine, g_strdup(database),
			    GINT_TO_POINTER(mine ? 1 : -1));
	return mine;
}

static int
see(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	struct ph_imap_walk *walk = arg;
	const char *database = ph_object_text(entry, "Database");
	g_autofree char *local = NULL, *domain = NULL;
	g_autofree char *local_name = NULL, *domain_name = NULL;

	if (g_atomic_int_get(&walk->stopping))
		return ph_err_set(err, PH_ERR_TEMP, "stopped");
	if (!ph_entry_is_mailbox(entry) || database == NULL ||
	    ph_split_address(ph_entry_primary(entry), &local, &domain) != 1 ||
	    !is_mine(walk, database))
		return 0;
	local_name = ph_path_component(local);
	domain_name = ph_path_component(domain);
	g_ptr_array_add(walk->names,
			ph_box_name_new(database, domain_name, local_name));
	return 0;
}

static void
run(gpointer data, gpointer user_data)
{
	struct ph_imap_walk *walk = user_data;

	(void)data;
	walk->r = ph_directory_walk(walk->submission->directory, NULL, see,
				    walk, &walk->err);
	g_hash_table_remove_all(walk->mine);
	ph_snapshot_unref(&walk->snapshot);
	g_mutex_lock(&walk->mutex);
	walk->phase = ENDED;
	g_cond_broadcast(&walk->ended);
	/* Under the mutex: whoever stops closes it after that. */
	if (walk->wake >= 0)
		eventfd_write(walk->wake, 1);
	g_mutex_unlock(&walk->mutex);
}

/* ---- whose it is ------------------------------------------------------- */

static void
free_name(gpointer data)
{
	struct ph_box_name *name = data;

	ph_box_name_free(&name);
}

/* If it is this one: true, and it is another one now. */
static bool
move_on(struct ph_imap_walk *walk, enum phase from, enum phase to)
{
	bool is;

	g_mutex_lock(&walk->mutex);
	is = walk->phase == from;
	if (is)
		walk->phase = to;
	g_mutex_unlock(&walk->mutex);
	return is;
}

struct ph_imap_walk *
ph_imap_walk_new(const struct ph_submission *submission, int wake)
{
	struct ph_imap_walk *walk = g_new0(struct ph_imap_walk, 1);

	walk->submission = submission;
	walk->wake = wake;
	walk->mine =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&walk->mutex);
	g_cond_init(&walk->ended);
	walk->pool = g_thread_pool_new(run, walk, 1, FALSE, NULL);
	return walk;
}

bool
ph_imap_walk_begin(struct ph_imap_walk *walk, struct ph_snapshot *snapshot)
{
	if (snapshot == NULL || !move_on(walk, IDLE, WALKING))
		return false;
	walk->snapshot = ph_snapshot_ref(snapshot);
	walk->names = g_ptr_array_new_with_free_func(free_name);
	walk->err = (struct ph_err)PH_ERR_INIT;
	g_thread_pool_push(walk->pool, walk, NULL);
	return true;
}

int
ph_imap_walk_take(struct ph_imap_walk *walk, GPtrArray **names_r,
		  struct ph_err *err)
{
	if (!move_on(walk, ENDED, IDLE))
		return 0;
	if (walk->r == 0) {
		*names_r = g_steal_pointer(&walk->names);
		return 1;
	}
	/* What was told of is a part of them. */
	g_clear_pointer(&walk->names, g_ptr_array_unref);
	*err = walk->err;
	return -1;
}

bool
ph_imap_walk_stop(struct ph_imap_walk **walk, int64_t timeout_ms)
{
	struct ph_imap_walk *w = *walk;
	int64_t end = g_get_monotonic_time() + timeout_ms * 1000;
	bool ended = true;

	if (w == NULL)
		return true;
	g_atomic_int_set(&w->stopping, 1);
	g_mutex_lock(&w->mutex);
	while (w->phase == WALKING && ended)
		ended = g_cond_wait_until(&w->ended, &w->mutex, end);
	ended = w->phase != WALKING;
	g_mutex_unlock(&w->mutex);
	if (!ended)
		return false;
	g_thread_pool_free(w->pool, FALSE, TRUE);
	g_clear_pointer(&w->names, g_ptr_array_unref);
	g_hash_table_unref(w->mine);
	g_cond_clear(&w->ended);
	g_mutex_clear(&w->mutex);
	g_free(w);
	*walk = NULL;
	return true;
}
