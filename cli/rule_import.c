#include "cli/rule_import.h"

#include "cli/change.h"
#include "cli/rule.h"
#include "lib/base/text.h"
#include "lib/classify/package.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct ph_option ph_rule_import_options[] = {
    {"replace", NULL, "remove the rules that are not in the file"},
    {"dry-run", NULL, "say what would happen, and change nothing"},
    {NULL, NULL, NULL},
};

/* What became of a rule, as it is told. */
enum outcome { ADDED, CHANGED, UNCHANGED, REMOVED, OUTCOMES };

static const char *const outcomes[OUTCOMES] = {"Added", "Changed", "Unchanged",
					       "Removed"};

struct import {
	struct ph_cli *cli;
	const struct ph_kind *kind;
	const struct ph_snapshot *snapshot;
	bool replace;
	int64_t next;	    /* Priority of the next one that is new */
	GPtrArray *names;   /* as in keys, in order */
	GHashTable *rules;  /* folded name: GPtrArray of field, value, ... */
	GHashTable *became; /* name: enum outcome + 1 */
	json_t *rejected;
};

/* ---- one rule ----------------------------------------------------------- */

static void
reject(struct import *import, const char *name, const char *why)
{
	json_t *row = json_object();

	ph_cli_fail(PH_EXIT_DATA, "rule %s: not imported: %s", name, why);
	ph_json_set(row, "Rule", name);
	ph_json_set(row, "Problem", why);
	json_array_append_new(import->rejected, row);
}

/* "rule X: text", where the rule is named anyway. */
static const char *
without_name(const char *text, const char *name)
{
	g_autofree char *start = g_strdup_printf("rule %s: ", name);

	return g_str_has_prefix(text, start) ? text + strlen(start) : text;
}

/* The whole rule, or the reason why not. */
static int
check_rule(struct import *import, const char *name, const GPtrArray *rule,
	   struct ph_err *err)
{
	struct ph_object *object = NULL;
	g_autofree struct ph_pair *pairs = g_new0(struct ph_pair, rule->len);
	g_autofree char *folded = ph_fold(name);
	struct ph_err why = PH_ERR_INIT;

	if (g_hash_table_contains(import->rules, folded))
		return ph_err_set(err, PH_ERR_PERM, "it is in the file twice");
	for (guint i = 0; i + 1 < rule->len; i += 2)
		pairs[i / 2] =
		    (struct ph_pair){rule->pdata[i], rule->pdata[i + 1]};
	if (ph_object_parse(import->kind, name, pairs, rule->len / 2, &object,
			    &why) < 0)
		return ph_err_set(err, PH_ERR_PERM, "%s",
				  without_name(why.text, name));
	ph_object_unref(&object);
	return 0;
}

/* One that is there already keeps its name's spelling and, unless all are
 * replaced, its place. */
static void
take_rule(struct import *import, const char *name, GPtrArray *rule)
{
	char *known = ph_object_known(import->snapshot, import->kind, name);

	if (import->replace || !known) {
		g_ptr_array_add(rule, g_strdup("Priority"));
		g_ptr_array_add(rule,
				g_strdup_printf("%" PRId64, import->next++));
	}
	g_ptr_array_add(import->names, known ? known : g_strdup(name));
	g_hash_table_insert(import->rules, ph_fold(name),
			    g_ptr_array_ref(rule));
}

static void
read_rule(void *context, const char *name, const char *command)
{
	struct import *import = context;
	g_autoptr(GPtrArray) rule = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *own = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (ph_rule_import_fields(import->kind, command, rule, &own, &err) <
		0 ||
	    check_rule(import, own ? own : name, rule, &err) < 0)
		reject(import, own ? own : name, err.text);
	else
		take_rule(import, own ? own : name, rule);
}

/* ---- planning ----------------------------------------------------------- */

static const char *
value_in(const GPtrArray *rule, const char *field)
{
	for (guint i = 0; i + 1 < rule->len; i += 2)
		if (strcmp(rule->pdata[i], field) == 0)
			return rule->pdata[i + 1];
	return NULL;
}

static void
unset_others(struct ph_change *change, const GPtrArray *rule)
{
	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		const char *stored = change->stored->pdata[i];
		g_autofree char *name = ph_field_name(change->kind, stored);

		if (g_strcmp0(name, "Priority") != 0 &&
		    (!rule || !name || !value_in(rule, name)))
			g_ptr_array_add(change->unset, g_strdup(stored));
	}
}

static enum outcome
plan_rule(struct ph_change *change, const GPtrArray *rule)
{
	unset_others(change, rule);
	for (guint i = 0; i + 1 < rule->len; i += 2)
		if (g_strcmp0(ph_change_get(change, rule->pdata[i]),
			      rule->pdata[i + 1]) != 0)
			ph_change_set(change, rule->pdata[i],
				      rule->pdata[i + 1]);
	if (change->stored->len == 0)
		return ADDED;
	change->nothing = change->set->len == 0 && change->unset->len == 0;
	return change->nothing ? UNCHANGED : CHANGED;
}

static int
plan(struct ph_change *change, const void *context)
{
	const struct import *import = context;
	g_autofree char *folded = ph_fold(change->name);
	const GPtrArray *rule = g_hash_table_lookup(import->rules, folded);
	enum outcome outcome = REMOVED;

	if (rule) {
		outcome = plan_rule(change, rule);
	} else {
		for (guint i = 0; i + 1 < change->stored->len; i += 2)
			g_ptr_array_add(change->unset,
					g_strdup(change->stored->pdata[i]));
		change->nothing = change->unset->len == 0;
	}
	g_hash_table_replace(import->became, g_strdup(change->name),
			     GUINT_TO_POINTER(outcome + 1));
	return 0;
}

/* The same, with nothing written. */
static int
try_all(struct import *import)
{
	for (guint i = 0; i < import->names->len; i++) {
		struct ph_change *change =
		    ph_change_new(import->cli, import->kind,
				  import->names->pdata[i], "import");
		struct ph_err err = PH_ERR_INIT;
		int status = 0;

		if (ph_stored_read(import->cli, import->kind, change->name,
				   &change->stored, &err) < 0)
			status = ph_cli_err(&err);
		else
			(void)plan(change, import);
		ph_change_free(change);
		if (status != 0)
			return status;
	}
	return 0;
}

/* ---- the rules that are there ------------------------------------------- */

/* The first that is behind all that have one. */
static int64_t
next_priority(const struct ph_snapshot *snapshot)
{
	g_autoptr(GPtrArray) rules = ph_rules_sorted(snapshot);
	int64_t next = 0;

	for (guint i = 0; i < rules->len; i++) {
		const int64_t priority = ph_rule_priority(rules->pdata[i]);

		if (priority != INT64_MAX)
			next = MAX(next, priority + 1);
	}
	return next;
}

static void
remove_other(struct import *import, const char *name)
{
	g_autofree char *folded = ph_fold(name);

	if (!g_hash_table_contains(import->rules, folded))
		g_ptr_array_add(import->names, g_strdup(name));
}

/* All that are not in the file, those that are not valid as well. */
static void
remove_others(struct import *import)
{
	const struct ph_snapshot_error *errors;
	size_t n;
	const struct ph_object *const *rules =
	    ph_snapshot_list(import->snapshot, import->kind->name, &n);

	for (size_t i = 0; i < n; i++)
		remove_other(import, ph_object_name(rules[i]));
	n = ph_snapshot_errors(import->snapshot, &errors);
	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], import->kind);

		if (name)
			remove_other(import, name);
	}
}

/* ---- telling ------------------------------------------------------------ */

static json_t *
names_of(const struct import *import, enum outcome outcome)
{
	json_t *list = json_array();

	for (guint i = 0; i < import->names->len; i++) {
		const char *name = import->names->pdata[i];

		if (GPOINTER_TO_UINT(g_hash_table_lookup(import->became,
							 name)) == outcome + 1u)
			json_array_append_new(list, ph_json_text(name));
	}
	return list;
}

static void
tell(const struct import *import, bool dry_run)
{
	json_t *all = json_object();

	for (int i = 0; i < OUTCOMES; i++)
		json_object_set_new(all, outcomes[i],
				    names_of(import, (enum outcome)i));
	json_object_set(all, "Rejected", import->rejected);
	if (import->cli->json) {
		ph_json_print(all);
		return;
	}
	for (int i = 0; i < OUTCOMES; i++)
		printf("%s: %zu\n", outcomes[i],
		       json_array_size(json_object_get(all, outcomes[i])));
	printf("Rejected: %zu\n", json_array_size(import->rejected));
	if (dry_run)
		puts("Nothing was changed.");
	json_decref(all);
}

/* ---- the verb ----------------------------------------------------------- */

static int
read_file(struct import *import, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *content = NULL, *text = NULL;
	struct ph_err err = PH_ERR_INIT;
	gsize size;

	if (!g_file_get_contents(strcmp(path, "-") == 0 ? "/dev/stdin" : path,
				 &content, &size, &error))
		return ph_cli_fail(PH_EXIT_NO_INPUT, "%s", error->message);
	if (ph_package_decode(content, size, &text, &size, &err) < 0 ||
	    ph_rule_import_parse(text, size, read_rule, import, &err) < 0)
		return ph_cli_fail(PH_EXIT_DATA, "%s: %s", path, err.text);
	return 0;
}

static int
apply(struct import *import, bool dry_run)
{
	g_autofree const char **names =
	    g_new0(const char *, import->names->len + 1);

	if (import->names->len == 0)
		return 0;
	if (dry_run)
		return try_all(import);
	for (guint i = 0; i < import->names->len; i++)
		names[i] = import->names->pdata[i];
	return ph_changes_run(import->cli, import->kind, names, "import", plan,
			      import);
}

static int
run(struct import *import, const struct ph_input *input)
{
	const bool dry_run = ph_input_option(input, "dry-run") != NULL;
	int status;

	import->next = import->replace ? 0 : next_priority(import->snapshot);
	status = read_file(import, input->words[0]);
	/* What could not be read would be lost. */
	if (status == 0 && import->replace &&
	    json_array_size(import->rejected) > 0)
		return ph_cli_fail(PH_EXIT_DATA,
				   "nothing was changed, because --replace "
				   "removes what was not imported");
	if (status == 0 && import->replace)
		remove_others(import);
	if (status == 0)
		status = apply(import, dry_run);
	if (status != 0)
		return status;
	tell(import, dry_run);
	return json_array_size(import->rejected) > 0 ? PH_EXIT_DATA
						     : PH_EXIT_YES;
}

int
ph_rule_import(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_snapshot *snapshot = NULL;
	struct import import = {.cli = cli, .kind = ph_kind_find("rule")};
	int status;

	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	import.snapshot = snapshot;
	import.replace = ph_input_option(input, "replace") != NULL;
	import.names = g_ptr_array_new_with_free_func(g_free);
	import.rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     (GDestroyNotify)g_ptr_array_unref);
	import.became =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	import.rejected = json_array();
	status = run(&import, input);
	json_decref(import.rejected);
	g_hash_table_unref(import.became);
	g_hash_table_unref(import.rules);
	g_ptr_array_unref(import.names);
	ph_snapshot_unref(&snapshot);
	return status;
}
