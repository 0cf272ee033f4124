#include "lib/base/fault.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

const char *const ph_fault_names[PH_FAULTS] = {
    [PH_FAULT_NONE] = "none",
    [PH_FAULT_DATABASE_LOCKED] = "delivery.database-locked",
    [PH_FAULT_DATABASE_EPOCH] = "delivery.database-epoch",
    [PH_FAULT_DATABASE_OPEN] = "delivery.database-open",
    [PH_FAULT_STAGE_OPEN] = "delivery.stage-open",
    [PH_FAULT_STAGE_WRITE] = "delivery.stage-write",
    [PH_FAULT_STAGE_SYNCED] = "delivery.stage-synced",
    [PH_FAULT_MAILBOX_MADE] = "delivery.mailbox-made",
    [PH_FAULT_BEFORE_LINK] = "delivery.before-link",
    [PH_FAULT_AFTER_LINK] = "delivery.after-link",
    [PH_FAULT_LINK_SYNCED] = "delivery.link-synced",
    [PH_FAULT_RECORD_WRITTEN] = "delivery.record-written",
    [PH_FAULT_RECORD_SYNCED] = "delivery.record-synced",
    [PH_FAULT_BEFORE_TRACKING] = "delivery.before-tracking",
    [PH_FAULT_BEFORE_ANSWER] = "delivery.before-answer",
    [PH_FAULT_BEFORE_CLEAN] = "delivery.before-clean",
    [PH_FAULT_SUBMISSION_CLAIMED] = "submission.claimed",
    [PH_FAULT_SUBMISSION_COMPLETED] = "submission.completed",
    [PH_FAULT_SUBMISSION_PREPARED] = "submission.prepared",
    [PH_FAULT_SUBMISSION_RECEIVE_ROW] = "submission.receive-row",
    [PH_FAULT_SUBMISSION_TAKEN] = "submission.taken",
    [PH_FAULT_SUBMISSION_SUBMIT_ROW] = "submission.submit-row",
    [PH_FAULT_SUBMISSION_NOTED] = "submission.noted",
    [PH_FAULT_SUBMISSION_NOTICE] = "submission.notice",
    [PH_FAULT_SUBMISSION_FILED] = "submission.filed",
    [PH_FAULT_SUBMISSION_RELEASED] = "submission.released",
    [PH_FAULT_SUBMISSION_STATE] = "submission.state",
    [PH_FAULT_FORK_PLAN_WRITTEN] = "fork.plan-written",
    [PH_FAULT_FORK_COPY_SENT] = "fork.copy-sent",
    [PH_FAULT_FORK_REPORT_SENT] = "fork.report-sent",
    [PH_FAULT_FORK_NOTED] = "fork.noted",
};

/* The exception to "no mutable state": set once before threads start, and a
 * crash point that had to be handed down would not be put where it is needed.
 */
static enum ph_fault armed = PH_FAULT_NONE;
static gint left = 1;

int
ph_fault_arm(const char *text, struct ph_err *err)
{
	size_t size;
	guint64 n = 1;

	armed = PH_FAULT_NONE;
	if (!text || !*text)
		return 0;
	size = strcspn(text, ":");
	if (text[size] && !g_ascii_string_to_unsigned(text + size + 1, 10, 1,
						      1000000, &n, NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "fault point \"%s\": "
				  "expected name:n",
				  text);
	for (int i = 1; i < PH_FAULTS; i++) {
		if (strlen(ph_fault_names[i]) != size ||
		    strncmp(ph_fault_names[i], text, size) != 0)
			continue;
		left = (gint)n;
		armed = (enum ph_fault)i;
		return 0;
	}
	return ph_err_set(err, PH_ERR_PERM, "no such fault point: \"%s\"",
			  text);
}

void
ph_fault(enum ph_fault point)
{
	if (G_LIKELY(armed != point || point == PH_FAULT_NONE))
		return;
	if (g_atomic_int_dec_and_test(&left))
		kill(getpid(), SIGKILL);
}
