#include "lib/base/text.h"
#include "lib/state/snapshot_private.h"
#include "lib/state/state_private.h"

#include <string.h>

/* One key that Redis holds. */
struct entry {
	char *key;
	struct ph_object *object; /* NULL: its value is bad */
	char *error;
};

/* All keys of one kind whose names are equal without case: normally one. */
struct slot {
	struct ph_object *force; /* in force; or NULL */
	GPtrArray *entries;
};

struct ph_keys {
	GHashTable *slots; /* folded key -> struct slot */
};

static void
entry_free(void *data)
{
	struct entry *entry = data;

	g_free(entry->key);
	g_free(entry->error);
	ph_object_unref(&entry->object);
	g_free(entry);
}

static void
slot_free(void *data)
{
	struct slot *slot = data;

	ph_object_unref(&slot->force);
	g_ptr_array_unref(slot->entries);
	g_free(slot);
}

/* "rule:" is not folded: kinds are spelt as they are. */
static char *
fold_key(const struct ph_kind *kind, const char *key)
{
	g_autofree char *name = ph_fold(ph_keys_name(kind, key));

	return ph_snapshot_key(kind, name);
}

static struct slot *
slot_get(struct ph_keys *keys, const struct ph_kind *kind, const char *key)
{
	g_autofree char *folded = fold_key(kind, key);
	struct slot *slot = g_hash_table_lookup(keys->slots, folded);

	if (slot == NULL) {
		slot = g_new0(struct slot, 1);
		slot->entries = g_ptr_array_new_with_free_func(entry_free);
		g_hash_table_insert(keys->slots, g_steal_pointer(&folded),
				    slot);
	}
	return slot;
}

static bool
entry_find(const struct slot *slot, const char *key, guint *i_r)
{
	for (guint i = 0; i < slot->entries->len; i++) {
		const struct entry *entry = slot->entries->pdata[i];

		if (strcmp(entry->key, key) == 0) {
			*i_r = i;
			return true;
		}
	}
	return false;
}

struct ph_keys *
ph_keys_new(const struct ph_snapshot *last)
{
	struct ph_keys *keys = g_new0(struct ph_keys, 1);
	const struct ph_object *const *objects = NULL;
	size_t n = 0;

	keys->slots =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, slot_free);
	if (last != NULL)
		objects = ph_snapshot_all(last, &n);
	for (size_t i = 0; i < n; i++) {
		const struct ph_kind *kind = ph_object_kind(objects[i]);
		g_autofree char *key =
		    ph_snapshot_key(kind, ph_object_name(objects[i]));

		slot_get(keys, kind, key)->force = ph_object_ref(objects[i]);
	}
	return keys;
}

void
ph_keys_free(struct ph_keys **keys)
{
	if (*keys == NULL)
		return;
	g_hash_table_unref((*keys)->slots);
	g_free(*keys);
	*keys = NULL;
}

void
ph_keys_set(struct ph_keys *keys, const struct ph_kind *kind, const char *key,
	    const struct ph_object *object, const char *error)
{
	struct slot *slot = slot_get(keys, kind, key);
	struct entry *entry = g_new0(struct entry, 1);
	guint i;

	entry->key = g_strdup(key);
	entry->object = object != NULL ? ph_object_ref(object) : NULL;
	entry->error = g_strdup(error);
	if (entry_find(slot, key, &i))
		g_ptr_array_remove_index(slot->entries, i);
	g_ptr_array_add(slot->entries, entry);
}

void
ph_keys_remove(struct ph_keys *keys, const struct ph_kind *kind,
	       const char *key)
{
	struct slot *slot = slot_get(keys, kind, key);
	guint i;

	if (entry_find(slot, key, &i))
		g_ptr_array_remove_index(slot->entries, i);
}

/* What is in force stays only while the very key that brought it is there. */
static bool
entry_is_force(const struct slot *slot, const struct entry *entry)
{
	g_autofree char *key = NULL;

	if (slot->force == NULL)
		return false;
	key = ph_snapshot_key(ph_object_kind(slot->force),
			      ph_object_name(slot->force));
	return strcmp(key, entry->key) == 0;
}

static void
slot_decide(struct slot *slot)
{
	const struct entry *only =
	    slot->entries->len == 1 ? slot->entries->pdata[0] : NULL;
	bool keep = false;

	for (guint i = 0; i < slot->entries->len; i++)
		keep |= entry_is_force(slot, slot->entries->pdata[i]);
	if (!keep)
		ph_object_unref(&slot->force);
	if (only == NULL || only->object == NULL)
		return;
	/* The same object where nothing changed, so that what was computed
	 * from it can be shared. */
	if (slot->force != NULL && ph_object_equal(slot->force, only->object))
		return;
	ph_object_unref(&slot->force);
	slot->force = ph_object_ref(only->object);
}

static void
collect_errors(const struct slot *slot, GArray *errors, GStringChunk *texts)
{
	for (guint i = 0; i < slot->entries->len; i++) {
		const struct entry *entry = slot->entries->pdata[i];
		struct ph_snapshot_error error = {
		    .key = entry->key,
		    .text = entry->error,
		    .kept = entry_is_force(slot, entry),
		};

		if (slot->entries->len > 1) {
			const struct ph_kind *kind = ph_keys_kind(entry->key);
			const struct entry *other =
			    slot->entries->pdata[i == 0 ? 1 : 0];
			g_autofree char *text = g_strdup_printf(
			    "%s %s: Name: differs from the key %s in case "
			    "alone; expected one of them to be renamed or "
			    "removed",
			    kind->name, ph_keys_name(kind, entry->key),
			    other->key);

			error.text = g_string_chunk_insert(texts, text);
		} else if (entry->object != NULL)
			continue;
		g_array_append_val(errors, error);
	}
}

static int
compare_errors(const void *a, const void *b)
{
	const struct ph_snapshot_error *x = a;
	const struct ph_snapshot_error *y = b;

	return strcmp(x->key, y->key);
}

struct ph_snapshot *
ph_keys_snapshot(struct ph_keys *keys, uint64_t generation,
		 const struct ph_derive *derive,
		 const struct ph_snapshot *previous)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	g_autoptr(GArray) errors =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_snapshot_error));
	g_autoptr(GStringChunk) texts = g_string_chunk_new(256);
	struct ph_snapshot_make make = {
	    .generation = generation, .derive = derive, .previous = previous};
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, keys->slots);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct slot *slot = value;

		slot_decide(slot);
		if (slot->force != NULL)
			g_ptr_array_add(objects, slot->force);
		if (slot->entries->len == 0)
			g_hash_table_iter_remove(&iter);
		else
			collect_errors(slot, errors, texts);
	}
	g_array_sort(errors, compare_errors);
	make.objects = (const struct ph_object *const *)objects->pdata;
	make.n_objects = objects->len;
	make.errors = (const struct ph_snapshot_error *)errors->data;
	make.n_errors = errors->len;
	return ph_snapshot_make(&make);
}

static bool
in_snapshot(const struct ph_kind *kind)
{
	return (kind->flags & PH_KIND_DIRECTORY) == 0;
}

const struct ph_kind *
ph_keys_kind(const char *key)
{
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++) {
		const size_t n = strlen(k->name);

		if (strncmp(key, k->name, n) != 0 || !in_snapshot(k))
			continue;
		if (key[n] == (k->flags & PH_KIND_SINGLETON ? '\0' : ':'))
			return k;
	}
	return NULL;
}

const char *
ph_keys_name(const struct ph_kind *kind, const char *key)
{
	const size_t n = strlen(kind->name);

	return kind->flags & PH_KIND_SINGLETON ? key + n : key + n + 1;
}

char **
ph_keys_prefixes(const char *prefix)
{
	GPtrArray *list = g_ptr_array_new();

	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++)
		if (in_snapshot(k))
			g_ptr_array_add(
			    list, g_strdup_printf(
				      "%s%s%s", prefix, k->name,
				      k->flags & PH_KIND_SINGLETON ? "" : ":"));
	/* Redis refuses a prefix beside a shorter one that covers it. */
	for (guint i = list->len; i-- > 0;) {
		bool covered = false;

		for (guint j = 0; j < list->len; j++)
			covered |= i != j && g_str_has_prefix(list->pdata[i],
							      list->pdata[j]);
		if (covered) {
			g_free(list->pdata[i]);
			g_ptr_array_remove_index(list, i);
		}
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}
