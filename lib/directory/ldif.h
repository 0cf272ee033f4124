#ifndef PH_DIRECTORY_LDIF_H
#define PH_DIRECTORY_LDIF_H

#include "lib/base/err.h"
#include "lib/directory/ldap_entry.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * LDIF (RFC 2849), as ldapsearch, slapcat and ldifde write it: folded lines,
 * comments, base64, "version:", and of changes those that add. Only the
 * attributes that are asked for are kept, so that photographs cost nothing. A
 * parser, not thread-safe; no descriptor.
 */
struct ph_ldif;

#define PH_LDIF_LINE_LIMIT ((size_t)1 << 20)	/* bytes, unfolded */
#define PH_LDIF_RECORD_LIMIT ((size_t)64 << 20) /* of what is kept */

struct ph_ldif_record {
	struct ph_ldap_entry *entry; /* borrowed until the next call; NULL: the
				      * record has no name */
	const char *change;	     /* "modify"; NULL: an entry to be added */
	size_t line;		     /* where it begins, from 1 */
};

/* attributes: those that are kept, NULL-terminated, copied. */
struct ph_ldif *ph_ldif_new(const char *const *attributes);
void ph_ldif_free(struct ph_ldif **ldif); /* NULL is fine */

void ph_ldif_feed(struct ph_ldif *ldif, const void *data, size_t size);
void ph_ldif_end(struct ph_ldif *ldif); /* nothing more will be fed */

/* 1: *record_r. 0: feed more, or all was read. -1 PERM: that record is not well
 * formed; "line N: what; expected what"; record_r->line is set, and the next
 * call goes on behind it. */
int ph_ldif_next(struct ph_ldif *ldif, struct ph_ldif_record *record_r,
		 struct ph_err *err);

#endif
