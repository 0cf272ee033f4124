#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/state/snapshot_private.h"
#include "lib/state/state_private.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A pair of which one half has died silently is found this fast, so
	 * that a change is in force within a second even then. */
	PING_EVERY = 400,
	/* While refused: at the latest, and at most this often. */
	LOOK_AGAIN = 5000,
	LOOK_PAUSE = 300,
	PAUSE_MIN = 100, /* between attempts to reach Redis */
	PAUSE_MAX = 2000,
	/* How often the keys that changed while others were being read are
	 * added to them, before what there is takes effect. */
	SETTLE_ROUNDS = 8,
};

static bool
stopping(const struct ph_state *state, int64_t wait_ms)
{
	struct pollfd p = {.fd = state->wake_fd, .events = POLLIN};

	return poll(&p, 1, (int)wait_ms) > 0;
}

static bool
same_status(const struct ph_state_status *a, const struct ph_state_status *b)
{
	return a->connected == b->connected && a->since == b->since &&
	       a->refused == b->refused && strcmp(a->reason, b->reason) == 0 &&
	       a->generation == b->generation && a->n_errors == b->n_errors;
}

/*
 * The one place where what others see changes: next (taken; NULL: the snapshot
 * stays) and the status at once.
 */
static void
swap(struct ph_state *state, struct ph_snapshot *next, bool connected,
     bool refused, const char *reason)
{
	struct ph_state_status status = state->status;
	struct ph_snapshot *last = NULL;
	const struct ph_snapshot_error *errors;

	if (status.connected != connected || status.since == 0)
		status.since = ph_clock_wall();
	status.connected = connected;
	status.refused = refused;
	g_strlcpy(status.reason, reason, sizeof(status.reason));
	if (next == NULL)
		next = state->current;
	else
		last = state->current;
	if (next != NULL) {
		status.generation = ph_snapshot_generation(next);
		status.n_errors = ph_snapshot_errors(next, &errors);
	}
	if (next == state->current && same_status(&status, &state->status))
		return;
	g_mutex_lock(&state->mutex);
	g_rw_lock_writer_lock(&state->swapping);
	state->current = next;
	g_rw_lock_writer_unlock(&state->swapping);
	state->status = status;
	g_mutex_unlock(&state->mutex);
	ph_snapshot_unref(&last);
	ph_saver_status(state->saver,
			ph_state_status_json(state->program, &status, next));
}

void
ph_state_note(struct ph_state *state, bool connected, bool refused,
	      const char *reason)
{
	swap(state, NULL, connected, refused, reason);
}

static void
progress(struct ph_state *state, bool judged)
{
	g_mutex_lock(&state->mutex);
	state->attempted = true;
	state->judged |= judged;
	g_cond_broadcast(&state->progress);
	g_mutex_unlock(&state->mutex);
}

static int
compare_errors(const void *a, const void *b)
{
	const struct ph_snapshot_error *x = a;
	const struct ph_snapshot_error *y = b;

	return strcmp(x->key, y->key);
}

static bool
has_error(const struct ph_snapshot *snapshot,
	  const struct ph_snapshot_error *error)
{
	const struct ph_snapshot_error *errors = NULL;
	const struct ph_snapshot_error *found;
	const size_t n =
	    snapshot != NULL ? ph_snapshot_errors(snapshot, &errors) : 0;

	if (n == 0)
		return false;
	found = bsearch(error, errors, n, sizeof(*errors), compare_errors);
	return found != NULL && strcmp(found->text, error->text) == 0;
}

/* Each bad edit is logged when it appears, not each time it is seen. */
static void
log_errors(const struct ph_snapshot *last, const struct ph_snapshot *next)
{
	const struct ph_snapshot_error *errors;
	const size_t n = ph_snapshot_errors(next, &errors);

	for (size_t i = 0; i < n; i++)
		if (!has_error(last, &errors[i]))
			ph_warn("%s; %s", errors[i].text,
				errors[i].kept
				    ? "the last good value stays in force"
				    : "it is not in force");
}

/* Equal objects are the same ones, see ph_keys_snapshot. */
static bool
same_objects(const struct ph_snapshot *a, const struct ph_snapshot *b)
{
	size_t n;
	size_t m;
	const struct ph_object *const *x = ph_snapshot_all(a, &n);
	const struct ph_object *const *y = ph_snapshot_all(b, &m);

	if (n != m)
		return false;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

static bool
same_errors(const struct ph_snapshot *a, const struct ph_snapshot *b)
{
	const struct ph_snapshot_error *x;
	const struct ph_snapshot_error *y;
	const size_t n = ph_snapshot_errors(a, &x);

	if (ph_snapshot_errors(b, &y) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(x[i].key, y[i].key) != 0 ||
		    strcmp(x[i].text, y[i].text) != 0 || x[i].kept != y[i].kept)
			return false;
	return true;
}

/* Only this thread writes state->current, so it reads it without the lock. */
static void
publish(struct ph_state *state)
{
	const struct ph_snapshot *last = state->current;
	struct ph_snapshot *next = NULL;
	const uint64_t generation =
	    last != NULL ? ph_snapshot_generation(last) + 1 : 1;
	struct ph_snapshot *plain =
	    ph_keys_snapshot(state->keys, generation, NULL, NULL);
	const bool unchanged = last != NULL && same_objects(last, plain) &&
			       same_errors(last, plain);

	ph_snapshot_unref(&plain);
	if (!unchanged) {
		next = ph_keys_snapshot(state->keys, generation, state->derive,
					last);
		log_errors(last, next);
		ph_saver_snapshot(state->saver, next);
	}
	swap(state, next, true, false, "");
}

/* Adds more to names; false: it was all there. */
static bool
grow(GHashTable *names, char *const *more)
{
	bool grown = false;

	for (size_t i = 0; more[i] != NULL; i++)
		grown |= g_hash_table_add(names, g_strdup(more[i]));
	return grown;
}

/*
 * Reads names, and what changed meanwhile with them: keys that were changed
 * together in one MULTI take effect together or not at all, although Redis
 * reports each kind in a message of its own. What was read at one moment is
 * good once no further key is reported as changed before or after it; known
 * ones that changed again are state->pending. 1; 0: everything has to be read
 * again; -1. names grows.
 */
static int
settle(struct ph_state *state, const struct ph_state_source *source,
       struct ph_keys *keys, GHashTable *names, struct ph_err *err)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		g_autofree void **list = NULL;
		g_auto(GStrv) more = NULL;
		guint n;
		int r;

		list = g_hash_table_get_keys_as_array(names, &n);
		if (ph_state_read_keys(source, (const char *const *)list, n,
				       true, keys, err) != 0)
			return -1;
		/* What is not asked for now the next wait reports. */
		if (round == SETTLE_ROUNDS - 1)
			break;
		r = ph_redis_watch_wait(source->watch, 0, &more, err);
		if (r <= 0)
			return r < 0 ? -1 : 1;
		if (more == NULL)
			return 0;
		if (!grow(names, more)) {
			state->pending = g_steal_pointer(&more);
			break;
		}
	}
	return 1;
}

static GHashTable *
name_set(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Everything, of one moment as far as possible. As settle. */
static int
read_whole(struct ph_state *state, const struct ph_state_source *source,
	   struct ph_keys *keys, struct ph_err *err)
{
	g_autoptr(GHashTable) names = name_set();

	if (ph_state_read_all(source, keys, err) != 0)
		return -1;
	return settle(state, source, keys, names, err);
}

/* The first daemon of a new organisation names it. */
static int
found_organization(struct ph_state *state, struct ph_err *err)
{
	g_autofree char *organization = NULL;

	if (state->current != NULL)
		return 0;
	return ph_state_meta(state->redis, false, &organization, err) < 0 ? -1
									  : 0;
}

static void
refuse(struct ph_state *state, const struct ph_err *why)
{
	if (strcmp(state->refusal, why->text) != 0)
		ph_error("%s; the last state stays in force", why->text);
	g_strlcpy(state->refusal, why->text, sizeof(state->refusal));
	ph_state_note(state, true, true, why->text);
	state->looked = ph_clock_mono();
	state->look_again =
	    state->looked + (state->pending != NULL ? LOOK_PAUSE : LOOK_AGAIN);
}

/* Takes over the keys that were read, or refuses them. */
static void
judge(struct ph_state *state, struct ph_keys **keys)
{
	struct ph_snapshot *next = ph_keys_snapshot(*keys, 0, NULL, NULL);
	struct ph_err why = PH_ERR_INIT;
	const int r = ph_state_accept(state->current, next, &why);

	ph_snapshot_unref(&next);
	ph_keys_free(&state->keys);
	if (r == 0) {
		ph_keys_free(keys);
		refuse(state, &why);
	} else {
		if (*state->refusal != '\0')
			ph_info("what Redis holds is accepted");
		*state->refusal = '\0';
		state->keys = g_steal_pointer(keys);
		publish(state);
	}
	progress(state, true);
}

static int
take_whole(struct ph_state *state, const struct ph_state_source *source,
	   struct ph_err *err)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		struct ph_keys *keys;
		int r;

		if (found_organization(state, err) != 0)
			return -1;
		g_clear_pointer(&state->pending, g_strfreev);
		keys = ph_keys_new(state->current);
		r = read_whole(state, source, keys, err);
		if (r > 0)
			judge(state, &keys);
		ph_keys_free(&keys);
		if (r != 0)
			return r > 0 ? 0 : -1;
	}
	return ph_err_set(err, PH_ERR_TEMP, "Redis is emptied again and again");
}

/* Does what was read still belong to the organisation in force? */
static bool
same_organization(struct ph_state *state)
{
	struct ph_snapshot *next = ph_keys_snapshot(state->keys, 0, NULL, NULL);
	const bool is =
	    g_ascii_strcasecmp(ph_snapshot_organization(next),
			       ph_snapshot_organization(state->current)) == 0;

	ph_snapshot_unref(&next);
	return is;
}

static int
take_changes(struct ph_state *state, const struct ph_state_source *source,
	     char **list, struct ph_err *err)
{
	g_autoptr(GHashTable) names = name_set();
	int r;

	(void)grow(names, list);
	r = settle(state, source, state->keys, names, err);
	if (r < 0)
		return -1;
	/* Without the meta in force nothing is an order any more. */
	if (r == 0 ||
	    (g_hash_table_contains(names, "meta") && !same_organization(state)))
		return take_whole(state, source, err);
	publish(state);
	return 0;
}

/* One wait and what follows from it. */
static int
follow_accepted(struct ph_state *state, const struct ph_state_source *source,
		struct ph_err *err)
{
	g_auto(GStrv) list = g_steal_pointer(&state->pending);
	int r;

	if (list == NULL) {
		r = ph_redis_watch_wait(source->watch, PING_EVERY, &list, err);
		if (r <= 0)
			return r;
	}
	if (list == NULL)
		return take_whole(state, source, err);
	return take_changes(state, source, list, err);
}

/* Changes are not applied one by one; each is a reason to look again, soon. */
static int
follow_refused(struct ph_state *state, const struct ph_state_source *source,
	       struct ph_err *err)
{
	g_auto(GStrv) list = NULL;
	const int64_t left = state->look_again - ph_clock_mono();
	const int r = ph_redis_watch_wait(
	    source->watch, CLAMP(left, 0, PING_EVERY), &list, err);

	if (r < 0)
		return -1;
	if (r > 0)
		state->look_again = state->looked + LOOK_PAUSE;
	if (ph_clock_mono() < state->look_again)
		return 0;
	return take_whole(state, source, err);
}

/* A key that Redis throws away looks like one that somebody deleted. What it
 * does not tell is no reason not to go on. */
static void
warn_of_eviction(struct ph_redis *redis)
{
	struct ph_reply *info = NULL;
	g_autofree char *policy = NULL, *limit = NULL;

	if (ph_redis_call(redis, &info, NULL, "INFO", "memory", NULL) != 0)
		return;
	policy = ph_reply_info(info, "maxmemory_policy");
	limit = ph_reply_info(info, "maxmemory");
	if (g_str_has_prefix(policy, "allkeys-") && strcmp(limit, "0") != 0)
		ph_warn("Redis may throw away keys of the organisation, which "
			"counts as deleting them; set its maxmemory-policy %s "
			"to noeviction",
			policy);
	ph_reply_free(&info);
}

static void
note_back(bool *away)
{
	if (*away)
		ph_info("Redis is back");
	*away = false;
}

/* Until the pair breaks or the thread has to end. */
static void
follow_pair(struct ph_state *state, bool *away, int64_t *pause,
	    struct ph_err *err)
{
	struct ph_state_source source = {state->redis, NULL};
	int r;

	if (ph_redis_watch_open(state->redis,
				(const char *const *)state->prefixes,
				&source.watch, err) != 0)
		return;
	ph_redis_watch_set_wake(source.watch, state->wake_fd);
	r = take_whole(state, &source, err);
	if (r == 0) {
		warn_of_eviction(state->redis);
		note_back(away);
		*pause = PAUSE_MIN;
	}
	while (r == 0 && !stopping(state, 0))
		r = state->keys != NULL ? follow_accepted(state, &source, err)
					: follow_refused(state, &source, err);
	ph_redis_watch_close(&source.watch);
}

void *
ph_state_follow(void *data)
{
	struct ph_state *state = data;
	int64_t pause = PAUSE_MIN;
	bool away = false;

	while (!stopping(state, 0)) {
		struct ph_err err = PH_ERR_INIT;

		follow_pair(state, &away, &pause, &err);
		if (stopping(state, 0))
			break;
		if (!away)
			ph_warn("%s; %s", err.text,
				state->current != NULL
				    ? "the last state stays in force"
				    : "there is no state yet, mail is "
				      "deferred");
		away = true;
		ph_state_note(state, false, state->status.refused, err.text);
		progress(state, false);
		if (stopping(state, pause))
			break;
		pause = MIN(pause * 2, PAUSE_MAX);
	}
	return NULL;
}
