#ifndef PH_STORE_SUBMISSION_CHANGE_H
#define PH_STORE_SUBMISSION_CHANGE_H

#include "store/submission/submission.h"

#include <stdbool.h>

/*
 * What messages that wait may be waiting for: another state of the
 * organisation, and the Transport servers that have a heartbeat. One thread's.
 */
struct ph_change {
	struct ph_snapshot *last; /* in force; a reference; NULL: none yet */
	char *up;		  /* names of servers that were up */
};

/* Looks. True: it is not as it was, so whatever waits may be tried at once. */
bool ph_change_look(struct ph_change *change,
		    const struct ph_submission *submission);
void ph_change_clear(struct ph_change *change);

#endif
