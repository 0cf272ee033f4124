#include "lib/base/clock.h"
#include "lib/state/redis_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define CHANNEL "__redis__:invalidate"

enum {
	/* A flood of changes is handed over in parts of about this size. */
	KEYS_LIMIT = 100000,
};

/*
 * RESP2 has no messages out of turn, so Redis sends the changes to a second
 * connection. If the subscriber dies, the data connection is told nothing; if
 * the data connection dies, the subscriber stays up and hears nothing more.
 * Hence both are asked, and both are rebuilt.
 */
struct ph_redis_watch {
	struct ph_redis *redis;
	struct ph_redis_conn *subscriber;
	struct ph_redis_conn *data;
	int wake_fd;

	GPtrArray *keys; /* char *, collected so far */
	bool everything; /* FLUSHALL */
	bool pong;	 /* of the subscriber */
};

static int
command_on(struct ph_redis_conn *conn, size_t n, const char *const *args,
	   int64_t deadline, struct ph_reply **reply_r, struct ph_err *err)
{
	const struct ph_command command = {n, args, NULL};

	if (ph_redis_conn_run(conn, &command, 1, false, deadline, reply_r,
			      err) != 0)
		return -1;
	return ph_redis_reply_check(reply_r, err);
}

static int
subscribe(struct ph_redis_watch *watch, int64_t deadline, int64_t *id_r,
	  struct ph_err *err)
{
	static const char *const client_id[] = {"CLIENT", "ID"};
	static const char *const channel[] = {"SUBSCRIBE", CHANNEL};
	struct ph_reply *reply = NULL;

	if (command_on(watch->subscriber, 2, client_id, deadline, &reply,
		       err) != 0)
		return -1;
	*id_r = ph_reply_integer(reply);
	ph_reply_free(&reply);
	if (command_on(watch->subscriber, 2, channel, deadline, &reply, err) !=
	    0)
		return -1;
	ph_reply_free(&reply);
	return 0;
}

static int
track(struct ph_redis_watch *watch, const char *const *prefixes, int64_t id,
      int64_t deadline, struct ph_err *err)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new();
	g_autofree char *redirect = g_strdup_printf("%" G_GINT64_FORMAT, id);
	const char *const head[] = {"CLIENT",	"TRACKING", "ON",
				    "REDIRECT", redirect,   "BCAST"};
	struct ph_reply *reply = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(head); i++)
		g_ptr_array_add(args, (void *)(uintptr_t)head[i]);
	for (size_t i = 0; prefixes[i] != NULL; i++) {
		g_ptr_array_add(args, (void *)(uintptr_t) "PREFIX");
		g_ptr_array_add(args, (void *)(uintptr_t)prefixes[i]);
	}
	if (command_on(watch->data, args->len, (const char *const *)args->pdata,
		       deadline, &reply, err) != 0)
		return -1;
	ph_reply_free(&reply);
	return 0;
}

int
ph_redis_watch_open(struct ph_redis *redis, const char *const *prefixes,
		    struct ph_redis_watch **watch_r, struct ph_err *err)
{
	const int64_t deadline = ph_clock_mono() + redis->timeout;
	struct ph_redis_watch *watch = g_new0(struct ph_redis_watch, 1);
	int64_t id = 0;

	watch->redis = redis;
	watch->wake_fd = -1;
	watch->keys = g_ptr_array_new_with_free_func(g_free);
	if (ph_redis_connect(redis, deadline, &watch->subscriber, err) != 0 ||
	    ph_redis_connect(redis, deadline, &watch->data, err) != 0 ||
	    subscribe(watch, deadline, &id, err) != 0 ||
	    track(watch, prefixes, id, deadline, err) != 0) {
		ph_redis_watch_close(&watch);
		/* Refused or away: there is no watch, and mail must wait. */
		if (err != NULL)
			err->kind = PH_ERR_TEMP;
		return -1;
	}
	*watch_r = watch;
	return 0;
}

void
ph_redis_watch_close(struct ph_redis_watch **watch)
{
	if (*watch == NULL)
		return;
	ph_redis_conn_free(&(*watch)->subscriber);
	ph_redis_conn_free(&(*watch)->data);
	g_ptr_array_unref((*watch)->keys);
	g_free(*watch);
	*watch = NULL;
}

void
ph_redis_watch_set_wake(struct ph_redis_watch *watch, int fd)
{
	watch->wake_fd = fd;
}

/* Keys outside the prefix and keys holding NUL cannot be ours. */
static void
collect_key(struct ph_redis_watch *watch, const struct ph_reply *key)
{
	const size_t skip = strlen(watch->redis->prefix);
	size_t size;
	const char *text = ph_reply_text(key, &size);

	if (size >= skip && strlen(text) == size &&
	    strncmp(text, watch->redis->prefix, skip) == 0)
		g_ptr_array_add(watch->keys, g_strdup(text + skip));
}

/* ["message", channel, [key, ...] or nil] or ["pong", ""]. */
static int
collect(struct ph_redis_watch *watch, const struct ph_reply *reply,
	struct ph_err *err)
{
	const size_t n = ph_reply_count(reply);
	const char *what =
	    n > 0 ? ph_reply_text(ph_reply_at(reply, 0), NULL) : "";
	const struct ph_reply *keys;

	if (n == 2 && strcmp(what, "pong") == 0) {
		watch->pong = true;
		return 0;
	}
	if (n != 3 || strcmp(what, "message") != 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "unexpected message to the subscriber");
	keys = ph_reply_at(reply, 2);
	if (ph_reply_type(keys) == PH_REPLY_NIL)
		watch->everything = true;
	for (size_t i = 0; i < ph_reply_count(keys); i++)
		collect_key(watch, ph_reply_at(keys, i));
	return 0;
}

static int
collect_parsed(struct ph_redis_watch *watch, struct ph_err *err)
{
	struct ph_reply *reply = NULL;
	int r;

	while (watch->keys->len < KEYS_LIMIT &&
	       (r = ph_redis_conn_parsed(watch->subscriber, &reply, err)) !=
		   0) {
		if (r > 0)
			r = collect(watch, reply, err);
		ph_reply_free(&reply);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Everything that has arrived, without waiting. */
static int
drain(struct ph_redis_watch *watch, struct ph_err *err)
{
	int r;

	do {
		if (collect_parsed(watch, err) != 0)
			return -1;
		if (watch->keys->len >= KEYS_LIMIT)
			return 0;
		r = ph_redis_conn_fill(watch->subscriber, err);
	} while (r > 0);
	return r;
}

static bool
collected(const struct ph_redis_watch *watch)
{
	return watch->everything || watch->keys->len > 0;
}

/* 1: woken by the descriptor; 0: something arrived or the time is over. */
static int
wait_readable(struct ph_redis_watch *watch, int64_t left, struct ph_err *err)
{
	struct pollfd p[2] = {
	    {.fd = watch->subscriber->fd, .events = POLLIN},
	    {.fd = watch->wake_fd, .events = POLLIN},
	};
	const int r = poll(p, 2, (int)CLAMP(left, 0, INT64_C(3600000)));

	if (r < 0 && errno != EINTR)
		return ph_err_set(err, PH_ERR_TEMP, "poll: %s",
				  g_strerror(errno));
	return r > 0 && p[1].revents != 0;
}

static int
wait_for_keys(struct ph_redis_watch *watch, int64_t timeout_ms,
	      struct ph_err *err)
{
	const int64_t end = ph_clock_mono() + timeout_ms;

	for (;;) {
		int64_t left;
		int r;

		if (drain(watch, err) != 0)
			return -1;
		left = end - ph_clock_mono();
		if (collected(watch) || left <= 0)
			return 0;
		r = wait_readable(watch, left, err);
		if (r != 0)
			return r > 0 ? 0 : -1;
	}
}

static int
await_pong(struct ph_redis_watch *watch, int64_t deadline, struct ph_err *err)
{
	watch->pong = false;
	while (!watch->pong) {
		struct ph_reply *reply = NULL;
		int r = ph_redis_conn_reply(watch->subscriber, deadline, &reply,
					    err);

		if (r == 0)
			r = collect(watch, reply, err);
		ph_reply_free(&reply);
		if (r != 0)
			return -1;
	}
	return 0;
}

/*
 * First the data connection, then the subscriber: when both have answered, all
 * that was changed before the first question has been received.
 */
static int
ping(struct ph_redis_watch *watch, struct ph_err *err)
{
	static const char *const args[] = {"PING"};
	const struct ph_command command = {1, args, NULL};
	const int64_t deadline = ph_clock_mono() + watch->redis->timeout;
	g_autoptr(GString) out = g_string_new(NULL);
	struct ph_reply *reply = NULL;

	if (command_on(watch->data, 1, args, deadline, &reply, err) != 0)
		return -1;
	ph_reply_free(&reply);
	ph_redis_format(out, &command);
	if (ph_redis_conn_write(watch->subscriber, out, deadline, err) != 0 ||
	    await_pong(watch, deadline, err) != 0)
		return ph_err_wrap(err, "Redis, subscriber");
	return 0;
}

static char **
take_keys(struct ph_redis_watch *watch)
{
	char **keys = NULL;

	if (!watch->everything) {
		g_ptr_array_add(watch->keys, NULL);
		keys = (char **)g_ptr_array_steal(watch->keys, NULL);
	} else
		g_ptr_array_set_size(watch->keys, 0);
	watch->everything = false;
	return keys;
}

int
ph_redis_watch_wait(struct ph_redis_watch *watch, int64_t timeout_ms,
		    char ***keys_r, struct ph_err *err)
{
	int r = wait_for_keys(watch, timeout_ms, err);

	if (r != 0)
		ph_err_wrap(err, "Redis, subscriber");
	else if (!collected(watch))
		r = ping(watch, err);
	if (r != 0) {
		if (err != NULL)
			err->kind = PH_ERR_TEMP;
		return -1;
	}
	if (!collected(watch))
		return 0;
	*keys_r = take_keys(watch);
	return 1;
}

int
ph_redis_watch_pipeline(struct ph_redis_watch *watch,
			const struct ph_command *commands, size_t n,
			bool atomic, struct ph_reply **replies_r,
			struct ph_err *err)
{
	return ph_redis_conn_run(watch->data, commands, n, atomic,
				 ph_clock_mono() + watch->redis->timeout,
				 replies_r, err);
}
