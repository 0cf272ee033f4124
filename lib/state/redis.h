#ifndef PH_STATE_REDIS_H
#define PH_STATE_REDIS_H

#include "lib/base/conf.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The Redis client: the only place that knows hiredis. A pool of connections
 * (UNIX socket or TCP, password, selected database), each call with a
 * deadline, reconnecting with back-off. Thread-safe. RESP2.
 */
struct ph_redis;

/* From [redis] url, password_file, prefix, timeout, pool. Does not connect.
 * 0, or -1 PERM for a bad url or unreadable password file. */
int ph_redis_open(const struct ph_conf *conf, struct ph_redis **redis_r,
		  struct ph_err *err);
void ph_redis_close(struct ph_redis **redis);

/* "posthub:" unless set otherwise. */
const char *ph_redis_prefix(const struct ph_redis *redis);
/* The pattern of SCAN that this text alone matches; g_free. */
char *ph_redis_literal(const char *text);

enum ph_reply_type {
	PH_REPLY_NIL,
	PH_REPLY_STATUS,
	PH_REPLY_ERROR,
	PH_REPLY_INTEGER,
	PH_REPLY_STRING,
	PH_REPLY_ARRAY,
};

/* Owned by the caller; elements are borrowed from their array. */
struct ph_reply;
void ph_reply_free(struct ph_reply **reply);
enum ph_reply_type ph_reply_type(const struct ph_reply *reply);
int64_t ph_reply_integer(const struct ph_reply *reply);
/* STRING, STATUS, ERROR: NUL-terminated, may hold NUL before; size_r may be
 * NULL. Others: "". */
const char *ph_reply_text(const struct ph_reply *reply, size_t *size_r);
/* The value of a line "name:value" of an answer to INFO, "" if there is none;
 * g_free. */
char *ph_reply_info(const struct ph_reply *reply, const char *name);
size_t ph_reply_count(const struct ph_reply *reply);
const struct ph_reply *ph_reply_at(const struct ph_reply *reply, size_t i);

struct ph_command {
	size_t n;
	const char *const *args;
	const size_t *sizes; /* NULL: strings */
};

/*
 * One command, NULL-terminated strings. 0 and *reply_r (never an ERROR), or
 * -1: TEMP not sent or Redis not there; MAYBE sent but not answered; PERM an
 * error reply, its text in err. The prefix is the caller's to write.
 */
int ph_redis_call(struct ph_redis *redis, struct ph_reply **reply_r,
		  struct ph_err *err, ...) G_GNUC_NULL_TERMINATED;
int ph_redis_callv(struct ph_redis *redis, const struct ph_command *command,
		   struct ph_reply **reply_r, struct ph_err *err);

/*
 * Several commands in one round trip on one connection; replies_r has room for
 * n and may hold ERRORs. 0, or -1 as above and no replies. With atomic true
 * they run as MULTI/EXEC.
 */
int ph_redis_pipeline(struct ph_redis *redis, const struct ph_command *commands,
		      size_t n, bool atomic, struct ph_reply **replies_r,
		      struct ph_err *err);

/*
 * A pair of connections for client-side caching: changes of keys with one of
 * the prefixes (all different, none a prefix of another; whole ones,
 * "posthub:rule:", NULL-terminated) are reported. Used by one thread.
 */
struct ph_redis_watch;
int ph_redis_watch_open(struct ph_redis *redis, const char *const *prefixes,
			struct ph_redis_watch **watch_r, struct ph_err *err);
void ph_redis_watch_close(struct ph_redis_watch **watch);

/*
 * Waits up to timeout_ms. 1: *keys_r (g_strfreev) holds the changed keys, in
 * order, without the prefix of ph_redis_prefix, everything that was waiting in
 * one go; keys_r NULL-list (*keys_r == NULL) means everything may have
 * changed (FLUSHALL). 0: nothing happened; both connections were pinged and
 * are alive. -1: TEMP, one of the pair is gone: close, open again, read all.
 */
int ph_redis_watch_wait(struct ph_redis_watch *watch, int64_t timeout_ms,
			char ***keys_r, struct ph_err *err);

/* A descriptor that ends a wait early when it becomes readable (an eventfd, to
 * stop the thread): the wait then answers as if its time were over. Borrowed;
 * -1: none. */
void ph_redis_watch_set_wake(struct ph_redis_watch *watch, int fd);

/* The pair's data connection, for reads that must not be older than what
 * watch_wait reported. As ph_redis_pipeline. */
int ph_redis_watch_pipeline(struct ph_redis_watch *watch,
			    const struct ph_command *commands, size_t n,
			    bool atomic, struct ph_reply **replies_r,
			    struct ph_err *err);

#endif
