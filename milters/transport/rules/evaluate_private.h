#ifndef PH_RULES_EVALUATE_PRIVATE_H
#define PH_RULES_EVALUATE_PRIVATE_H

#include "milters/transport/rules/copies.h"
#include "milters/transport/rules/evaluate.h"

/* Inside evaluate.c and evaluate_act.c only. */

/* All rules, one after the other, about one message. */
struct ph_rules_run {
	struct ph_evaluation e;
	struct ph_mail *mail;
	const struct ph_rules_options *options;
	struct ph_rules_result *result;
	GPtrArray *copies; /* struct ph_copy */
	/* Recipients before the first rule, where somebody wants to know; NULL
	 * else. */
	GPtrArray *audience;
	uint64_t *bits; /* rules that may have something to say */
	struct ph_err defer;
	bool deferred;
	struct ph_err err; /* of the predicate asked last that could not say */
};

/* Who asks from now on asks about this copy. */
void ph_rules_enter(struct ph_rules_run *run, struct ph_copy *copy);

/* What cannot be said is noted, and by the rule's own word tried again later.
 */
void ph_rules_note_error(struct ph_rules_run *run, struct ph_rule_hit *hit,
			 const struct ph_err *err);

/* ---- evaluate_act.c ------------------------------------------------------ */

/* The rule acts, as its mode says, on the recipients of a copy that it is
 * about; if those are not all, on a new copy. */
void ph_rules_act(struct ph_rules_run *run, struct ph_copy *copy,
		  GPtrArray *matched, struct ph_rule_hit *hit);

#endif
