#include "lib/state/object_private.h"

#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_NAME_LIMIT 128
/* Of a name in an error, so that the reason is not cut off. */
#define SHOWN 100

static void
clear_slot(void *data)
{
	struct ph_slot *slot = data;

	g_free(slot->open);
	ph_value_clear(&slot->value);
}

static int
compare_slots(gconstpointer a, gconstpointer b)
{
	const struct ph_slot *x = a, *y = b;
	int order = g_ascii_strcasecmp(x->name, y->name);

	return order != 0 ? order : (int)x->rank - (int)y->rank;
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
resolve_open(struct ph_slot *slot, const char *name, struct ph_err *err)
{
	if (!ph_value_is_name(name) || strlen(name) > OPEN_NAME_LIMIT)
		return ph_err_set(err, PH_ERR_PERM,
				  "%.*s: is not the name of an attribute; "
				  "expected at most %d bytes without control "
				  "character",
				  SHOWN, name, OPEN_NAME_LIMIT);
	slot->field = &ph_open_field;
	slot->open = g_strdup(name);
	slot->name = slot->open;
	return 0;
}

/* Which row a pair is for. */
static int
resolve(const struct ph_kind *kind, const struct ph_pair *pair,
	struct ph_slot *slot, struct ph_err *err)
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
		slot->rank = PH_RANK_ALIAS;
	return 0;
}

static int
add_pair(struct ph_object *object, const struct ph_pair *pair,
	 struct ph_err *err)
{
	struct ph_slot slot = {.rank = PH_RANK_NAME};

	if (pair->value == NULL || pair->value[0] == '\0')
		return 0;
	if (resolve(object->kind, pair, &slot, err) < 0)
		return -1;
	if (ph_value_parse(slot.field, pair->value, &slot.value, err) < 0) {
		ph_err_wrap(err, "%.*s", SHOWN, slot.name);
		clear_slot(&slot);
		return -1;
	}
	g_array_append_val(object->parsed, slot);
	return 0;
}

/* After sorting, the first of each name counts. */
static int
drop_weaker(GArray *slots, struct ph_err *err)
{
	for (guint i = 1; i < slots->len;) {
		const struct ph_slot *a =
		    &g_array_index(slots, struct ph_slot, i - 1);
		const struct ph_slot *b =
		    &g_array_index(slots, struct ph_slot, i);

		if (g_ascii_strcasecmp(a->name, b->name) != 0) {
			i++;
			continue;
		}
		if (a->rank == b->rank)
			return ph_err_set(err, PH_ERR_PERM,
					  "%.*s: is given twice; expected one "
					  "value",
					  SHOWN, a->name);
		g_array_remove_index(slots, i);
	}
	return 0;
}

static int
check_required(const struct ph_object *object, struct ph_err *err)
{
	for (const struct ph_field *f = object->kind->fields; f->name; f++) {
		g_autofree char *expected = NULL;

		if ((f->flags & PH_FIELD_REQUIRED) == 0 ||
		    ph_slot_find(object->slots, object->n, f->name) != NULL ||
		    f->value != NULL)
			continue;
		expected = ph_field_expected(f);
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: is not set; expected %s", f->name,
				  expected);
	}
	return 0;
}

/* The next of the pairs. */
static void
add_set_pair(struct ph_object *object, size_t *n, const char *name)
{
	const struct ph_slot *slot =
	    ph_slot_find(object->slots, object->n, name);

	if (slot != NULL)
		object->pairs[(*n)++] =
		    (struct ph_pair){slot->name, slot->value.text};
}

/* Rows in the kind's order, each with its twin; then open ones, which the
 * slots hold by name. */
static void
make_pairs(struct ph_object *object)
{
	size_t n = 0;

	object->pairs = g_new0(struct ph_pair, object->n + 1);
	for (const struct ph_field *f = object->kind->fields; f->name; f++) {
		g_autofree char *twin = NULL;

		add_set_pair(object, &n, f->name);
		if ((f->flags & PH_FIELD_CONDITION) == 0)
			continue;
		twin = g_strconcat("ExceptIf", f->name, NULL);
		add_set_pair(object, &n, twin);
	}
	for (size_t i = 0; i < object->n; i++)
		if (object->slots[i].open != NULL)
			add_set_pair(object, &n, object->slots[i].name);
	g_assert(n == object->n);
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
	if (n_pairs > PH_OBJECT_FIELDS)
		return ph_err_set(err, PH_ERR_PERM,
				  "Fields: are too many; expected at most "
				  "%d",
				  PH_OBJECT_FIELDS);
	for (size_t i = 0; i < n_pairs; i++)
		if (add_pair(object, &pairs[i], err) < 0)
			return -1;
	g_array_sort(object->parsed, compare_slots);
	if (drop_weaker(object->parsed, err) < 0)
		return -1;
	object->slots = (struct ph_slot *)(void *)object->parsed->data;
	object->n = object->parsed->len;
	if (check_required(object, err) < 0)
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
	object->parsed = g_array_new(FALSE, FALSE, sizeof(struct ph_slot));
	g_array_set_clear_func(object->parsed, clear_slot);
	if (fill(object, pairs, n_pairs, err) < 0) {
		ph_err_wrap(err, "%s%s%.*s", kind->name, singleton ? "" : " ",
			    SHOWN, object->name);
		ph_object_unref(&object);
		return -1;
	}
	*object_r = object;
	return 0;
}

/* ---- defaults ------------------------------------------------------------ */

static void
make_defaults(const struct ph_kind *kind, struct ph_defaults *defaults_r)
{
	g_autoptr(GArray) slots =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_slot));
	const struct ph_field *f;

	for (f = kind->fields; f->name != NULL; f++) {
		struct ph_slot slot = {
		    .name = f->name, .field = f, .unset = true};

		if (f->value == NULL)
			continue;
		if (ph_value_parse(f, f->value, &slot.value, NULL) < 0)
			g_assert_not_reached(); /* a row's own default */
		g_array_append_val(slots, slot);
	}
	g_array_sort(slots, compare_slots);
	defaults_r->rows = (size_t)(f - kind->fields);
	defaults_r->n = slots->len;
	defaults_r->slots = (struct ph_slot *)(void *)g_array_free(
	    g_steal_pointer(&slots), FALSE);
}

const struct ph_defaults *
ph_kind_defaults(const struct ph_kind *kind)
{
	static struct ph_defaults *table;
	static gsize made;

	if (g_once_init_enter(&made)) {
		table = g_new0(struct ph_defaults, ph_kind_count());
		for (size_t i = 0; i < ph_kind_count(); i++)
			make_defaults(&ph_kinds[i], &table[i]);
		g_once_init_leave(&made, 1);
	}
	return &table[ph_kind_index(kind)];
}
