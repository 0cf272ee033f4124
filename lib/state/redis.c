#include "lib/base/clock.h"
#include "lib/state/redis_private.h"

#include <stdarg.h>
#include <string.h>

/* Back-off between attempts to connect, ms. */
enum {
	PAUSE_MIN = 50,
	PAUSE_MAX = 2000,
};

int
ph_redis_open(const struct ph_conf *conf, struct ph_redis **redis_r,
	      struct ph_err *err)
{
	struct ph_redis_target target;
	struct ph_redis *redis;

	if (ph_redis_target_parse(conf, &target, err) != 0)
		return -1;
	redis = g_new0(struct ph_redis, 1);
	redis->target = target;
	redis->prefix = g_strdup(ph_conf_text(conf, "redis", "prefix"));
	redis->timeout = ph_conf_int(conf, "redis", "timeout");
	redis->limit = ph_conf_int(conf, "redis", "pool");
	g_mutex_init(&redis->mutex);
	g_cond_init(&redis->given_back);
	g_queue_init(&redis->idle);
	*redis_r = redis;
	return 0;
}

void
ph_redis_close(struct ph_redis **redis)
{
	struct ph_redis *r = *redis;
	struct ph_redis_conn *conn;

	if (r == NULL)
		return;
	while ((conn = g_queue_pop_head(&r->idle)) != NULL) {
		ph_redis_conn_free(&conn);
		r->open--;
	}
	g_assert(r->open == 0);
	g_mutex_clear(&r->mutex);
	g_cond_clear(&r->given_back);
	ph_redis_target_clear(&r->target);
	g_free(r->prefix);
	g_free(r);
	*redis = NULL;
}

const char *
ph_redis_prefix(const struct ph_redis *redis)
{
	return redis->prefix;
}

char *
ph_redis_literal(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text != '\0'; text++) {
		if (strchr("*?[]^-\\", *text) != NULL)
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
	return g_string_free(out, FALSE);
}

/* Several threads may fail at once; that is one failure. */
static void
note_failure(struct ph_redis *redis, const struct ph_err *why)
{
	const int64_t now = ph_clock_mono();

	g_mutex_lock(&redis->mutex);
	redis->away = *why;
	if (now >= redis->retry_at) {
		redis->pause = CLAMP(redis->pause * 2, PAUSE_MIN, PAUSE_MAX);
		redis->retry_at = now + redis->pause;
	}
	g_mutex_unlock(&redis->mutex);
}

static void
note_success(struct ph_redis *redis)
{
	g_mutex_lock(&redis->mutex);
	redis->pause = 0;
	redis->retry_at = 0;
	g_mutex_unlock(&redis->mutex);
}

int
ph_redis_connect(struct ph_redis *redis, int64_t deadline,
		 struct ph_redis_conn **conn_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;

	if (ph_redis_conn_open(&redis->target, deadline, conn_r, &why) != 0) {
		note_failure(redis, &why);
		return ph_err_set(err, why.kind, "%s", why.text);
	}
	note_success(redis);
	return 0;
}

/*
 * 1: *conn_r is an idle connection; 0: the caller may connect, it is counted
 * already; -1 TEMP.
 */
static int
take_locked(struct ph_redis *redis, int64_t deadline,
	    struct ph_redis_conn **conn_r, struct ph_err *err)
{
	const int64_t now = ph_clock_mono();
	const int64_t end =
	    g_get_monotonic_time() + MAX(deadline - now, 0) * 1000;

	for (;;) {
		while ((*conn_r = g_queue_pop_head(&redis->idle)) != NULL) {
			if (ph_redis_conn_alive(*conn_r))
				return 1;
			ph_redis_conn_free(conn_r);
			redis->open--;
		}
		if (ph_clock_mono() < redis->retry_at)
			return ph_err_set(err, PH_ERR_TEMP, "%s",
					  redis->away.text);
		if (redis->open < redis->limit) {
			redis->open++;
			return 0;
		}
		if (!g_cond_wait_until(&redis->given_back, &redis->mutex, end))
			return ph_err_set(err, PH_ERR_TEMP,
					  "Redis: all %" G_GINT64_FORMAT
					  " connections are busy",
					  redis->limit);
	}
}

static void
give(struct ph_redis *redis, struct ph_redis_conn **conn)
{
	g_mutex_lock(&redis->mutex);
	if (*conn == NULL || (*conn)->broken) {
		ph_redis_conn_free(conn);
		redis->open--;
	} else
		g_queue_push_head(&redis->idle, g_steal_pointer(conn));
	g_cond_signal(&redis->given_back);
	g_mutex_unlock(&redis->mutex);
}

static int
take(struct ph_redis *redis, int64_t deadline, struct ph_redis_conn **conn_r,
     struct ph_err *err)
{
	int r;

	g_mutex_lock(&redis->mutex);
	r = take_locked(redis, deadline, conn_r, err);
	g_mutex_unlock(&redis->mutex);
	if (r != 0)
		return r > 0 ? 0 : -1;
	if (ph_redis_connect(redis, deadline, conn_r, err) == 0)
		return 0;
	give(redis, conn_r);
	return -1;
}

int
ph_redis_pipeline(struct ph_redis *redis, const struct ph_command *commands,
		  size_t n, bool atomic, struct ph_reply **replies_r,
		  struct ph_err *err)
{
	const int64_t deadline = ph_clock_mono() + redis->timeout;
	struct ph_redis_conn *conn = NULL;
	int r;

	if (take(redis, deadline, &conn, err) != 0)
		return -1;
	r = ph_redis_conn_run(conn, commands, n, atomic, deadline, replies_r,
			      err);
	give(redis, &conn);
	return r;
}

int
ph_redis_callv(struct ph_redis *redis, const struct ph_command *command,
	       struct ph_reply **reply_r, struct ph_err *err)
{
	if (ph_redis_pipeline(redis, command, 1, false, reply_r, err) != 0)
		return -1;
	return ph_redis_reply_check(reply_r, err);
}

int
ph_redis_call(struct ph_redis *redis, struct ph_reply **reply_r,
	      struct ph_err *err, ...)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	struct ph_command command = {0};
	va_list ap;
	char *arg;

	va_start(ap, err);
	while ((arg = va_arg(ap, char *)) != NULL)
		g_ptr_array_add(args, arg);
	va_end(ap);
	command.n = args->len;
	command.args = (const char *const *)args->pdata;
	return ph_redis_callv(redis, &command, reply_r, err);
}
