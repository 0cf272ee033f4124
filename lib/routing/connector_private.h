#ifndef PH_ROUTING_CONNECTOR_PRIVATE_H
#define PH_ROUTING_CONNECTOR_PRIVATE_H

#include "lib/routing/topology.h"
#include "lib/state/object.h"
#include "lib/state/snapshot.h"

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
char *ph_connector_hops(const struct ph_object *connector,
			const char *transport, const char *domain);

/* Is this one of its smart hosts, as ph_connector_hops writes it? */
bool ph_connector_has_hop(const struct ph_object *connector, const char *hop);

/* ---- connector_tls.c ---------------------------------------------------- */

/* What must be so before mail leaves; each holds those before it. */
enum ph_connector_tls {
	PH_CONNECTOR_PLAIN,	  /* TLS is not even tried */
	PH_CONNECTOR_MAY,	  /* TLS if it is offered */
	PH_CONNECTOR_ENCRYPT,	  /* TLS or nothing */
	PH_CONNECTOR_CERTIFICATE, /* of whom we connect to, by an authority */
	PH_CONNECTOR_DOMAIN,	  /* of TlsDomain, or of the domain itself */
};

/* By its own fields. */
enum ph_connector_tls ph_connector_tls(const struct ph_object *connector);

/* For a folded domain: with DomainSecureEnabled it may be on the list of
 * partners. */
enum ph_connector_tls ph_connector_tls_for(const struct ph_object *connector,
					   const struct ph_snapshot *snapshot,
					   const char *domain);

/* In master.cf: "ph-out-tls"; borrowed. */
const char *ph_connector_transport(enum ph_connector_tls tls);

/* ---- connector_proxy.c -------------------------------------------------- */

/* "ph-proxy:[fe1.example]:717, ...": front ends that take mail for outside from
 * the server, those of its site first; g_free. NULL: there is none. */
char *ph_connector_proxies(const struct ph_topology *topology,
			   const struct ph_server *from);

#endif
