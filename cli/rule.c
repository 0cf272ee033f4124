#include "cli/change.h"
#include "cli/kind.h"

#include <string.h>

/* ---- list --------------------------------------------------------------- */

static int64_t
priority(const struct ph_object *rule)
{
	/* Missing means last. */
	return ph_object_has(rule, "Priority") ? ph_object_int(rule, "Priority")
					       : INT64_MAX;
}

static int
by_priority(gconstpointer a, gconstpointer b)
{
	const struct ph_object *x = *(const struct ph_object *const *)a;
	const struct ph_object *y = *(const struct ph_object *const *)b;

	if (priority(x) != priority(y))
		return priority(x) < priority(y) ? -1 : 1;
	return g_ascii_strcasecmp(ph_object_name(x), ph_object_name(y));
}

static const char *
state(const struct ph_object *rule)
{
	if (ph_object_draft(rule))
		return "Draft";
	return ph_object_bool(rule, "Enabled") ? "Enabled" : "Disabled";
}

/* The conditions, or the actions, in few words. */
static char *
fields_text(const struct ph_object *rule, unsigned flag)
{
	const struct ph_kind *kind = ph_object_kind(rule);
	GString *out = g_string_new(NULL);
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(rule, &pairs);

	for (size_t i = 0; i < n; i++) {
		const struct ph_field *field =
		    ph_kind_field(kind, pairs[i].field, NULL);
		g_autofree char *shown = NULL;

		if (!field || !(field->flags & flag))
			continue;
		shown = ph_object_shown(rule, pairs[i].field);
		g_string_append_printf(out, "%s%s=%s", out->len > 0 ? " " : "",
				       pairs[i].field, shown);
	}
	return g_string_free(out, FALSE);
}

static void
add_rule(struct ph_table *table, const struct ph_object *rule,
	 const char *problem)
{
	g_autofree char *conditions = fields_text(rule, PH_FIELD_CONDITION);
	g_autofree char *actions = fields_text(rule, PH_FIELD_ACTION);
	g_autofree char *what =
	    g_strjoin(" -> ", *conditions ? conditions : "all messages",
		      *actions ? actions : "nothing", NULL);
	g_autofree char *shown = ph_shorten(what, 100);
	g_autofree char *first =
	    ph_object_has(rule, "Priority")
		? g_strdup(ph_object_text(rule, "Priority"))
		: g_strdup("last");

	ph_table_add(table,
		     (const char *[]){first, ph_object_name(rule), state(rule),
				      ph_object_text(rule, "Mode"),
				      problem ? problem : shown});
}

static GPtrArray *
sorted_rules(const struct ph_snapshot *snapshot)
{
	size_t n;
	const struct ph_object *const *rules =
	    ph_snapshot_list(snapshot, "rule", &n);
	GPtrArray *sorted = g_ptr_array_new();

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(sorted, (gpointer)rules[i]);
	g_ptr_array_sort(sorted, by_priority);
	return sorted;
}

static void
list_table(const struct ph_snapshot *snapshot, const GPtrArray *rules)
{
	static const char *const columns[] = {"Priority", "Name", "State",
					      "Mode",	  "Rule", NULL};
	const struct ph_kind *kind = ph_kind_find("rule");
	struct ph_table *table = ph_table_new(columns);
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(snapshot, &errors);

	for (guint i = 0; i < rules->len; i++)
		add_rule(table, g_ptr_array_index(rules, i), NULL);
	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], kind);

		if (name)
			ph_table_add(table,
				     (const char *[]){NULL, name, "Error", NULL,
						      errors[i].text});
	}
	ph_table_print(table);
	ph_table_free(&table);
}

static void
list_json(const struct ph_snapshot *snapshot, const GPtrArray *rules)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	json_t *array = json_array();
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(snapshot, &errors);

	for (guint i = 0; i < rules->len; i++) {
		const struct ph_object *rule = g_ptr_array_index(rules, i);
		json_t *json = ph_object_json(rule, false);

		json_object_set_new(json, "State", ph_json_text(state(rule)));
		json_array_append_new(array, json);
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], kind);
		json_t *json = name ? json_object() : NULL;

		if (!name)
			continue;
		json_object_set_new(json, "Name", ph_json_text(name));
		json_object_set_new(json, "State", ph_json_text("Error"));
		json_object_set_new(json, "Problem",
				    ph_json_text(errors[i].text));
		json_array_append_new(array, json);
	}
	ph_json_print(array);
}

int
ph_rule_list(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) rules = NULL;
	struct ph_snapshot *snapshot = NULL;
	int status = PH_EXIT_YES;

	(void)input;
	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	rules = sorted_rules(snapshot);
	if (cli->json)
		list_json(snapshot, rules);
	else
		list_table(snapshot, rules);
	ph_snapshot_unref(&snapshot);
	return PH_EXIT_YES;
}

/* ---- enable, disable ---------------------------------------------------- */

static int
plan_enabled(struct ph_change *change, const void *context)
{
	const char *value = context;

	if (change->stored->len == 0)
		return ph_cli_fail(PH_EXIT_NO, "rule %s does not exist",
				   change->name);
	ph_change_set(change, "Enabled", value);
	return 0;
}

static int
enable(struct ph_cli *cli, const struct ph_input *input, const char *verb,
       const char *value)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	int status = PH_EXIT_YES;
	g_autofree char *name =
	    ph_name_find(cli, kind, input->words[0], &status);

	return name ? ph_change_run(cli, kind, name, verb, plan_enabled, value)
		    : status;
}

int
ph_rule_enable(struct ph_cli *cli, const struct ph_input *input)
{
	return enable(cli, input, "enable", "true");
}

int
ph_rule_disable(struct ph_cli *cli, const struct ph_input *input)
{
	return enable(cli, input, "disable", "false");
}
