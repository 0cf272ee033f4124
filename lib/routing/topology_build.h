#ifndef PH_ROUTING_TOPOLOGY_BUILD_H
#define PH_ROUTING_TOPOLOGY_BUILD_H

#include "lib/routing/topology_private.h"

/* What the files that build a topology share. A problem never stops it. */
struct ph_build {
	struct ph_topology *t;
	const struct ph_snapshot *snapshot;
	GString *problems;
};

/* Adds to the problems. */
void ph_build_complain(struct ph_build *b, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
/* A text that lives as long as the topology; NULL is "". */
const char *ph_build_keep(struct ph_build *b, const char *text);
/* Ends the list, hands it to the topology. */
const struct ph_server *const *ph_build_list(struct ph_build *b,
					     GPtrArray *list);
/* Of the snapshot. */
const struct ph_object *const *ph_build_objects(const struct ph_build *b,
						const char *kind, size_t *n_r);

/* ---- topology_server.c -------------------------------------------------- */

void ph_build_servers(struct ph_build *b);
/* Which servers each site has; after sites and servers. */
void ph_build_site_servers(struct ph_build *b);

#endif
