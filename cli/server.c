#include "cli/change.h"
#include "cli/kind.h"
#include "lib/routing/topology.h"

/* A server that is to be worked on, and is back. */

/* Draining is about Transport: mailboxes stay where they are. */
static void
warn_of_databases(const struct ph_snapshot *snapshot, const char *server)
{
	const struct ph_topology *topology = ph_snapshot_derived(snapshot, 0);
	const struct ph_server *drained = ph_topology_server(topology, server);
	size_t n;
	const struct ph_database *databases =
	    ph_topology_databases(topology, &n);

	for (size_t i = 0; i < n; i++)
		if (drained != NULL && databases[i].active == drained)
			ph_cli_warn("database %s is still active there; "
				    "\"posthub database move %s --to SERVER\" "
				    "moves it",
				    databases[i].name, databases[i].name);
}

int
ph_server_drain(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_snapshot *snapshot = NULL;
	int status =
	    ph_change_field(cli, ph_kind_find("server"), input->words[0],
			    "drain", "State", "Draining");

	if (status != PH_EXIT_YES ||
	    ph_cli_snapshot(cli, false, ph_topology_derive, &snapshot,
			    &status) < 0)
		return status;
	warn_of_databases(snapshot, input->words[0]);
	ph_snapshot_unref(&snapshot);
	return PH_EXIT_YES;
}

int
ph_server_resume(struct ph_cli *cli, const struct ph_input *input)
{
	return ph_change_field(cli, ph_kind_find("server"), input->words[0],
			       "resume", "State", "Active");
}
