#ifndef PH_RULES_EVALUATE_H
#define PH_RULES_EVALUATE_H

#include "milters/transport/rules/quarantine.h"
#include "milters/transport/rules/ruleset.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Evaluation of rules on one message. Conditions are joined by AND, values by
 * OR, exceptions by OR; what cannot be said counts only where it would decide:
 * FALSE and ERROR is FALSE.
 *
 * A rule with a condition on recipients acts on those that match. If others are
 * left, the message is split there into copies (struct ph_mail, ph_mail_fork)
 * with recipients of their own, and later rules are asked about each copy.
 */

/* A rule that was not FALSE for somebody. */
struct ph_rule_hit {
	const struct ph_rule *rule; /* borrowed from the ruleset */
	enum ph_answer
	    answer;   /* TRUE if it was for one recipient, else ERROR */
	bool applied; /* its actions were; not in Audit and not after ERROR */
	unsigned recipients;	 /* for how many it was TRUE */
	char *error;		 /* of an ERROR, also beside TRUE; or NULL */
	int64_t wall_us, cpu_us; /* time taken by asking; 0: not measured */
};

/*
 * Told everything that is asked, for "rule explain". Every rule is asked then,
 * and every predicate of it, whatever the others say, also where it does not
 * act; and every recipient hears of every rule.
 */
struct ph_rules_trace {
	/* recipient NULL: asked for the whole copy, just before its
	 * recipients. */
	void (*predicate)(void *arg, const struct ph_rule *rule,
			  const struct ph_predicate *p,
			  const struct ph_recipient *recipient,
			  enum ph_answer answer,
			  const struct ph_finding *finding, const char *error);
	/*
	 * note: why the rule does not act, whatever the answer ("an earlier
	 * rule ended processing"); or NULL. Where nothing was asked ("the
	 * message is encrypted") the answer is FALSE.
	 */
	void (*rule)(void *arg, const struct ph_rule *rule,
		     const struct ph_recipient *recipient,
		     enum ph_answer answer, const char *note);
	/* A rule has acted on a copy, or could not: error. Not told in Audit.
	 * NULL: nobody wants to know. */
	void (*acted)(void *arg, const struct ph_rule *rule,
		      struct ph_mail *copy, const char *error);
	void *arg;
};

/* What a run came to. */
struct ph_rules_result {
	GArray *hits; /* struct ph_rule_hit, in order */
	/*
	 * The copies; the first is the message itself, the others are forks of
	 * it. Every recipient that still has to get the message is in exactly
	 * one; those that rules took away are in the message, "removed". A
	 * copy's verdict is about its recipients.
	 */
	GPtrArray *copies; /* struct ph_mail */
	/* Those with a verdict, in the order in which rules came to it. */
	GPtrArray *decided; /* borrowed */
	/* Header fields of the message before the first rule acted; NULL: none
	 * did. */
	struct ph_headers *before;
};
/* As of a run that no rule had anything to say in. */
void ph_rules_result_init(struct ph_rules_result *result, struct ph_mail *mail);
void ph_rules_result_clear(struct ph_rules_result *result);

struct ph_rules_options {
	const struct ph_rules_trace *trace; /* NULL: none */
	int64_t now;	     /* wall clock ms: for ActivationDate */
	const char *server;  /* that evaluates; for the log */
	unsigned loop_limit; /* messages that rules have redirected or
			      * copied so often are refused; 0: none */
	/* Where the action Quarantine puts messages; NULL: nowhere. */
	const struct ph_quarantine *quarantine;
	bool recipients_only; /* only rules that look at single recipients are
			       * asked: the others were asked before */
};

/* All rules in order. -1: a rule that cannot be evaluated says that the message
 * is to be tried again (RuleErrorAction Defer); err says which and why. The
 * result is filled in both times. */
int ph_rules_run(const struct ph_ruleset *set, struct ph_mail *mail,
		 const struct ph_rules_options *options,
		 struct ph_rules_result *result_r, struct ph_err *err);

/* ---- for conditions ----------------------------------------------------- */

struct ph_scans; /* what was found in the texts of a copy */

/* One message being evaluated; a thread's own. */
struct ph_evaluation {
	const struct ph_ruleset *set;
	struct ph_mail *mail;	  /* the copy that is asked about */
	struct ph_scans *scans;	  /* of that copy */
	struct ph_scans *message; /* of what no rule changes */
	GHashTable *recipients;	  /* recipient -> struct ph_scans */
	/* Folded address -> GPtrArray of all folded addresses of its entry, the
	 * entry first in a struct of its own: see identity.h. */
	GHashTable *identities;
	/* Addresses of groups -> struct ph_member_search: see membership.h. */
	GHashTable *searches;
	/* Pattern -> int64_t, processor time that it may still take, ns: a text
	 * takes some of it, and a client may send many texts. */
	GHashTable *patience;
	struct ph_finding *finding; /* NULL: nobody wants to know */
};

/* Is the message of a kind that rules do not look into or do not touch? A few
 * words, or NULL. */
const char *ph_rule_not_asked(const struct ph_rule *rule, struct ph_mail *mail);

/* The rule alone, without its actions, for one recipient (NULL: there is
 * none). */
enum ph_answer ph_rule_answer(const struct ph_rule *rule,
			      struct ph_evaluation *e,
			      struct ph_recipient *recipient,
			      struct ph_err *err);

void ph_evaluation_init(struct ph_evaluation *e, const struct ph_ruleset *set,
			struct ph_mail *mail);
void ph_evaluation_fini(struct ph_evaluation *e);

#endif
