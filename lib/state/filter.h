#ifndef PH_STATE_FILTER_H
#define PH_STATE_FILTER_H

#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>

/*
 * Who is in a DynamicDistributionGroup: a question about one entry of the kind
 * "recipient". Written as Exchange's RecipientFilter (OPATH),
 *
 *	((RecipientType -eq 'UserMailbox') -and (Department -like 'Sales*'))
 *
 * or as an LDAP filter (RFC 4515), whose attributes are those of the profiles.
 * Pure; immutable once parsed; texts are compared without case.
 *
 * OPATH: -eq -ne -like -notlike -gt -ge -lt -le, -not or !, -and, -or; both of
 * the last two at one level need parentheses, since PowerShell and SQL would
 * read them differently. A value is in quotes ('' or "" inside them is one), or
 * $true, $false, $null, or a word. In -like and -notlike each * stands for any
 * text, `* for a star. Properties are the fields of the kind and Exchange's
 * names for them. Of several values one is enough. What is not set is $null and
 * '', is -ne and -notlike everything else, and neither greater nor less.
 */
struct ph_filter;

#define PH_FILTER_LIMIT 65536 /* bytes */

/* 0, or -1 PERM: "character 12: what is wrong; expected what". */
int ph_filter_parse(const char *text, struct ph_filter **filter_r,
		    struct ph_err *err);

/*
 * Of a group: its RecipientFilter, else IncludedRecipients and the Conditional
 * fields as Exchange puts them together: each field one of its values, and all
 * of them. -1 PERM: it has none of these.
 */
int ph_filter_of_group(const struct ph_object *group,
		       struct ph_filter **filter_r, struct ph_err *err);

void ph_filter_free(struct ph_filter **filter); /* NULL is fine */

/* As OPATH; of one that was written so, what parses to the same. g_free. */
char *ph_filter_format(const struct ph_filter *filter);

/* It was written for LDAP: a server can be asked. */
bool ph_filter_is_ldap(const struct ph_filter *filter);

/* Why it cannot be answered here but by an LDAP server alone; borrowed; NULL:
 * it can. */
const char *ph_filter_obstacle(const struct ph_filter *filter);

/* It asks for groups by their type: else none are meant. */
bool ph_filter_names_groups(const struct ph_filter *filter);

/* It looks at what names other entries (Manager, Members, ...): else whoever
 * asks need not look those up first. */
bool ph_filter_has_links(const struct ph_filter *filter);

/* The groups of MemberOfGroup, folded addresses; NULL-terminated; borrowed. */
const char *const *ph_filter_groups(const struct ph_filter *filter);

/* Is the entry a member of one of these? */
typedef bool ph_filter_member(const char *group, const struct ph_object *entry,
			      void *arg);

/* Only without obstacle. member may be NULL where there are no groups. */
bool ph_filter_match(const struct ph_filter *filter,
		     const struct ph_object *entry, ph_filter_member *member,
		     void *arg);

#endif
