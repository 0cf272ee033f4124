#ifndef PH_RULES_IDENTITY_H
#define PH_RULES_IDENTITY_H

#include "milters/transport/rules/evaluate.h"

#include <glib.h>

/*
 * Who an address is, looked up once a message: "anna@a.test" in a rule means
 * the recipient with that address, under whichever of its addresses it appears.
 */
struct ph_identity {
	struct ph_object *entry; /* NULL: nobody in the directory */
	GPtrArray *addresses;	 /* folded; the one asked for first */
};

/* 0 and *identity_r (borrowed from e), or -1 cannot say. */
int ph_identity_find(struct ph_evaluation *e, const char *address,
		     const struct ph_identity **identity_r, struct ph_err *err);
void ph_identity_free(void *identity);

/* The sender as conditions on the directory mean it: From, else Sender, else
 * the reverse-path; borrowed until a header field changes; "" if there is
 * none. */
const char *ph_identity_sender(struct ph_evaluation *e);
/* Its entry: 1, 0 nobody, -1. */
int ph_identity_sender_entry(struct ph_evaluation *e,
			     const struct ph_object **entry_r,
			     struct ph_err *err);

#endif
