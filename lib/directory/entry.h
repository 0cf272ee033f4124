#ifndef PH_DIRECTORY_ENTRY_H
#define PH_DIRECTORY_ENTRY_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <glib.h>

/*
 * What every back end must decide in the same way: which addresses an entry
 * owns, and what several owners of one address mean. Pure.
 */

/* Folded, each once: the key's name, PrimarySmtpAddress, EmailAddresses. Free
 * with g_ptr_array_unref. */
GPtrArray *ph_entry_addresses(const struct ph_object *entry);

/*
 * Of the owners of an address: none 0, one 1 with *entry_r a reference. Two
 * whose keys differ in case alone are one recipient by mistake written twice,
 * which must not bounce mail: TEMP. Others: PERM.
 */
int ph_entry_choose(struct ph_object *const *owners, size_t n,
		    const char *address, struct ph_object **entry_r,
		    struct ph_err *err);

#endif
