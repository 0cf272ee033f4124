#ifndef PH_STORE_MAILBOX_QUOTA_H
#define PH_STORE_MAILBOX_QUOTA_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <stdint.h>

/*
 * Quota of a Maildir++ by its file "maildirsize": the limits in the first
 * line, then a line "bytes messages" for each change, which are added up.
 * Whoever adds or removes messages adds a line; when it has grown long, says
 * that there is no room, or is not understood, the folders are counted anew.
 * Counted is every message in new and cur of the Inbox and of all folders, as
 * Dovecot's quota driver "maildir" counts.
 *
 * There is no lock among programs: several may together exceed a quota a
 * little. Within this process the caller lets one call at a time work on a
 * mailbox.
 */
struct ph_quota {
	int64_t bytes, messages; /* 0: no limit */
};

/*
 * Room for one more message of that size? 1: yes, and it is counted (when it
 * is not stored after all: ph_quota_give). 0: no. -1 TEMP with errno. Room is
 * what keeps the mailbox at or below its limits. bytes: the limit of the
 * directory, written into the file, INT64_MAX if it says that there is none; 0:
 * it says nothing, the file's own limits count, and without a file there are
 * none.
 */
int ph_quota_take(int mailbox, int64_t bytes, int64_t size,
		  const struct ph_perms *owner, struct ph_err *err);
void ph_quota_give(int mailbox, int64_t size);

/* What is in the mailbox by its file. 1; 0: there is no file, or it must be
 * counted anew. */
int ph_quota_read(int mailbox, struct ph_quota *limit_r,
		  struct ph_quota *used_r);

#endif
