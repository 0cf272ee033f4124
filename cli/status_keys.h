#ifndef PH_CLI_STATUS_KEYS_H
#define PH_CLI_STATUS_KEYS_H

#include "cli/command.h"
#include "cli/output.h"

/* Keys below the prefix that belong to nothing, because a kind was misspelt
 * with redis-cli: no daemon reads them. Key and Problem, the first 20; when
 * Redis does not say all of them, so does the first row. */
struct ph_table *ph_unknown_table(struct ph_cli *cli);

#endif
