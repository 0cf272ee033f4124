#ifndef PH_ROUTING_TOPOLOGY_PRIVATE_H
#define PH_ROUTING_TOPOLOGY_PRIVATE_H

#include "lib/routing/topology.h"

#include <glib.h>

/*
 * What only lib/routing may see of a topology. Sites and servers stand in the
 * order of their folded names, so comparing indexes compares names.
 */
struct ph_topology {
	GStringChunk *text; /* all names */
	GPtrArray *lists;   /* all NULL-terminated arrays */

	struct ph_site *sites;
	size_t n_sites;
	struct ph_server *servers;
	size_t n_servers;
	struct ph_dag *dags;
	size_t n_dags;
	struct ph_database *databases;
	size_t n_databases;

	const char **folded;		  /* by server index */
	uint64_t *hash;			  /* of folded */
	const struct ph_server **by_name; /* by server index */
	/* By site index: its servers by name, NULL-terminated. */
	const struct ph_server *const **in_site;
	/* By database: why there is no active copy; NULL: there is one. */
	const char **no_copy;

	/* Folded name to the struct. */
	GHashTable *site_names, *server_names, *database_names;
	GHashTable *peers; /* host name or address to server */

	struct ph_paths *paths;
	/* The least MaxMessageSize of all links; 0: no link has one. */
	uint64_t least_size;
};

/* What a host is known by in "peers", g_free: addresses have many spellings,
 * and a peer's comes from the kernel. */
char *ph_peer_key(const char *host);

/* ---- paths.c ------------------------------------------------------------ */

#define PH_LINK_COST 100
#define PH_LINK_COST_MAX 99999

/* An edge between each two of its sites. */
struct ph_link {
	const char *name;
	const size_t *sites; /* indexes, each once */
	size_t n;
	int64_t cost;	   /* 1 to PH_LINK_COST_MAX */
	uint64_t max_size; /* MaxMessageSize in bytes; 0: unlimited */
};

/* Least-cost paths between all pairs; safe for threads. sites and the names of
 * links are borrowed for its life. */
struct ph_paths;
struct ph_paths *ph_paths_build(const struct ph_site *sites, size_t n_sites,
				const struct ph_link *links, size_t n_links);
void ph_paths_free(struct ph_paths **paths);

/* As ph_topology_path, by index. */
int64_t ph_paths_get(const struct ph_paths *paths, size_t from, size_t to,
		     const struct ph_site *const **path_r, size_t *n_path_r);

/* The last link of the path; NULL: to itself, or not connected. */
const struct ph_link *ph_paths_last_link(const struct ph_paths *paths,
					 size_t from, size_t to);

/* FNV-1a, of a folded name. */
uint64_t ph_hash(const char *text);

/* splitmix64's finish: each bit of the input reaches the high ones, and
 * neighbours give unrelated numbers. */
uint64_t ph_hash_mix(uint64_t x);

/* ---- route_format.c ----------------------------------------------------- */

/* A reason that ends up in Postfix's log and in bounces: one line, not long;
 * g_free. The names in it are whatever somebody typed. */
char *ph_reason_line(const char *reason);

/* Exchange's words, for a link as for a connector. */
#define PH_TEXT_SIZE_LIMIT                                            \
	"ROUTING.SizeLimit; message size exceeds fixed maximum size " \
	"for route"

/* ---- group.c ------------------------------------------------------------ */

/* Borrowed servers, by name. */
struct ph_span {
	const struct ph_server *const *servers;
	size_t n;
};

/* Does the server belong to the delivery group of an active copy? */
bool ph_group_member(const struct ph_server *active,
		     const struct ph_server *server);

/* The servers of the server's site: itself alone when it has none. */
struct ph_span ph_group_site(const struct ph_topology *topology,
			     const struct ph_server *server);

/* May mail from one server enter the site of the other? */
bool ph_group_inbound(const struct ph_server *from, const struct ph_server *to);

/* Postfix tries each hop of a list in turn; more than these would hold a
 * delivery for longer than they help. */
#define PH_HOPS_MAX 10

/* Why a server is in a list; in the order of the list. */
enum ph_hop_reason {
	PH_HOP_MEMBER,	  /* of the group, in its nearest site */
	PH_HOP_HUB,	  /* in the hub site that is stopped at */
	PH_HOP_ELSEWHERE, /* of the group, in another site */
	PH_HOP_PRIMARY,	  /* not of the group, but in that site */
	PH_HOP_BACK,	  /* in a site before it: the point of failure */
};

/* One server that a message may go to next. */
struct ph_candidate {
	const struct ph_server *server;
	int64_t cost; /* of the path to its site */
	size_t hops;
	uint64_t weight; /* of equals, the highest first */
	enum ph_hop_reason reason;
};

/* How far the search for a candidate came. */
enum ph_group_end {
	PH_GROUP_NO_SERVICE, /* nobody there has a usable Transport service */
	PH_GROUP_NO_INBOUND, /* the sites take no mail */
	PH_GROUP_NO_PATH,    /* the sites are not connected to ours */
	PH_GROUP_FOUND,
};

struct ph_group_query {
	const struct ph_topology *topology;
	const struct ph_server *from;
	const struct ph_server *active; /* whose group is the target */
	/* The target itself, in place of a group; servers NULL: none. */
	struct ph_span sources;
	/* At most PH_HOPS_MAX, and when the target is in another site, after
	 * its servers those at which a message may wait nearer to it. */
	bool back_off;
	bool (*usable)(const struct ph_server *server, const void *context);
	uint64_t (*weigh)(const struct ph_server *server, const void *context);
	const void *context; /* of both */
	GPtrArray *why;	     /* who is left out is told there; NULL is fine */
};

struct ph_group_answer {
	enum ph_group_end end;
	GArray *hops;			   /* struct ph_candidate, best first;
					    * g_array_unref */
	const struct ph_site *primary;	   /* the group's nearest; NULL: none */
	const struct ph_site *hub;	   /* where the way there is broken, and
					    * whose servers hops are; or NULL */
	const struct ph_site *const *path; /* to primary */
	size_t n_path;
	int64_t cost; /* to the group's nearest server */
};

/* A server may be usable only if it has this: HubTransport with an endpoint,
 * and is not Inactive. */
bool ph_group_transport(const struct ph_server *server);

/* The Transport services to hand a message for the group to, by the rules of
 * paths, hub sites, primary sites and fallbacks. */
void ph_group_find(const struct ph_group_query *query,
		   struct ph_group_answer *answer_r);

/* ---- explain.c ---------------------------------------------------------- */

/* Steps of a decision in words, for people; why NULL: nobody asked. */
void ph_explain(GPtrArray *why, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The path of an answer, link by link, and where it is broken. */
void ph_explain_path(GPtrArray *why, const struct ph_group_query *query,
		     const struct ph_group_answer *answer);

/* Each next hop, and why it stands there; active may be NULL. */
void ph_explain_hops(GPtrArray *why, const GArray *hops,
		     const struct ph_server *active);

/* Why a server is no candidate. */
void ph_explain_left_out(GPtrArray *why, const struct ph_server *server,
			 enum ph_group_end end);

/* "none" for a server without a site. */
const char *ph_site_text(const struct ph_server *server);

#endif
