#ifndef PH_DIRECTORY_DYNAMIC_H
#define PH_DIRECTORY_DYNAMIC_H

#include "lib/directory/directory.h"
#include "lib/state/filter.h"

/*
 * Who is in a DynamicDistributionGroup, for the back ends: its filter, and what
 * that needs to know beside the entries. Never the group itself, and no other
 * group unless the filter asks for groups by their type.
 */
struct ph_dynamic;

/* group is borrowed. 0, or -1 PERM. */
int ph_dynamic_open(const struct ph_object *group,
		    struct ph_dynamic **dynamic_r, struct ph_err *err);
void ph_dynamic_close(struct ph_dynamic **dynamic); /* NULL is fine */

/* Borrowed. */
const struct ph_filter *ph_dynamic_filter(const struct ph_dynamic *dynamic);

/* Looks up the groups of MemberOfGroup, before ph_dynamic_has. 0, or -1: PERM
 * what the filter asks cannot be answered here; TEMP. */
int ph_dynamic_prepare(struct ph_dynamic *dynamic,
		       const struct ph_directory_ops *ops, void *self,
		       struct ph_err *err);

/* The entry is in it by the filter. */
bool ph_dynamic_has(const struct ph_dynamic *dynamic,
		    const struct ph_object *entry);
/* It may be in it: for those of whom a server has said that the filter fits. */
bool ph_dynamic_may_have(const struct ph_dynamic *dynamic,
			 const struct ph_object *entry);

/* As ph_directory_walk with a group, for a back end that can walk through all
 * and has no containers. */
int ph_dynamic_walk(const struct ph_directory_ops *ops, void *self,
		    const struct ph_object *group, ph_directory_each *each,
		    void *arg, struct ph_err *err);

#endif
