#ifndef PH_STATE_STATE_PRIVATE_H
#define PH_STATE_STATE_PRIVATE_H

#include "lib/base/err.h"
#include "lib/state/object.h"
#include "lib/state/redis.h"
#include "lib/state/snapshot.h"
#include "lib/state/state.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What Redis holds, key by key, beside what is in force: the two differ where
 * an edit is bad or two keys differ in case alone. Used by one thread.
 */
struct ph_keys;

/* In force is what last holds (NULL: nothing); no key has been seen yet. */
struct ph_keys *ph_keys_new(const struct ph_snapshot *last);
void ph_keys_free(struct ph_keys **keys); /* NULL is fine */

/* Redis holds this key (without prefix): object, of which a reference is
 * taken, or NULL and why it is bad. */
void ph_keys_set(struct ph_keys *keys, const struct ph_kind *kind,
		 const char *key, const struct ph_object *object,
		 const char *error);

/* Redis does not hold this key. */
void ph_keys_remove(struct ph_keys *keys, const struct ph_kind *kind,
		    const char *key);

/* Decides what is in force and makes a snapshot of it. Keys in force that have
 * not been seen are gone. */
struct ph_snapshot *ph_keys_snapshot(struct ph_keys *keys, uint64_t generation,
				     const struct ph_derive *derive,
				     const struct ph_snapshot *previous);

/* The kind of a key (without prefix) that belongs into a snapshot; NULL: of a
 * directory kind, or nothing of ours. */
const struct ph_kind *ph_keys_kind(const char *key);

/* The part of the key after "<kind>:"; "" for a singleton. Borrowed. */
const char *ph_keys_name(const struct ph_kind *kind, const char *key);

/* What the keys of a snapshot's kinds begin with, none a beginning of another:
 * "<prefix>rule:", "<prefix>meta"; g_strfreev. */
char **ph_keys_prefixes(const char *prefix);

/* Where to read from: the watch's data connection if there is one, else the
 * pool. */
struct ph_state_source {
	struct ph_redis *redis;
	struct ph_redis_watch *watch; /* or NULL */
};

/*
 * Reads these keys (without prefix) and tells "keys". With atomic true all of
 * them are of one moment (in parts of 10,000). 0 or -1: Redis is away.
 */
int ph_state_read_keys(const struct ph_state_source *source,
		       const char *const *names, size_t n, bool atomic,
		       struct ph_keys *keys, struct ph_err *err);

/* Finds and reads all keys of the snapshot's kinds. */
int ph_state_read_all(const struct ph_state_source *source,
		      struct ph_keys *keys, struct ph_err *err);

/*
 * Writes files on a thread of its own, so that a slow disk does not hold up a
 * change: at most every 200 ms, the newest version only, and always the last
 * one before it ends.
 */
struct ph_saver;
struct ph_saver *ph_saver_new(const char *snapshot_path,
			      const char *status_path);
void ph_saver_free(struct ph_saver **saver); /* writes what is left */
void ph_saver_snapshot(struct ph_saver *saver,
		       const struct ph_snapshot *snapshot); /* takes a ref */
void ph_saver_status(struct ph_saver *saver, char *json);   /* takes it */

/* The status file's content; g_free. snapshot may be NULL. */
char *ph_state_status_json(const char *program,
			   const struct ph_state_status *status,
			   const struct ph_snapshot *snapshot);

struct ph_state {
	char *program;
	struct ph_redis *redis;
	const struct ph_derive *derive;
	char **prefixes;
	struct ph_saver *saver;
	GThread *thread;
	int wake_fd; /* readable once the thread has to end */

	/* Of current alone, beside the mutex: who takes a snapshot waits for
	 * nobody who takes one, even if that thread loses the processor. */
	GRWLock swapping;

	GMutex mutex; /* of the following */
	GCond progress;
	struct ph_snapshot *current;
	struct ph_state_status status;
	bool attempted; /* to reach Redis, with or without success */
	bool judged;	/* what Redis holds was accepted or refused */

	/* The thread's own. */
	struct ph_keys *keys;	   /* NULL while refused */
	char **pending;		   /* keys to read before the next wait */
	char refusal[PH_ERR_TEXT]; /* "" unless refused */
	int64_t looked;		   /* when it was refused; ph_clock_mono */
	int64_t look_again;
};

/* The thread. */
void *ph_state_follow(void *state);

/* The status is now this; also used before the thread runs. */
void ph_state_note(struct ph_state *state, bool connected, bool refused,
		   const char *reason);

#endif
