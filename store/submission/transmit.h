#ifndef PH_STORE_SUBMISSION_TRANSMIT_H
#define PH_STORE_SUBMISSION_TRANSMIT_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "store/submission/letter.h"
#include "store/submission/state.h"
#include "store/submission/submission.h"

/*
 * One try with one Transport server: a session, the recipients that are still
 * waiting, the content. What the server said of each is noted in the state;
 * whoever it is not sure of stays waiting.
 */
struct ph_transmit {
	const struct ph_submission *submission;
	const char *fqdn; /* own */
	const char *database;
	int64_t epoch;
	const char *owner; /* who has written it */
	const struct ph_endpoint *endpoint;
	const char *name; /* the server's Fqdn */
	const struct ph_letter *letter;
	int fd; /* of the letter's file */
	struct ph_item_state *state;
};

enum ph_transmit_end {
	PH_TRANSMIT_TAKEN, /* by now in the server's queue: taken_r says whom */
	PH_TRANSMIT_ENDED, /* nothing was sent; all were refused */
	PH_TRANSMIT_NEXT,  /* nothing was taken, or nobody knows: the next
			    * server; err says why */
	PH_TRANSMIT_LOCAL, /* no server helps: our own file cannot be read, or
			    * the database was moved before the end of it */
};

/* taken_r: elements (struct ph_rcpt) are added, borrowed from the state. */
enum ph_transmit_end ph_transmit(const struct ph_transmit *transmit,
				 GPtrArray *taken_r, struct ph_err *err);

#endif
