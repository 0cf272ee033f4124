#ifndef PH_RULES_EVALUATE_H
#define PH_RULES_EVALUATE_H

#include "milters/transport/rules/ruleset.h"

#include <stdbool.h>

/*
 * Evaluation of rules on one message. Conditions are joined by AND, values by
 * OR, exceptions by OR; what cannot be said counts only where it would decide:
 * FALSE and ERROR is FALSE.
 */
enum ph_answer {
	PH_ANSWER_FALSE,
	PH_ANSWER_TRUE,
	PH_ANSWER_ERROR,
};

/* The rule alone, without its actions. */
enum ph_answer ph_rule_answer(const struct ph_rule *rule,
			      struct ph_evaluation *e, struct ph_err *err);

/* A rule that was not FALSE. */
struct ph_rule_hit {
	const struct ph_rule *rule; /* borrowed from the ruleset */
	enum ph_answer answer;
	bool applied; /* its actions were; not in Audit and not after ERROR */
	char *error;  /* of ERROR */
};

/*
 * All rules in order. Actions change the working copy and mail->verdict at
 * once, so that later rules see the change. A rule that cannot be evaluated is
 * skipped. Returns struct ph_rule_hit, g_array_unref.
 */
GArray *ph_rules_run(const struct ph_ruleset *set, struct ph_mail *mail);

#endif
