#ifndef PH_STATE_STATE_H
#define PH_STATE_STATE_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/state/redis.h"
#include "lib/state/snapshot.h"

#include <stdbool.h>

/*
 * The live state of a daemon: a thread that watches Redis, validates what
 * changed, builds the next snapshot and swaps it, so that a change by anybody
 * is in force within a second. A bad edit keeps the last good object. The last
 * good snapshot is kept on disk and serves when Redis is away; an empty or a
 * foreign Redis never replaces it (ph_state_accept).
 */
struct ph_state;

/*
 * Loads [server] state_dir/<program>.snapshot if there is one, starts the
 * watcher, and waits up to [redis] timeout for a first snapshot. 0 even when
 * Redis is away and no snapshot exists: ph_state_take then answers NULL until
 * there is one. -1: PERM, configuration.
 */
int ph_state_open(const struct ph_conf *conf, const char *program,
		  const struct ph_derive *derive, struct ph_state **state_r,
		  struct ph_err *err);
void ph_state_close(struct ph_state **state);

/* A reference to the snapshot in force, to be unref'd; NULL: none at all yet,
 * the answer is "cannot say" (451 4.3.0). Cheap: called per message. */
struct ph_snapshot *ph_state_take(struct ph_state *state);

/* The pool, shared with the program; borrowed. */
struct ph_redis *ph_state_redis(struct ph_state *state);

/*
 * What "posthub status" shows of a daemon; written to
 * state_dir/<program>.status as JSON whenever it changes: "program", "pid",
 * "connected", "since" and "updated" (ISO 8601), "refused", "reason",
 * "generation", and "errors", an array of {"key", "text", "kept"}.
 */
struct ph_state_status {
	bool connected;	  /* the watch is alive */
	int64_t since;	  /* of connected, wall clock ms */
	bool refused;	  /* Redis holds a state that is not adopted */
	char reason[256]; /* why refused, or why not connected */
	uint64_t generation;
	size_t n_errors;
};
void ph_state_status(struct ph_state *state, struct ph_state_status *status_r);

/*
 * The rule of the empty Redis, pure: may "next" replace "last"? 1 yes; 0 no,
 * err says why: meta missing or of another organisation, or more than half of
 * a kind (and more than ten objects) gone at once, and meta's Adopted is not
 * newer than last's. last NULL: always 1. Only whole reads are judged: single
 * deletions that were watched are orders.
 */
int ph_state_accept(const struct ph_snapshot *last,
		    const struct ph_snapshot *next, struct ph_err *err);

/*
 * Reads meta, and writes it (a new organisation) when there is none and
 * has_snapshot is false. 1: *organization_r (g_free) is in force; 0: there is
 * none and has_snapshot forbids making one; -1.
 */
int ph_state_meta(struct ph_redis *redis, bool has_snapshot,
		  char **organization_r, struct ph_err *err);

/* Reads everything once, for the command: errors are in the snapshot.
 * Directory kinds are left out. 0 or -1. */
int ph_state_read(struct ph_redis *redis, const struct ph_derive *derive,
		  struct ph_snapshot **snapshot_r, struct ph_err *err);

#endif
