#ifndef PH_STORE_SUBMISSION_ENVELOPE_H
#define PH_STORE_SUBMISSION_ENVELOPE_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"
#include "store/submission/box.h"
#include "store/submission/letter.h"
#include "store/submission/state.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Who sends, as whom, to whom. Pure but for the directory look-up.
 */

/* Whose mailbox it is. */
struct ph_owner {
	char *primary;	      /* address */
	GPtrArray *addresses; /* all of the owner's, folded */
	int64_t max_size;     /* MaxSendSize; INT64_MAX: unlimited */
	int64_t max_recipients;
	struct ph_object *entry; /* in the directory; a reference */
};

/*
 * 1: *owner_r. 0: nobody's that may send from here (no such recipient, no
 * mailbox, a mailbox of another database), err says why: the Outbox is left
 * alone. -1: TEMP, cannot say.
 */
int ph_owner_find(struct ph_directory *directory,
		  const struct ph_box_name *name, struct ph_owner **owner_r,
		  struct ph_err *err);
void ph_owner_free(struct ph_owner **owner);

/*
 * May the owner, who is the envelope's sender in state, send this message
 * (send_as.h)? 1: the recipients of To, Cc and Bcc, or where it is resent of
 * the last Resent-To, Resent-Cc and Resent-Bcc, are added to state, each once,
 * those that are no address refused already; and its sender becomes the one he
 * sends as, because nobody need know who wrote it. 0: not at all, err says why,
 * for the owner. -1: TEMP, cannot say.
 *
 * A resent message has two senders, and readers see the first: From and Sender
 * are judged beside Resent-From and Resent-Sender unless resent_any.
 */
int ph_envelope_make(struct ph_directory *directory, bool resent_any,
		     const struct ph_snapshot *snapshot,
		     const struct ph_owner *owner,
		     const struct ph_letter *letter,
		     struct ph_item_state *state, struct ph_err *err);

#endif
