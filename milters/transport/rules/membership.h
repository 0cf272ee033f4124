#ifndef PH_RULES_MEMBERSHIP_H
#define PH_RULES_MEMBERSHIP_H

#include "milters/transport/rules/evaluate.h"

/*
 * Who is in the groups that a rule names: groups are opened once a message,
 * however many recipients it has and rules name the same.
 */
struct ph_groups;

struct ph_groups *ph_groups_new(const char *const *addresses); /* copied */
void ph_groups_free(void *groups);

/* Is address, under any of its addresses, a member of one of them? As
 * ph_member_search_has. */
int ph_groups_have(const struct ph_groups *groups, struct ph_evaluation *e,
		   const char *address, struct ph_err *err);

#endif
