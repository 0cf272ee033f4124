#ifndef PH_ROUTING_CONNECTOR_H
#define PH_ROUTING_CONNECTOR_H

#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * From an address outside to a send connector and to next hops: pure functions
 * of a snapshot and its topology, no I/O, so that the transport map, a rule's
 * action and "posthub route" say the same. Source:
 * facts/exchange-routing.md section 5.
 *
 * Not looked at in this version: the address space "--", types other than SMTP.
 */

/* All borrowed. */
struct ph_connector_query {
	const struct ph_snapshot *snapshot;
	const struct ph_topology *topology; /* of that snapshot */
	const char *from;		    /* server, by name */
	const char *address;		    /* of a recipient, or its domain */
	/* Bytes of the message; 0: not known, MaxMessageSize does not count. */
	uint64_t size;
	/* NULL: select. Else this one, by name, whatever its address spaces:
	 * RouteMessageOutboundConnector. */
	const char *connector;
	/* As if the connector had RequireTLS: RouteMessageOutboundRequireTls.
	 * Binds the sending server alone: with HUB the next one has to be told
	 * as well. */
	bool require_tls;
	/* A front end's own queue asks, to which source servers hand mail over:
	 * of connectors with FrontendProxyEnabled, as if sent from here. */
	bool frontend;
	bool explain; /* fill "why" */
};

enum ph_connector_type {
	PH_CONNECTOR_OUT,   /* sent from here: ph-out, ph-out-tls, ... */
	PH_CONNECTOR_PROXY, /* the same, through a front end: ph-proxy */
	PH_CONNECTOR_HUB,   /* to Transport services of the source servers */
	PH_CONNECTOR_NONE,  /* no way is known: the message waits, no bounce */
	PH_CONNECTOR_TOO_LARGE, /* a smaller message would go: refused for good
				 */
};

struct ph_connector_route {
	enum ph_connector_type type;
	/* Borrowed from the snapshot; of OUT, PROXY and HUB, else NULL. */
	const struct ph_object *connector;
	/* Of OUT, PROXY and HUB, else NULL: transport and at most ten elements,
	 * separated by ", ": "ph-out:smart.example:25, [192.0.2.1]:587",
	 * "ph-proxy:[fe1.example]:717",
	 * "ph-out-tls:example.com", "ph-hub:[mbx2.example]:2525". No control
	 * character, and no white space but after a comma. */
	char *nexthop;
	char *onward; /* of PROXY: what nexthop would be without the front end,
		       * which is what the front end does; else NULL */
	char *reason; /* of NONE, TOO_LARGE: one line, for people; else NULL */
	char **why;   /* each step in words; NULL unless asked for */
};

/* Never fails: what cannot be said is NONE with its reason. */
void ph_connector_find(const struct ph_connector_query *query,
		       struct ph_connector_route *route_r);
void ph_connector_clear(struct ph_connector_route *route);

/* The transport map's answer, g_free: nexthop, "retry:4.4.4 reason" or
 * "error:5.3.4 reason". */
char *ph_connector_format(const struct ph_connector_route *route);

const char *ph_connector_type_name(enum ph_connector_type type); /* "out" */

#endif
