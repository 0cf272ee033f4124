#include "lib/health/holder_private.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/health/held.h"
#include "lib/health/lease.h"

#include <inttypes.h>

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

/* ---- the lease ---------------------------------------------------------- */

static struct ph_lease_request
request_of(const struct ph_holder *holder, const struct ph_holding *held,
	   int64_t now)
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
note_lease(struct ph_holder *holder, struct ph_holding *held, int64_t until,
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
note_lost(struct ph_holding *held, const char *reason)
{
	if (held->said && ph_clock_mono() >= held->until) {
		held->said = false;
		ph_warn("database %s: the lease has run out: %s", held->name,
			*reason ? reason : "it could not be renewed");
	}
}

/* ---- telling the others ------------------------------------------------- */

int
ph_holder_publish(struct ph_holder *holder)
{
	guint n = g_hash_table_size(holder->held), used = 0;
	g_autofree struct ph_held_row *rows = g_new0(struct ph_held_row, n + 1);
	struct ph_err err = PH_ERR_INIT;
	GHashTableIter iter;
	gpointer value;
	int r;

	g_hash_table_iter_init(&iter, holder->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct ph_holding *held = value;

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

/* ---- letting go --------------------------------------------------------- */

void
ph_holder_let_go(struct ph_holder *holder, struct ph_holding *held)
{
	struct ph_leaving *leaving;
	bool had;

	holder->changed = true;
	g_mutex_lock(&holder->mutex);
	held->gone = true;
	had = ph_clock_mono() < held->until;
	held->until = 0;
	g_mutex_unlock(&holder->mutex);
	if (!had)
		return;
	leaving = g_new0(struct ph_leaving, 1);
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
	if (holder->leaving->len > 0 && ph_holder_publish(holder) < 0)
		g_ptr_array_set_size(holder->leaving, 0);
}

/* ---- asking Redis ------------------------------------------------------- */

/* asked: it counts from before Redis can have heard of it. */
static void
take_answer(struct ph_holder *holder, struct ph_holding *held,
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
		held->next = asked + MIN(PH_HOLDER_RENEW_MS, life(holder) / 3);
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
		const struct ph_leaving *leaving = holder->leaving->pdata[i];

		job->release = true;
		job++->request =
		    (struct ph_lease_request){.database = leaving->name,
					      .server = holder->name,
					      .epoch = leaving->epoch,
					      .count = leaving->count};
	}
	for (guint i = 0; i < due->len; i++) {
		struct ph_holding *held = due->pdata[i];

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
		const struct ph_holding *held = value;

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

void
ph_holder_ask(struct ph_holder *holder)
{
	tell_before_others(holder);
	run_jobs(holder);
}
