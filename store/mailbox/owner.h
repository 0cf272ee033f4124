#ifndef PH_STORE_MAILBOX_OWNER_H
#define PH_STORE_MAILBOX_OWNER_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whose the files of a mailbox are: virtual users all share one user of the
 * system, or the directory names each one's. Immutable; safe from all threads.
 */
struct ph_owner {
	uid_t uid;	  /* (uid_t)-1: as it comes */
	gid_t gid;	  /* (gid_t)-1: as it comes */
	mode_t file, dir; /* dir has x where file has r, and set-group-id
			   * where there is a gid */
};

/* Files of this process's own, 0600. */
extern const struct ph_owner ph_owner_self;

struct ph_owners;

/*
 * user and group: "", a name, a number or "{attribute}" of the recipient; mode
 * in octal, the owner's read and write among it, no execute. -1 PERM: bad, or
 * another user than this process's while it may not give files away.
 */
int ph_owners_parse(const char *user, const char *group, const char *mode,
		    struct ph_owners **owners_r, struct ph_err *err);
void ph_owners_free(struct ph_owners **owners); /* NULL is fine */

/* Everybody's is the process's own, 0600. */
bool ph_owners_are_self(const struct ph_owners *owners);

/* 0, or -1 TEMP with errno EINVAL: the attribute is not set or is no number of
 * an ordinary user. entry may be NULL. */
int ph_owner_of(const struct ph_owners *owners, const struct ph_object *entry,
		struct ph_owner *owner_r, struct ph_err *err);

bool ph_owner_equal(const struct ph_owner *a, const struct ph_owner *b);

/* Of a file or directory that this process has made. 0, or -1 with errno. */
int ph_owner_give(int fd, const struct ph_owner *owner, bool directory);

#endif
