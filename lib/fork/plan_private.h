#ifndef PH_FORK_PLAN_PRIVATE_H
#define PH_FORK_PLAN_PRIVATE_H

#include "lib/fork/plan.h"

/* Inside plans alone: their text, and what a token is made of. */

/* A larger one is neither written nor read. Of a header that a rule changed
 * all fields are in the plan, which may be most of a header. */
#define PH_PLAN_LIMIT ((size_t)64 * 1024 * 1024)

/* JSON, g_free. */
char *ph_plan_format(const struct ph_plan *plan, size_t *size_r);

/*
 * Strict: every member is there and no other, and what will stand in an SMTP
 * command fits there. 0 and *plan_r, or -1 PERM.
 */
int ph_plan_parse(const char *text, size_t size, struct ph_plan **plan_r,
		  struct ph_err *err);

/* A token comes from the network, so nothing is done with one before this: 1,
 * the plan's id (g_free) and the group; 0: it is none. */
int ph_plan_token_split(const char *token, char **id_r, size_t *group_r);

/* Fit to be a plan's id, and by that a file's name. */
bool ph_plan_id_valid(const char *id);

#endif
