#ifndef PH_STORE_MAILBOX_PERMS_H
#define PH_STORE_MAILBOX_PERMS_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whose the files of a mailbox are: virtual users all share one user of the
 * system, or the directory names each one's. Immutable; safe from all threads.
 */
struct ph_perms {
	uid_t uid;	  /* (uid_t)-1: as it comes */
	gid_t gid;	  /* (gid_t)-1: as it comes */
	mode_t file, dir; /* dir has x where file has r, and set-group-id
			   * where there is a gid */
};

/* Files of this process's own, 0600. */
extern const struct ph_perms ph_perms_self;

struct ph_perms_rule;

/*
 * user and group: "", a name, a number or "{attribute}" of the recipient; mode
 * in octal, the owner's read and write among it, no execute. -1 PERM: bad, or
 * another user than this process's while it may not give files away.
 */
int ph_perms_rule_parse(const char *user, const char *group, const char *mode,
			struct ph_perms_rule **rule_r, struct ph_err *err);
void ph_perms_rule_free(struct ph_perms_rule **rule); /* NULL is fine */

/* Everybody's is the process's own, 0600. */
bool ph_perms_rule_is_self(const struct ph_perms_rule *rule);

/* Everybody's, as far as no attribute decides: NULL. Borrowed. */
const struct ph_perms *ph_perms_rule_common(const struct ph_perms_rule *rule);

/* 0, or -1 TEMP with errno EINVAL: the attribute is not set or is no number of
 * an ordinary user. entry may be NULL. */
int ph_perms_of(const struct ph_perms_rule *rule, const struct ph_object *entry,
		struct ph_perms *perms_r, struct ph_err *err);

bool ph_perms_equal(const struct ph_perms *a, const struct ph_perms *b);

/* Of a file or directory that this process has made. 0, or -1 with errno. */
int ph_perms_give(int fd, const struct ph_perms *owner, bool directory);

#endif
