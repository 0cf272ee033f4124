#ifndef PH_ROUTING_CONNECTOR_PRIVATE_H
#define PH_ROUTING_CONNECTOR_PRIVATE_H

#include "lib/routing/topology.h"
#include "lib/state/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What only lib/routing may see of a send connector. */

/* ---- connector_space.c -------------------------------------------------- */

struct ph_space {
	const char *text; /* as written; borrowed from the connector */
	/* How specific: the domain itself beats *.domain, of which the longer
	 * beats the shorter; * is last. */
	size_t fit;
	int64_t cost;
};

/* The best of a connector's address spaces for a folded domain; false: none
 * holds it. */
bool ph_space_find(const struct ph_object *connector, const char *domain,
		   struct ph_space *space_r);

/* ---- connector_hop.c ---------------------------------------------------- */

/*
 * Next hops of mail that is sent from here: the connector's smart hosts, or
 * the folded domain when its MX is to be looked up; g_free. NULL: the
 * connector has no smart host that can be read, or the domain is none that DNS
 * could know.
 */
char *ph_connector_hops(const struct ph_object *connector, const char *domain,
			bool tls);

/* ---- connector_proxy.c -------------------------------------------------- */

/* "ph-proxy:[fe1.example]:717, ...": front ends that take mail for outside from
 * the server, those of its site first; g_free. NULL: there is none. */
char *ph_connector_proxies(const struct ph_topology *topology,
			   const struct ph_server *from);

#endif
