#ifndef PH_RULES_ACTION_H
#define PH_RULES_ACTION_H

#include "lib/base/err.h"
#include "lib/state/object.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stdbool.h>

struct ph_evaluation;
struct ph_rules_options;
struct ph_rules_result;

/* One rule acting on one copy of a message. */
struct ph_action_run {
	const struct ph_object *rule;
	struct ph_evaluation *e;
	struct ph_mail *mail; /* the copy */
	/* The recipients that the rule is about, all of the copy's when it hit;
	 * what its actions add is not among them. */
	GPtrArray *matched;
	const struct ph_rules_result *result; /* with all other copies */
	const struct ph_rules_options *options;
};

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
	/* 0, or -1 with err: the rule counts as one that could not be
	 * evaluated. NULL: nothing is done to the message. */
	int (*apply)(const struct ph_action_run *run, struct ph_err *err);
	/* What is done in AuditAndNotify, to the message as it is; NULL:
	 * nothing. */
	int (*notify)(const struct ph_action_run *run, struct ph_err *err);
};

/* Sorted by name; ends with name NULL. */
extern const struct ph_action ph_actions[];
/* By either of its fields; NULL: the field is no action's. */
const struct ph_action *ph_action_find(const char *field);

/* The agent's name in verdicts and tracking rows. */
#define PH_RULES_AGENT "Transport Rule Agent"

typedef int ph_action_apply(const struct ph_action_run *run,
			    struct ph_err *err);

/* action_verdict.c */
ph_action_apply ph_action_delete, ph_action_reject, ph_action_smtp_reject,
    ph_action_disconnect;
/* Puts it aside; without a mailbox for that it is refused. */
ph_action_apply ph_action_quarantine;
/* action_notify_sender.c */
ph_action_apply ph_action_notify_sender, ph_action_tell_sender;
/* Does NotifySender of the rule refuse? Then the code and the text for that are
 * its own, and no action by themselves. */
bool ph_notify_sender_rejects(const struct ph_object *rule);
/* What the sender says to a policy tip, in X-PostHub-Sender-Override. */
enum ph_override {
	PH_OVERRIDE_NONE,
	PH_OVERRIDE_FALSE_POSITIVE, /* "FalsePositive" */
	PH_OVERRIDE_SILENT,	    /* "Override" */
	PH_OVERRIDE_EXPLICIT,	    /* any other text: the justification */
};
enum ph_override ph_override_of(struct ph_headers *headers);
/* action_header.c */
ph_action_apply ph_action_set_header, ph_action_remove_header,
    ph_action_set_scl, ph_action_classify, ph_action_connector,
    ph_action_require_tls;
/* Keeps the subject as it was written where the prefix can stand before it;
 * else subject and prefix are encoded anew. */
ph_action_apply ph_action_prepend_subject;
/* action_recipient.c */
ph_action_apply ph_action_redirect, ph_action_blind_copy, ph_action_add_to,
    ph_action_copy_to, ph_action_add_manager;
ph_action_apply ph_action_log;

#endif
