#ifndef PH_STORE_SUBMISSION_OUTBOX_H
#define PH_STORE_SUBMISSION_OUTBOX_H

#include "lib/base/err.h"
#include "store/submission/box.h"
#include "store/submission/queue.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What is in one Outbox, and whether it is complete. A Maildir's files are
 * renamed into new/ and cur/ when they are; but a file may as well be copied
 * there in place. So one is taken when the kernel says that it was moved in or
 * closed by its writer, and it was not written to since then, or when two looks
 * at it, the second at least two seconds after its last change or after the
 * first, saw the same size and time. Used by one thread.
 */
struct ph_outbox;

struct ph_outbox *ph_outbox_new(const struct ph_box_name *name);
void ph_outbox_free(struct ph_outbox **outbox);
const struct ph_box_name *ph_outbox_name(const struct ph_outbox *outbox);

/* The kernel said so of a file. */
void ph_outbox_settled(struct ph_outbox *outbox, const char *part,
		       const char *file);

/*
 * Offers every message that was claimed before and every complete one of the
 * Outbox. 1; 0: the mailbox is gone; -1 TEMP. *again_r: in how many ms it is
 * worth looking again though nothing is heard; -1: it is not. *holds_r: is
 * there anything, claimed or not?
 */
int ph_outbox_look(struct ph_outbox *outbox, struct ph_box *box,
		   struct ph_queue *queue, int64_t *again_r, bool *holds_r,
		   struct ph_err *err);

#endif
