#ifndef PH_STORE_MAILBOX_CONCURRENCY_H
#define PH_STORE_MAILBOX_CONCURRENCY_H

#include "lib/state/snapshot.h"

#include <stdint.h>

/* How many messages a server works on at once: this field of its
 * mailboxtransport object, or the setting where it says nothing. snapshot may
 * be NULL. */
int64_t ph_mailbox_concurrency(const struct ph_snapshot *snapshot,
			       const char *server, const char *field,
			       int64_t setting);

#endif
