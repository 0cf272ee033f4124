#include "milters/transport/rules/evaluate.h"

void
ph_evaluation_init(struct ph_evaluation *e, struct ph_mail *mail)
{
	e->mail = mail;
	e->folded =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
ph_evaluation_fini(struct ph_evaluation *e)
{
	g_hash_table_destroy(e->folded);
}

/* One of the subject's values is enough. */
static enum ph_answer
ask(const struct ph_predicate *p, struct ph_evaluation *e, struct ph_err *err)
{
	const struct ph_condition *c = p->condition;
	size_t cursor = 0;
	int r;

	do {
		struct ph_value value = {.text = NULL};

		r = c->value(e, NULL, p->selector, &cursor, &value, err);
		if (r == 1 && c->compare->match(e, p->operand, &value))
			return PH_ANSWER_TRUE;
	} while (r == 1);
	return r < 0 ? PH_ANSWER_ERROR : PH_ANSWER_FALSE;
}

/* FALSE if one is FALSE, else ERROR if one is ERROR. */
static enum ph_answer
all_of(const GArray *predicates, struct ph_evaluation *e, struct ph_err *err)
{
	enum ph_answer answer = PH_ANSWER_TRUE;

	for (guint i = 0; i < predicates->len; i++) {
		enum ph_answer one = ask(
		    &g_array_index(predicates, struct ph_predicate, i), e, err);

		if (one == PH_ANSWER_FALSE)
			return PH_ANSWER_FALSE;
		if (one == PH_ANSWER_ERROR)
			answer = PH_ANSWER_ERROR;
	}
	return answer;
}

/* TRUE if one is TRUE, else ERROR if one is ERROR. */
static enum ph_answer
one_of(const GArray *predicates, struct ph_evaluation *e, struct ph_err *err)
{
	enum ph_answer answer = PH_ANSWER_FALSE;

	for (guint i = 0; i < predicates->len; i++) {
		enum ph_answer one = ask(
		    &g_array_index(predicates, struct ph_predicate, i), e, err);

		if (one == PH_ANSWER_TRUE)
			return PH_ANSWER_TRUE;
		if (one == PH_ANSWER_ERROR)
			answer = PH_ANSWER_ERROR;
	}
	return answer;
}

enum ph_answer
ph_rule_answer(const struct ph_rule *rule, struct ph_evaluation *e,
	       struct ph_err *err)
{
	enum ph_answer conditions = all_of(rule->conditions, e, err);

	if (conditions == PH_ANSWER_FALSE)
		return PH_ANSWER_FALSE;
	switch (one_of(rule->exceptions, e, err)) {
	case PH_ANSWER_TRUE:
		return PH_ANSWER_FALSE;
	case PH_ANSWER_ERROR:
		return PH_ANSWER_ERROR;
	case PH_ANSWER_FALSE:
		break;
	}
	return conditions;
}

static int
apply(const struct ph_rule *rule, struct ph_evaluation *e, bool *stop_r,
      struct ph_err *err)
{
	int r = 0;

	for (guint i = 0; i < rule->actions->len && r == 0; i++) {
		const struct ph_action *action = rule->actions->pdata[i];

		if (action->apply != NULL)
			r = action->apply(rule->object, e->mail, err);
		*stop_r |= action->stops;
	}
	return r;
}

static void
clear_hit(void *data)
{
	struct ph_rule_hit *hit = data;

	g_free(hit->error);
}

/* True: later rules do not run. */
static bool
run_rule(const struct ph_rule *rule, struct ph_evaluation *e, GArray *hits)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_rule_hit hit = {
	    .rule = rule,
	    .answer = ph_rule_answer(rule, e, &err),
	};
	bool stop = false;

	if (hit.answer == PH_ANSWER_FALSE)
		return false;
	if (hit.answer == PH_ANSWER_TRUE && rule->mode == PH_MODE_ENFORCE) {
		hit.applied = apply(rule, e, &stop, &err) == 0;
		if (!hit.applied)
			hit.answer = PH_ANSWER_ERROR;
	}
	if (hit.answer == PH_ANSWER_ERROR)
		hit.error = g_strdup(err.text);
	g_array_append_val(hits, hit);
	return stop;
}

GArray *
ph_rules_run(const struct ph_ruleset *set, struct ph_mail *mail)
{
	GArray *hits = g_array_new(FALSE, FALSE, sizeof(struct ph_rule_hit));
	struct ph_evaluation e;
	bool stop = false;

	g_array_set_clear_func(hits, clear_hit);
	ph_evaluation_init(&e, mail);
	for (guint i = 0; i < set->rules->len && !stop; i++)
		stop = run_rule(set->rules->pdata[i], &e, hits);
	ph_evaluation_fini(&e);
	return hits;
}
