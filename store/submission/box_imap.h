#ifndef PH_STORE_SUBMISSION_BOX_IMAP_H
#define PH_STORE_SUBMISSION_BOX_IMAP_H

#include "store/submission/box.h"
#include "store/submission/imap.h"

/*
 * A mailbox of an IMAP server, opened by a master user. A message's name is
 * "<UIDVALIDITY>.<UID>" in the Outbox. It is claimed by the keyword
 * PH_BOX_CLAIMED, which is taken from it while it waits, and leaves the Outbox
 * by MOVE. States, and a copy of what is being sent, are files below a
 * directory of this server, as those of a Maildir: should they be lost, or the
 * database be activated elsewhere, a claimed message begins anew, with the same
 * network message id.
 */
#define PH_BOX_CLAIMED "$PosthubClaimed"

/* As ph_box_open; root: the directory of states. -1 as well if the server
 * cannot be used, or does not let us into this one. *sign_r (NULL is fine): as
 * of ph_imap_open; none if the server was not asked. */
int ph_box_imap_open(const struct ph_imap_server *server, const char *root,
		     const struct ph_box_name *name, enum ph_imap_sign *sign_r,
		     struct ph_box **box_r, struct ph_err *err);

/* Names in the Outbox: those that are claimed, and those that are not;
 * g_ptr_array_unref. 1; 0: there is no Outbox, and so none of them; -1. */
int ph_box_imap_look(struct ph_box *box, GPtrArray **claimed_r,
		     GPtrArray **waiting_r, struct ph_err *err);
/*
 * A server that lost its index gives the Outbox another UIDVALIDITY, and
 * messages other names. Is a state of ours of such another life of it, name
 * being one of now? 1, 0, -1.
 */
int ph_box_imap_renewed(struct ph_box *box, const char *name,
			struct ph_err *err);
/*
 * Then what is known of messages under their old names becomes that of those
 * that are the same, to the byte, or it would be sent again. names: all that
 * ph_box_imap_look told, in the same session; on none of the mailbox is worked.
 * 0, -1.
 */
int ph_box_imap_renew(struct ph_box *box, const GPtrArray *names,
		      struct ph_err *err);
/* The session, borrowed: with the Outbox selected after ph_box_imap_look. */
struct ph_imap *ph_box_imap_session(const struct ph_box *box);

#endif
