#ifndef PH_HEALTH_REPLICAS_H
#define PH_HEALTH_REPLICAS_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/state/redis.h"

#include <glib.h>

/*
 * Writes to Redis that a failover must not undo: leases, the leader's lock, an
 * Epoch. A master that was cut off from its replicas goes on taking writes
 * that nobody else will ever see, so what no replica has does not count (WAIT).
 *
 * How many must have it is [redis] replicas; with 0 it is one as soon as this
 * process has seen that the master has any, for as long as it is the same
 * master (master_replid): one that was cut off from all of them looks like one
 * that never had any. One that took its place begins with none. Thread-safe.
 */
struct ph_replicas;

/* The pool is borrowed. */
struct ph_replicas *ph_replicas_new(struct ph_redis *redis,
				    const struct ph_conf *conf);
void ph_replicas_free(struct ph_replicas **replicas); /* NULL is fine */

/*
 * One EVAL; args (borrowed texts) are all that follows its name. 0 and
 * *answer_r, the integer that the script returned; -1: TEMP Redis is not there
 * or cannot; MAYBE it may be done, but too few replicas have it.
 */
int ph_replicas_eval(struct ph_replicas *replicas, GPtrArray *args,
		     int64_t *answer_r, struct ph_err *err);

/*
 * Several in one exchange, in order, with one deadline and one wait. 0:
 * answers_r holds n, with -1 for each script that failed (err tells of the last
 * one; scripts answer no such number); -1: as above, of all.
 */
int ph_replicas_eval_all(struct ph_replicas *replicas, GPtrArray *const *args,
			 size_t n, int64_t *answers_r, struct ph_err *err);

/* The same for what was written before, by a program whose one thread's calls
 * all take the same connection. 0, or -1 as above. */
int ph_replicas_wait(struct ph_replicas *replicas, struct ph_err *err);

#endif
