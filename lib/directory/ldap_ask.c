#include "lib/base/text.h"
#include "lib/directory/ldap_map.h"
#include "lib/directory/ldap_text.h"

#include <string.h>

/* What a server is asked: attributes and filters. */

static void
add_once(GPtrArray *names, const char *name)
{
	for (guint i = 0; i < names->len; i++)
		if (g_ascii_strcasecmp(names->pdata[i], name) == 0)
			return;
	g_ptr_array_add(names, g_strdup(name));
}

static void
add_row(GPtrArray *names, const struct ph_ldap_row *row)
{
	for (size_t i = 0; i < PH_LDAP_SOURCES && row->attributes[i] != NULL;
	     i++)
		add_once(names, row->attributes[i]);
}

GPtrArray *
ph_ldap_map_attributes(const struct ph_ldap_map *map, bool address_only)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const struct ph_ldap_row *row;

	for (row = map->profile->rows; row->field != NULL; row++)
		if (!address_only || row->convert == PH_LDAP_PRIMARY)
			add_row(names, row);
	if (!address_only) {
		add_once(names, "objectClass");
		add_once(names, "groupType");
	}
	if (!address_only && ph_ldap_map_names_database(map))
		add_once(names, map->database_attribute);
	g_ptr_array_add(names, NULL);
	return names;
}

static void
append_owner(GString *filter, const struct ph_ldap_profile *profile,
	     const char *address)
{
	g_autofree char *escaped = ph_ldap_escape_filter(address);

	for (size_t i = 0;
	     i < PH_LDAP_SOURCES && profile->owns[i].attribute != NULL; i++)
		g_string_append_printf(filter, "(%s=%s%s)",
				       profile->owns[i].attribute,
				       profile->owns[i].prefix, escaped);
}

char *
ph_ldap_map_filter(const struct ph_ldap_map *map, const char *const *addresses,
		   size_t n)
{
	GString *filter = g_string_new("(|");

	for (size_t i = 0; i < n; i++)
		append_owner(filter, map->profile, addresses[i]);
	g_string_append_c(filter, ')');
	return g_string_free(filter, FALSE);
}

GHashTable *
ph_ldap_map_owned(const struct ph_ldap_map *map,
		  const struct ph_ldap_entry *entry)
{
	const struct ph_ldap_profile *profile = map->profile;
	GHashTable *owned =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0;
	     i < PH_LDAP_SOURCES && profile->owns[i].attribute != NULL; i++) {
		const char *prefix = profile->owns[i].prefix;
		const size_t skip = strlen(prefix);
		const GPtrArray *values =
		    ph_ldap_entry_values(entry, profile->owns[i].attribute);

		for (guint k = 0; values != NULL && k < values->len; k++) {
			const char *value = values->pdata[k];

			if (g_ascii_strncasecmp(value, prefix, skip) == 0)
				g_hash_table_add(owned, ph_fold(value + skip));
		}
	}
	return owned;
}

static void
append_type(GString *filter, const struct ph_ldap_type *type)
{
	const bool any = strcmp(type->object_class, PH_LDAP_ANY_CLASS) == 0;

	g_string_append(filter, "(&");
	if (!any)
		g_string_append_printf(filter, "(objectClass=%s)",
				       type->object_class);
	if (type->attribute != NULL)
		g_string_append_printf(filter, "(%s=*)", type->attribute);
	if (any && type->attribute == NULL)
		g_string_append(filter, "(objectClass=*)");
	g_string_append_c(filter, ')');
}

char *
ph_ldap_map_everybody(const struct ph_ldap_map *map)
{
	const struct ph_ldap_profile *profile = map->profile;
	const struct ph_ldap_type *type;
	GString *filter = g_string_new("(&(|");

	for (size_t i = 0;
	     i < PH_LDAP_SOURCES && profile->owns[i].attribute != NULL; i++)
		g_string_append_printf(filter, "(%s=*)",
				       profile->owns[i].attribute);
	g_string_append(filter, ")(|");
	for (type = profile->types; type->object_class != NULL; type++)
		append_type(filter, type);
	g_string_append(filter, "))");
	return g_string_free(filter, FALSE);
}
