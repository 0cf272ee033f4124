#include "lib/state/object.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/state/value.h"

#include <stdlib.h>
#include <string.h>

/* More fields than any kind has; limits what an open kind may hold. */
#define FIELD_LIMIT 1024
#define OPEN_NAME_LIMIT 128
/* Of a name in an error, so that the reason is not cut off. */
#define SHOWN 100

/* Of several values for one field the lowest counts. */
enum rank { RANK_NAME, RANK_ALIAS, RANK_DEFAULT };

struct slot {
	const char *name; /* of the row, interned, or of the caller's pair */
	char *open;	  /* owned copy of an open field's name, or NULL */
	const struct ph_field *field;
	bool except;
	enum rank rank;
	struct ph_value value;
};

struct ph_object {
	gint refs;
	const struct ph_kind *kind;
	char *name;
	char *folded;
	GArray *slots; /* struct slot, by name; set ones and defaults */
	struct ph_pair *pairs;
	size_t n_pairs;
};

/* What fields of an open kind have that are no row of it. */
static const struct ph_field open_field = {
    .name = "attribute",
    .type = PH_TYPE_TEXT,
    .flags = PH_FIELD_LINES,
};

static const char *const empty_list[] = {NULL};

static void
clear_slot(void *data)
{
	struct slot *slot = data;

	g_free(slot->open);
	ph_value_clear(&slot->value);
}

static int
compare_slots(gconstpointer a, gconstpointer b)
{
	const struct slot *x = a, *y = b;
	int order = g_ascii_strcasecmp(x->name, y->name);

	return order != 0 ? order : (int)x->rank - (int)y->rank;
}

static struct slot *
slot_at(const struct ph_object *object, size_t i)
{
	return &g_array_index(object->slots, struct slot, i);
}

static int
refuse_unknown(const struct ph_kind *kind, const char *name, struct ph_err *err)
{
	const char *near = ph_kind_suggest(kind, name);

	if (near != NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "%.*s: there is no such field; expected %s?",
				  SHOWN, name, near);
	return ph_err_set(err, PH_ERR_PERM,
			  "%.*s: there is no such field; expected a field of "
			  "this kind",
			  SHOWN, name);
}

static int
resolve_open(struct slot *slot, const char *name, struct ph_err *err)
{
	if (!ph_value_is_name(name) || strlen(name) > OPEN_NAME_LIMIT)
		return ph_err_set(err, PH_ERR_PERM,
				  "%.*s: is not the name of an attribute; "
				  "expected at most %d bytes without control "
				  "character",
				  SHOWN, name, OPEN_NAME_LIMIT);
	slot->field = &open_field;
	slot->open = g_strdup(name);
	slot->name = slot->open;
	return 0;
}

/* Which row a pair is for. */
static int
resolve(const struct ph_kind *kind, const struct ph_pair *pair,
	struct slot *slot, struct ph_err *err)
{
	const struct ph_field *field =
	    ph_kind_field(kind, pair->field, &slot->except);

	if (field == NULL && (kind->flags & PH_KIND_OPEN) != 0)
		return resolve_open(slot, pair->field, err);
	if (field == NULL)
		return refuse_unknown(kind, pair->field, err);
	if ((field->flags & PH_FIELD_IMPOSSIBLE) != 0)
		return ph_err_set(
		    err, PH_ERR_PERM,
		    "%.*s: needs Microsoft's rights management "
		    "(AD RMS) and is not supported here; expected "
		    "it to be unset",
		    SHOWN, pair->field);
	if ((field->flags & PH_FIELD_UNSUPPORTED) != 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "%.*s: is known but not supported by this "
				  "version; expected it to be unset",
				  SHOWN, pair->field);
	slot->field = field;
	slot->name = field->name;
	if (slot->except) {
		g_autofree char *twin =
		    g_strconcat("ExceptIf", field->name, NULL);

		slot->name = g_intern_string(twin);
	}
	if (g_ascii_strcasecmp(slot->name, pair->field) != 0)
		slot->rank = RANK_ALIAS;
	return 0;
}

static int
add_pair(struct ph_object *object, const struct ph_pair *pair,
	 struct ph_err *err)
{
	struct slot slot = {.rank = RANK_NAME};

	if (pair->value == NULL || pair->value[0] == '\0')
		return 0;
	if (resolve(object->kind, pair, &slot, err) < 0)
		return -1;
	if (ph_value_parse(slot.field, pair->value, &slot.value, err) < 0) {
		ph_err_wrap(err, "%.*s", SHOWN, slot.name);
		clear_slot(&slot);
		return -1;
	}
	g_array_append_val(object->slots, slot);
	return 0;
}

static void
add_defaults(struct ph_object *object)
{
	for (const struct ph_field *f = object->kind->fields; f->name; f++) {
		struct slot slot = {
		    .name = f->name, .field = f, .rank = RANK_DEFAULT};

		if (f->value == NULL)
			continue;
		if (ph_value_parse(f, f->value, &slot.value, NULL) < 0)
			g_assert_not_reached(); /* a row's own default */
		g_array_append_val(object->slots, slot);
	}
}

/* After sorting, the first of each name counts. */
static int
drop_weaker(struct ph_object *object, struct ph_err *err)
{
	for (guint i = 1; i < object->slots->len;) {
		struct slot *a = slot_at(object, i - 1);
		struct slot *b = slot_at(object, i);

		if (g_ascii_strcasecmp(a->name, b->name) != 0) {
			i++;
			continue;
		}
		if (a->rank == b->rank)
			return ph_err_set(err, PH_ERR_PERM,
					  "%.*s: is given twice; expected one "
					  "value",
					  SHOWN, a->name);
		g_array_remove_index(object->slots, i);
	}
	return 0;
}

static const struct slot *
find_slot(const struct ph_object *object, const char *name)
{
	guint low = 0, high = object->slots->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct slot *slot = slot_at(object, middle);
		int order = g_ascii_strcasecmp(name, slot->name);

		if (order == 0)
			return slot;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int
check_required(const struct ph_object *object, struct ph_err *err)
{
	for (const struct ph_field *f = object->kind->fields; f->name; f++) {
		g_autofree char *expected = NULL;

		if ((f->flags & PH_FIELD_REQUIRED) == 0 ||
		    find_slot(object, f->name) != NULL)
			continue;
		expected = ph_field_expected(f);
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: is not set; expected %s", f->name,
				  expected);
	}
	return 0;
}

static void
add_set_pair(struct ph_object *object, const struct slot *slot)
{
	if (slot == NULL || slot->rank == RANK_DEFAULT)
		return;
	object->pairs[object->n_pairs].field = slot->name;
	object->pairs[object->n_pairs].value = slot->value.text;
	object->n_pairs++;
}

/* Rows in the kind's order, each with its twin; then open ones, which the
 * slots hold by name. */
static void
make_pairs(struct ph_object *object)
{
	object->pairs = g_new0(struct ph_pair, object->slots->len + 1);
	for (const struct ph_field *f = object->kind->fields; f->name; f++) {
		g_autofree char *twin = NULL;

		add_set_pair(object, find_slot(object, f->name));
		if ((f->flags & PH_FIELD_CONDITION) == 0)
			continue;
		twin = g_strconcat("ExceptIf", f->name, NULL);
		add_set_pair(object, find_slot(object, twin));
	}
	for (guint i = 0; i < object->slots->len; i++)
		if (slot_at(object, i)->open != NULL)
			add_set_pair(object, slot_at(object, i));
}

static int
fill(struct ph_object *object, const struct ph_pair *pairs, size_t n_pairs,
     struct ph_err *err)
{
	/* Each kind's check has its own limit of length. */
	if ((object->kind->flags & PH_KIND_SINGLETON) == 0 &&
	    object->name[0] == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is empty; expected a name");
	if (n_pairs > FIELD_LIMIT)
		return ph_err_set(err, PH_ERR_PERM,
				  "Fields: are too many; expected at most "
				  "%d",
				  FIELD_LIMIT);
	for (size_t i = 0; i < n_pairs; i++)
		if (add_pair(object, &pairs[i], err) < 0)
			return -1;
	add_defaults(object);
	g_array_sort(object->slots, compare_slots);
	if (drop_weaker(object, err) < 0 || check_required(object, err) < 0)
		return -1;
	make_pairs(object);
	return object->kind->check != NULL ? object->kind->check(object, err)
					   : 0;
}

int
ph_object_parse(const struct ph_kind *kind, const char *name,
		const struct ph_pair *pairs, size_t n_pairs,
		struct ph_object **object_r, struct ph_err *err)
{
	bool singleton = (kind->flags & PH_KIND_SINGLETON) != 0;
	struct ph_object *object = g_new0(struct ph_object, 1);

	object->refs = 1;
	object->kind = kind;
	object->name = g_strdup(singleton || name == NULL ? "" : name);
	object->folded = ph_fold(object->name);
	object->slots = g_array_new(FALSE, FALSE, sizeof(struct slot));
	g_array_set_clear_func(object->slots, clear_slot);
	if (fill(object, pairs, n_pairs, err) < 0) {
		ph_err_wrap(err, "%s%s%.*s", kind->name, singleton ? "" : " ",
			    SHOWN, object->name);
		ph_object_unref(&object);
		return -1;
	}
	*object_r = object;
	return 0;
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
	g_array_unref(o->slots);
	g_free(o->pairs);
	g_free(o->folded);
	g_free(o->name);
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

/*
 * The value of a field by any of its names. *field_r is its row, so that a
 * getter can insist on the type even when there is no value.
 */
static const struct slot *
get(const struct ph_object *object, const char *name,
    const struct ph_field **field_r)
{
	const struct slot *slot = find_slot(object, name);
	const struct ph_field *field;
	bool except;

	if (slot != NULL) {
		*field_r = slot->field;
		return slot;
	}
	field = ph_kind_field(object->kind, name, &except);
	if (field == NULL && (object->kind->flags & PH_KIND_OPEN) == 0)
		bug(object, name, "there is no such field");
	*field_r = field != NULL ? field : &open_field;
	if (field == NULL || except ||
	    g_ascii_strcasecmp(field->name, name) == 0)
		return NULL;
	return find_slot(object, field->name);
}

bool
ph_object_has(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	return slot != NULL && slot->rank != RANK_DEFAULT;
}

const char *
ph_object_text(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	return slot != NULL ? slot->value.text : NULL;
}

bool
ph_object_bool(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_BOOL)
		bug(object, field, "is not a bool");
	return slot != NULL && slot->value.number != 0;
}

int64_t
ph_object_int(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_INT && row->type != PH_TYPE_SIZE &&
	    row->type != PH_TYPE_SPAN && row->type != PH_TYPE_DATE)
		bug(object, field, "is not a number");
	return slot != NULL ? slot->value.number : 0;
}

size_t
ph_object_word(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	if (row->type != PH_TYPE_WORD)
		bug(object, field, "is not a word");
	return slot != NULL ? (size_t)slot->value.number : SIZE_MAX;
}

const char *const *
ph_object_list(const struct ph_object *object, const char *field)
{
	const struct ph_field *row;
	const struct slot *slot = get(object, field, &row);

	if (!ph_type_is_list(row->type))
		bug(object, field, "is not a list");
	return slot != NULL ? (const char *const *)slot->value.list
			    : empty_list;
}

size_t
ph_object_pairs(const struct ph_object *object, const struct ph_pair **pairs_r)
{
	*pairs_r = object->pairs;
	return object->n_pairs;
}

bool
ph_object_equal(const struct ph_object *a, const struct ph_object *b)
{
	if (a->kind != b->kind || strcmp(a->name, b->name) != 0 ||
	    a->n_pairs != b->n_pairs)
		return false;
	for (size_t i = 0; i < a->n_pairs; i++)
		if (strcmp(a->pairs[i].field, b->pairs[i].field) != 0 ||
		    strcmp(a->pairs[i].value, b->pairs[i].value) != 0)
			return false;
	return true;
}

/* "AttachmentIsUnsupported false" does not look for it: no condition. */
static bool
asks(const struct slot *slot)
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

	for (guint i = 0; i < object->slots->len; i++) {
		const struct slot *slot = slot_at(object, i);

		if (slot->rank == RANK_DEFAULT)
			continue;
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
