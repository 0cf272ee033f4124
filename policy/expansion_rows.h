#ifndef PH_POLICY_EXPANSION_ROWS_H
#define PH_POLICY_EXPANSION_ROWS_H

#include "lib/directory/expand.h"
#include "lib/fork/rows.h"

/*
 * Tracking rows of an expansion: EXPAND, DUPLICATEEXPAND, RESOLVE, REDIRECT.
 * The same rows when they are written again. Of a very large group there are
 * several with a part of its members each. expansion NULL: the message is none
 * that the members get; DROP, where it goes to nobody else.
 */
void ph_expansion_rows(const struct ph_fork_rows *rows, const char *group,
		       const struct ph_expansion *expansion);

#endif
