#include "lib/health/peers.h"

#include "lib/base/clock.h"
#include "lib/base/ticker.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define LOOK_UP_EVERY INT64_C(60000)
#define LOOK_EVERY INT64_C(500)

struct ph_peers {
	struct ph_state *state;
	size_t topology;
	GMutex mutex;
	/* Under the mutex: address as text, name of the server. */
	GHashTable *servers;
	/* The ticker's alone: host name, its addresses (GPtrArray of text). */
	GHashTable *hosts;
	uint64_t generation; /* that was looked up */
	int64_t next;	     /* monotonic ms of the next look */
	gint stopping;	     /* atomic */
	struct ph_ticker *ticker;
};

struct ph_peers *
ph_peers_new(void)
{
	struct ph_peers *peers = g_new0(struct ph_peers, 1);

	g_mutex_init(&peers->mutex);
	peers->servers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	peers->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     (GDestroyNotify)g_ptr_array_unref);
	return peers;
}

static bool
is_address(const char *host)
{
	struct in6_addr buffer;

	return inet_pton(AF_INET, host, &buffer) == 1 ||
	       inet_pton(AF_INET6, host, &buffer) == 1;
}

/* NULL: there is no answer, or none that helps. */
static GPtrArray *
addresses_of(const char *host)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	GPtrArray *addresses;

	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return NULL;
	addresses = g_ptr_array_new_with_free_func(g_free);
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		char text[NI_MAXHOST];

		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text,
				NULL, 0, NI_NUMERICHOST) == 0)
			g_ptr_array_add(addresses, g_strdup(text));
	}
	freeaddrinfo(list);
	return addresses;
}

/* What the host's name means now, or meant last; none is as good. Asked once a
 * round. */
static GPtrArray *
look_up_host(struct ph_peers *peers, const char *host, GHashTable *next)
{
	GPtrArray *addresses = g_hash_table_lookup(next, host);

	if (addresses != NULL)
		return addresses;
	addresses = addresses_of(host);
	if (addresses == NULL) {
		addresses = g_hash_table_lookup(peers->hosts, host);
		if (addresses != NULL)
			g_ptr_array_ref(addresses);
		else
			addresses = g_ptr_array_new();
	}
	g_hash_table_insert(next, g_strdup(host), addresses);
	return addresses;
}

static void
add_host(struct ph_peers *peers, const struct ph_server *server,
	 const char *host, GHashTable *hosts, GHashTable *servers)
{
	GPtrArray *addresses;

	/* Addresses the topology knows itself. Who stops waits for no name
	 * server. */
	if (*host == '\0' || is_address(host) ||
	    g_atomic_int_get(&peers->stopping))
		return;
	addresses = look_up_host(peers, host, hosts);
	for (guint i = 0; i < addresses->len; i++)
		g_hash_table_insert(servers, g_strdup(addresses->pdata[i]),
				    g_strdup(server->name));
}

void
ph_peers_look_up(struct ph_peers *peers, const struct ph_topology *topology)
{
	GHashTable *hosts = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	GHashTable *servers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	size_t n;
	const struct ph_server *const *list = ph_topology_servers(topology, &n);

	for (size_t i = 0; i < n; i++) {
		add_host(peers, list[i], list[i]->fqdn, hosts, servers);
		for (size_t s = 0; s < PH_SERVICES; s++)
			add_host(peers, list[i], list[i]->service[s].host,
				 hosts, servers);
	}
	g_hash_table_unref(peers->hosts);
	peers->hosts = hosts;
	g_mutex_lock(&peers->mutex);
	g_hash_table_unref(peers->servers);
	peers->servers = servers;
	g_mutex_unlock(&peers->mutex);
}

/* When the state has changed, and once in a while. */
static void
follow(void *data)
{
	struct ph_peers *peers = data;
	struct ph_snapshot *snapshot = ph_state_take(peers->state);

	if (snapshot != NULL &&
	    (ph_snapshot_generation(snapshot) != peers->generation ||
	     ph_clock_mono() >= peers->next)) {
		peers->generation = ph_snapshot_generation(snapshot);
		ph_peers_look_up(
		    peers, ph_snapshot_derived(snapshot, peers->topology));
		peers->next = ph_clock_mono() + LOOK_UP_EVERY;
	}
	ph_snapshot_unref(&snapshot);
}

struct ph_peers *
ph_peers_start(struct ph_state *state, size_t topology)
{
	struct ph_peers *peers = ph_peers_new();

	peers->state = state;
	peers->topology = topology;
	peers->ticker = ph_ticker_start("peers", LOOK_EVERY, follow, peers);
	return peers;
}

void
ph_peers_stop(struct ph_peers **peers)
{
	struct ph_peers *p = *peers;

	if (p == NULL)
		return;
	g_atomic_int_set(&p->stopping, 1);
	ph_ticker_stop(&p->ticker);
	g_hash_table_unref(p->servers);
	g_hash_table_unref(p->hosts);
	g_mutex_clear(&p->mutex);
	g_free(p);
	*peers = NULL;
}

const struct ph_server *
ph_peers_find(struct ph_peers *peers, const struct ph_topology *topology,
	      const char *host_or_address)
{
	const struct ph_server *server =
	    ph_topology_peer(topology, host_or_address);
	g_autofree char *name = NULL;

	if (server != NULL || peers == NULL)
		return server;
	g_mutex_lock(&peers->mutex);
	name = g_strdup(g_hash_table_lookup(peers->servers, host_or_address));
	g_mutex_unlock(&peers->mutex);
	return name != NULL ? ph_topology_server(topology, name) : NULL;
}
