#include "lib/directory/directory.h"
#include "lib/directory/entry.h"

#include <glib.h>

/* Folded address -> array of owners. Filled once, then only read. */
struct memory {
	GHashTable *owners;
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

static void
memory_close(void *self)
{
	struct memory *memory = self;

	g_hash_table_destroy(memory->owners);
	g_free(memory);
}

static const struct ph_directory_ops memory_ops = {
    .name = "memory",
    .find = memory_find,
    .close = memory_close,
};

struct ph_directory *
ph_directory_memory(const struct ph_object *const *entries, size_t n)
{
	struct memory *memory = g_new0(struct memory, 1);

	memory->owners =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_owners);
	for (size_t i = 0; i < n; i++)
		add_entry(memory->owners, entries[i]);
	return ph_directory_new(&memory_ops, memory);
}
