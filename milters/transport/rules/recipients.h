#ifndef PH_RULES_RECIPIENTS_H
#define PH_RULES_RECIPIENTS_H

#include "lib/base/err.h"
#include "lib/directory/restrict.h"
#include "milters/host/agent.h"

#include <glib.h>

/*
 * The recipients of a message as the rules see them: resolved, each once, and
 * groups opened where that is asked for. One piece of code for
 * posthub-transport and for "posthub rule test".
 */

/* Told of what becomes of addresses, for tracking rows; each may be NULL. */
struct ph_recipients_notes {
	/* event: RESOLVE, REDIRECT or DUPLICATEREDIRECT. */
	void (*step)(void *arg, const char *event, const char *from,
		     const char *to);
	/* A group, with its members (char *). */
	void (*group)(void *arg, const char *group, const GPtrArray *members);
	void *arg;
};

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
			const struct ph_recipients_notes *notes,
			struct ph_err *err);

/* One that is there already under another address is removed. */
void ph_recipients_merge(struct ph_mail *mail);

/*
 * Groups become their members, forwarding of members is followed: groups of at
 * most ExpansionSizeLimit members. Larger and dynamic groups are left whole.
 * 0, or -1 TEMP: the directory does not answer.
 */
int ph_recipients_expand(struct ph_mail *mail,
			 struct ph_restrict_sender *sender,
			 const struct ph_recipients_notes *notes,
			 struct ph_err *err);

/* Contacts, which rules see under their own address, get the external one, that
 * the message leaves under. copies: struct ph_mail. */
void ph_recipients_leave(const GPtrArray *copies);

#endif
