#include "lib/state/object_private.h"

#include "lib/base/log.h"

#include <stdlib.h>
#include <string.h>

const struct ph_field ph_open_field = {
    .name = "attribute",
    .type = PH_TYPE_TEXT,
    .flags = PH_FIELD_LINES,
};

static const char *const empty_list[] = {NULL};

/* As g_ascii_strcasecmp: nearly always names are spelt as in the table. */
static int
compare_names(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return *a == *b ? 0 : g_ascii_strcasecmp(a, b);
}

const struct ph_slot *
ph_slot_find(const struct ph_slot *slots, size_t n, const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_names(name, slots[middle].name);

		if (order == 0)
			return &slots[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct ph_object *
ph_object_ref(const struct ph_object *object)
{
	/* The count is the one thing that changes in an immutable object. */
	struct ph_object *counted = (struct ph_object *)object;

	g_atomic_int_inc(&counted->refs);
	return counted;
}

void
ph_object_unref(struct ph_object **object)
{
	struct ph_object *o = g_steal_pointer(object);

	if (o == NULL || !g_atomic_int_dec_and_test(&o->refs))
		return;
	if (o->parsed != NULL) {
		g_array_unref(o->parsed);
		g_free(o->pairs);
		g_free(o->folded);
		g_free(o->name);
	}
	g_free(o);
}

const struct ph_kind *
ph_object_kind(const struct ph_object *object)
{
	return object->kind;
}

const char *
ph_object_name(const struct ph_object *object)
{
	return object->name;
}

const char *
ph_object_folded(const struct ph_object *object)
{
	return object->folded;
}

static G_GNUC_NORETURN void
bug(const struct ph_object *object, const char *field, const char *what)
{
	ph_error("bug: %s of kind %s: %s", field, object->kind->name, what);
	abort();
}

/* Of a field under its own name. */
static const struct ph_slot *
look(const struct ph_object *object, const char *name)
{
	const struct ph_slot *slot =
	    ph_slot_find(object->slots, object->n, name);
	const struct ph_defaults *defaults;

	if (slot != NULL)
		return slot;
	defaults = ph_kind_defaults(object->kind);
	return ph_slot_find(defaults->slots, defaults->n, name);
}

/*
 * The value of a field by any of its names. *field_r is its row, so that a
 * getter can insist on the type even when there is no value.
 */
static const struct ph_slot *
get(const struct ph_object *object, const char *name,
    const struct ph_field **field_r)
{
	const struct ph_slot *slot = look(object, name);
	const struct ph_field *field;
	bool except;

	if (slot != NULL) {
		*field_r = slot->field;
		return slot;
	}
	field = ph_kind_field(object->kind, name, &except);
	if (field == NULL && (object->kind->flags & PH_KIND_OPEN) == 0)
		bug(object, name, "there is no such field");
	*field_r = field != NULL ? field : &ph_open_field;
	if (field == NULL || except ||
	    g_ascii_strcasecmp(field->name, name) == 0)
		return NULL;
	return look(object, field->name);
}

bool
ph_object_has(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	return slot != NULL && !slot->unset;
}

const char *
ph_object_text(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	return slot != NULL ? slot->value.text : NULL;
}

bool
ph_object_bool(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_BOOL)
		bug(object, field, "is not a bool");
	return slot != NULL && slot->value.number != 0;
}

int64_t
ph_object_int(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_INT && row->type != PH_TYPE_SIZE &&
	    row->type != PH_TYPE_SPAN && row->type != PH_TYPE_DATE)
		bug(object, field, "is not a number");
	return slot != NULL ? slot->value.number : 0;
}

size_t
ph_object_word(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_WORD)
		bug(object, field, "is not a word");
	return slot != NULL ? (size_t)slot->value.number : SIZE_MAX;
}

const char *const *
ph_object_list(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct ph_slot *slot = get(object, field, &row);

	if (!ph_type_is_list(row->type))
		bug(object, field, "is not a list");
	return slot != NULL ? (const char *const *)slot->value.list
			    : empty_list;
}

size_t
ph_object_pairs(const struct ph_object *object, const struct ph_pair **pairs_r)
{
	*pairs_r = object->pairs;
	return object->n;
}

bool
ph_object_equal(const struct ph_object *a, const struct ph_object *b)
{
	if (a->kind != b->kind || strcmp(a->name, b->name) != 0 || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->pairs[i].field, b->pairs[i].field) != 0 ||
		    strcmp(a->pairs[i].value, b->pairs[i].value) != 0)
			return false;
	return true;
}

/* "AttachmentIsUnsupported false" does not look for it: no condition. */
static bool
asks(const struct ph_slot *slot)
{
	const struct ph_field *field = slot->field;

	return (field->flags & PH_FIELD_CONDITION) != 0 && !slot->except &&
	       (field->type != PH_TYPE_BOOL || slot->value.number != 0 ||
		(field->flags & PH_FIELD_EITHER) != 0);
}

bool
ph_object_draft(const struct ph_object *object)
{
	bool action = false;

	for (size_t i = 0; i < object->n; i++) {
		const struct ph_slot *slot = &object->slots[i];

		if (asks(slot))
			return false;
		/* "DeleteMessage false" does nothing. */
		if ((slot->field->flags & PH_FIELD_ACTION) != 0 &&
		    (slot->field->type != PH_TYPE_BOOL ||
		     slot->value.number != 0))
			action = true;
	}
	return action && !ph_object_has(object, "Enabled");
}
