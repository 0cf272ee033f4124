#ifndef PH_CLI_LOOKUP_H
#define PH_CLI_LOOKUP_H

#include "cli/command.h"
#include "lib/directory/directory.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/status.h"
#include "lib/routing/topology.h"

/* What "resolve" and "route" look into: the snapshot with its topology, and
 * the directory file of this server. */
struct ph_lookup {
	struct ph_snapshot *snapshot;
	const struct ph_topology *topology; /* borrowed from it */
	struct ph_directory *directory;
	struct ph_directory_status fed; /* since 0: not known */
};

/* 0, or an exit code after saying why. Close in both cases. */
int ph_lookup_open(struct ph_cli *cli, struct ph_lookup *lookup);
void ph_lookup_close(struct ph_lookup *lookup);

/* To whom mail for an address goes, as ph_resolve_steps without a sender: 0, or
 * the exit code, said why. */
int ph_lookup_resolve(const struct ph_lookup *lookup, const char *address,
		      GPtrArray **steps_r);

#endif
