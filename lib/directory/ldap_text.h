#ifndef PH_DIRECTORY_LDAP_TEXT_H
#define PH_DIRECTORY_LDAP_TEXT_H

/*
 * LDAP's written forms. Pure; what is returned is for g_free.
 */

/* RFC 4515: a value inside a filter. Whatever is not plain ASCII is escaped,
 * so that nothing in an address can end the assertion. */
char *ph_ldap_escape_filter(const char *value);

/* RFC 4514 2.4: a value inside a distinguished name. */
char *ph_ldap_escape_dn(const char *value);

/*
 * A distinguished name in one form for comparing: types in lower case, values
 * folded, escapes alike, blanks around separators dropped. NULL: it is none.
 */
char *ph_ldap_dn_canonical(const char *dn);

/* The value of its first part: "DB1" of "CN=DB1,CN=Databases,...". NULL: it is
 * no distinguished name. */
char *ph_ldap_dn_first(const char *dn);

/*
 * Range retrieval (MS-ADTS 3.1.1.3.1.3.3): Active Directory answers a long
 * "member" with "member;range=0-1499", and is asked for "member;range=1500-*"
 * until it answers "member;range=1500-*". 1: *name_r is "member" and *next_r
 * what is to be asked for now, NULL when that was the last part. 0: no range.
 */
int ph_ldap_range_parse(const char *attribute, char **name_r, char **next_r);

#endif
