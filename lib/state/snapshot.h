#ifndef PH_STATE_SNAPSHOT_H
#define PH_STATE_SNAPSHOT_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * All small objects of the organisation at one moment: immutable, reference
 * counted, swapped whole. Kinds with PH_KIND_DIRECTORY are not in it. What
 * programs compute from it (topology, compiled rules) is attached once, when
 * the snapshot is made, by the rows of "struct ph_derive".
 */
struct ph_snapshot;

struct ph_snapshot *ph_snapshot_ref(const struct ph_snapshot *snapshot);
void ph_snapshot_unref(struct ph_snapshot **snapshot); /* NULL is fine */

/* Without case. Borrowed; NULL: there is none. The name of a singleton is not
 * looked at and may be NULL. A kind that does not exist, or is a directory
 * kind, is a bug and aborts. */
const struct ph_object *ph_snapshot_find(const struct ph_snapshot *snapshot,
					 const char *kind, const char *name);

/* Sorted by folded name; borrowed. */
const struct ph_object *const *
ph_snapshot_list(const struct ph_snapshot *snapshot, const char *kind,
		 size_t *n_r);

/* A key whose newest value is not in force, and why. */
struct ph_snapshot_error {
	const char *key;  /* "rule:Secret", without prefix */
	const char *text; /* borrowed */
	bool kept;	  /* an earlier good value stays in force */
};
size_t ph_snapshot_errors(const struct ph_snapshot *snapshot,
			  const struct ph_snapshot_error **errors_r);

/* Of meta; "" when none. */
const char *ph_snapshot_organization(const struct ph_snapshot *snapshot);
const char *ph_snapshot_adopted(const struct ph_snapshot *snapshot);

/* Grows by one with each swap in this process. */
uint64_t ph_snapshot_generation(const struct ph_snapshot *snapshot);

/* What row i of the derive table given to ph_state_open (or
 * ph_snapshot_build) made of it; borrowed. */
void *ph_snapshot_derived(const struct ph_snapshot *snapshot, size_t i);

/*
 * How a program computes from a snapshot. build never fails: what it cannot
 * use it reports in err (logged once by the caller) and leaves out. previous
 * is what the row made of the snapshot before, or NULL: what did not change
 * may be shared by reference.
 */
struct ph_derive {
	const char *name; /* NULL ends the table */
	void *(*build)(const struct ph_snapshot *snapshot, const void *previous,
		       void *context, struct ph_err *err);
	void (*free)(void *derived);
	void *context;
};

/*
 * Makes a snapshot from objects, for tests, for the command and for the
 * watcher; takes references. derive may be NULL; it must outlive the snapshot.
 */
struct ph_snapshot *ph_snapshot_build(const struct ph_object *const *objects,
				      size_t n_objects,
				      const struct ph_derive *derive);

/*
 * The last good copy on disk: written to a temporary name, synced, renamed.
 * 0, or -1 TEMP. Loading: 1, 0 no such file, -1 PERM damaged or of another
 * version.
 */
int ph_snapshot_save(const struct ph_snapshot *snapshot, const char *path,
		     struct ph_err *err);
int ph_snapshot_load(const char *path, const struct ph_derive *derive,
		     struct ph_snapshot **snapshot_r, struct ph_err *err);

#endif
