#ifndef PH_RULES_RECIPIENTS_H
#define PH_RULES_RECIPIENTS_H

#include "lib/base/err.h"
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

/* One that is there already under another address is removed. */
void ph_recipients_merge(struct ph_mail *mail);

/*
 * Groups become their members: those of at most ExpansionSizeLimit members.
 * Larger and dynamic groups are left whole. note is told of each group, with
 * its members (char *). 0, or -1 TEMP: the directory does not answer.
 */
int ph_recipients_expand(struct ph_mail *mail,
			 void (*note)(void *arg, const char *group,
				      const GPtrArray *members),
			 void *arg, struct ph_err *err);

#endif
