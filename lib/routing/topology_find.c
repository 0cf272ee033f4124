#include "lib/routing/topology_private.h"

#include <arpa/inet.h>
#include <string.h>

/* What is asked of a topology; topology.c builds it. */

uint64_t
ph_hash(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h;
}

uint64_t
ph_hash_mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static const void *
look_up(GHashTable *table, const char *name)
{
	g_autofree char *folded = NULL;

	if (!name || !*name)
		return NULL;
	folded = ph_fold(name);
	return g_hash_table_lookup(table, folded);
}

char *
ph_peer_key(const char *host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (inet_pton(AF_INET6, host, &address) == 1 &&
	    inet_ntop(AF_INET6, &address, text, sizeof text))
		return g_strdup(text);
	return ph_fold(host);
}

const struct ph_site *
ph_topology_site(const struct ph_topology *topology, const char *name)
{
	return look_up(topology->site_names, name);
}

const struct ph_server *
ph_topology_server(const struct ph_topology *topology, const char *name)
{
	return look_up(topology->server_names, name);
}

const struct ph_database *
ph_topology_database(const struct ph_topology *topology, const char *name)
{
	return look_up(topology->database_names, name);
}

const struct ph_database *
ph_topology_databases(const struct ph_topology *topology, size_t *n_r)
{
	*n_r = topology->n_databases;
	return topology->databases;
}

const struct ph_server *
ph_topology_peer(const struct ph_topology *topology,
		 const char *host_or_address)
{
	g_autofree char *key = NULL;

	if (!host_or_address)
		return NULL;
	key = ph_peer_key(host_or_address);
	return g_hash_table_lookup(topology->peers, key);
}

const struct ph_server *const *
ph_topology_servers(const struct ph_topology *topology, size_t *n_r)
{
	*n_r = topology->n_servers;
	return topology->by_name;
}

int64_t
ph_topology_path(const struct ph_topology *topology, const struct ph_site *from,
		 const struct ph_site *to, const struct ph_site *const **path_r,
		 size_t *n_path_r)
{
	if (!from || !to) {
		if (path_r)
			*path_r = NULL;
		if (n_path_r)
			*n_path_r = 0;
		return -1;
	}
	return ph_paths_get(topology->paths, from->index, to->index, path_r,
			    n_path_r);
}

bool
ph_topology_last_link(const struct ph_topology *topology,
		      const struct ph_site *from, const struct ph_site *to,
		      struct ph_path_link *link_r)
{
	const struct ph_link *link =
	    from && to
		? ph_paths_last_link(topology->paths, from->index, to->index)
		: NULL;

	memset(link_r, 0, sizeof *link_r);
	if (!link)
		return false;
	*link_r = (struct ph_path_link){link->name, link->cost, link->max_size};
	return true;
}

uint64_t
ph_topology_size_limit(const struct ph_topology *topology,
		       const struct ph_site *from, const struct ph_site *to,
		       const char **link_r)
{
	const struct ph_site *const *path;
	size_t n;
	uint64_t least = 0;

	if (topology->least_size == 0)
		return 0;
	ph_topology_path(topology, from, to, &path, &n);
	for (size_t i = 0; i < n; i++) {
		struct ph_path_link link;

		/* A path's beginning is the path to there. */
		ph_topology_last_link(topology, from, path[i], &link);
		if (link.max_size == 0 || (least > 0 && link.max_size >= least))
			continue;
		least = link.max_size;
		if (link_r)
			*link_r = link.name;
	}
	return least;
}

uint64_t
ph_topology_least_size(const struct ph_topology *topology)
{
	return topology->least_size;
}
