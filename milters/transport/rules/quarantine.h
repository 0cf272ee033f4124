#ifndef PH_RULES_QUARANTINE_H
#define PH_RULES_QUARANTINE_H

#include "lib/base/err.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stdbool.h>

/*
 * A message that is put aside goes to one mailbox in place of its recipients.
 * Who they were stands in X-PostHub-Quarantine-Recipients, and the sender is
 * not told, not even when that mailbox fails.
 */
struct ph_quarantine {
	const char *mailbox; /* "": there is none */
	bool resolve;	     /* the directory knows who there is */
};

/*
 * Removes these recipients (struct ph_recipient of mail) and adds the mailbox.
 * -1: TEMP the directory does not answer; PERM nobody has the mailbox's
 * address: the message would be lost.
 */
int ph_quarantine_put(const struct ph_quarantine *quarantine,
		      struct ph_mail *mail, const GPtrArray *recipients,
		      struct ph_err *err);

#endif
