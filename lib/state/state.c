#include "lib/state/state.h"

#include "lib/base/log.h"
#include "lib/state/state_private.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	DIRECTORY_MODE = 0750,
};

static void
load(struct ph_state *state, const char *path)
{
	struct ph_err err = PH_ERR_INIT;

	switch (ph_snapshot_load(path, state->derive, &state->current, &err)) {
	case 1:
		ph_info("starting with %s", path);
		break;
	case 0:
		break;
	default:
		ph_error("%s; starting without it", err.text);
	}
}

/* For the first state from Redis; with one from disk only until Redis has
 * answered or failed to. */
static void
wait_for_first(struct ph_state *state, int64_t timeout_ms)
{
	const int64_t end = g_get_monotonic_time() + timeout_ms * 1000;

	g_mutex_lock(&state->mutex);
	while (!state->judged &&
	       !(state->attempted && state->current != NULL) &&
	       g_cond_wait_until(&state->progress, &state->mutex, end))
		;
	g_mutex_unlock(&state->mutex);
}

int
ph_state_open(const struct ph_conf *conf, const char *program,
	      const struct ph_derive *derive, struct ph_state **state_r,
	      struct ph_err *err)
{
	const char *dir = ph_conf_text(conf, "server", "state_dir");
	g_autofree char *snapshot =
	    g_strdup_printf("%s/%s.snapshot", dir, program);
	g_autofree char *status = g_strdup_printf("%s/%s.status", dir, program);
	struct ph_redis *redis = NULL;
	struct ph_state *state;

	if (ph_redis_open(conf, &redis, err) != 0)
		return -1;
	/* What is wrong with it the first write will say. */
	(void)g_mkdir_with_parents(dir, DIRECTORY_MODE);
	state = g_new0(struct ph_state, 1);
	state->program = g_strdup(program);
	state->redis = redis;
	state->derive = derive;
	state->prefixes = ph_keys_prefixes(ph_redis_prefix(redis));
	state->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g_assert(state->wake_fd >= 0);
	g_rw_lock_init(&state->swapping);
	g_mutex_init(&state->mutex);
	g_cond_init(&state->progress);
	load(state, snapshot);
	state->saver = ph_saver_new(snapshot, status);
	ph_state_note(state, false, false, "starting");
	state->thread = g_thread_new("state", ph_state_follow, state);
	wait_for_first(state, ph_conf_int(conf, "redis", "timeout"));
	*state_r = state;
	return 0;
}

void
ph_state_close(struct ph_state **state)
{
	struct ph_state *s = *state;
	const uint64_t one = 1;

	if (s == NULL)
		return;
	if (write(s->wake_fd, &one, sizeof(one)) != sizeof(one))
		g_assert_not_reached();
	g_thread_join(s->thread);
	ph_saver_free(&s->saver);
	close(s->wake_fd);
	ph_keys_free(&s->keys);
	g_strfreev(s->pending);
	ph_snapshot_unref(&s->current);
	ph_redis_close(&s->redis);
	g_rw_lock_clear(&s->swapping);
	g_mutex_clear(&s->mutex);
	g_cond_clear(&s->progress);
	g_strfreev(s->prefixes);
	g_free(s->program);
	g_free(s);
	*state = NULL;
}

struct ph_snapshot *
ph_state_take(struct ph_state *state)
{
	struct ph_snapshot *snapshot = NULL;

	g_rw_lock_reader_lock(&state->swapping);
	if (state->current != NULL)
		snapshot = ph_snapshot_ref(state->current);
	g_rw_lock_reader_unlock(&state->swapping);
	return snapshot;
}

struct ph_redis *
ph_state_redis(struct ph_state *state)
{
	return state->redis;
}

void
ph_state_status(struct ph_state *state, struct ph_state_status *status_r)
{
	g_mutex_lock(&state->mutex);
	*status_r = state->status;
	g_mutex_unlock(&state->mutex);
}
