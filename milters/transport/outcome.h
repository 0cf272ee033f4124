#ifndef PH_MILTERS_TRANSPORT_OUTCOME_H
#define PH_MILTERS_TRANSPORT_OUTCOME_H

#include "lib/base/err.h"
#include "milters/transport/rules/evaluate.h"
#include "milters/transport/transport.h"

#include <glib.h>

/*
 * From the copies that the rules have made of a message to what the MTA is
 * told. Copies that came out alike are one. One outcome for all that are left:
 * it is applied to the message itself, or is the answer in the session.
 * Several: the message goes on as it came, to those whom no rule has touched,
 * and a plan says what becomes of the others after the queue
 * (milters/transport/fork).
 */

/* Recipients that a rule refused or dropped while others get the message, for
 * tracking rows. */
struct ph_outcome_row {
	bool dropped;	      /* else refused */
	GPtrArray *addresses; /* char * */
	char *status;	      /* recipient-status of refused ones */
};

/* A group that was expanded before the rules. */
struct ph_outcome_group {
	char *address;
	GPtrArray *members; /* char * */
};

/* Of a message; kept in mail->work. */
struct ph_outcome {
	GPtrArray *recipients; /* char *: to whom the rules were applied */
	GPtrArray *rows;       /* struct ph_outcome_row */
	GPtrArray *groups;     /* struct ph_outcome_group */
};

/* NULL: nothing was noted. */
const struct ph_outcome *ph_outcome_of(const struct ph_mail *mail);
/* Notes a group and its members (char *). */
void ph_outcome_expanded(struct ph_mail *mail, const char *group,
			 const GPtrArray *members);
/* Notes the recipients as the rules will see them. */
void ph_outcome_begin(struct ph_mail *mail);

/* All recipients are in mail again; for a run that is not to be applied. */
void ph_outcome_gather(struct ph_mail *mail, struct ph_rules_result *result);

/* Ends a run, with all recipients in mail again. 0; 1: mail->verdict is final;
 * -1: a plan could not be written. */
int ph_outcome_apply(const struct ph_transport *transport, struct ph_mail *mail,
		     struct ph_rules_result *result, struct ph_err *err);

#endif
