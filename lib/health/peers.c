#include "lib/health/peers.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/ticker.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define LOOK_UP_EVERY INT64_C(60000)
#define TRY_EVERY INT64_C(5000) /* while one cannot be looked up */
#define LOOK_EVERY INT64_C(500)

struct ph_peers {
	struct ph_state *state;
	size_t topology;
	GMutex mutex;
	/* Under the mutex: address as text, name of the server. */
	GHashTable *servers;
	bool sure; /* under the mutex: of each server one is known */
	/* The ticker's alone: host name, its addresses (GPtrArray of text). */
	GHashTable *hosts;
	char *path;	     /* of the file that keeps them; NULL: none */
	char *kept;	     /* what was written there last; NULL: nothing */
	uint64_t generation; /* that was looked up */
	int64_t next;	     /* monotonic ms of the next look */
	gint stopping;	     /* atomic */
	struct ph_ticker *ticker;
};

static GHashTable *
new_hosts(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
				     (GDestroyNotify)g_ptr_array_unref);
}

static bool
is_address(const char *host)
{
	struct in6_addr buffer;

	return inet_pton(AF_INET, host, &buffer) == 1 ||
	       inet_pton(AF_INET6, host, &buffer) == 1;
}

/* ---- what is kept ------------------------------------------------------- */

/* "<host> <address>..."; what is no address is passed over. */
static void
take_line(struct ph_peers *peers, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 1; words[0] && words[i]; i++)
		if (is_address(words[i]))
			g_ptr_array_add(addresses, g_strdup(words[i]));
	if (addresses->len > 0)
		g_hash_table_insert(peers->hosts, g_strdup(words[0]),
				    g_steal_pointer(&addresses));
}

/* Without it names are looked up before anything is known, as ever. */
static void
load(struct ph_peers *peers)
{
	g_auto(GStrv) lines = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (!peers->path)
		return;
	if (ph_file_lines(peers->path, &lines, &err) < 0)
		ph_warn("%s", err.text);
	for (char **line = lines; line && *line; line++)
		take_line(peers, *line);
}

static char *
format(struct ph_peers *peers)
{
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer host, value;

	g_hash_table_iter_init(&iter, peers->hosts);
	while (g_hash_table_iter_next(&iter, &host, &value)) {
		const GPtrArray *addresses = value;

		if (addresses->len == 0)
			continue;
		g_string_append(text, host);
		for (guint i = 0; i < addresses->len; i++)
			g_string_append_printf(
			    text, " %s", (const char *)addresses->pdata[i]);
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

static void
save(struct ph_peers *peers)
{
	g_autofree char *text = peers->path ? format(peers) : NULL;
	g_autoptr(GError) error = NULL;

	if (!text || g_strcmp0(text, peers->kept) == 0)
		return;
	/* A failure is said once for each text, not each minute. */
	if (!g_file_set_contents_full(peers->path, text, -1,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600,
				      &error))
		ph_warn("%s", error->message);
	g_free(peers->kept);
	peers->kept = g_steal_pointer(&text);
}

struct ph_peers *
ph_peers_new(const char *path)
{
	struct ph_peers *peers = g_new0(struct ph_peers, 1);

	g_mutex_init(&peers->mutex);
	peers->servers =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	peers->hosts = new_hosts();
	peers->path = g_strdup(path);
	load(peers);
	return peers;
}

/* ---- looking up --------------------------------------------------------- */

/* NULL: there is no answer, *away_r, or none that helps. */
static GPtrArray *
addresses_of(const char *host, bool *away_r)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	GPtrArray *addresses;
	int r = getaddrinfo(host, NULL, &hints, &list);

	*away_r =
	    r != 0 && r != EAI_NONAME && r != EAI_NODATA && r != EAI_ADDRFAMILY;
	if (r != 0)
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

/* One round of looking up. */
struct round {
	bool recall;	     /* nobody is asked */
	GHashTable *hosts;   /* as of ph_peers; each name is asked for once */
	GHashTable *away;    /* set of names of which nobody could say any */
	GHashTable *servers; /* as of ph_peers */
};

/* What the host's name means now, or meant last. */
static const GPtrArray *
look_up_host(struct ph_peers *peers, struct round *round, const char *host)
{
	GPtrArray *addresses = g_hash_table_lookup(round->hosts, host);
	bool away;

	if (addresses != NULL)
		return addresses;
	away = round->recall;
	if (!away)
		addresses = addresses_of(host, &away);
	if (addresses == NULL) {
		addresses = g_hash_table_lookup(peers->hosts, host);
		addresses = addresses != NULL ? g_ptr_array_ref(addresses)
					      : g_ptr_array_new();
	}
	if (away && addresses->len == 0)
		g_hash_table_add(round->away, g_strdup(host));
	g_hash_table_insert(round->hosts, g_strdup(host), addresses);
	return addresses;
}

/* 1: an address is known, 0: there is none, -1: nobody can say. */
static int
add_host(struct ph_peers *peers, struct round *round,
	 const struct ph_server *server, const char *host)
{
	const GPtrArray *addresses;

	if (*host == '\0')
		return 0;
	/* Addresses the topology knows itself. */
	if (is_address(host))
		return 1;
	/* Who stops waits for no name server. */
	if (g_atomic_int_get(&peers->stopping))
		return -1;
	addresses = look_up_host(peers, round, host);
	for (guint i = 0; i < addresses->len; i++)
		g_hash_table_insert(round->servers,
				    g_strdup(addresses->pdata[i]),
				    g_strdup(server->name));
	if (addresses->len > 0)
		return 1;
	return g_hash_table_contains(round->away, host) ? -1 : 0;
}

/* Is it sure by what address it comes, or that it has none? */
static bool
add_server(struct ph_peers *peers, struct round *round,
	   const struct ph_server *server)
{
	int r = add_host(peers, round, server, server->fqdn);
	bool known = r == 1, away = r < 0;

	for (size_t s = 0; s < PH_SERVICES; s++) {
		r = add_host(peers, round, server, server->service[s].host);
		known |= r == 1;
		away |= r < 0;
	}
	return known || !away;
}

static void
go_round(struct ph_peers *peers, const struct ph_topology *topology,
	 bool recall)
{
	struct round round = {
	    .recall = recall,
	    .hosts = new_hosts(),
	    .away =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	    .servers =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
	};
	size_t n;
	const struct ph_server *const *list = ph_topology_servers(topology, &n);
	bool sure = true;

	for (size_t i = 0; i < n; i++)
		sure &= add_server(peers, &round, list[i]);
	g_hash_table_unref(round.away);
	if (recall) {
		g_hash_table_unref(round.hosts);
	} else {
		g_hash_table_unref(peers->hosts);
		peers->hosts = round.hosts;
		save(peers);
	}
	g_mutex_lock(&peers->mutex);
	g_hash_table_unref(peers->servers);
	peers->servers = round.servers;
	peers->sure = sure;
	g_mutex_unlock(&peers->mutex);
}

void
ph_peers_look_up(struct ph_peers *peers, const struct ph_topology *topology)
{
	go_round(peers, topology, false);
}

void
ph_peers_recall(struct ph_peers *peers, const struct ph_topology *topology)
{
	go_round(peers, topology, true);
}

/* ---- the thread --------------------------------------------------------- */

/* When the state has changed, and once in a while. */
static void
follow(void *data)
{
	struct ph_peers *peers = data;
	struct ph_snapshot *snapshot = ph_state_take(peers->state);
	const struct ph_topology *topology;

	if (snapshot != NULL &&
	    (ph_snapshot_generation(snapshot) != peers->generation ||
	     ph_clock_mono() >= peers->next)) {
		topology = ph_snapshot_derived(snapshot, peers->topology);
		peers->generation = ph_snapshot_generation(snapshot);
		/* A name server that is away takes its time. */
		if (peers->next == 0)
			ph_peers_recall(peers, topology);
		ph_peers_look_up(peers, topology);
		peers->next =
		    ph_clock_mono() +
		    (ph_peers_sure(peers) ? LOOK_UP_EVERY : TRY_EVERY);
	}
	ph_snapshot_unref(&snapshot);
}

struct ph_peers *
ph_peers_start(const struct ph_conf *conf, const char *program,
	       struct ph_state *state, size_t topology)
{
	g_autofree char *name = g_strconcat(program, ".peers", NULL);
	g_autofree char *path = g_build_filename(
	    ph_conf_text(conf, "server", "state_dir"), name, NULL);
	struct ph_peers *peers = ph_peers_new(path);

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
	g_free(p->path);
	g_free(p->kept);
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

bool
ph_peers_sure(struct ph_peers *peers)
{
	bool sure;

	if (peers == NULL)
		return true;
	g_mutex_lock(&peers->mutex);
	sure = peers->sure;
	g_mutex_unlock(&peers->mutex);
	return sure;
}
