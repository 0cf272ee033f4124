#ifndef PH_ROUTING_ROUTE_H
#define PH_ROUTING_ROUTE_H

#include "lib/base/err.h"
#include "lib/routing/health.h"
#include "lib/routing/topology.h"
#include "lib/state/object.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * From a recipient to next hops, and from recipients to one Transport server.
 * Pure functions of a topology: no I/O, no state, so that the same question
 * has the same answer everywhere, in tests, in "posthub route" and in qmgr's
 * queue key.
 */

/* ---- Transport: next hops of one recipient ------------------------------ */

enum ph_group_type {
	PH_GROUP_NONE,
	PH_GROUP_DAG,	  /* routable DAG */
	PH_GROUP_MAILBOX, /* mailbox delivery group: servers of a site that are
			   * in no DAG */
};

enum ph_route_type {
	PH_ROUTE_MAILBOX, /* to store drivers: this server is in the group */
	PH_ROUTE_HUB,	  /* to Transport services of the group or on the way */
	PH_ROUTE_NONE,	  /* no way is known: the message waits */
};

struct ph_route {
	enum ph_route_type type;
	enum ph_group_type group;
	const char *group_name; /* DAG's or site's; borrowed; "" if none */
	const struct ph_database *database; /* NULL if none */
	/* In order of preference; borrowed servers; owned array,
	 * NULL-terminated. */
	const struct ph_server **hops;
	char *reason; /* of NONE: one line, for people; else NULL */
	char **why;   /* each step in words, for "posthub route"; NULL unless
		       * asked for */
};

/*
 * The route of a mailbox in a database as seen from a server (by name; not in
 * the topology: NONE). Only the topology decides, never a heartbeat: the list
 * must stay the same until the topology changes. explain fills "why".
 */
void ph_route_database(const struct ph_topology *topology, const char *from,
		       const char *database, bool explain,
		       struct ph_route *route_r);
void ph_route_clear(struct ph_route *route);

/*
 * The transport map's answer, g_free: "ph-mailbox:[h]:475, [h]:475",
 * "ph-hub:[h]:2525" or "retry:4.4.4 reason". Hosts are those of the servers'
 * service endpoints.
 */
char *ph_route_format(const struct ph_route *route);

/*
 * The transport map's answer for a group, g_free: the expansion service here,
 * or the Transport service of its ExpansionServer (NULL, "": any) and no other,
 * so that the message waits while that server is away; "retry:..." if there is
 * no such server.
 */
char *ph_route_expansion(const struct ph_topology *topology, const char *from,
			 const char *server);

/* ---- front end and submission: one server for a message ------------------ */

enum ph_selector {
	PH_SELECT_FRONTEND,   /* no mailbox recipient: random in local site */
	PH_SELECT_SUBMISSION, /* no mailbox recipient: local delivery group */
};

/* Only the first PH_SELECT_RECIPIENTS databases are looked at. */
#define PH_SELECT_RECIPIENTS 20

/*
 * Transport servers for a message, best first: with one mailbox recipient the
 * target group's, nearest site first; with several, those of the closest group
 * of the first twenty; with none as the selector says; then what remains as
 * fail-over: the local site's. Servers without heartbeat (health), not Active
 * or without the HubTransport role are left out. Equals (same group, same
 * site cost) are shuffled with random (NULL: by name), so that load spreads
 * and the local server is not preferred. Returns a NULL-terminated array of
 * borrowed servers, g_free; empty: no Transport service, 451 4.4.0.
 */
const struct ph_server **
ph_select_transport(const struct ph_topology *topology, const char *from,
		    enum ph_selector selector, const char *const *databases,
		    size_t n_databases, const struct ph_health *health,
		    GRand *random);

/* Appends "[host]:port", one element of a list of next hops. */
void ph_hop_append(GString *out, const struct ph_endpoint *endpoint);

#endif
