#ifndef PH_DIRECTORY_LDAP_ENTRY_H
#define PH_DIRECTORY_LDAP_ENTRY_H

#include <glib.h>
#include <stddef.h>

/*
 * What an LDAP server says of one entry: attributes without case, values as
 * text. Values that are not (NUL, or not UTF-8) are left out. Not thread-safe.
 */
struct ph_ldap_entry {
	char *dn;
	GHashTable *values; /* attribute in lower case -> GPtrArray of char * */
};

struct ph_ldap_entry *ph_ldap_entry_new(const char *dn);
void ph_ldap_entry_free(void *entry); /* NULL is fine */

/* Takes a copy. */
void ph_ldap_entry_add(struct ph_ldap_entry *entry, const char *attribute,
		       const char *value, size_t size);

/* Borrowed; NULL: none. */
const GPtrArray *ph_ldap_entry_values(const struct ph_ldap_entry *entry,
				      const char *attribute);
/* The first; NULL: none. */
const char *ph_ldap_entry_value(const struct ph_ldap_entry *entry,
				const char *attribute);

#endif
