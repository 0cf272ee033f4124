#ifndef PH_RULES_RECIPIENTS_H
#define PH_RULES_RECIPIENTS_H

#include "lib/base/err.h"
#include "lib/directory/expand.h"
#include "lib/directory/restrict.h"
#include "milters/host/agent.h"

#include <glib.h>

/*
 * The recipients of a message as the rules see them: resolved, each once, and
 * groups opened where that is asked for. One piece of code for
 * posthub-transport and for "posthub rule test".
 */

/* Its directory entry, and the primary address in place of a proxy. 0; -1
 * cannot say: PERM two entries claim the address, TEMP. */
int ph_recipient_resolve(struct ph_mail *mail, struct ph_recipient *recipient,
			 struct ph_err *err);

/*
 * The same, and forwarding is followed: it may become several recipients. Where
 * sender (NULL: nobody asks) may not send, and where forwarding is broken, the
 * recipient gets a refusal. One whose own address is nobody's stays as it is:
 * the MTA refuses it, or the queue bounces it.
 */
int ph_recipient_follow(struct ph_mail *mail, struct ph_recipient *recipient,
			struct ph_restrict_sender *sender,
			const struct ph_expansion_notes *notes,
			struct ph_err *err);

/* Parameters of RCPT for who gets the message in the place of one, or those
 * for reports alone (NOTIFY, ORCPT): they name whom the sender knows.
 * g_strfreev. */
char **ph_recipient_params(const struct ph_recipient *from, bool for_reports);

/* One that is there already under another address is removed. */
void ph_recipients_merge(struct ph_mail *mail);

/*
 * Groups become their members (lib/directory/expand.h): groups of at most
 * ExpansionSizeLimit members, of which reports go to the sender, and which this
 * server may open (NULL: all). Others are left whole, and so are dynamic ones:
 * behind the queue they are opened. If the message is for groups alone that
 * want no automatic replies, it says so. 0, or -1 TEMP: the directory does not
 * answer.
 */
int ph_recipients_expand(struct ph_mail *mail, const char *server,
			 struct ph_restrict_sender *sender,
			 const struct ph_expansion_notes *notes,
			 struct ph_err *err);

/* Is it a group that was left whole? */
bool ph_recipient_is_whole(const struct ph_mail *mail,
			   struct ph_recipient *recipient);

/* Contacts, which rules see under their own address, get the external one, that
 * the message leaves under. copies: struct ph_mail. */
void ph_recipients_leave(const GPtrArray *copies);

#endif
