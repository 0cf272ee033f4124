#ifndef PH_DIRECTORY_MEMBERS_H
#define PH_DIRECTORY_MEMBERS_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Is somebody in a group: in its Members, or in those of a group inside it?
 * Groups that hold each other are no error: each is opened once. Only look-ups
 * are done. Who gets the mail of a group: expand.h.
 */

/* A group of any kind. */
bool ph_entry_is_group(const struct ph_object *entry);
/* One whose members the directory finds by a filter. */
bool ph_entry_is_dynamic(const struct ph_object *entry);

/* Groups opened for one answer; more is an error, because a directory that
 * answers slowly would hold the mail for minutes. */
#define PH_MEMBERS_GROUPS 10000

/*
 * Who is in one of the groups (addresses, NULL-terminated, copied)? About many
 * at the cost of one: what was found of the groups is kept, so a search is for
 * the time of one message. The directory is borrowed. Not thread-safe.
 */
struct ph_member_search;
struct ph_member_search *ph_member_search_new(struct ph_directory *directory,
					      const char *const *groups);
void ph_member_search_free(void *search); /* NULL is fine */
/*
 * addresses: all of somebody, folded (char *). 1 one of them is a member; 0
 * none, also of a group that does not exist (facts/exchange-rules.md row 13);
 * -1 cannot say: TEMP; PERM the filter of a dynamic group is not valid.
 */
int ph_member_search_has(struct ph_member_search *search,
			 const GPtrArray *addresses, struct ph_err *err);

/* ExpansionSizeLimit of transportconfig: groups of more members are left whole.
 */
size_t ph_members_limit(const struct ph_snapshot *snapshot);

#endif
