#include "cli/kind.h"

#include "cli/change.h"
#include "lib/base/text.h"

#include <string.h>

/* The verbs that every kind has. */

#define COLUMNS_MAX 6
#define SHOWN_MAX 40

const struct ph_option ph_kind_show_options[] = {
    {"all", NULL, "with the defaults of what is not set"},
    {NULL, NULL, NULL},
};

/* ---- list --------------------------------------------------------------- */

/* Name, the first fields that any object has, and Problem if there is one. */
static const char **
list_columns(const struct ph_kind *kind, const struct ph_object *const *objects,
	     size_t n, bool problems)
{
	GPtrArray *names = g_ptr_array_new();

	g_ptr_array_add(names, (gpointer) "Name");
	for (const struct ph_field *f = kind->fields; f->name; f++) {
		bool used = false;

		for (size_t i = 0; !used && i < n; i++)
			used = ph_object_has(objects[i], f->name);
		if (used && names->len <= COLUMNS_MAX)
			g_ptr_array_add(names, (gpointer)f->name);
	}
	if (problems)
		g_ptr_array_add(names, (gpointer) "Problem");
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

static void
add_object(struct ph_table *table, const char *const *columns,
	   const struct ph_object *object, const char *problem)
{
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(values, g_strdup(ph_object_name(object)));
	for (columns++; *columns; columns++) {
		g_autofree char *shown =
		    strcmp(*columns, "Problem") == 0
			? g_strdup(problem)
			: ph_object_shown(object, *columns);

		g_ptr_array_add(values, strcmp(*columns, "Problem") == 0
					    ? g_steal_pointer(&shown)
					: shown ? ph_shorten(shown, SHOWN_MAX)
						: NULL);
	}
	ph_table_add(table, (const char *const *)(gpointer)values->pdata);
}

static void
add_error(struct ph_table *table, const char *const *columns, const char *name,
	  const char *text)
{
	size_t n = g_strv_length((char **)columns);
	g_autofree const char **values = g_new0(const char *, n + 1);

	values[0] = name;
	values[n - 1] = text;
	ph_table_add(table, values);
}

static void
list_table(const struct ph_snapshot *snapshot, const struct ph_kind *kind)
{
	size_t n, n_errors;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, kind->name, &n);
	const struct ph_snapshot_error *errors;
	g_autofree const char **columns =
	    list_columns(kind, objects, n, ph_errors_count(snapshot, kind) > 0);
	struct ph_table *table = ph_table_new(columns);

	for (size_t i = 0; i < n; i++)
		add_object(table, columns, objects[i], NULL);
	n_errors = ph_snapshot_errors(snapshot, &errors);
	for (size_t i = 0; i < n_errors; i++) {
		const char *name = ph_error_name(&errors[i], kind);

		if (name)
			add_error(table, columns, name, errors[i].text);
	}
	ph_table_print(table);
	ph_table_free(&table);
}

static void
list_json(const struct ph_snapshot *snapshot, const struct ph_kind *kind)
{
	json_t *array = json_array();
	size_t n;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, kind->name, &n);
	const struct ph_snapshot_error *errors;
	size_t n_errors = ph_snapshot_errors(snapshot, &errors);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, ph_object_json(objects[i], false));
	for (size_t i = 0; i < n_errors; i++) {
		const char *name = ph_error_name(&errors[i], kind);
		json_t *object = name ? json_object() : NULL;

		if (!name)
			continue;
		json_object_set_new(object, "Name", ph_json_text(name));
		json_object_set_new(object, "Problem",
				    ph_json_text(errors[i].text));
		json_array_append_new(array, object);
	}
	ph_json_print(array);
}

int
ph_kind_list(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_snapshot *snapshot = NULL;
	int status = PH_EXIT_YES;

	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	if (cli->json)
		list_json(snapshot, input->kind);
	else
		list_table(snapshot, input->kind);
	ph_snapshot_unref(&snapshot);
	return PH_EXIT_YES;
}

/* ---- names of the other verbs ------------------------------------------- */

int
ph_kind_name(const struct ph_input *input, const char **name_r, size_t *rest_r)
{
	const struct ph_kind *kind = input->kind;
	const char *word = input->words[0];
	g_autofree char *field = NULL, *known = NULL;

	*rest_r = kind->flags & PH_KIND_SINGLETON ? 0 : 1;
	*name_r = *rest_r == 0 ? "" : word;
	if (*rest_r == 0)
		return 0;
	if (!word || !*word)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "NAME is missing; \"posthub %s list\" shows "
				   "those there are",
				   kind->name);
	field = g_strndup(word, strcspn(word, "="));
	if (strchr(word, '=') && ph_kind_field(kind, field, NULL))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "NAME is missing before \"%s\"", word);
	return 0;
}

/* ---- show --------------------------------------------------------------- */

struct ph_table *
ph_object_table(const struct ph_object *object, bool all)
{
	static const char *const columns[] = {"Field", "Value", NULL};
	const struct ph_kind *kind = ph_object_kind(object);
	struct ph_table *table = ph_table_new(columns);
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs);

	if (!(kind->flags & PH_KIND_SINGLETON))
		ph_table_add(table,
			     (const char *[]){"Name", ph_object_name(object)});
	for (size_t i = 0; i < n; i++) {
		g_autofree char *shown =
		    ph_object_shown(object, pairs[i].field);

		ph_table_add(table, (const char *[]){pairs[i].field, shown});
	}
	for (const struct ph_field *f = kind->fields; all && f->name; f++) {
		if (!ph_object_has(object, f->name))
			ph_table_add(table,
				     (const char *[]){f->name, f->value});
	}
	if (ph_object_draft(object))
		ph_table_add(table, (const char *[]){"Draft", "true"});
	return table;
}

void
ph_object_show(const struct ph_cli *cli, const struct ph_object *object,
	       bool all)
{
	struct ph_table *table;

	if (cli->json) {
		ph_json_print(ph_object_json(object, all));
		return;
	}
	table = ph_object_table(object, all);
	ph_table_print(table);
	ph_table_free(&table);
}

/* What is not valid is shown as it is stored. */
static void
show_stored(const struct ph_cli *cli, const struct ph_kind *kind,
	    const char *name, const GPtrArray *stored, const char *problem)
{
	static const char *const columns[] = {"Field", "Value", NULL};
	struct ph_table *table = ph_table_new(columns);
	json_t *json = json_object();

	if (*name) {
		ph_table_add(table, (const char *[]){"Name", name});
		json_object_set_new(json, "Name", ph_json_text(name));
	}
	for (guint i = 0; i + 1 < stored->len; i += 2) {
		const char *typed = g_ptr_array_index(stored, i);
		const struct ph_field *field = ph_kind_field(kind, typed, NULL);
		const char *value = field && (field->flags & PH_FIELD_SECRET)
					? "(hidden)"
					: g_ptr_array_index(stored, i + 1);

		ph_table_add(table, (const char *[]){typed, value});
		json_object_set_new(json, typed, ph_json_text(value));
	}
	json_object_set_new(json, "Problem", ph_json_text(problem));
	if (cli->json)
		ph_json_print(json_incref(json));
	else
		ph_table_print(table);
	json_decref(json);
	ph_table_free(&table);
}

int
ph_kind_show(struct ph_cli *cli, const struct ph_input *input)
{
	const struct ph_kind *kind = input->kind;
	const bool all = ph_input_option(input, "all") != NULL;
	g_autoptr(GPtrArray) stored = NULL;
	g_autofree char *name = NULL;
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *typed;
	size_t rest;
	int status = ph_kind_name(input, &typed, &rest);

	if (status != 0)
		return status;
	if (input->n > rest)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "%s has no names; \"%s\" is too many",
				   kind->name, input->words[rest]);
	if (ph_recipient_in_ldap(cli, kind))
		return ph_recipient_show(cli, typed, all);
	if (kind->flags & PH_KIND_SINGLETON && ph_cli_redis(cli, &status) < 0)
		return status;
	name = kind->flags & PH_KIND_SINGLETON
		   ? g_strdup("")
		   : ph_name_find(cli, kind, typed, &status);
	if (!name)
		return status;
	if (ph_stored_read(cli, kind, name, &stored, &err) < 0)
		return ph_cli_err(&err);
	if (ph_stored_parse(kind, name, stored, &object, &err) < 0) {
		show_stored(cli, kind, name, stored, err.text);
		return ph_cli_fail(PH_EXIT_DATA, "%s", err.text);
	}
	ph_object_show(cli, object, all);
	ph_object_unref(&object);
	return PH_EXIT_YES;
}
