#include "lib/directory/directory.h"
#include "lib/directory/dynamic.h"
#include "lib/directory/entry.h"

#include <glib.h>

/* Folded address -> array of owners. Filled once, then only read. */
struct memory {
	GHashTable *owners;
	GPtrArray *entries;
};

static void
unref_owner(void *data)
{
	struct ph_object *owner = data;

	ph_object_unref(&owner);
}

static void
free_owners(void *data)
{
	g_ptr_array_unref(data);
}

static void
add_entry(GHashTable *owners, const struct ph_object *entry)
{
	g_autoptr(GPtrArray) addresses = ph_entry_addresses(entry);

	for (guint i = 0; i < addresses->len; i++) {
		const char *address = addresses->pdata[i];
		GPtrArray *list = g_hash_table_lookup(owners, address);

		if (list == NULL) {
			list = g_ptr_array_new_with_free_func(unref_owner);
			g_hash_table_insert(owners, g_strdup(address), list);
		}
		g_ptr_array_add(list, ph_object_ref(entry));
	}
}

static int
memory_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct memory *memory = self;
	GPtrArray *list = g_hash_table_lookup(memory->owners, address);

	(void)found_r;
	if (list == NULL)
		return 0;
	return ph_entry_choose((struct ph_object *const *)list->pdata,
			       list->len, address, entry_r, err);
}

static const struct ph_directory_ops memory_ops;

static int
memory_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	    void *arg, struct ph_err *err)
{
	const struct memory *memory = self;

	if (group != NULL)
		return ph_dynamic_walk(&memory_ops, self, group, each, arg,
				       err);
	for (guint i = 0; i < memory->entries->len; i++)
		if (each(memory->entries->pdata[i], arg, err) < 0)
			return -1;
	return 0;
}

static void
memory_close(void *self)
{
	struct memory *memory = self;

	g_hash_table_destroy(memory->owners);
	g_ptr_array_unref(memory->entries);
	g_free(memory);
}

static const struct ph_directory_ops memory_ops = {
    .name = "memory",
    .find = memory_find,
    .walk = memory_walk,
    .close = memory_close,
};

struct ph_directory *
ph_directory_memory(const struct ph_object *const *entries, size_t n)
{
	struct memory *memory = g_new0(struct memory, 1);

	memory->owners =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_owners);
	memory->entries = g_ptr_array_new_with_free_func(unref_owner);
	for (size_t i = 0; i < n; i++) {
		add_entry(memory->owners, entries[i]);
		g_ptr_array_add(memory->entries, ph_object_ref(entries[i]));
	}
	return ph_directory_new(&memory_ops, memory);
}
