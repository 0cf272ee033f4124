#ifndef PH_STATE_SNAPSHOT_PRIVATE_H
#define PH_STATE_SNAPSHOT_PRIVATE_H

#include "lib/state/snapshot.h"

/*
 * For lib/state alone: how the watcher makes the next snapshot, with the
 * errors it met while reading and a generation of its own counting.
 */
struct ph_snapshot_make {
	const struct ph_object *const *objects; /* references are taken */
	size_t n_objects;
	const struct ph_snapshot_error *errors; /* key and text are copied */
	size_t n_errors;
	uint64_t generation;
	/* May be NULL; must outlive the snapshot. */
	const struct ph_derive *derive;
	/* Its derived values are handed to the rows as "previous" during the
	 * call, when it was made with the same table; no reference is kept.
	 * NULL is fine. */
	const struct ph_snapshot *previous;
};

/*
 * Never fails. Objects of one kind whose names differ in case alone (or that
 * are given twice) are not in force: each becomes an error, kept false; a
 * caller that wants the last good value to stay gives only that one, and the
 * error with kept true. Directory kinds are left out silently. What a derive
 * row reports is logged once, as a warning.
 */
struct ph_snapshot *ph_snapshot_make(const struct ph_snapshot_make *make);

/* All objects, kinds in the order of ph_kinds, each kind sorted by folded
 * name; borrowed. */
const struct ph_object *const *
ph_snapshot_all(const struct ph_snapshot *snapshot, size_t *n_r);

/* "rule:Secret", "meta": the key without prefix; g_free. */
char *ph_snapshot_key(const struct ph_kind *kind, const char *name);

#endif
