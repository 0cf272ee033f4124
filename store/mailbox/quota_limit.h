#ifndef PH_STORE_MAILBOX_QUOTA_LIMIT_H
#define PH_STORE_MAILBOX_QUOTA_LIMIT_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The limit that was written into "maildirsize" for the directory, in the file
 * "posthub-quota" beside it: one that the directory does not name any more must
 * not be taken for somebody else's, which counts.
 */

/* Was it that one? */
bool ph_quota_limit_is_ours(int mailbox, int64_t bytes);

/* 0, or -1 TEMP with errno. */
int ph_quota_limit_note(int mailbox, int64_t bytes,
			const struct ph_perms *owner, struct ph_err *err);

#endif
