#ifndef PH_RULES_ACTION_H
#define PH_RULES_ACTION_H

#include "lib/base/err.h"
#include "lib/state/object.h"
#include "milters/host/agent.h"

#include <stdbool.h>

/*
 * What a rule does to the working copy of a message. The table ph_actions is
 * the only list; names are the parameters of New-TransportRule. Actions of one
 * rule run in the order of the table.
 */
struct ph_action {
	const char *name;  /* of the field */
	const char *with;  /* second field of the same action; or NULL */
	const char *track; /* "action=" in the AGENTINFO row */
	bool stops;	   /* later rules are not evaluated */
	const char *help;
	/* rule is the rule's object. 0, or -1 with err: the rule counts as one
	 * that could not be evaluated. NULL: nothing is done. */
	int (*apply)(const struct ph_object *rule, struct ph_mail *mail,
		     struct ph_err *err);
};

/* Sorted by name; ends with name NULL. */
extern const struct ph_action ph_actions[];

/* The agent's name in verdicts and tracking rows. */
#define PH_RULES_AGENT "Transport Rule Agent"

int ph_action_delete(const struct ph_object *rule, struct ph_mail *mail,
		     struct ph_err *err);
/* Keeps the subject as it was written where the prefix can stand before it;
 * else subject and prefix are encoded anew. */
int ph_action_prepend_subject(const struct ph_object *rule,
			      struct ph_mail *mail, struct ph_err *err);
int ph_action_reject(const struct ph_object *rule, struct ph_mail *mail,
		     struct ph_err *err);
int ph_action_set_header(const struct ph_object *rule, struct ph_mail *mail,
			 struct ph_err *err);

#endif
