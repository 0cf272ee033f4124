#include "lib/state/snapshot.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/state/snapshot_private.h"

#include <stdlib.h>
#include <string.h>

/* One kind's slice of all objects, sorted by folded name. */
struct group {
	const struct ph_object *const *objects;
	size_t n;
};

struct ph_snapshot {
	gint refs;
	uint64_t generation;
	GPtrArray *objects;   /* references; by kind, then folded name */
	struct group *groups; /* one for each kind, by its index */
	struct ph_snapshot_error *errors; /* by key; key and text owned */
	size_t n_errors;
	const struct ph_derive *derive;
	void **derived;
	size_t n_derived;
};

char *
ph_snapshot_key(const struct ph_kind *kind, const char *name)
{
	if ((kind->flags & PH_KIND_SINGLETON) != 0)
		return g_strdup(kind->name);
	return g_strconcat(kind->name, ":", name, NULL);
}

static int
compare_kind_and_name(const struct ph_object *a, const struct ph_object *b)
{
	const struct ph_kind *x = ph_object_kind(a), *y = ph_object_kind(b);

	if (x != y)
		return ph_kind_index(x) < ph_kind_index(y) ? -1 : 1;
	return strcmp(ph_object_folded(a), ph_object_folded(b));
}

static int
compare_objects(gconstpointer a, gconstpointer b)
{
	const struct ph_object *x = *(const struct ph_object *const *)a;
	const struct ph_object *y = *(const struct ph_object *const *)b;
	int order = compare_kind_and_name(x, y);

	return order != 0 ? order
			  : strcmp(ph_object_name(x), ph_object_name(y));
}

static void
unref_object(void *object)
{
	struct ph_object *o = object;

	ph_object_unref(&o);
}

static int
compare_errors(gconstpointer a, gconstpointer b)
{
	const struct ph_snapshot_error *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* While a snapshot is made. */
struct errors {
	GArray *list;	  /* struct ph_snapshot_error */
	GHashTable *keys; /* borrowed from it */
};

/* Takes the key. What the caller has already reported is not repeated. */
static void
add_error(struct errors *errors, char *key, const char *text, bool kept)
{
	struct ph_snapshot_error error = {key, NULL, kept};

	if (g_hash_table_contains(errors->keys, key)) {
		g_free(key);
		return;
	}
	error.text = g_strdup(text);
	g_array_append_val(errors->list, error);
	g_hash_table_add(errors->keys, key);
}

static void
add_collision(struct errors *errors, const struct ph_object *object,
	      const struct ph_object *other)
{
	const struct ph_kind *kind = ph_object_kind(object);
	g_autofree char *key = ph_snapshot_key(kind, ph_object_name(other));
	g_autofree char *text = g_strdup_printf(
	    "%s %s: Name: differs from the key %s in case alone; expected one "
	    "of them to be renamed or removed",
	    kind->name, ph_object_name(object), key);

	add_error(errors, ph_snapshot_key(kind, ph_object_name(object)), text,
		  false);
}

/* From sorted objects: those that are alone with their folded name. */
static GPtrArray *
drop_collisions(const GPtrArray *sorted, struct errors *errors)
{
	/* One more, so that an empty snapshot has an array, too. */
	GPtrArray *alone = g_ptr_array_new_full(sorted->len + 1, unref_object);

	for (guint i = 0, end; i < sorted->len; i = end) {
		const struct ph_object *first = sorted->pdata[i];

		for (end = i + 1; end < sorted->len; end++)
			if (compare_kind_and_name(first, sorted->pdata[end]) !=
			    0)
				break;
		if (end == i + 1)
			g_ptr_array_add(alone, ph_object_ref(first));
		else
			for (guint j = i; j < end; j++)
				add_collision(
				    errors, sorted->pdata[j],
				    sorted->pdata[j == i ? j + 1 : i]);
	}
	return alone;
}

static void
make_groups(struct ph_snapshot *snapshot)
{
	const struct ph_object *const *objects =
	    (const struct ph_object *const *)snapshot->objects->pdata;
	guint i = 0;

	snapshot->groups = g_new0(struct group, ph_kind_count());
	for (size_t k = 0; k < ph_kind_count(); k++) {
		struct group *group = &snapshot->groups[k];

		group->objects = objects + i;
		for (; i < snapshot->objects->len; i++, group->n++)
			if (ph_object_kind(objects[i]) != &ph_kinds[k])
				break;
	}
}

static void
take_objects(struct ph_snapshot *snapshot, const struct ph_snapshot_make *make)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);
	struct errors errors = {
	    g_array_new(FALSE, FALSE, sizeof(struct ph_snapshot_error)), keys};

	for (size_t i = 0; i < make->n_errors; i++)
		add_error(&errors, g_strdup(make->errors[i].key),
			  make->errors[i].text, make->errors[i].kept);
	for (size_t i = 0; i < make->n_objects; i++) {
		const struct ph_object *object = make->objects[i];

		if ((ph_object_kind(object)->flags & PH_KIND_DIRECTORY) == 0)
			g_ptr_array_add(sorted, (gpointer)object);
	}
	g_ptr_array_sort(sorted, compare_objects);
	snapshot->objects = drop_collisions(sorted, &errors);
	g_array_sort(errors.list, compare_errors);
	snapshot->n_errors = errors.list->len;
	snapshot->errors = (struct ph_snapshot_error *)(void *)g_array_free(
	    errors.list, FALSE);
}

/* Rows see what the rows before them made. */
static void
derive_all(struct ph_snapshot *snapshot, const struct ph_snapshot *previous)
{
	const struct ph_derive *rows = snapshot->derive;
	bool same = previous != NULL && previous->derive == rows;
	size_t n = 0;

	while (rows != NULL && rows[n].name != NULL)
		n++;
	snapshot->derived = g_new0(void *, n + 1);
	for (; snapshot->n_derived < n; snapshot->n_derived++) {
		const struct ph_derive *row = &rows[snapshot->n_derived];
		struct ph_err err = PH_ERR_INIT;

		snapshot->derived[snapshot->n_derived] = row->build(
		    snapshot,
		    same ? previous->derived[snapshot->n_derived] : NULL,
		    row->context, &err);
		if (err.kind != PH_ERR_NONE)
			ph_warn("%s: %s", row->name, err.text);
	}
}

struct ph_snapshot *
ph_snapshot_make(const struct ph_snapshot_make *make)
{
	struct ph_snapshot *snapshot = g_new0(struct ph_snapshot, 1);

	snapshot->refs = 1;
	snapshot->generation = make->generation;
	snapshot->derive = make->derive;
	take_objects(snapshot, make);
	make_groups(snapshot);
	derive_all(snapshot, make->previous);
	return snapshot;
}

struct ph_snapshot *
ph_snapshot_build(const struct ph_object *const *objects, size_t n_objects,
		  const struct ph_derive *derive)
{
	return ph_snapshot_make(&(struct ph_snapshot_make){
	    .objects = objects,
	    .n_objects = n_objects,
	    .generation = 1,
	    .derive = derive,
	});
}

struct ph_snapshot *
ph_snapshot_ref(const struct ph_snapshot *snapshot)
{
	/* The count is the one thing that changes in a snapshot. */
	struct ph_snapshot *counted = (struct ph_snapshot *)snapshot;

	g_atomic_int_inc(&counted->refs);
	return counted;
}

void
ph_snapshot_unref(struct ph_snapshot **snapshot)
{
	struct ph_snapshot *s = g_steal_pointer(snapshot);

	if (s == NULL || !g_atomic_int_dec_and_test(&s->refs))
		return;
	/* Later rows may borrow from earlier ones. */
	for (size_t i = s->n_derived; i-- > 0;)
		if (s->derived[i] != NULL && s->derive[i].free != NULL)
			s->derive[i].free(s->derived[i]);
	for (size_t i = 0; i < s->n_errors; i++) {
		g_free((char *)s->errors[i].key);
		g_free((char *)s->errors[i].text);
	}
	g_ptr_array_unref(s->objects);
	g_free(s->groups);
	g_free(s->errors);
	g_free(s->derived);
	g_free(s);
}

static const struct group *
group_of(const struct ph_snapshot *snapshot, const char *kind)
{
	const struct ph_kind *row = ph_kind_find(kind);

	if (row == NULL || (row->flags & PH_KIND_DIRECTORY) != 0) {
		ph_error("bug: snapshots have no kind %s", kind);
		abort();
	}
	return &snapshot->groups[ph_kind_index(row)];
}

const struct ph_object *
ph_snapshot_find(const struct ph_snapshot *snapshot, const char *kind,
		 const char *name)
{
	const struct group *group = group_of(snapshot, kind);
	g_autofree char *folded = NULL;
	size_t low = 0, high = group->n;

	/* A singleton has no name to compare. */
	if ((ph_kind_find(kind)->flags & PH_KIND_SINGLETON) != 0)
		return group->n > 0 ? group->objects[0] : NULL;
	if (name == NULL)
		return NULL;
	folded = ph_fold(name);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
		    strcmp(folded, ph_object_folded(group->objects[middle]));

		if (order == 0)
			return group->objects[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct ph_object *const *
ph_snapshot_list(const struct ph_snapshot *snapshot, const char *kind,
		 size_t *n_r)
{
	const struct group *group = group_of(snapshot, kind);

	*n_r = group->n;
	return group->objects;
}

const struct ph_object *const *
ph_snapshot_all(const struct ph_snapshot *snapshot, size_t *n_r)
{
	*n_r = snapshot->objects->len;
	return (const struct ph_object *const *)snapshot->objects->pdata;
}

size_t
ph_snapshot_errors(const struct ph_snapshot *snapshot,
		   const struct ph_snapshot_error **errors_r)
{
	*errors_r = snapshot->errors;
	return snapshot->n_errors;
}

static const char *
meta_text(const struct ph_snapshot *snapshot, const char *field)
{
	const struct ph_object *meta = ph_snapshot_find(snapshot, "meta", NULL);
	const char *text = meta != NULL ? ph_object_text(meta, field) : NULL;

	return text != NULL ? text : "";
}

const char *
ph_snapshot_organization(const struct ph_snapshot *snapshot)
{
	return meta_text(snapshot, "Organization");
}

const char *
ph_snapshot_adopted(const struct ph_snapshot *snapshot)
{
	return meta_text(snapshot, "Adopted");
}

uint64_t
ph_snapshot_generation(const struct ph_snapshot *snapshot)
{
	return snapshot->generation;
}

void *
ph_snapshot_derived(const struct ph_snapshot *snapshot, size_t i)
{
	g_assert(i < snapshot->n_derived);
	return snapshot->derived[i];
}
