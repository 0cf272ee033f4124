#include "cli/kind.h"

#include "cli/change.h"
#include "cli/classify.h"
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

/* Errors of the kind whose object is not in the list. */
static size_t
count_errors(const struct ph_snapshot *snapshot, const struct ph_kind *kind)
{
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(snapshot, &errors), found = 0;

	for (size_t i = 0; i < n; i++)
		found += ph_error_name(&errors[i], kind) != NULL;
	return found;
}

static void
list_table(const struct ph_snapshot *snapshot, const struct ph_kind *kind)
{
	size_t n, n_errors;
	const struct ph_object *const *objects =
	    ph_snapshot_list(snapshot, kind->name, &n);
	const struct ph_snapshot_error *errors;
	g_autofree const char **columns =
	    list_columns(kind, objects, n, count_errors(snapshot, kind) > 0);
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

/*
 * The name among the words, and where the rest begins. A singleton has none.
 * 0, or the exit code.
 */
static int
take_name(const struct ph_input *input, const char **name_r, size_t *rest_r)
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

void
ph_object_show(const struct ph_cli *cli, const struct ph_object *object,
	       bool all)
{
	static const char *const columns[] = {"Field", "Value", NULL};
	const struct ph_kind *kind = ph_object_kind(object);
	struct ph_table *table;
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs);

	if (cli->json) {
		ph_json_print(ph_object_json(object, all));
		return;
	}
	table = ph_table_new(columns);
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
	ph_table_print(table);
	ph_table_free(&table);
}

/* What is not valid is shown as it is stored. */
static void
show_stored(const struct ph_cli *cli, const struct ph_kind *kind,
	    const GPtrArray *stored)
{
	static const char *const columns[] = {"Field", "Value", NULL};
	struct ph_table *table = ph_table_new(columns);
	json_t *json = json_object();

	for (guint i = 0; i + 1 < stored->len; i += 2) {
		const char *name = g_ptr_array_index(stored, i);
		const struct ph_field *field = ph_kind_field(kind, name, NULL);
		const char *value = field && (field->flags & PH_FIELD_SECRET)
					? "(hidden)"
					: g_ptr_array_index(stored, i + 1);

		ph_table_add(table, (const char *[]){name, value});
		json_object_set_new(json, name, ph_json_text(value));
	}
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
	int status = take_name(input, &typed, &rest);

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
		show_stored(cli, kind, stored);
		return ph_cli_fail(PH_EXIT_DATA, "%s", err.text);
	}
	ph_object_show(cli, object, all);
	ph_object_unref(&object);
	return PH_EXIT_YES;
}

/* ---- set ---------------------------------------------------------------- */

/* Field, value, field, value, ...; 0, or the exit code. */
static int
take_field(const struct ph_kind *kind, const char *typed, GPtrArray *fields)
{
	char *name = ph_field_name(kind, typed);
	const char *near = ph_kind_suggest(kind, typed);

	if (!name)
		return ph_cli_fail(
		    PH_EXIT_USAGE, "%s has no field \"%s\"%s%s%s", kind->name,
		    typed, near ? "; did you mean " : "; \"posthub ",
		    near ? near : kind->name,
		    near ? "?" : " -h\" lists those there are");
	if (near && !ph_kind_field(kind, typed, NULL))
		ph_cli_warn("%s is kept as an attribute of the directory; did "
			    "you mean %s?",
			    typed, near);
	for (guint i = 0; i < fields->len; i++) {
		if (g_ascii_strcasecmp(g_ptr_array_index(fields, i), name) != 0)
			continue;
		g_free(name);
		return ph_cli_fail(PH_EXIT_USAGE, "%s is given twice", typed);
	}
	g_ptr_array_add(fields, name);
	return 0;
}

/* A package does not fit on a command line: Value=@FILE, or @FILE alone. It may
 * be UTF-16, as Exchange gives it. */
static int
take_value(const struct ph_kind *kind, const char *text, GPtrArray *values)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *content = NULL;
	struct ph_err err = PH_ERR_INIT;
	char *decoded;
	gsize size;

	if (!(kind->flags & PH_KIND_STRING) || text[0] != '@') {
		g_ptr_array_add(values, g_strdup(text));
		return 0;
	}
	if (!g_file_get_contents(text + 1, &content, &size, &error))
		return ph_cli_fail(PH_EXIT_DATA, "%s", error->message);
	if (ph_package_decode(content, size, &decoded, &size, &err) < 0)
		return ph_cli_fail(PH_EXIT_DATA, "%s: %s", text + 1, err.text);
	g_ptr_array_add(values, decoded);
	return 0;
}

struct assignments {
	GPtrArray *fields, *values;
};

static int
take_assignments(const struct ph_input *input, size_t from,
		 const struct assignments *a)
{
	for (size_t i = from; i < input->n; i++) {
		const char *word = input->words[i];
		const char *equals = strchr(word, '=');
		g_autofree char *typed = NULL;
		int status;

		if ((input->kind->flags & PH_KIND_STRING) && word[0] == '@') {
			typed = g_strdup(input->kind->fields->name);
		} else if (!equals || equals == word) {
			return ph_cli_fail(PH_EXIT_USAGE,
					   "\"%s\" is not Field=Value", word);
		} else {
			typed = g_strndup(word, (gsize)(equals - word));
			word = equals + 1;
		}
		status = take_field(input->kind, typed, a->fields);
		if (status == 0)
			status = take_value(input->kind, word, a->values);
		if (status != 0)
			return status;
	}
	if (a->fields->len == 0)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "nothing to set; expected Field=Value, and "
				   "\"posthub %s -h\" lists the fields",
				   input->kind->name);
	return 0;
}

/* Redis has no empty hash: what has no field is not there. */
static int
check_left(const struct ph_change *change)
{
	if (change->set->len > 0 ||
	    change->unset->len < change->stored->len / 2 ||
	    (change->kind->flags & PH_KIND_SINGLETON))
		return 0;
	return ph_cli_fail(PH_EXIT_DATA,
			   "nothing would be left of %s %s; use \"posthub %s "
			   "remove\"",
			   change->kind->name, change->name,
			   change->kind->name);
}

static int
plan_set(struct ph_change *change, const void *context)
{
	const struct assignments *a = context;

	for (guint i = 0; i < a->fields->len; i++)
		ph_change_set(change, g_ptr_array_index(a->fields, i),
			      g_ptr_array_index(a->values, i));
	/* Only what is typed into Redis by hand may be a draft. */
	if (strcmp(change->kind->name, "rule") == 0 &&
	    !ph_change_get(change, "Enabled") &&
	    !g_ptr_array_find_with_equal_func(a->fields, "Enabled", g_str_equal,
					      NULL))
		ph_change_set(change, "Enabled", "true");
	return check_left(change);
}

/* A name that nobody has yet may come later; say so. */
static void
warn_references(const struct ph_snapshot *snapshot, const struct ph_kind *kind,
		const struct assignments *a)
{
	for (guint i = 0; i < a->fields->len; i++) {
		const struct ph_field *field =
		    ph_kind_field(kind, g_ptr_array_index(a->fields, i), NULL);
		const char *value = g_ptr_array_index(a->values, i);
		const struct ph_kind *other =
		    field && field->refers ? ph_kind_find(field->refers) : NULL;
		g_auto(GStrv) names = NULL;

		if (!other || (other->flags & PH_KIND_DIRECTORY) ||
		    ph_parse_list(value, &names, NULL) < 0)
			continue;
		for (char **name = names; *name; name++) {
			if (!ph_snapshot_find(snapshot, other->name, *name))
				ph_cli_warn("%s: %s %s does not exist",
					    field->name, other->name, *name);
		}
	}
}

/* Two keys that differ in case alone are an error for both: refused here. */
static int
check_name(struct ph_cli *cli, const struct ph_kind *kind, const char *name,
	   const struct assignments *a)
{
	g_autofree char *known = NULL;
	int status = PH_EXIT_YES;

	if (kind->flags & PH_KIND_DIRECTORY) {
		if (ph_recipient_known(cli, kind, name, &known, &status) < 0)
			return status;
	} else {
		struct ph_snapshot *snapshot = NULL;

		if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
			return status;
		if (!(kind->flags & PH_KIND_SINGLETON))
			known = ph_object_known(snapshot, kind, name);
		warn_references(snapshot, kind, a);
		ph_snapshot_unref(&snapshot);
	}
	if (known && strcmp(known, name) != 0)
		return ph_cli_fail(PH_EXIT_DATA,
				   "%s %s exists as \"%s\"; names that differ "
				   "in case alone are an error for both",
				   kind->name, name, known);
	return PH_EXIT_YES;
}

int
ph_kind_set(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
	const struct assignments a = {fields, values};
	const char *name;
	size_t rest;
	int status = take_name(input, &name, &rest);

	if (status == 0 && ph_recipient_refused(cli, input->kind, &status))
		return status;
	if (status == 0)
		status = take_assignments(input, rest, &a);
	if (status == 0 && (input->kind->flags & PH_KIND_STRING))
		status = ph_package_try(cli, name, values->pdata[0]);
	if (status == 0 && ph_cli_may_write(cli, &status) == 0)
		status = check_name(cli, input->kind, name, &a);
	if (status != 0)
		return status;
	return ph_change_run(cli, input->kind, name, "set", plan_set, &a);
}

/* ---- unset, remove ------------------------------------------------------ */

static int
plan_unset(struct ph_change *change, const void *context)
{
	const GPtrArray *fields = context;

	for (guint i = 0; i < fields->len; i++)
		ph_change_unset(change, g_ptr_array_index(fields, i));
	change->nothing = change->unset->len == 0;
	return change->nothing ? 0 : check_left(change);
}

int
ph_kind_unset(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *name = NULL;
	const char *typed;
	size_t rest;
	int status = take_name(input, &typed, &rest);

	if (status == 0 && ph_recipient_refused(cli, input->kind, &status))
		return status;
	for (size_t i = rest; status == 0 && i < input->n; i++)
		status = take_field(input->kind, input->words[i], fields);
	if (status == 0 && fields->len == 0)
		status = ph_cli_fail(PH_EXIT_USAGE,
				     "nothing to unset; expected field names");
	if (status != 0)
		return status;
	name = ph_name_find(cli, input->kind, typed, &status);
	return name ? ph_change_run(cli, input->kind, name, "unset", plan_unset,
				    fields)
		    : status;
}

static int
plan_remove(struct ph_change *change, const void *context)
{
	(void)context;
	for (guint i = 0; i + 1 < change->stored->len; i += 2)
		g_ptr_array_add(change->unset,
				g_strdup(g_ptr_array_index(change->stored, i)));
	if (change->stored->len > 0)
		return 0;
	return ph_cli_fail(PH_EXIT_NO, "%s %s does not exist",
			   change->kind->name, change->name);
}

/* A key that is not even of the right Redis type: 1 gone; 0: it is of the
 * right type; -1: said why. */
static int
remove_wrong_type(struct ph_cli *cli, const struct ph_kind *kind,
		  const char *name, int *status_r)
{
	g_autofree char *object = ph_object_key(kind, name);
	g_autofree char *key = ph_cli_key(cli, object);
	const char *right = kind->flags & PH_KIND_STRING ? "string" : "hash";
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	bool wrong;

	if (ph_redis_call(cli->redis, &reply, &err, "TYPE", key, NULL) < 0) {
		*status_r = ph_cli_err(&err);
		return -1;
	}
	wrong = strcmp(ph_reply_text(reply, NULL), right) != 0 &&
		strcmp(ph_reply_text(reply, NULL), "none") != 0;
	ph_reply_free(&reply);
	if (!wrong)
		return 0;
	if (ph_cli_may_write(cli, status_r) < 0)
		return -1;
	if (ph_redis_call(cli->redis, &reply, &err, "DEL", key, NULL) < 0) {
		*status_r = ph_cli_err(&err);
		return -1;
	}
	ph_reply_free(&reply);
	return 1;
}

int
ph_kind_remove(struct ph_cli *cli, const struct ph_input *input)
{
	g_autofree char *name = NULL;
	const char *typed;
	size_t rest;
	int status = take_name(input, &typed, &rest);

	if (status != 0 || ph_recipient_refused(cli, input->kind, &status))
		return status;
	name = ph_name_find(cli, input->kind, typed, &status);
	if (!name || remove_wrong_type(cli, input->kind, name, &status) != 0)
		return status;
	return ph_change_run(cli, input->kind, name, "remove", plan_remove,
			     NULL);
}
