#ifndef PH_DIRECTORY_EXPAND_AHEAD_H
#define PH_DIRECTORY_EXPAND_AHEAD_H

#include "lib/directory/directory_batch.h"
#include "lib/directory/expand.h"

#include <glib.h>

/* How an expansion has its groups and people looked up many at once: no
 * contract for others. */
struct ph_lookahead {
	/* What is known beforehand of groups that are still to be opened, and
	 * of people. */
	struct ph_batch *groups, *people;
	/* Members before these have been looked at: groups, and those who are
	 * directly in them. */
	guint groups_until, people_until;
};

/* The directory is borrowed. */
void ph_lookahead_init(struct ph_lookahead *ahead,
		       struct ph_directory *directory);
void ph_lookahead_fini(struct ph_lookahead *ahead);

/* These people, and whom they send on to; others are forgotten. */
void ph_lookahead_people(struct ph_lookahead *ahead, const char *const *names,
			 size_t n);

/* Before a member that is a group is opened: it and the next ones, and their
 * people, if they are few. */
void ph_lookahead_groups(struct ph_lookahead *ahead,
			 const struct ph_expansion *expansion, guint i);

#endif
