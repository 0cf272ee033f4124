#ifndef PH_STORE_DELIVERY_DUPLICATES_H
#define PH_STORE_DELIVERY_DUPLICATES_H

#include "lib/base/err.h"
#include "store/delivery/locks.h"

#include <stdint.h>

/*
 * Which messages a mailbox database has taken within the last window: a set of
 * keys in memory, and on disk a log, so that it outlives the process.
 *
 * A log and not a B-tree file, because the record lies in the database's
 * directory and travels with whatever copies that: every prefix of a log is a
 * valid log, each record carries its own check, and a copy taken while it is
 * written costs its last record at most. It is cut into segments by time, so
 * forgetting is removing a file, and size and memory stay in proportion to one
 * window: 32 bytes a message on disk, and 2 to 4 in memory, those of a filter
 * that says "not there"; what it does not know is looked up in the file. Only
 * the newest segment, 262,144 messages at most, is in memory as it is (some
 * 50 bytes each).
 *
 * Thread-safe. Times are wall clock milliseconds, given by the caller.
 */
struct ph_duplicates;

/*
 * Reads the segments in a directory (the descriptor is not taken), and removes
 * those that are out of the window. 0, or -1 TEMP.
 */
int ph_duplicates_open(int dir, int64_t window, int64_t now,
		       struct ph_duplicates **duplicates_r, struct ph_err *err);
/* Syncs first; 0, or -1: what was added last may not be on disk. */
int ph_duplicates_close(struct ph_duplicates **duplicates, struct ph_err *err);

/* 1; 0; -1 TEMP with errno: a file cannot be read. */
int ph_duplicates_find(struct ph_duplicates *duplicates, struct ph_copy_key key,
		       int64_t now, struct ph_err *err);

/* Remembers it at once in this process. 0: it is written as well, or by another
 * thread a moment later, for sync to make durable; -1 TEMP: only remembered,
 * and written when the disk takes it again. */
int ph_duplicates_add(struct ph_duplicates *duplicates, struct ph_copy_key key,
		      int64_t now, struct ph_err *err);

/* Everything added before the call is on disk after it; callers at the same
 * time share one fdatasync. 0, or -1 TEMP. */
int ph_duplicates_sync(struct ph_duplicates *duplicates, struct ph_err *err);

/* The same without waiting: a thread of the set does it a tenth of a second
 * later, for all that ask meanwhile. A failure is logged, and close answers
 * -1. */
void ph_duplicates_sync_soon(struct ph_duplicates *duplicates);

/* Removes segments that are out of the window. */
void ph_duplicates_expire(struct ph_duplicates *duplicates, int64_t now);

#endif
