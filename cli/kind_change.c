#include "cli/kind.h"

#include "cli/change.h"
#include "cli/classify.h"
#include "lib/base/text.h"

#include <string.h>

/* The verbs of every kind that change it. */

/* ---- one field ----------------------------------------------------------- */

struct field {
	const char *name, *value;
};

static int
plan_field(struct ph_change *change, const void *context)
{
	const struct field *field = context;

	if (change->stored->len == 0)
		return ph_cli_fail(PH_EXIT_NO, "%s %s does not exist",
				   change->kind->name, change->name);
	ph_change_set(change, field->name, field->value);
	return 0;
}

int
ph_change_field(struct ph_cli *cli, const struct ph_kind *kind,
		const char *typed, const char *verb, const char *field,
		const char *value)
{
	const struct field wanted = {field, value};
	int status = PH_EXIT_YES;
	g_autofree char *name = ph_name_find(cli, kind, typed, &status);

	return name ? ph_change_run(cli, kind, name, verb, plan_field, &wanted)
		    : status;
}

/* ---- set ---------------------------------------------------------------- */

static int
refuse_field(const struct ph_kind *kind, const char *typed)
{
	const char *near = ph_kind_suggest(kind, typed);

	return ph_cli_fail(
	    PH_EXIT_USAGE, "%s has no field \"%s\"%s%s%s", kind->name, typed,
	    near ? "; did you mean " : "; \"posthub ", near ? near : kind->name,
	    near ? "?" : " -h\" lists those there are");
}

/* name is taken. 0, or the exit code. */
static int
add_field(const char *typed, char *name, GPtrArray *fields)
{
	for (guint i = 0; i < fields->len; i++) {
		if (g_ascii_strcasecmp(g_ptr_array_index(fields, i), name) != 0)
			continue;
		g_free(name);
		return ph_cli_fail(PH_EXIT_USAGE, "%s is given twice", typed);
	}
	g_ptr_array_add(fields, name);
	return 0;
}

static int
take_field(const struct ph_kind *kind, const char *typed, GPtrArray *fields)
{
	char *name = ph_field_name(kind, typed);
	const char *near = ph_kind_suggest(kind, typed);

	if (!name)
		return refuse_field(kind, typed);
	if (near && !ph_kind_field(kind, typed, NULL))
		ph_cli_warn("%s is kept as an attribute of the directory; did "
			    "you mean %s?",
			    typed, near);
	return add_field(typed, name, fields);
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
		return ph_cli_fail(PH_EXIT_NO_INPUT, "%s", error->message);
	if (ph_package_decode(content, size, &decoded, &size, &err) < 0)
		return ph_cli_fail(PH_EXIT_DATA, "%s: %s", text + 1, err.text);
	g_ptr_array_add(values, decoded);
	return 0;
}

struct assignments {
	GPtrArray *fields, *values;
};

static int
refuse_nothing(const struct ph_kind *kind)
{
	return ph_cli_fail(PH_EXIT_USAGE,
			   "nothing to set; expected Field=Value, and "
			   "\"posthub %s -h\" lists the fields",
			   kind->name);
}

/* Redis has no empty hash: an object of which nothing is said is there by a
 * field that says what is so anyway. NULL: it would be of no use, or may not
 * be. */
static const struct ph_field *
default_field(const struct ph_kind *kind)
{
	const struct ph_field *found = NULL;

	if (kind->flags & (PH_KIND_SINGLETON | PH_KIND_STRING))
		return NULL;
	for (const struct ph_field *f = kind->fields; f->name; f++) {
		if (f->flags & PH_FIELD_ACTION)
			return NULL;
		if (!found && f->value && f->flags == 0)
			found = f;
	}
	return found;
}

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
	return a->fields->len > 0 || default_field(input->kind)
		   ? 0
		   : refuse_nothing(input->kind);
}

/* What has no field is not there. */
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
	const struct ph_field *field = default_field(change->kind);

	if (a->fields->len == 0 && change->stored->len > 0)
		return refuse_nothing(change->kind);
	if (a->fields->len == 0)
		ph_change_set(change, field->name, field->value);
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

static void
warn_types(struct ph_cli *cli, const struct ph_kind *kind,
	   const struct assignments *a)
{
	for (guint i = 0; i < a->fields->len; i++) {
		const char *name = g_ptr_array_index(a->fields, i);
		const struct ph_field *field = ph_kind_field(kind, name, NULL);

		if (field && (field->flags & PH_FIELD_SENSITIVE))
			ph_classify_warn(cli, name,
					 g_ptr_array_index(a->values, i));
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
		warn_types(cli, kind, a);
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
	int status = ph_kind_name(input, &name, &rest);

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
	status = ph_change_run(cli, input->kind, name, "set", plan_set, &a);
	if (status == PH_EXIT_YES && (input->kind->flags & PH_KIND_DIRECTORY))
		ph_recipient_warn(cli, input->kind, name);
	return status;
}

/* ---- unset, remove ------------------------------------------------------ */

/* What was typed into Redis by hand goes, though it is no field. */
static int
plan_unset(struct ph_change *change, const void *context)
{
	const GPtrArray *fields = context;

	for (guint i = 0; i < fields->len; i++) {
		const char *field = g_ptr_array_index(fields, i);
		g_autofree char *name = ph_field_name(change->kind, field);

		if (!ph_change_unset(change, field) && !name)
			return refuse_field(change->kind, field);
	}
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
	int status = ph_kind_name(input, &typed, &rest);

	if (status == 0 && ph_recipient_refused(cli, input->kind, &status))
		return status;
	for (size_t i = rest; status == 0 && i < input->n; i++) {
		const char *word = input->words[i];
		char *field = ph_field_name(input->kind, word);

		status =
		    add_field(word, field ? field : g_strdup(word), fields);
	}
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
		(void)ph_cli_unread(&err);
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
	int status = ph_kind_name(input, &typed, &rest);

	if (status != 0 || ph_recipient_refused(cli, input->kind, &status))
		return status;
	name = ph_name_find(cli, input->kind, typed, &status);
	if (!name || remove_wrong_type(cli, input->kind, name, &status) != 0)
		return status;
	return ph_change_run(cli, input->kind, name, "remove", plan_remove,
			     NULL);
}
