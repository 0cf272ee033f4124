#ifndef PH_STORE_SUBMISSION_ITEM_H
#define PH_STORE_SUBMISSION_ITEM_H

#include "lib/base/err.h"
#include "store/submission/box.h"
#include "store/submission/envelope.h"
#include "store/submission/letter.h"
#include "store/submission/state.h"
#include "store/submission/submission.h"

#include <stdint.h>

/*
 * One message from the Outbox to where it ends. What happens is a row of
 * steps; the name of the one to be run next is in the state file, so a message
 * goes on where a dead process left it:
 *
 *	claimed		in items/, nothing known. Read it, make Message-ID and
 *			Date if they are missing (in the file, so that each try
 *			and the Sent copy have the same), judge it, compute the
 *			network message id, choose its name in Sent. One that
 *			its owner wants sent later goes back into the Outbox.
 *	  -> prepared, reporting with a reason, or wait until it is due
 *	prepared	write the STOREDRIVER RECEIVE row.
 *	  -> submitting
 *	submitting	try Transport servers with the recipients that wait;
 *			a SUBMIT row for each transaction that was taken.
 *	  -> filing, reporting if anybody was refused, or wait: back into the
 *	  Outbox if nobody has it yet
 *	reporting	a notice into the owner's Inbox, of those refused since
 *			the last one. One that the Inbox does not take is tried
 *			again for as long as a message is; then the log tells.
 *	  -> filing, or wait for the other recipients, then submitting
 *	filing		into Sent if anybody has it, else into Drafts.
 *	  -> done (the item is not in items/ any more)
 *
 * Each step may be run twice: a move that was made is seen by its name, rows
 * are at worst written twice, and what Transport gets twice has the same
 * network message id.
 */
struct ph_item {
	const struct ph_submission *submission;
	const struct ph_box_name *name;
	const struct ph_owner *owner;
	struct ph_snapshot *snapshot;
	int64_t epoch;	  /* of the database, by that snapshot */
	const char *fqdn; /* own; borrowed from the snapshot */
	struct ph_box *box;
	char *file; /* its name in items/ */
	char *base;
	char *key;     /* of all mailboxes */
	int fd;	       /* -1: not open */
	uint64_t size; /* of the message, once it is open */
	bool whole;    /* the file is all of it */
	bool exposed; /* it is the mailbox owner's, who may still write to it */
	struct ph_letter *letter; /* NULL: not read yet, or not to be read */
	struct ph_item_state *state;
	bool unsaved; /* what is on the disk is older than the state */
};

enum ph_step_end {
	PH_STEP_NEXT,	/* state->step is the next one, to be noted */
	PH_STEP_WAIT,	/* noted as it is; later again */
	PH_STEP_DONE,	/* it has left items/ */
	PH_STEP_FAILED, /* err: the mailbox or the file system; later again */
};

/* The list; the first row is where a new item begins; ends with name NULL. */
struct ph_step {
	const char *name;
	enum ph_step_end (*run)(struct ph_item *item, struct ph_err *err);
};
extern const struct ph_step ph_steps[];

/* steps of submitting, in submit.c */
enum ph_step_end ph_step_submit(struct ph_item *item, struct ph_err *err);

/* A mailbox, wherever the store is; as ph_box_open. */
int ph_item_open(const struct ph_submission *submission,
		 const struct ph_box_name *name, struct ph_box **box_r,
		 struct ph_err *err);

/* Messages that are larger are refused without being read. */
uint64_t ph_item_limit(const struct ph_item *item);

/* For how long, in ms, it is tried to send a message: MessageExpirationTimeout
 * of this server. */
int64_t ph_item_expiry(const struct ph_item *item);

/* May it be sent, and to whom? As ph_envelope_make, into state. */
int ph_item_judge(const struct ph_item *item, struct ph_item_state *state,
		  struct ph_err *err);

/* Opens and reads the message if that was not done. 1, 0 refused or gone, -1
 * TEMP, or PERM: it is on its way, and is not what was judged any more. */
int ph_item_read(struct ph_item *item, struct ph_err *err);

/*
 * Takes one message as far as it goes. part: the folder of the Outbox, "new"
 * or "cur", that holds it, or NULL: it was claimed before. -1: it is finished,
 * or gone; else milliseconds after which to come back. Thread-safe for
 * different base names.
 */
int64_t ph_item_run(const struct ph_submission *submission,
		    const struct ph_box_name *name, const char *part,
		    const char *file);

#endif
