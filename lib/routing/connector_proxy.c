#include "lib/routing/connector_private.h"

#include "lib/routing/route.h"
#include "lib/routing/topology_private.h"

/* A front end as seen from the server that sends. */
struct proxy {
	const struct ph_server *server;
	bool draining;
	int64_t cost;
	uint64_t weight;
};

static bool
takes_mail(const struct ph_server *from, const struct ph_server *server)
{
	return server->frontend_role && server->state != PH_SERVER_INACTIVE &&
	       *server->outbound_proxy.host != '\0' &&
	       ph_group_inbound(from, server);
}

static GArray *
find_proxies(const struct ph_topology *topology, const struct ph_server *from)
{
	GArray *proxies = g_array_new(FALSE, FALSE, sizeof(struct proxy));

	for (size_t i = 0; i < topology->n_servers; i++) {
		const struct ph_server *server = &topology->servers[i];
		struct proxy proxy = {
		    .server = server,
		    .draining = server->state == PH_SERVER_DRAINING,
		    .weight = ph_hash_mix(topology->hash[from->index] ^
					  topology->hash[server->index]),
		};

		if (!takes_mail(from, server))
			continue;
		if (server != from)
			proxy.cost = ph_topology_path(topology, from->site,
						      server->site, NULL, NULL);
		if (proxy.cost >= 0)
			g_array_append_val(proxies, proxy);
	}
	return proxies;
}

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

/* Of one site each server prefers another, so that load spreads, and always the
 * same, because the list is qmgr's queue key. */
static int
compare(gconstpointer a, gconstpointer b)
{
	const struct proxy *x = a, *y = b;

	COMPARE(x->draining, y->draining);
	COMPARE(x->cost, y->cost);
	COMPARE(y->weight, x->weight);
	COMPARE(x->server->index, y->server->index);
	return 0;
}

char *
ph_connector_proxies(const struct ph_topology *topology,
		     const struct ph_server *from)
{
	g_autoptr(GArray) proxies = find_proxies(topology, from);
	GString *out;

	if (proxies->len == 0)
		return NULL;
	g_array_sort(proxies, compare);
	out = g_string_new("ph-proxy:");
	for (guint i = 0; i < MIN(proxies->len, PH_HOPS_MAX); i++) {
		const struct proxy *proxy =
		    &g_array_index(proxies, struct proxy, i);

		if (i > 0)
			g_string_append(out, ", ");
		ph_hop_append(out, &proxy->server->outbound_proxy);
	}
	return g_string_free(out, FALSE);
}
