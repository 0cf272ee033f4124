#ifndef PH_CLI_STATUS_KEYS_H
#define PH_CLI_STATUS_KEYS_H

#include "cli/command.h"

#include <glib.h>

/* Keys below the prefix, without it, that belong to nothing, by name: a kind
 * was misspelt with redis-cli. Empty as well when Redis does not say. */
GPtrArray *ph_unknown_keys(struct ph_cli *cli);

/* What is wrong with one, and what was meant; g_free. */
char *ph_unknown_problem(const char *key);

#endif
