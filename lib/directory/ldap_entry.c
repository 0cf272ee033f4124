#include "lib/directory/ldap_entry.h"

#include <string.h>

static void
free_values(void *data)
{
	g_ptr_array_unref(data);
}

struct ph_ldap_entry *
ph_ldap_entry_new(const char *dn)
{
	struct ph_ldap_entry *entry = g_new0(struct ph_ldap_entry, 1);

	entry->dn = g_strdup(dn);
	entry->values =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_values);
	return entry;
}

void
ph_ldap_entry_free(void *data)
{
	struct ph_ldap_entry *entry = data;

	if (entry == NULL)
		return;
	g_hash_table_destroy(entry->values);
	g_free(entry->dn);
	g_free(entry);
}

void
ph_ldap_entry_add(struct ph_ldap_entry *entry, const char *attribute,
		  const char *value, size_t size)
{
	g_autofree char *name = g_ascii_strdown(attribute, -1);
	GPtrArray *values;

	/* A NUL is no part of valid text either. */
	if (size == 0 || !g_utf8_validate(value, (gssize)size, NULL))
		return;
	values = g_hash_table_lookup(entry->values, name);
	if (values == NULL) {
		values = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(entry->values, g_steal_pointer(&name),
				    values);
	}
	g_ptr_array_add(values, g_strndup(value, size));
}

const GPtrArray *
ph_ldap_entry_values(const struct ph_ldap_entry *entry, const char *attribute)
{
	g_autofree char *name = g_ascii_strdown(attribute, -1);

	return g_hash_table_lookup(entry->values, name);
}

const char *
ph_ldap_entry_value(const struct ph_ldap_entry *entry, const char *attribute)
{
	const GPtrArray *values = ph_ldap_entry_values(entry, attribute);

	return values != NULL ? values->pdata[0] : NULL;
}
