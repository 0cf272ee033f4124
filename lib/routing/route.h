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
	PH_GROUP_SERVERS, /* server list: an expansion server */
};

enum ph_route_type {
	PH_ROUTE_MAILBOX, /* to store drivers: this server is in the group */
	PH_ROUTE_HUB,	  /* to Transport services of the group or on the way */
	PH_ROUTE_EXPAND,  /* the group is opened here */
	PH_ROUTE_NONE,	  /* no way is known: the message waits */
	PH_ROUTE_TOO_LARGE, /* for a link on the path: refused for good */
};

/* All borrowed. */
struct ph_route_query {
	const struct ph_topology *topology;
	const char *from;     /* server, by name */
	const char *database; /* of a mailbox */
	/* Of a group's expansion, in place of database: ExpansionServer; "":
	 * any server. NULL: it is a database. */
	const char *expansion;
	/* Bytes of the message; 0: not known, MaxMessageSize of links does not
	 * count. */
	uint64_t size;
	bool explain; /* fill "why" */
};

struct ph_route {
	enum ph_route_type type;
	enum ph_group_type group;
	const char *group_name;	   /* DAG's, site's or server's; borrowed; "" if
				    * none */
	const struct ph_site *hub; /* hub site that is stopped at; or NULL */
	const struct ph_database *database; /* NULL if none */
	/* In order of preference; borrowed servers; owned array,
	 * NULL-terminated. */
	const struct ph_server **hops;
	char *reason; /* of NONE, TOO_LARGE: one line, for people; else NULL */
	char **why;   /* each step in words, for "posthub route"; NULL unless
		       * asked for */
};

/*
 * The route of a mailbox in a database, or of a group to where it is opened, as
 * seen from a server (not in the topology: NONE). Only the topology decides,
 * never a heartbeat: the list must stay the same until the topology changes,
 * and a size changes nothing but whether there is a route.
 *
 * A list is at most ten servers. Of a target in another site: its servers in
 * its nearest site (the active copy's first), its servers in other sites, what
 * else can take mail in the nearest site, and servers on the way back from
 * there, so that a message waits as near to the failure as it can come. An
 * expansion server is alone in its list.
 */
void ph_route_find(const struct ph_route_query *query,
		   struct ph_route *route_r);
void ph_route_clear(struct ph_route *route);

/*
 * The transport map's answer, g_free: "ph-mailbox:[h]:475, [h]:475",
 * "ph-hub:[h]:2525", "ph-expand:...", "retry:4.4.4 reason" or "error:5.3.4
 * reason". Hosts are those of the servers' service endpoints.
 */
char *ph_route_format(const struct ph_route *route);

/* What Exchange calls the queue: its DeliveryType ("SmtpRelayToDag") and
 * NextHopDomain, borrowed. */
const char *ph_route_delivery_type(const struct ph_route *route);
const char *ph_route_next_hop_domain(const struct ph_route *route);

/* ---- front end and submission: one server for a message ------------------ */

enum ph_selector {
	PH_SELECT_FRONTEND,   /* no mailbox recipient: random in local site */
	PH_SELECT_SUBMISSION, /* no mailbox recipient: local delivery group */
};

/* Only the first PH_SELECT_RECIPIENTS databases are looked at. */
#define PH_SELECT_RECIPIENTS 20

/*
 * Transport servers for a message, best first: with one mailbox recipient the
 * target group's, nearest site first by the rules of paths; with several, those
 * of the closest group of the first twenty; with none as the selector says;
 * then what remains as fail-over: the local site's. Servers without heartbeat
 * (health), not Active or without the HubTransport role are left out. Equals
 * (same group, same site) are shuffled with random (NULL: by name), so that
 * load spreads and the local server is not preferred. Returns a NULL-terminated
 * array of borrowed servers, g_free; empty: no Transport service, 451 4.4.0.
 */
const struct ph_server **
ph_select_transport(const struct ph_topology *topology, const char *from,
		    enum ph_selector selector, const char *const *databases,
		    size_t n_databases, const struct ph_health *health,
		    GRand *random);

/* Appends "[host]:port", one element of a list of next hops. */
void ph_hop_append(GString *out, const struct ph_endpoint *endpoint);

#endif
