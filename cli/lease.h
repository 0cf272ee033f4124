#ifndef PH_CLI_LEASE_H
#define PH_CLI_LEASE_H

#include "cli/command.h"

#include <stddef.h>

/* Who holds mailbox databases just now, as Redis tells. */
struct ph_lease_shown {
	char *holder;	   /* NULL: nobody */
	const char *state; /* a text of the program */
};

/* Of databases by name; shown_r has room for n, to be cleared one by one. 0,
 * or -1: Redis does not say, and every state is "unknown". */
int ph_leases_read(struct ph_cli *cli, const char *const *names, size_t n,
		   struct ph_lease_shown *shown_r);
void ph_lease_shown_clear(struct ph_lease_shown *shown);

#endif
