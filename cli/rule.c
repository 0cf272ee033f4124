#include "cli/rule.h"

#include "cli/change.h"

#include <string.h>

/* ---- list --------------------------------------------------------------- */

int64_t
ph_rule_priority(const struct ph_object *rule)
{
	return ph_object_has(rule, "Priority") ? ph_object_int(rule, "Priority")
					       : INT64_MAX;
}

char *
ph_priority_text(int64_t priority)
{
	return priority == INT64_MAX
		   ? g_strdup("last")
		   : g_strdup_printf("%" G_GINT64_FORMAT, priority);
}

/* As the agent sorts them. */
static int
by_priority(gconstpointer a, gconstpointer b)
{
	const struct ph_object *x = *(const struct ph_object *const *)a;
	const struct ph_object *y = *(const struct ph_object *const *)b;

	if (ph_rule_priority(x) != ph_rule_priority(y))
		return ph_rule_priority(x) < ph_rule_priority(y) ? -1 : 1;
	return strcmp(ph_object_folded(x), ph_object_folded(y));
}

static const char *
state(const struct ph_object *rule)
{
	const char *word;

	if (ph_object_draft(rule))
		return "Draft";
	word = ph_object_text(rule, "State");
	return ph_object_bool(rule, "Enabled") &&
		       (!word || g_ascii_strcasecmp(word, "Enabled") == 0)
		   ? "Enabled"
		   : "Disabled";
}

char *
ph_rule_fields(const struct ph_object *rule, unsigned flag)
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
	g_autofree char *conditions = ph_rule_fields(rule, PH_FIELD_CONDITION);
	g_autofree char *actions = ph_rule_fields(rule, PH_FIELD_ACTION);
	g_autofree char *what =
	    g_strjoin(" -> ", *conditions ? conditions : "all messages",
		      *actions ? actions : "nothing", NULL);
	g_autofree char *shown = ph_shorten(what, 100);
	g_autofree char *first = ph_priority_text(ph_rule_priority(rule));

	ph_table_add(table,
		     (const char *[]){first, ph_object_name(rule), state(rule),
				      ph_object_text(rule, "Mode"),
				      problem ? problem : shown});
}

char *
ph_rule_problem(const struct ph_snapshot *local,
		const struct ph_snapshot_error *error)
{
	const char *name = ph_error_name(error, ph_kind_find("rule"));
	bool kept = local && ph_snapshot_find(local, "rule", name);

	return g_strdup_printf("%s; %s", error->text,
			       kept ? "the value before it stays in force here"
				    : "it is not in force here");
}

GPtrArray *
ph_rules_sorted(const struct ph_snapshot *snapshot)
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
list_table(const struct ph_snapshot *snapshot, const struct ph_snapshot *local,
	   const GPtrArray *rules)
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
		g_autofree char *problem =
		    name ? ph_rule_problem(local, &errors[i]) : NULL;

		if (name)
			ph_table_add(table,
				     (const char *[]){NULL, name, "Error", NULL,
						      problem});
	}
	ph_table_print(table);
	ph_table_free(&table);
}

static void
list_json(const struct ph_snapshot *snapshot, const struct ph_snapshot *local,
	  const GPtrArray *rules)
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
		json_object_set_new(
		    json, "PreviousInForce",
		    json_boolean(local &&
				 ph_snapshot_find(local, "rule", name)));
		json_array_append_new(array, json);
	}
	ph_json_print(array);
}

int
ph_rule_list(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) rules = NULL;
	struct ph_snapshot *snapshot = NULL, *local = NULL;
	const struct ph_snapshot_error *errors;
	int status = PH_EXIT_YES;

	(void)input;
	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	rules = ph_rules_sorted(snapshot);
	if (ph_snapshot_errors(snapshot, &errors) > 0)
		local = ph_cli_local_snapshot(cli, NULL, NULL);
	if (cli->json)
		list_json(snapshot, local, rules);
	else
		list_table(snapshot, local, rules);
	ph_snapshot_unref(&local);
	ph_snapshot_unref(&snapshot);
	return PH_EXIT_YES;
}

/* ---- enable, disable ---------------------------------------------------- */

int
ph_rule_enable(struct ph_cli *cli, const struct ph_input *input)
{
	return ph_change_field(cli, ph_kind_find("rule"), input->words[0],
			       "enable", "Enabled", "true");
}

int
ph_rule_disable(struct ph_cli *cli, const struct ph_input *input)
{
	return ph_change_field(cli, ph_kind_find("rule"), input->words[0],
			       "disable", "Enabled", "false");
}
