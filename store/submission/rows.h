#ifndef PH_STORE_SUBMISSION_ROWS_H
#define PH_STORE_SUBMISSION_ROWS_H

#include "lib/base/err.h"
#include "store/submission/letter.h"
#include "store/submission/state.h"
#include "store/submission/submission.h"

/*
 * The tracking rows of submission, source STOREDRIVER: RECEIVE when a message
 * has been taken from an Outbox, SUBMIT when a Transport server took it,
 * SUBMITDEFER when none did, SUBMITFAIL when recipients, or all, are refused.
 */
enum ph_submission_row {
	PH_SUBMISSION_RECEIVE,
	PH_SUBMISSION_SUBMIT,
	PH_SUBMISSION_DEFER,
	PH_SUBMISSION_FAIL,
};

/* All borrowed. */
struct ph_submission_facts {
	const struct ph_submission *submission;
	const char *fqdn;     /* own */
	const char *database; /* the owner's */
	const struct ph_item_state *state;
	const struct ph_letter *letter; /* NULL: it cannot be read */
	const char *to;			/* of SUBMIT: FQDN of the server */
	const char *to_address;		/* its IP address, or "" */
	const char *reason;		/* of DEFER and FAIL, or "" */
};

/*
 * One row. rcpts (struct ph_rcpt) are whom it is about; may be empty. A row
 * that cannot be written is logged and the mail goes on.
 */
void ph_submission_row(enum ph_submission_row row,
		       const struct ph_submission_facts *facts,
		       const GPtrArray *rcpts);

#endif
