#ifndef PH_STATE_REDIS_PRIVATE_H
#define PH_STATE_REDIS_PRIVATE_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/state/redis.h"

#include <glib.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the files of the Redis client share. Of hiredis only the reply parser is
 * used; the sockets are ours, because a deadline that covers the whole call
 * and the difference between "not sent" and "sent, not answered" need it.
 */
struct ph_redis_target {
	bool unix_socket;
	char *host; /* name or address; path if UNIX */
	int port;
	char *user;	/* NULL: the default user */
	char *password; /* NULL: none */
	int64_t database;
};

/* Reads [redis] url and password_file. 0 or -1 PERM. */
int ph_redis_target_parse(const struct ph_conf *conf,
			  struct ph_redis_target *target_r, struct ph_err *err);
void ph_redis_target_clear(struct ph_redis_target *target);

/* A connected non-blocking descriptor. 0, or -1 TEMP. Deadlines here and below
 * are of ph_clock_mono. */
int ph_redis_socket_connect(const struct ph_redis_target *target,
			    int64_t deadline, int *fd_r, struct ph_err *err);

/* Waits for events of poll(2). 0, or -1 TEMP when the deadline has passed. */
int ph_redis_socket_wait(int fd, short events, int64_t deadline,
			 struct ph_err *err);

/* One connection, used by one thread at a time. Once broken it is of no use:
 * free it. */
struct ph_redis_conn {
	int fd;
	bool broken;
	redisReader *reader;
};

/* Connects, authenticates, selects. 0, or -1 TEMP. */
int ph_redis_conn_open(const struct ph_redis_target *target, int64_t deadline,
		       struct ph_redis_conn **conn_r, struct ph_err *err);
void ph_redis_conn_free(struct ph_redis_conn **conn);

/* False when the other end has closed, or spoken out of turn, meanwhile. */
bool ph_redis_conn_alive(const struct ph_redis_conn *conn);

/* As ph_redis_pipeline. */
int ph_redis_conn_run(struct ph_redis_conn *conn,
		      const struct ph_command *commands, size_t n, bool atomic,
		      int64_t deadline, struct ph_reply **replies_r,
		      struct ph_err *err);

/* Appends a command as RESP. */
void ph_redis_format(GString *out, const struct ph_command *command);

/* 0: the kernel has taken every byte; -1 TEMP: not all of them. */
int ph_redis_conn_write(struct ph_redis_conn *conn, const GString *out,
			int64_t deadline, struct ph_err *err);

/* Feeds the reader what has arrived, without waiting. 1: something; 0:
 * nothing; -1 TEMP: end of stream. */
int ph_redis_conn_fill(struct ph_redis_conn *conn, struct ph_err *err);

/* A complete reply that was fed already: 1, 0 none, -1 PEER. */
int ph_redis_conn_parsed(struct ph_redis_conn *conn, struct ph_reply **reply_r,
			 struct ph_err *err);

/* Waits for a reply. 0, or -1 TEMP or PEER. */
int ph_redis_conn_reply(struct ph_redis_conn *conn, int64_t deadline,
			struct ph_reply **reply_r, struct ph_err *err);

/* Sets err from an ERROR reply: TEMP for a Redis that cannot serve just now,
 * PERM otherwise; returns -1. */
int ph_redis_reply_err(const struct ph_reply *reply, struct ph_err *err);
/* The same of one that may be an ERROR, which is freed; else 0. */
int ph_redis_reply_check(struct ph_reply **reply, struct ph_err *err);
bool ph_redis_reply_is_outage(const struct ph_reply *reply);

/* Takes element i out of an array; it becomes NULL there. */
struct ph_reply *ph_redis_reply_detach(struct ph_reply *reply, size_t i);

struct ph_redis {
	struct ph_redis_target target;
	char *prefix;
	int64_t timeout; /* ms */
	int64_t limit;	 /* connections of the pool */

	GMutex mutex;
	GCond given_back;
	GQueue idle;   /* struct ph_redis_conn, last used first */
	int64_t open;  /* idle ones and those in use */
	int64_t pause; /* ms, of the next back-off */
	int64_t retry_at;
	struct ph_err away; /* why the last attempt to connect failed */
};

/* Connects for whoever is not the pool (the watch); tells the pool's back-off
 * how it went. */
int ph_redis_connect(struct ph_redis *redis, int64_t deadline,
		     struct ph_redis_conn **conn_r, struct ph_err *err);

#endif
