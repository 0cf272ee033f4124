#ifndef PH_STORE_SUBMISSION_MINE_H
#define PH_STORE_SUBMISSION_MINE_H

#include "lib/base/err.h"
#include "lib/state/snapshot.h"
#include "store/submission/submission.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * May this server touch the Outboxes of a database? The one place that says
 * so: for the walk over mailboxes, before an item is claimed, before each of
 * its steps, and before the end of a message is sent. Pure but for taking the
 * snapshot.
 */

/* By a snapshot: true and *epoch_r (NULL is fine), the Epoch of the active copy
 * here; false, err (NULL is fine) says why, TEMP. */
bool ph_submission_mine(const struct ph_submission *submission,
			const struct ph_snapshot *snapshot,
			const char *database, int64_t *epoch_r,
			struct ph_err *err);

/* By the snapshot in force now: is it still, and has it not been away? */
bool ph_submission_still_mine(const struct ph_submission *submission,
			      const char *database, int64_t epoch,
			      struct ph_err *err);

#endif
