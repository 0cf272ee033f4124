#ifndef PH_STORE_DELIVERY_STALLS_H
#define PH_STORE_DELIVERY_STALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Databases whose disk does not answer. A thread in a system call cannot be
 * called back, but no other need follow it there, and those of other databases
 * need not wait for its turn. Thread-safe. Times are monotonic milliseconds,
 * given by the caller.
 */
struct ph_stalls;

/* limit: ms of one wait, from which on the disk does not answer; 0: for ever.
 */
struct ph_stalls *ph_stalls_new(int64_t limit);
/* None of the deliveries is left. NULL is fine. */
void ph_stalls_free(struct ph_stalls **stalls);

/* For how many ms somebody has waited for the database's disk, when it is more
 * than the limit; else 0. */
int64_t ph_stalls_find(struct ph_stalls *stalls, const char *database,
		       int64_t now);

/* Of each database whose disk has ceased to answer since the last call, or
 * answers again. Called without a lock. */
typedef void ph_stalls_tell(void *context, const char *database, bool stalled);

/* How many deliveries wait too long in their turn. tell may be NULL. */
size_t ph_stalls_look(struct ph_stalls *stalls, int64_t now,
		      ph_stalls_tell *tell, void *context);

/* One delivery. Database is copied. */
struct ph_stall;
struct ph_stall *ph_stall_new(struct ph_stalls *stalls, const char *database);
void ph_stall_free(struct ph_stall **stall); /* NULL is fine */

enum ph_stall_place {
	PH_STALL_BEFORE, /* it keeps nobody from a turn */
	PH_STALL_TURN,
	/* A turn that may be long of itself: by it alone nobody can tell that
	 * the disk does not answer. */
	PH_STALL_WORK,
};

/* Around what may wait for the disk; the last begin counts. end keeps errno. */
void ph_stall_begin(struct ph_stall *stall, enum ph_stall_place place,
		    int64_t now);
void ph_stall_end(struct ph_stall *stall);

#endif
