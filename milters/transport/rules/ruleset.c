#include "milters/transport/rules/ruleset.h"

#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

#define EXCEPT "ExceptIf"

static const char *const mode_names[] = {
    [PH_MODE_ENFORCE] = "Enforce",
    [PH_MODE_AUDIT] = "Audit",
    [PH_MODE_AUDIT_AND_NOTIFY] = "AuditAndNotify",
};

const char *
ph_rule_mode_name(enum ph_rule_mode mode)
{
	return mode_names[mode];
}

/* Why it does not run; NULL: it does. */
static const char *
find_off(const struct ph_object *object)
{
	const char *state = ph_object_text(object, "State");

	if (ph_object_draft(object))
		return "it is a draft: it has neither a condition nor Enabled";
	if (!ph_object_bool(object, "Enabled") ||
	    (state != NULL && strcasecmp(state, "Enabled") != 0))
		return "it is disabled";
	return NULL;
}

/* ---- conditions --------------------------------------------------------- */

static const char *
select_for(const struct ph_condition *c, const struct ph_object *object,
	   const char *prefix)
{
	g_autofree char *with = NULL;

	switch (c->select) {
	case PH_SELECT_NOTHING:
		break;
	case PH_SELECT_FIELD:
		with = g_strconcat(prefix, c->with, NULL);
		return ph_object_text(object, with);
	case PH_SELECT_LOCATION:
		return ph_object_text(object, "SenderAddressLocation");
	case PH_SELECT_TYPE:
		return ph_object_text(object, "RecipientAddressType");
	}
	return NULL;
}

/* "AttachmentIsUnsupported = false" does not look for it, as in Exchange. */
static bool
asks_nothing(const struct ph_condition *c, const struct ph_object *object,
	     const char *field)
{
	unsigned flags =
	    ph_kind_field(ph_object_kind(object), field, NULL)->flags;

	return c->compare == &ph_compare_bool &&
	       (flags & PH_FIELD_EITHER) == 0 && !ph_object_bool(object, field);
}

static void
compile_predicate(struct ph_rule *rule, const char *field, bool except,
		  struct ph_vocabulary *vocabulary)
{
	const char *prefix = except ? EXCEPT : "";
	const struct ph_condition *c =
	    ph_condition_find(field + strlen(prefix));
	struct ph_predicate p = {.condition = c, .except = except};

	if (c == NULL || asks_nothing(c, rule->object, field))
		return;
	p.selector = select_for(c, rule->object, prefix);
	p.operand = c->compare->compile(&(struct ph_compile){
	    .condition = c,
	    .rule = rule->object,
	    .field = field,
	    .prefix = prefix,
	    .selector = p.selector,
	    .vocabulary = vocabulary,
	});
	rule->needs |= ph_condition_needs(c);
	rule->by_recipient |= c->level == PH_LEVEL_RECIPIENT;
	rule->spares |= except && c->level == PH_LEVEL_RECIPIENT &&
			c->subject != &ph_subject_sent_to_scope;
	g_array_append_val(rule->predicates, p);
}

/* Cheap ones, which one answer settles for everybody, go first. */
static gint
compare_predicates(gconstpointer a, gconstpointer b)
{
	const struct ph_predicate *x = a, *y = b;

	if (x->except != y->except)
		return x->except ? 1 : -1;
	return (int)x->condition->level - (int)y->condition->level;
}

static bool
has_patterns(const struct ph_object *object)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs);

	for (size_t i = 0; i < n; i++)
		if (g_str_has_suffix(pairs[i].field, "Patterns"))
			return true;
	return false;
}

static void
clear_predicate(void *data)
{
	struct ph_predicate *p = data;

	if (p->condition->compare->free != NULL)
		p->condition->compare->free(p->operand);
	else
		g_free(p->operand);
}

static void
compile_predicates(struct ph_rule *rule, struct ph_vocabulary *vocabulary)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(rule->object, &pairs);

	rule->predicates =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_predicate));
	g_array_set_clear_func(rule->predicates, clear_predicate);
	for (size_t i = 0; i < n; i++)
		compile_predicate(rule, pairs[i].field,
				  g_str_has_prefix(pairs[i].field, EXCEPT),
				  vocabulary);
	g_array_sort(rule->predicates, compare_predicates);
	for (guint i = 0; i < rule->predicates->len; i++)
		rule->n_conditions += !ph_rule_predicate(rule, i)->except;
	rule->timed = has_patterns(rule->object);
}

/* ---- actions ------------------------------------------------------------ */

/* "DeleteMessage = false" is no action. */
static bool
does_something(const struct ph_object *object, const char *field)
{
	return ph_kind_field(ph_object_kind(object), field, NULL)->type !=
		   PH_TYPE_BOOL ||
	       ph_object_bool(object, field);
}

/* Those of the fields that are set, which are few; then in table order. */
static gint
compare_actions(gconstpointer a, gconstpointer b)
{
	const struct ph_action *x = *(const struct ph_action *const *)a;
	const struct ph_action *y = *(const struct ph_action *const *)b;

	return x < y ? -1 : x > y;
}

/* The refusal of NotifySender has the fields of RejectMessage. */
static bool
is_part(const struct ph_object *rule, const struct ph_action *action)
{
	return action->apply == ph_action_reject &&
	       ph_notify_sender_rejects(rule);
}

static void
find_actions(struct ph_rule *rule)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(rule->object, &pairs);

	rule->actions = g_ptr_array_new();
	for (size_t i = 0; i < n; i++) {
		const struct ph_action *a = ph_action_find(pairs[i].field);

		if (a != NULL && does_something(rule->object, pairs[i].field) &&
		    !is_part(rule->object, a) &&
		    !g_ptr_array_find(rule->actions, a, NULL))
			g_ptr_array_add(rule->actions,
					(struct ph_action *)(uintptr_t)a);
	}
	g_ptr_array_sort(rule->actions, compare_actions);
}

/* ---- one rule ----------------------------------------------------------- */

static enum ph_severity
severity_of(const struct ph_object *object)
{
	size_t word = ph_object_word(object, "SetAuditSeverity");

	return word == SIZE_MAX ? PH_SEVERITY_LOW : (enum ph_severity)word;
}

static struct ph_rule *
compile(const struct ph_object *object, struct ph_vocabulary *vocabulary)
{
	struct ph_rule *rule = g_new0(struct ph_rule, 1);

	rule->object = ph_object_ref(object);
	rule->name = ph_object_name(object);
	rule->off = find_off(object);
	ph_uuid_from_text(ph_object_folded(object), rule->guid);
	rule->priority = ph_object_has(object, "Priority")
			     ? ph_object_int(object, "Priority")
			     : INT64_MAX;
	rule->mode = (enum ph_rule_mode)ph_object_word(object, "Mode");
	rule->severity = severity_of(object);
	rule->defer = ph_object_word(object, "RuleErrorAction") == 1;
	rule->activation = ph_object_int(object, "ActivationDate");
	rule->expiry = ph_object_int(object, "ExpiryDate");
	compile_predicates(rule, vocabulary);
	find_actions(rule);
	return rule;
}

static void
rule_free(void *data)
{
	struct ph_rule *rule = data;

	g_array_unref(rule->predicates);
	g_ptr_array_unref(rule->actions);
	ph_object_unref(&rule->object);
	g_free(rule);
}

/* Equal priorities run in the order of their names. */
static gint
compare_objects(gconstpointer a, gconstpointer b)
{
	const struct ph_object *x = *(const struct ph_object *const *)a;
	const struct ph_object *y = *(const struct ph_object *const *)b;
	int64_t px = ph_object_has(x, "Priority") ? ph_object_int(x, "Priority")
						  : INT64_MAX;
	int64_t py = ph_object_has(y, "Priority") ? ph_object_int(y, "Priority")
						  : INT64_MAX;

	if (px != py)
		return px < py ? -1 : 1;
	return strcmp(ph_object_folded(x), ph_object_folded(y));
}

/* ---- the set ------------------------------------------------------------ */

/*
 * How dear it is to find out whether a rule may have something to say: what has
 * to be looked at, then how much the answer narrows down. A pattern's hit is
 * only "perhaps", and one word of a few is that of many messages.
 */
static unsigned
gate_cost(const struct ph_predicate *p)
{
	const struct ph_condition *c = p->condition;
	unsigned needs = ph_condition_needs(c);
	unsigned look = (needs & PH_NEED_TEXT) != 0			    ? 3
			: (needs & PH_NEED_PARTS) != 0			    ? 2
			: (needs & (PH_NEED_BODY | PH_NEED_STRUCTURE)) != 0 ? 1
									    : 0;
	bool number = c->compare == &ph_compare_least ||
		      c->compare == &ph_compare_word ||
		      c->compare == &ph_compare_bool;

	return 4 * look + (number ? 2 : c->compare == &ph_compare_patterns);
}

static const struct ph_predicate *
find_gate(const struct ph_rule *rule)
{
	const struct ph_predicate *best = NULL;

	for (guint i = 0; i < rule->n_conditions; i++) {
		const struct ph_predicate *p = ph_rule_predicate(rule, i);

		if (p->condition->compare->gate != NULL &&
		    (best == NULL || gate_cost(p) < gate_cost(best)))
			best = p;
	}
	return best;
}

static void
add_gates(struct ph_ruleset *set)
{
	set->always = g_new0(uint64_t, set->rules->len / 64 + 1);
	for (guint i = 0; i < set->rules->len; i++) {
		const struct ph_predicate *p = find_gate(set->rules->pdata[i]);

		if (p != NULL)
			p->condition->compare->gate(p, set->vocabulary, i);
		else
			set->always[i / 64] |= UINT64_C(1) << (i % 64);
	}
}

static GHashTable *
known_patterns(const struct ph_vocabulary *v)
{
	GHashTable *known = g_hash_table_new_full(g_str_hash, g_str_equal,
						  g_free, (GDestroyNotify)NULL);

	for (uint32_t i = 0; i < ph_matcher_count(v->matcher); i++) {
		struct ph_pattern *p = ph_matcher_pattern(v->matcher, i);

		if (p != NULL)
			g_hash_table_insert(known,
					    g_strdup_printf("%u %s",
							    ph_pattern_flags(p),
							    ph_pattern_text(p)),
					    p);
	}
	return known;
}

static GPtrArray *
sorted_objects(const struct ph_snapshot *snapshot, bool all)
{
	GPtrArray *active = g_ptr_array_new();
	size_t n;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, "rule", &n);

	for (size_t i = 0; i < n; i++)
		if (all || find_off(objects[i]) == NULL)
			g_ptr_array_add(
			    active, (struct ph_object *)(uintptr_t)objects[i]);
	g_ptr_array_sort(active, compare_objects);
	return active;
}

static void *
build(const struct ph_snapshot *snapshot, const void *previous, void *context,
      bool all)
{
	const struct ph_ruleset *before = previous;
	struct ph_ruleset *set = g_new0(struct ph_ruleset, 1);
	struct ph_vocabulary *v = ph_vocabulary_new();
	g_autoptr(GPtrArray) active = sorted_objects(snapshot, all);

	set->vocabulary = v;
	set->rules = g_ptr_array_new_with_free_func(rule_free);
	if (before != NULL)
		v->patterns = known_patterns(before->vocabulary);
	for (guint i = 0; i < active->len; i++) {
		struct ph_rule *rule = compile(active->pdata[i], v);

		g_ptr_array_add(set->rules, rule);
		if (rule->off != NULL)
			continue;
		set->needs |= rule->needs;
	}
	add_gates(set);
	v->matcher = ph_matcher_new(
	    g_steal_pointer(&v->terms),
	    before != NULL ? before->vocabulary->matcher : NULL, context);
	g_clear_pointer(&v->patterns, g_hash_table_unref);
	return set;
}

void *
ph_ruleset_build(const struct ph_snapshot *snapshot, const void *previous,
		 void *context, struct ph_err *err)
{
	(void)err;
	return build(snapshot, previous, context, false);
}

void *
ph_ruleset_build_all(const struct ph_snapshot *snapshot, const void *previous,
		     void *context, struct ph_err *err)
{
	(void)err;
	return build(snapshot, previous, context, true);
}

void
ph_ruleset_free(void *ruleset)
{
	struct ph_ruleset *set = ruleset;

	if (set == NULL)
		return;
	g_ptr_array_unref(set->rules);
	ph_vocabulary_free(&set->vocabulary);
	g_free(set->always);
	g_free(set);
}
