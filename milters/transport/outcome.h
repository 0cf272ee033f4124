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
 * (lib/fork).
 */

/* Recipients that were refused or dropped while others get the message, for
 * tracking rows. */
struct ph_outcome_row {
	bool dropped;	      /* else refused */
	const char *agent;    /* that decided; borrowed */
	GPtrArray *addresses; /* char * */
	char *status;	      /* recipient-status of refused ones */
};

/* A group that was expanded before the rules. */
struct ph_outcome_group {
	const char *event; /* EXPAND; DUPLICATEEXPAND: these were there */
	char *address;
	GPtrArray *members; /* char * */
};

/* What became of an address when it was resolved. */
struct ph_outcome_step {
	const char *event; /* "REDIRECT" */
	char *from, *to;
};

/* Of a message; kept in mail->work. */
struct ph_outcome {
	GPtrArray *steps;      /* struct ph_outcome_step */
	GPtrArray *recipients; /* char *: to whom the rules were applied */
	GPtrArray *rows;       /* struct ph_outcome_row */
	GPtrArray *groups;     /* struct ph_outcome_group */
};

/* NULL: nothing was noted. */
const struct ph_outcome *ph_outcome_of(const struct ph_mail *mail);
/* Notes a group and its members (char *); event is borrowed for ever. */
void ph_outcome_expanded(struct ph_mail *mail, const char *event,
			 const char *group, const GPtrArray *members);
/* Notes a step; event is borrowed for ever. */
void ph_outcome_resolved(struct ph_mail *mail, const char *event,
			 const char *from, const char *to);
/* Notes the recipients as the rules will see them. */
void ph_outcome_begin(struct ph_mail *mail);

/*
 * Recipients that resolution has refused are taken out of the message before
 * the rules, as copies with a verdict (struct ph_mail), and given to their
 * result; set_aside is NULL when there are none.
 */
GPtrArray *ph_outcome_set_aside(struct ph_mail *mail);
void ph_outcome_add_aside(struct ph_rules_result *result, GPtrArray *aside);

/* All recipients are in mail again; for a run that is not to be applied. */
void ph_outcome_gather(struct ph_mail *mail, struct ph_rules_result *result);

/* Ends a run, with all recipients in mail again. 0; 1: mail->verdict is final;
 * -1: a plan could not be written, or where it goes cannot be said. */
int ph_outcome_apply(const struct ph_transport *transport, struct ph_mail *mail,
		     struct ph_rules_result *result, struct ph_err *err);

#endif
