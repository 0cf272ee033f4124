#include "lib/health/holder.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/ticker.h"
#include "lib/health/epochs.h"
#include "lib/health/held.h"
#include "lib/health/hook.h"
#include "lib/health/lease.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

enum {
	TICK_MS = 200,
	RENEW_MS = 1000,
	HOOK_AGAIN_MS = 5000, /* after one that failed */
};

/* A database that is active here. The thread's, save what check reads: ready,
 * until, gone and reason, which are under the mutex. */
struct held {
	char *name;
	int64_t epoch;
	bool needs_lease, needs_hook;
	bool ready;
	bool gone;     /* not active here any more */
	int64_t until; /* monotonic; of the lease */
	char reason[PH_ERR_TEXT];
	int64_t learnt; /* monotonic: that it is active here */
	int64_t next;	/* monotonic: of renewal */
	int64_t count;
	struct ph_hook *hook;
	int64_t hook_next;
	uint64_t round; /* when it was last seen active here */
	bool said;	/* that it is held */
	bool due;	/* to be asked for in this round */
};

/* A lease that was let go of and may still be this server's in Redis. */
struct leaving {
	char *name;
	int64_t epoch, count;
};

struct ph_holder {
	struct ph_holder_options options;
	const char *server; /* as in posthub.conf */
	char *name;	    /* as in the topology, once known */
	struct ph_epochs *epochs;
	GMutex mutex;
	GHashTable *held; /* folded name: struct held; under the mutex */
	uint64_t round;
	GPtrArray *leaving; /* struct leaving */
	bool changed;	    /* what publish tells */
	int64_t published;  /* monotonic */
	bool complained;    /* that Epochs cannot be noted */
	struct ph_ticker *ticker;
};

static void
free_held(gpointer p)
{
	struct held *held = p;

	ph_hook_free(&held->hook);
	g_free(held->name);
	g_free(held);
}

static void
free_leaving(gpointer p)
{
	struct leaving *leaving = p;

	g_free(leaving->name);
	g_free(leaving);
}

static int64_t
life(const struct ph_holder *holder)
{
	return holder->options.life ? holder->options.life : PH_LEASE_MS;
}

static int64_t
wait_of(const struct ph_holder *holder)
{
	return holder->options.wait ? holder->options.wait : PH_LEASE_WAIT_MS;
}

/* ---- the question ------------------------------------------------------- */

/* Under the mutex. */
static int
check_held(const struct held *held, const struct ph_database *database,
	   struct ph_err *err)
{
	if (!held || held->gone || held->epoch != database->epoch)
		return ph_err_set(err, PH_ERR_TEMP,
				  "database %s is not taken over yet",
				  database->name);
	if (held->needs_hook && !held->ready)
		return ph_err_set(err, PH_ERR_TEMP,
				  "the copy of database %s is not ready%s%s",
				  database->name, *held->reason ? ": " : "",
				  held->reason);
	if (held->needs_lease && ph_clock_mono() >= held->until)
		return ph_err_set(err, PH_ERR_TEMP,
				  "this server has no lease for database "
				  "%s%s%s",
				  database->name, *held->reason ? ": " : "",
				  held->reason);
	return 1;
}

int
ph_holder_check(struct ph_holder *holder, const struct ph_database *database,
		struct ph_err *err)
{
	int64_t highest = ph_epochs_highest(holder->epochs, database->name);
	g_autofree char *folded = NULL;
	int r;

	if (database->epoch < highest) {
		ph_err_set(err, PH_ERR_TEMP,
			   "database %s: Epoch %" PRId64 " is below %" PRId64
			   ", which this server has seen",
			   database->name, database->epoch, highest);
		return 0;
	}
	if (!ph_held_needed(holder->options.conf, database))
		return 1;
	folded = ph_fold(database->name);
	g_mutex_lock(&holder->mutex);
	r = check_held(g_hash_table_lookup(holder->held, folded), database,
		       err);
	g_mutex_unlock(&holder->mutex);
	return r == 1;
}

/* ---- the hook ----------------------------------------------------------- */

static void
set_reason(struct ph_holder *holder, struct held *held, const char *reason)
{
	g_mutex_lock(&holder->mutex);
	g_strlcpy(held->reason, reason, sizeof(held->reason));
	g_mutex_unlock(&holder->mutex);
}

static void
start_hook(struct ph_holder *holder, struct held *held)
{
	const struct ph_conf *conf = holder->options.conf;
	g_autofree char *epoch = g_strdup_printf("%" PRId64, held->epoch);
	const char *const environment[] = {
	    "POSTHUB_DATABASE",
	    held->name,
	    "POSTHUB_EPOCH",
	    epoch,
	    "POSTHUB_SERVER",
	    holder->name,
	    "POSTHUB_STORE",
	    ph_conf_text(conf, "delivery", "store"),
	    NULL};
	struct ph_err err = PH_ERR_INIT;

	held->hook = ph_hook_start(
	    ph_conf_text(conf, "delivery", "activation_hook"), environment,
	    ph_conf_int(conf, "delivery", "activation_timeout"), &err);
	held->hook_next = ph_clock_mono() + HOOK_AGAIN_MS;
	if (!held->hook) {
		ph_warn("database %s: %s", held->name, err.text);
		set_reason(holder, held, err.text);
	}
}

static void
run_hook(struct ph_holder *holder, struct held *held)
{
	struct ph_err err = PH_ERR_INIT;
	int r;

	if (!held->hook && ph_clock_mono() >= held->hook_next)
		start_hook(holder, held);
	if (!held->hook)
		return;
	r = ph_hook_poll(held->hook, &err);
	if (r == 0)
		return;
	ph_hook_free(&held->hook);
	held->hook_next = ph_clock_mono() + HOOK_AGAIN_MS;
	if (r < 0) {
		ph_err_wrap(&err, "activation_hook");
		ph_warn("database %s, Epoch %" PRId64 ": %s", held->name,
			held->epoch, err.text);
	}
	holder->changed = true;
	g_mutex_lock(&holder->mutex);
	held->ready = r == 1;
	g_strlcpy(held->reason, r == 1 ? "" : err.text, sizeof(held->reason));
	g_mutex_unlock(&holder->mutex);
}

/* ---- the lease ---------------------------------------------------------- */

static struct ph_lease_request
request_of(const struct ph_holder *holder, const struct held *held, int64_t now)
{
	return (struct ph_lease_request){
	    .database = held->name,
	    .server = holder->name,
	    .epoch = held->epoch,
	    .count = held->count,
	    .waited = now - held->learnt >= wait_of(holder),
	};
}

static void
note_lease(struct ph_holder *holder, struct held *held, int64_t until,
	   const char *reason)
{
	holder->changed = holder->changed || until > 0;
	g_mutex_lock(&holder->mutex);
	if (until > 0)
		held->until = until;
	g_strlcpy(held->reason, reason, sizeof(held->reason));
	g_mutex_unlock(&holder->mutex);
	if (until > 0 && !held->said)
		ph_info("database %s: lease for Epoch %" PRId64, held->name,
			held->epoch);
	held->said = held->said || until > 0;
}

/* It was held, and its time is over. */
static void
note_lost(struct held *held, const char *reason)
{
	if (held->said && ph_clock_mono() >= held->until) {
		held->said = false;
		ph_warn("database %s: the lease has run out: %s", held->name,
			*reason ? reason : "it could not be renewed");
	}
}

/* ---- telling the others ------------------------------------------------- */

/* 0 or -1. */
static int
publish(struct ph_holder *holder)
{
	guint n = g_hash_table_size(holder->held), used = 0;
	g_autofree struct ph_held_row *rows = g_new0(struct ph_held_row, n + 1);
	struct ph_err err = PH_ERR_INIT;
	GHashTableIter iter;
	gpointer value;
	int r;

	g_hash_table_iter_init(&iter, holder->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct held *held = value;

		if (held->gone || (held->needs_hook && !held->ready))
			continue;
		rows[used].database = held->name;
		rows[used].epoch = held->epoch;
		rows[used++].until = held->needs_lease
					 ? held->until
					 : ph_clock_mono() + life(holder);
	}
	r = ph_held_write(holder->options.conf, rows, used, &err);
	if (r < 0)
		ph_warn("%s", err.text);
	holder->changed = false;
	holder->published = ph_clock_mono();
	return r;
}

/* ---- letting go ---------------------------------------------------------- */

/* Nobody here believes in it any more. What is being committed asks once more
 * before it is answered. */
static void
let_go(struct ph_holder *holder, struct held *held)
{
	struct leaving *leaving;
	bool had;

	holder->changed = true;
	g_mutex_lock(&holder->mutex);
	held->gone = true;
	had = ph_clock_mono() < held->until;
	held->until = 0;
	g_mutex_unlock(&holder->mutex);
	if (!had)
		return;
	leaving = g_new0(struct leaving, 1);
	leaving->name = g_strdup(held->name);
	leaving->epoch = held->epoch;
	leaving->count = held->count;
	g_ptr_array_add(holder->leaving, leaving);
	ph_info("database %s: let go of the lease for Epoch %" PRId64,
		held->name, held->epoch);
}

/* Others may have them when the host's other programs know: where those may
 * still believe in one it runs out by itself. */
static void
tell_before_others(struct ph_holder *holder)
{
	if (holder->leaving->len > 0 && publish(holder) < 0)
		g_ptr_array_set_size(holder->leaving, 0);
}

/* ---- asking Redis -------------------------------------------------------- */

/* asked: it counts from before Redis can have heard of it. */
static void
take_answer(struct ph_holder *holder, struct held *held,
	    enum ph_lease_answer answer, int64_t asked, const char *trouble)
{
	const char *const reasons[] = {
	    [PH_LEASE_GIVEN] = "",
	    [PH_LEASE_STALE] = "the database was moved",
	    [PH_LEASE_TAKEN] = "the server that had it may have it still",
	    [PH_LEASE_UNKNOWN] = trouble,
	};
	bool given = answer == PH_LEASE_GIVEN;

	held->due = false;
	note_lease(holder, held, given ? asked + life(holder) : 0,
		   reasons[answer]);
	if (given)
		held->next = asked + MIN(RENEW_MS, life(holder) / 3);
	note_lost(held, held->reason);
}

/* Leases that were let go of first. */
static struct ph_lease_job *
make_jobs(struct ph_holder *holder, int64_t now, GPtrArray *due)
{
	const size_t n = holder->leaving->len + due->len;
	struct ph_lease_job *jobs = g_new0(struct ph_lease_job, n + 1);
	struct ph_lease_job *job = jobs;

	for (guint i = 0; i < holder->leaving->len; i++) {
		const struct leaving *leaving = holder->leaving->pdata[i];

		job->release = true;
		job++->request =
		    (struct ph_lease_request){.database = leaving->name,
					      .server = holder->name,
					      .epoch = leaving->epoch,
					      .count = leaving->count};
	}
	for (guint i = 0; i < due->len; i++) {
		struct held *held = due->pdata[i];

		job++->request = request_of(holder, held, now);
		held->count++;
	}
	return jobs;
}

/* Those that are due, and those that were let go of, in one exchange: one after
 * the other, with a Redis that is slow, the first lease would run out before
 * the last one is asked for. */
static void
run_jobs(struct ph_holder *holder)
{
	struct ph_redis *redis = ph_state_redis(holder->options.state);
	const guint left = holder->leaving->len;
	const int64_t asked = ph_clock_mono();
	g_autoptr(GPtrArray) due = g_ptr_array_new();
	g_autofree struct ph_lease_job *jobs = NULL;
	struct ph_err err = PH_ERR_INIT;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, holder->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct held *held = value;

		if (held->due)
			g_ptr_array_add(due, value);
	}
	if (left + due->len == 0)
		return;
	jobs = make_jobs(holder, asked, due);
	ph_lease_run(holder->options.replicas, redis, jobs, left + due->len,
		     &err);
	for (guint i = 0; i < due->len; i++)
		take_answer(holder, due->pdata[i], jobs[left + i].answer, asked,
			    err.text);
	/* Without an answer it runs out by itself. */
	g_ptr_array_set_size(holder->leaving, 0);
}

/* ---- what is active here ------------------------------------------------ */

static struct held *
add_held(struct ph_holder *holder, const struct ph_database *database,
	 const char *folded)
{
	struct held *held = g_new0(struct held, 1);
	const struct ph_conf *conf = holder->options.conf;

	held->name = g_strdup(database->name);
	held->epoch = database->epoch;
	held->learnt = ph_clock_mono();
	held->needs_lease = database->auto_activation;
	held->needs_hook = database->servers[0] && database->servers[1] &&
			   *ph_conf_text(conf, "delivery", "activation_hook");
	g_mutex_lock(&holder->mutex);
	g_hash_table_insert(holder->held, g_strdup(folded), held);
	g_mutex_unlock(&holder->mutex);
	return held;
}

static void
remove_held(struct ph_holder *holder, const char *folded)
{
	g_mutex_lock(&holder->mutex);
	g_hash_table_remove(holder->held, folded);
	g_mutex_unlock(&holder->mutex);
}

/* The thread alone changes the table, so it may look without the mutex. */
static void
attend(struct ph_holder *holder, const struct ph_database *database)
{
	g_autofree char *folded = ph_fold(database->name);
	struct held *held = g_hash_table_lookup(holder->held, folded);

	if (held && held->epoch != database->epoch) {
		let_go(holder, held);
		remove_held(holder, folded);
		held = NULL;
	}
	if (!held)
		held = add_held(holder, database, folded);
	g_mutex_lock(&holder->mutex);
	held->needs_lease = database->auto_activation;
	g_mutex_unlock(&holder->mutex);
	held->round = holder->round;
	if (held->needs_hook && !held->ready)
		run_hook(holder, held);
	held->due = held->needs_lease && (!held->needs_hook || held->ready) &&
		    ph_clock_mono() >= held->next;
}

static bool
is_ours(struct ph_holder *holder, const struct ph_server *own,
	const struct ph_database *database)
{
	return database->active == own &&
	       ph_held_needed(holder->options.conf, database) &&
	       database->epoch >=
		   ph_epochs_highest(holder->epochs, database->name);
}

static void
drop_others(struct ph_holder *holder)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer name, value;

	g_hash_table_iter_init(&iter, holder->held);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		struct held *held = value;

		if (held->round == holder->round)
			continue;
		let_go(holder, held);
		g_ptr_array_add(gone, g_strdup(name));
	}
	for (guint i = 0; i < gone->len; i++)
		remove_held(holder, gone->pdata[i]);
}

/* ---- the thread --------------------------------------------------------- */

static void
look(struct ph_holder *holder, const struct ph_topology *topology)
{
	const struct ph_server *own =
	    ph_topology_server(topology, holder->server);
	struct ph_err err = PH_ERR_INIT;
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);

	/* Noted before anything is taken under it. */
	if (ph_epochs_note(holder->epochs, topology, &err) < 0) {
		if (!holder->complained)
			ph_warn("%s", err.text);
		holder->complained = true;
		return;
	}
	holder->complained = false;
	holder->round++;
	if (own && own->state != PH_SERVER_INACTIVE) {
		g_free(holder->name);
		holder->name = g_strdup(own->name);
		for (size_t i = 0; i < n; i++)
			if (is_ours(holder, own, &list[i]))
				attend(holder, &list[i]);
	}
	drop_others(holder);
	tell_before_others(holder);
	run_jobs(holder);
}

static void
tick(void *context)
{
	struct ph_holder *holder = context;
	struct ph_snapshot *snapshot = ph_state_take(holder->options.state);

	if (!snapshot)
		return;
	look(holder, ph_snapshot_derived(snapshot, holder->options.topology));
	ph_snapshot_unref(&snapshot);
	if (holder->changed ||
	    (g_hash_table_size(holder->held) > 0 &&
	     ph_clock_mono() >= holder->published + RENEW_MS))
		(void)publish(holder);
}

int
ph_holder_start(const struct ph_holder_options *options,
		struct ph_holder **holder_r, struct ph_err *err)
{
	struct ph_holder *holder = g_new0(struct ph_holder, 1);
	g_autofree char *path = g_build_filename(
	    ph_conf_text(options->conf, "server", "state_dir"), "epochs", NULL);

	holder->options = *options;
	holder->server = ph_conf_text(options->conf, "server", "name");
	if (ph_epochs_open(path, &holder->epochs, err) < 0) {
		g_free(holder);
		return -1;
	}
	g_mutex_init(&holder->mutex);
	holder->held =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_held);
	holder->leaving = g_ptr_array_new_with_free_func(free_leaving);
	holder->ticker = ph_ticker_start("holder", TICK_MS, tick, holder);
	*holder_r = holder;
	return 0;
}

void
ph_holder_stop(struct ph_holder **holder)
{
	struct ph_holder *p = *holder;

	if (!p)
		return;
	*holder = NULL;
	ph_ticker_stop(&p->ticker);
	p->round++;
	drop_others(p);
	tell_before_others(p);
	run_jobs(p);
	(void)publish(p);
	ph_epochs_close(&p->epochs);
	g_hash_table_unref(p->held);
	g_ptr_array_unref(p->leaving);
	g_mutex_clear(&p->mutex);
	g_free(p->name);
	g_free(p);
}
