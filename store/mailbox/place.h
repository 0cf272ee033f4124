#ifndef PH_STORE_MAILBOX_PLACE_H
#define PH_STORE_MAILBOX_PLACE_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>

/*
 * Where a mailbox is below the directory of its database: a template such as
 * "{domain}/{local}" filled in with what the directory says of the recipient.
 * What is filled in is made fit for a path component (path.h), so that no
 * address and no attribute leads out of the database or makes a level more.
 * Pure; immutable; safe from all threads.
 */
struct ph_place;

/* {local}, {domain}, {address}, and fields of the kind "recipient" that are
 * one text. -1 PERM: bad syntax, a component that is no name, or a template
 * that would give two people one mailbox. */
int ph_place_parse(const char *text, struct ph_place **place_r,
		   struct ph_err *err);
void ph_place_free(struct ph_place **place); /* NULL is fine */

/* True of "{domain}/{local}". */
bool ph_place_is_default(const struct ph_place *place);

/* The components, g_strfreev. entry may be NULL: it has no attributes. NULL:
 * TEMP, no address, an attribute that is not set, or a component that is too
 * long for a file system. */
char **ph_place_expand(const struct ph_place *place, const char *address,
		       const struct ph_object *entry, struct ph_err *err);

/* One text with a placeholder "{name}" and nothing else: name, g_free; NULL:
 * it is not that. */
char *ph_place_attribute(const char *text);

#endif
