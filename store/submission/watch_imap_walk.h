#ifndef PH_STORE_SUBMISSION_WATCH_IMAP_WALK_H
#define PH_STORE_SUBMISSION_WATCH_IMAP_WALK_H

#include "lib/base/err.h"
#include "lib/state/snapshot.h"
#include "store/submission/submission.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Which mailboxes of the directory are in databases that are active here: asked
 * in a thread of its own, because a directory may take its time. All functions
 * are for one thread.
 */
struct ph_imap_walk;

/* submission is borrowed; wake: an eventfd that is written to when a walk has
 * ended, until a stop says true. */
struct ph_imap_walk *ph_imap_walk_new(const struct ph_submission *submission,
				      int wake);

/* Begins one, unless one has begun whose end was not taken: false. The snapshot
 * says what is active here; NULL: begins none. */
bool ph_imap_walk_begin(struct ph_imap_walk *walk,
			struct ph_snapshot *snapshot);

/* 1: one has ended, *names_r are struct ph_box_name, g_ptr_array_unref. 0: none
 * has. -1: the directory could not say. */
int ph_imap_walk_take(struct ph_imap_walk *walk, GPtrArray **names_r,
		      struct ph_err *err);

/* False: one did not end in time; as ph_watch_imap_stop. */
bool ph_imap_walk_stop(struct ph_imap_walk **walk, int64_t timeout_ms);

#endif
