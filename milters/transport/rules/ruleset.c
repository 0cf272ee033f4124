#include "milters/transport/rules/ruleset.h"

#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

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

static enum ph_rule_mode
mode_of(const struct ph_object *object)
{
	const char *mode = ph_object_text(object, "Mode");

	for (size_t i = 0; i < G_N_ELEMENTS(mode_names); i++)
		if (strcasecmp(mode, mode_names[i]) == 0)
			return (enum ph_rule_mode)i;
	return PH_MODE_ENFORCE;
}

static bool
is_active(const struct ph_object *object)
{
	const char *state = ph_object_text(object, "State");

	return !ph_object_draft(object) && ph_object_bool(object, "Enabled") &&
	       (state == NULL || strcasecmp(state, "Enabled") == 0);
}

/* The rule's conditions, or its exceptions with prefix "ExceptIf". */
static GArray *
compile_predicates(const struct ph_object *object, const char *prefix)
{
	GArray *predicates =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_predicate));

	for (const struct ph_condition *c = ph_conditions; c->name != NULL;
	     c++) {
		g_autofree char *field = g_strconcat(prefix, c->name, NULL);
		struct ph_predicate p = {.condition = c};

		if (!ph_object_has(object, field))
			continue;
		if (c->with != NULL) {
			g_autofree char *with =
			    g_strconcat(prefix, c->with, NULL);

			p.selector = ph_object_text(object, with);
		}
		p.operand = c->compare->compile(object, field);
		g_array_append_val(predicates, p);
	}
	return predicates;
}

static void
free_predicates(GArray *predicates)
{
	for (guint i = 0; i < predicates->len; i++) {
		struct ph_predicate *p =
		    &g_array_index(predicates, struct ph_predicate, i);

		p->condition->compare->free(p->operand);
	}
	g_array_unref(predicates);
}

static bool
has_action(const struct ph_object *object, const char *field)
{
	bool unused;

	if (field == NULL || !ph_object_has(object, field))
		return false;
	/* "DeleteMessage = false" is no action. */
	return ph_kind_field(ph_object_kind(object), field, &unused)->type !=
		   PH_TYPE_BOOL ||
	       ph_object_bool(object, field);
}

static void
make_guid(const char *name, char text_r[PH_UUID_TEXT])
{
	g_autofree char *folded = ph_fold(name);
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	uint8_t digest[32];
	gsize size = sizeof(digest);

	g_checksum_update(sum, (const guchar *)folded, -1);
	g_checksum_get_digest(sum, digest, &size);
	ph_uuid_from_digest(digest, text_r);
	g_checksum_free(sum);
}

static struct ph_rule *
compile(const struct ph_object *object)
{
	struct ph_rule *rule = g_new0(struct ph_rule, 1);

	rule->object = ph_object_ref(object);
	rule->name = ph_object_name(object);
	make_guid(rule->name, rule->guid);
	rule->priority = ph_object_has(object, "Priority")
			     ? ph_object_int(object, "Priority")
			     : INT64_MAX;
	rule->mode = mode_of(object);
	rule->conditions = compile_predicates(object, "");
	rule->exceptions = compile_predicates(object, "ExceptIf");
	rule->actions = g_ptr_array_new();
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++)
		if (has_action(object, a->name) || has_action(object, a->with))
			g_ptr_array_add(rule->actions,
					(struct ph_action *)(uintptr_t)a);
	return rule;
}

static void
rule_free(void *data)
{
	struct ph_rule *rule = data;

	free_predicates(rule->conditions);
	free_predicates(rule->exceptions);
	g_ptr_array_unref(rule->actions);
	ph_object_unref(&rule->object);
	g_free(rule);
}

/* Equal priorities run in the order of their names. */
static gint
compare_rules(gconstpointer a, gconstpointer b)
{
	const struct ph_rule *x = *(const struct ph_rule *const *)a;
	const struct ph_rule *y = *(const struct ph_rule *const *)b;
	g_autofree char *xn = NULL;
	g_autofree char *yn = NULL;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	xn = ph_fold(x->name);
	yn = ph_fold(y->name);
	return strcmp(xn, yn);
}

void *
ph_ruleset_build(const struct ph_snapshot *snapshot, const void *previous,
		 void *context, struct ph_err *err)
{
	struct ph_ruleset *set = g_new0(struct ph_ruleset, 1);
	size_t n;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, "rule", &n);

	(void)previous;
	(void)context;
	(void)err;
	set->rules = g_ptr_array_new_with_free_func(rule_free);
	for (size_t i = 0; i < n; i++)
		if (is_active(objects[i]))
			g_ptr_array_add(set->rules, compile(objects[i]));
	g_ptr_array_sort(set->rules, compare_rules);
	return set;
}

void
ph_ruleset_free(void *ruleset)
{
	struct ph_ruleset *set = ruleset;

	if (set == NULL)
		return;
	g_ptr_array_unref(set->rules);
	g_free(set);
}
