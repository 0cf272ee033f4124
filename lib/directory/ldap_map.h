#ifndef PH_DIRECTORY_LDAP_MAP_H
#define PH_DIRECTORY_LDAP_MAP_H

#include "lib/base/err.h"
#include "lib/directory/ldap_entry.h"
#include "lib/state/ldap_profile.h"
#include "lib/state/object.h"

#include <glib.h>

/*
 * From an entry of an LDAP server to an object of the kind "recipient": a
 * profile, and what the settings add. Pure; arrays are for g_ptr_array_unref.
 */
struct ph_ldap_map {
	const struct ph_ldap_profile *profile;
	const char *database; /* of users who name none; "" or NULL: none */
	const char *database_attribute; /* the same; in place of the profile's
					 */
	bool strict; /* a text that its field cannot hold is an error; else it
		      * is left out, to stop nobody's mail */
};

static inline bool
ph_ldap_map_names_database(const struct ph_ldap_map *map)
{
	return map->database_attribute != NULL &&
	       *map->database_attribute != '\0';
}

/* Attributes to be asked for (char *), each once, NULL at the end: all, or
 * those of the address alone. */
GPtrArray *ph_ldap_map_attributes(const struct ph_ldap_map *map,
				  bool address_only);

/* Who owns one of the addresses: "(|(proxyAddresses=smtp:...)(mail=...))";
 * g_free. */
char *ph_ldap_map_filter(const struct ph_ldap_map *map,
			 const char *const *addresses, size_t n);

/* The addresses, folded, by which that finds the entry: a set of char * for
 * g_hash_table_unref. The server may find it by others, too. */
GHashTable *ph_ldap_map_owned(const struct ph_ldap_map *map,
			      const struct ph_ldap_entry *entry);

/* All that can be recipients: have an address and a type; g_free. */
char *ph_ldap_map_everybody(const struct ph_ldap_map *map);

/* Adds the distinguished names in the entry that must be known as addresses:
 * canonical -> as written, both g_free. */
void ph_ldap_map_links(const struct ph_ldap_map *map,
		       const struct ph_ldap_entry *entry, GHashTable *links);

/* The primary address, g_free; NULL: it has none and gets no mail. */
char *ph_ldap_map_primary(const struct ph_ldap_map *map,
			  const struct ph_ldap_entry *entry);

/* Has a type and an address: else it is no recipient, and no mistake. */
bool ph_ldap_map_is_recipient(const struct ph_ldap_map *map,
			      const struct ph_ldap_entry *entry);

/* A value that says it is an SMTP address and is none; borrowed; NULL: all are.
 */
const char *ph_ldap_map_bad_address(const struct ph_ldap_map *map,
				    const struct ph_ldap_entry *entry);

/*
 * addresses: canonical distinguished name -> address; a link that is not in it
 * leads to nobody who gets mail, and is left out. 0, or -1 PERM: the entry
 * cannot be a recipient as it is, which is the administrator's to mend.
 */
int ph_ldap_map_parse(const struct ph_ldap_map *map,
		      const struct ph_ldap_entry *entry, GHashTable *addresses,
		      struct ph_object **object_r, struct ph_err *err);

#endif
