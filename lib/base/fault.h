#ifndef PH_BASE_FAULT_H
#define PH_BASE_FAULT_H

#include "lib/base/err.h"

/*
 * Points at which a test can have the process killed, to prove that a crash
 * there neither loses nor doubles a message. Always compiled in: what is
 * tested is what runs. Without POSTHUB_FAULT in the environment a point costs
 * one comparison. The names in ph_fault_names are the only list, which a crash
 * test walks.
 */
enum ph_fault {
	PH_FAULT_NONE,
	PH_FAULT_DATABASE_LOCKED,
	PH_FAULT_DATABASE_EPOCH,
	PH_FAULT_DATABASE_OPEN,
	PH_FAULT_STAGE_OPEN,
	PH_FAULT_STAGE_WRITE,
	PH_FAULT_STAGE_SYNCED,
	PH_FAULT_MAILBOX_MADE,
	PH_FAULT_BEFORE_LINK,
	PH_FAULT_AFTER_LINK,
	PH_FAULT_LINK_SYNCED,
	PH_FAULT_RECORD_WRITTEN,
	PH_FAULT_RECORD_SYNCED,
	PH_FAULT_BEFORE_TRACKING,
	PH_FAULT_BEFORE_ANSWER,
	PH_FAULT_BEFORE_CLEAN,
	PH_FAULT_SUBMISSION_CLAIMED,
	PH_FAULT_SUBMISSION_COMPLETED,
	PH_FAULT_SUBMISSION_PREPARED,
	PH_FAULT_SUBMISSION_RECEIVE_ROW,
	PH_FAULT_SUBMISSION_TAKEN,
	PH_FAULT_SUBMISSION_SUBMIT_ROW,
	PH_FAULT_SUBMISSION_NOTED,
	PH_FAULT_SUBMISSION_NOTICE,
	PH_FAULT_SUBMISSION_FILED,
	PH_FAULT_SUBMISSION_RELEASED,
	PH_FAULT_SUBMISSION_STATE,
	PH_FAULT_FORK_PLAN_WRITTEN,
	PH_FAULT_FORK_COPY_SENT,
	PH_FAULT_FORK_REPORT_SENT,
	PH_FAULT_FORK_NOTED,
	PH_FAULTS /* how many */
};
extern const char *const ph_fault_names[PH_FAULTS]; /* "delivery.after-link" */

/*
 * Arms one point: "name" or "name:n", the n-th time it is reached. NULL or ""
 * arms none. Once, before threads start: main() hands over POSTHUB_FAULT. 0,
 * or -1 PERM: no such point.
 */
int ph_fault_arm(const char *text, struct ph_err *err);

/* Dies here by SIGKILL if this is the armed point. */
void ph_fault(enum ph_fault point);

#endif
