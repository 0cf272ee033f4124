#ifndef PH_ROUTING_TOPOLOGY_H
#define PH_ROUTING_TOPOLOGY_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/state/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sites, links, servers, DAGs and databases of a snapshot, checked and linked,
 * with the least-cost paths between sites: immutable, so that a decision is a
 * few look-ups; the paths from a site are worked out when the first of them is
 * asked for. Safe for threads. Pure: no I/O. All pointers are borrowed from the
 * topology. Sources: facts/exchange-routing.md sections 2-4.
 */
struct ph_topology;

struct ph_site {
	const char *name;
	size_t index;
	bool hub;     /* HubSiteEnabled */
	bool inbound; /* InboundMailEnabled */
};

enum ph_server_state {
	PH_SERVER_ACTIVE,
	PH_SERVER_DRAINING,
	PH_SERVER_INACTIVE
};

enum ph_service {
	PH_SERVICE_FRONTEND,
	PH_SERVICE_TRANSPORT,
	PH_SERVICE_DELIVERY,
	PH_SERVICES /* how many */
};

struct ph_dag;
struct ph_server {
	const char *name; /* "MBX1" */
	const char *fqdn; /* "mbx1.example.com"; the name when unset */
	size_t index;
	const struct ph_site *site; /* NULL: none, or one that does not exist */
	const struct ph_dag *dag;   /* NULL: none */
	enum ph_server_state state;
	bool frontend_role, transport_role, mailbox_role;
	/* Where each service listens; host "" when not set. */
	struct ph_endpoint service[PH_SERVICES];
	/* Where its front end takes mail for outside. */
	struct ph_endpoint outbound_proxy;
};

struct ph_dag {
	const char *name;
	const struct ph_server *const *servers; /* by name; NULL-terminated */
};

struct ph_database {
	const char *name;
	const struct ph_server *const *servers; /* activation preference order;
						 * NULL-terminated */
	const struct ph_server *active;		/* NULL: no live copy */
	int64_t epoch;
	bool auto_activation; /* only who has its lease stores into it */
};

/* A row of struct ph_derive: build from a snapshot; problems (a link to a site
 * that does not exist, a server in two DAGs, ...) go to err, ';'-joined, and
 * the rest works. */
void *ph_topology_build(const struct ph_snapshot *snapshot,
			const void *previous, void *context,
			struct ph_err *err);
void ph_topology_free(void *topology);
/* It alone, as row 0. */
extern const struct ph_derive ph_topology_derive[];

/* Without case; NULL: there is none. */
const struct ph_site *ph_topology_site(const struct ph_topology *topology,
				       const char *name);
const struct ph_server *ph_topology_server(const struct ph_topology *topology,
					   const char *name);
const struct ph_database *
ph_topology_database(const struct ph_topology *topology, const char *name);

/* All of them; an array of *n_r. */
const struct ph_database *
ph_topology_databases(const struct ph_topology *topology, size_t *n_r);

/* The server of ours behind a client's host name or address: its Fqdn, or the
 * host of one of its services. NULL: nobody of ours. */
const struct ph_server *ph_topology_peer(const struct ph_topology *topology,
					 const char *host_or_address);

/* All of them, by name. */
const struct ph_server *const *
ph_topology_servers(const struct ph_topology *topology, size_t *n_r);

/*
 * Least-cost path. -1: not connected; else the total cost (0 to itself), with
 * the sites from the first after "from" to "to" in *path_r (borrowed,
 * *n_path_r of them; both may be NULL). Ties: fewest hops, then the lowest
 * name of the site nearest to the destination, and so on backwards.
 */
int64_t ph_topology_path(const struct ph_topology *topology,
			 const struct ph_site *from, const struct ph_site *to,
			 const struct ph_site *const **path_r,
			 size_t *n_path_r);

/* The link over which a least-cost path reaches its end: of those between its
 * last two sites the cheapest, then that with the highest MaxMessageSize, then
 * the lowest name. */
struct ph_path_link {
	const char *name;
	int64_t cost;
	uint64_t max_size; /* bytes; 0: unlimited */
};

/* false: to itself, or not connected. */
bool ph_topology_last_link(const struct ph_topology *topology,
			   const struct ph_site *from, const struct ph_site *to,
			   struct ph_path_link *link_r);

/* The least MaxMessageSize of the links on the least-cost path, and the link's
 * name (NULL is fine); 0: a message of any size passes. */
uint64_t ph_topology_size_limit(const struct ph_topology *topology,
				const struct ph_site *from,
				const struct ph_site *to, const char **link_r);

/* No message smaller than this can fail by a link; 0: none can at all. */
uint64_t ph_topology_least_size(const struct ph_topology *topology);

#endif
