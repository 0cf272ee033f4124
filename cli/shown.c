#include "cli/kind.h"

#include "cli/change.h"
#include "lib/base/text.h"

#include <string.h>

#define HIDDEN "(hidden)"

static bool
is_secret(const struct ph_object *object, const char *field)
{
	const struct ph_field *row =
	    ph_kind_field(ph_object_kind(object), field, NULL);

	return row && (row->flags & PH_FIELD_SECRET);
}

char *
ph_object_shown(const struct ph_object *object, const char *field)
{
	const char *text = ph_object_text(object, field);

	return g_strdup(text && is_secret(object, field) ? HIDDEN : text);
}

static json_t *
list_json(const char *const *list)
{
	json_t *array = json_array();

	for (; *list; list++)
		json_array_append_new(array, ph_json_text(*list));
	return array;
}

static json_t *
field_json(const struct ph_object *object, const char *field)
{
	const struct ph_field *row =
	    ph_kind_field(ph_object_kind(object), field, NULL);
	g_autofree char *shown = ph_object_shown(object, field);

	if (!shown)
		return json_null();
	if (!row || (row->flags & PH_FIELD_SECRET))
		return ph_json_text(shown);
	switch (row->type) {
	case PH_TYPE_BOOL:
		return json_boolean(ph_object_bool(object, field));
	case PH_TYPE_SIZE:
		if (ph_object_int(object, field) == INT64_MAX)
			return json_string("unlimited");
		return json_integer(ph_object_int(object, field));
	case PH_TYPE_INT:
		return json_integer(ph_object_int(object, field));
	case PH_TYPE_LIST:
	case PH_TYPE_WORDS:
	case PH_TYPE_ADDRESSES:
	case PH_TYPE_NAMES:
	case PH_TYPE_PATTERNS:
	case PH_TYPE_DOMAINS:
	case PH_TYPE_RANGES:
	case PH_TYPE_ATTRIBUTE_WORDS:
	case PH_TYPE_ATTRIBUTE_PATTERNS:
		return list_json(ph_object_list(object, field));
	case PH_TYPE_TEXT:
	case PH_TYPE_FILTER:
	case PH_TYPE_SPAN:
	case PH_TYPE_DATE:
	case PH_TYPE_WORD:
	case PH_TYPE_ADDRESS:
	case PH_TYPE_ENDPOINT:
	case PH_TYPE_NAME:
	case PH_TYPE_HEADER:
		return ph_json_text(shown);
	}
	g_assert_not_reached();
}

json_t *
ph_object_json(const struct ph_object *object, bool all)
{
	const struct ph_kind *kind = ph_object_kind(object);
	json_t *json = json_object();
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(object, &pairs);

	if (!(kind->flags & PH_KIND_SINGLETON))
		json_object_set_new(json, "Name",
				    ph_json_text(ph_object_name(object)));
	for (size_t i = 0; i < n; i++)
		json_object_set_new(json, pairs[i].field,
				    field_json(object, pairs[i].field));
	for (const struct ph_field *f = kind->fields; all && f->name; f++) {
		if (!ph_object_has(object, f->name))
			json_object_set_new(json, f->name,
					    field_json(object, f->name));
	}
	if (ph_object_draft(object))
		json_object_set_new(json, "Draft", json_true());
	return json;
}

/* ---- names -------------------------------------------------------------- */

const char *
ph_error_name(const struct ph_snapshot_error *error, const struct ph_kind *kind)
{
	size_t n = strlen(kind->name);

	if (strncmp(error->key, kind->name, n) != 0)
		return NULL;
	if (kind->flags & PH_KIND_SINGLETON)
		return error->key[n] ? NULL : "";
	return error->key[n] == ':' ? error->key + n + 1 : NULL;
}

size_t
ph_errors_count(const struct ph_snapshot *snapshot, const struct ph_kind *kind)
{
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(snapshot, &errors), found = 0;

	for (size_t i = 0; i < n; i++)
		found += ph_error_name(&errors[i], kind) != NULL;
	return found;
}

const struct ph_snapshot_error *
ph_error_find(const struct ph_snapshot *snapshot, const struct ph_kind *kind,
	      const char *name)
{
	const struct ph_snapshot_error *errors, *found = NULL;
	size_t n = ph_snapshot_errors(snapshot, &errors);

	for (size_t i = 0; i < n; i++) {
		const char *other = ph_error_name(&errors[i], kind);

		if (!other || !ph_fold_same(other, name))
			continue;
		/* Of keys that differ in case alone the one that was typed. */
		if (!found || strcmp(other, name) == 0)
			found = &errors[i];
	}
	return found;
}

char *
ph_object_known(const struct ph_snapshot *snapshot, const struct ph_kind *kind,
		const char *name)
{
	const struct ph_object *object =
	    ph_snapshot_find(snapshot, kind->name, name);
	const struct ph_snapshot_error *error;

	if (object)
		return g_strdup(ph_object_name(object));
	error = ph_error_find(snapshot, kind, name);
	return error ? g_strdup(ph_error_name(error, kind)) : NULL;
}

char *
ph_name_find(struct ph_cli *cli, const struct ph_kind *kind, const char *typed,
	     int *status_r)
{
	struct ph_snapshot *snapshot = NULL;
	char *name = NULL;

	if (kind->flags & PH_KIND_DIRECTORY) {
		if (ph_recipient_known(cli, kind, typed, &name, status_r) < 0)
			return NULL;
	} else {
		if (ph_cli_snapshot(cli, false, NULL, &snapshot, status_r) < 0)
			return NULL;
		name = ph_object_known(snapshot, kind, typed);
		ph_snapshot_unref(&snapshot);
	}
	if (!name)
		*status_r = ph_cli_fail(PH_EXIT_NO, "%s%s%s does not exist",
					kind->name, *typed ? " " : "", typed);
	return name;
}
