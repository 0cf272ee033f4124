#ifndef PH_STATE_LDAP_PROFILE_H
#define PH_STATE_LDAP_PROFILE_H

#include <stdbool.h>

/*
 * Which attribute of a directory server is which field of the kind
 * "recipient", as const tables: the one list.
 */
enum ph_ldap_convert {
	PH_LDAP_TEXT,	   /* the first value */
	PH_LDAP_TEXTS,	   /* all values, one a line */
	PH_LDAP_ADDRESS,   /* an SMTP address, "smtp:" in front or not */
	PH_LDAP_TARGET,	   /* the same, of a contact or a mail user only */
	PH_LDAP_PRIMARY,   /* the one with "SMTP:", else without any type */
	PH_LDAP_ADDRESSES, /* all that are SMTP addresses */
	PH_LDAP_BOOL,	   /* TRUE, FALSE */
	PH_LDAP_KB,	   /* a size in kilobytes */
	PH_LDAP_NAME,	   /* the last part of a DN or of a legacy DN */
	PH_LDAP_DATABASE,  /* the same, of a mailbox only; settings may name
			    * another attribute, or a database for all */
	PH_LDAP_LINK,	   /* a DN, whose entry's address it becomes */
	PH_LDAP_LINKS,	   /* several */
	PH_LDAP_ONLY,	   /* the same of a list that lets in whom it names:
			    * it must not become empty, which would let in
			    * everybody, when those in it have gone */
};

#define PH_LDAP_SOURCES 4

struct ph_ldap_row {
	const char *field;
	enum ph_ldap_convert convert;
	/* Of single values the first attribute that is set counts, of lists
	 * all. */
	const char *attributes[PH_LDAP_SOURCES];
};

#define PH_LDAP_ANY_CLASS ""

/* The first row that fits is the entry's type. */
struct ph_ldap_type {
	const char *object_class;
	const char *attribute; /* must be set, too; NULL: none */
	const char *type;
	const char *security; /* of a group that is one; NULL: as type */
};

struct ph_ldap_profile {
	const char *name; /* of [directory] profile */
	/* Who owns an address: attribute and what stands before it there. */
	struct {
		const char *attribute;
		const char *prefix;
	} owns[PH_LDAP_SOURCES];
	const struct ph_ldap_type *types; /* ends with object_class NULL */
	const struct ph_ldap_row *rows;	  /* ends with field NULL */
};

/* Ends with name NULL; in the order of the setting's words. */
extern const struct ph_ldap_profile ph_ldap_profiles[];

bool ph_ldap_row_is_link(const struct ph_ldap_row *row);

#endif
