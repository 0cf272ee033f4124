#ifndef PH_STORE_MAILBOX_QUOTA_H
#define PH_STORE_MAILBOX_QUOTA_H

#include "lib/base/err.h"
#include "store/mailbox/perms.h"

#include <stdbool.h>
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

/* What the directory says, in bytes; 0: nothing, INT64_MAX: no limit. */
struct ph_quota_limits {
	int64_t receive; /* what mail may not make a mailbox exceed */
	int64_t send;	 /* above it the owner may not send */
	int64_t warning; /* above it the owner is warned */
};

/* False: it says nothing, or that there is none. */
bool ph_quota_is_limit(int64_t bytes);

/*
 * Room for one more message of that size? 1: yes, and it is counted (when it
 * is not stored after all: ph_quota_give), *used_r is what the mailbox has with
 * it, or 0 if nobody wants that. 0: no. -1 TEMP with errno. Room is what keeps
 * the mailbox at or below its limits. The directory's limit is written into the
 * file; if it says nothing, the file's own limits count, and without a file
 * there are none.
 */
int ph_quota_take(int mailbox, const struct ph_quota_limits *limits,
		  int64_t size, const struct ph_perms *owner,
		  struct ph_quota *used_r, struct ph_err *err);
void ph_quota_give(int mailbox, int64_t size);
/* A message is there for which nobody asked. */
void ph_quota_put(int mailbox, int64_t size);

/* What is in the mailbox by its file. 1; 0: there is no file, or it must be
 * counted anew. */
int ph_quota_read(int mailbox, struct ph_quota *limit_r,
		  struct ph_quota *used_r);

/* Is by its file more than that in the mailbox? 1, 0; -1: there is none, or
 * what it says is old. */
int ph_quota_says(int mailbox, int64_t bytes);

/* Is in the mailbox more than that (0, INT64_MAX: never)? Counted anew before
 * an old sum says yes; owner NULL: which is not written down. 1 and *used_r, 0,
 * -1 TEMP. */
int ph_quota_above(int mailbox, int64_t bytes, const struct ph_perms *owner,
		   struct ph_quota *used_r, struct ph_err *err);

/* The size above which something is said to the owner; INT64_MAX: none. */
int64_t ph_quota_notable(const struct ph_quota_limits *limits);

/*
 * Shall the owner of a mailbox that has more than that be told now (ms since
 * 1970)? At most once a day, by the time of the file "posthub-warned" beside
 * "maildirsize". 1: yes, and it is noted: who then cannot do it leaves it for a
 * day; *used_r. 0: no. -1 TEMP.
 */
int ph_quota_tell(int mailbox, int64_t bytes, int64_t now,
		  const struct ph_perms *owner, struct ph_quota *used_r,
		  struct ph_err *err);

#endif
