#include "lib/routing/topology_private.h"

#include <arpa/inet.h>
#include <string.h>

/* Building only: a problem never stops it. */
struct build {
	struct ph_topology *t;
	const struct ph_snapshot *snapshot;
	GString *problems;
};

static void complain(struct build *b, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
complain(struct build *b, const char *format, ...)
{
	va_list args;

	/* The text of an error is short; the first problems say enough. */
	if (b->problems->len > PH_ERR_TEXT)
		return;
	if (b->problems->len > 0)
		g_string_append(b->problems, "; ");
	va_start(args, format);
	g_string_append_vprintf(b->problems, format, args);
	va_end(args);
}

static const char *
keep(struct build *b, const char *text)
{
	return g_string_chunk_insert(b->t->text, text ? text : "");
}

/* Enters a folded name; false: it is there already. */
static bool
enter(struct build *b, GHashTable *table, const char *name, gconstpointer value)
{
	g_autofree char *folded = ph_fold(name);

	if (g_hash_table_contains(table, folded))
		return false;
	g_hash_table_insert(table, (gpointer)keep(b, folded), (gpointer)value);
	return true;
}

/* Ends the list, hands it to the topology. */
static const struct ph_server *const *
keep_list(struct build *b, GPtrArray *list)
{
	gpointer *array;

	g_ptr_array_add(list, NULL);
	array = g_ptr_array_free(list, FALSE);
	g_ptr_array_add(b->t->lists, array);
	return (const struct ph_server *const *)array;
}

static const struct ph_object *const *
objects(const struct build *b, const char *kind, size_t *n_r)
{
	return ph_snapshot_list(b->snapshot, kind, n_r);
}

/* ---- sites and links ---------------------------------------------------- */

static void
build_sites(struct build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list = objects(b, "site", &t->n_sites);

	t->sites = g_new0(struct ph_site, t->n_sites + 1);
	for (size_t i = 0; i < t->n_sites; i++) {
		struct ph_site *site = &t->sites[i];

		site->name = keep(b, ph_object_name(list[i]));
		site->index = i;
		site->hub = ph_object_bool(list[i], "HubSiteEnabled");
		site->inbound = ph_object_bool(list[i], "InboundMailEnabled");
		enter(b, t->site_names, site->name, site);
	}
}

static int64_t
link_cost(const struct ph_object *link)
{
	int64_t cost = PH_LINK_COST;

	if (ph_object_has(link, "ExchangeCost"))
		cost = ph_object_int(link, "ExchangeCost");
	else if (ph_object_has(link, "Cost"))
		cost = ph_object_int(link, "Cost");
	return CLAMP(cost, 1, PH_LINK_COST_MAX);
}

static uint64_t
link_size(const struct ph_object *link)
{
	int64_t size = ph_object_int(link, "MaxMessageSize");

	return size > 0 && size < INT64_MAX ? (uint64_t)size : 0;
}

/* The sites of a link, each once. */
static size_t *
link_sites(struct build *b, const struct ph_object *link, size_t *n_r)
{
	const char *const *names = ph_object_list(link, "Sites");
	size_t *sites = g_new(size_t, g_strv_length((char **)names) + 1);
	size_t n = 0;

	for (; *names; names++) {
		const struct ph_site *site = ph_topology_site(b->t, *names);
		size_t i = 0;

		if (!site) {
			complain(b, "sitelink %s: site %s does not exist",
				 ph_object_name(link), *names);
			continue;
		}
		while (i < n && sites[i] != site->index)
			i++;
		if (i == n)
			sites[n++] = site->index;
	}
	*n_r = n;
	return sites;
}

static void
build_paths(struct build *b)
{
	size_t n;
	const struct ph_object *const *list = objects(b, "sitelink", &n);
	struct ph_link *links = g_new0(struct ph_link, n + 1);
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		links[i].name = keep(b, ph_object_name(list[i]));
		links[i].sites = link_sites(b, list[i], &links[i].n);
		links[i].cost = link_cost(list[i]);
		links[i].max_size = link_size(list[i]);
		if (links[i].max_size > 0)
			least = MIN(least, links[i].max_size);
	}
	b->t->least_size = least == UINT64_MAX ? 0 : least;
	b->t->paths = ph_paths_build(b->t->sites, b->t->n_sites, links, n);
	for (size_t i = 0; i < n; i++)
		g_free((gpointer)links[i].sites);
	g_free(links);
}

/* ---- servers ------------------------------------------------------------ */

static bool
has_word(const char *const *list, const char *word)
{
	for (; *list; list++) {
		if (g_ascii_strcasecmp(*list, word) == 0)
			return true;
	}
	return false;
}

static enum ph_server_state
server_state(const struct ph_object *object)
{
	static const struct {
		const char *word;
		enum ph_server_state state;
	} states[] = {
	    {"Active", PH_SERVER_ACTIVE},
	    {"Draining", PH_SERVER_DRAINING},
	    {"Inactive", PH_SERVER_INACTIVE},
	};
	const struct ph_field *field =
	    ph_kind_field(ph_object_kind(object), "State", NULL);
	size_t word = ph_object_word(object, "State");

	for (size_t i = 0; word != SIZE_MAX && i < G_N_ELEMENTS(states); i++) {
		if (strcmp(states[i].word, field->words[word]) == 0)
			return states[i].state;
	}
	return PH_SERVER_ACTIVE;
}

static bool
is_ipv6(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET6, host, &address) == 1;
}

/* A next hop is a comma list of [host]:port: whoever writes a server's
 * endpoint must not be able to write a list of hops. */
static bool
fit_for_nexthop(const char *host)
{
	return is_ipv6(host) ||
	       (ph_is_hostname(host) && !strpbrk(host, ",[]:;"));
}

static void
server_service(struct build *b, const struct ph_object *object,
	       const char *field, struct ph_endpoint *endpoint_r)
{
	const char *text = ph_object_text(object, field);
	struct ph_err err = PH_ERR_INIT;

	memset(endpoint_r, 0, sizeof *endpoint_r);
	if (!text || !*text)
		return;
	if (ph_parse_endpoint(text, endpoint_r, &err) < 0) {
		complain(b, "server %s: %s: %s", ph_object_name(object), field,
			 err.text);
	} else if (endpoint_r->unix_socket ||
		   !fit_for_nexthop(endpoint_r->host)) {
		complain(b, "server %s: %s: expected host:port",
			 ph_object_name(object), field);
	} else {
		return;
	}
	memset(endpoint_r, 0, sizeof *endpoint_r);
}

static void
enter_peer(struct build *b, const char *host, const struct ph_server *server)
{
	g_autofree char *key = NULL;

	/* An address that means "all" would make everybody a server of ours. */
	if (!*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
		return;
	key = ph_peer_key(host);
	if (!g_hash_table_contains(b->t->peers, key))
		g_hash_table_insert(b->t->peers, (gpointer)keep(b, key),
				    (gpointer)server);
}

static void
server_site(struct build *b, const struct ph_object *object,
	    struct ph_server *server)
{
	const char *site = ph_object_text(object, "Site");

	server->site = ph_topology_site(b->t, site);
	if (site && *site && !server->site)
		complain(b, "server %s: site %s does not exist", server->name,
			 site);
}

static void
build_server(struct build *b, const struct ph_object *object,
	     struct ph_server *server)
{
	static const char *const fields[PH_SERVICES] = {
	    [PH_SERVICE_FRONTEND] = "Frontend",
	    [PH_SERVICE_TRANSPORT] = "Transport",
	    [PH_SERVICE_DELIVERY] = "Delivery",
	};
	const char *const *roles = ph_object_list(object, "Roles");
	const char *fqdn = ph_object_text(object, "Fqdn");

	server->name = keep(b, ph_object_name(object));
	server->fqdn = fqdn && *fqdn ? keep(b, fqdn) : server->name;
	server->state = server_state(object);
	server->frontend_role = has_word(roles, "FrontendTransport");
	server->transport_role = has_word(roles, "HubTransport");
	server->mailbox_role = has_word(roles, "Mailbox");
	server_site(b, object, server);
	enter_peer(b, server->fqdn, server);
	for (size_t i = 0; i < PH_SERVICES; i++) {
		server_service(b, object, fields[i], &server->service[i]);
		enter_peer(b, server->service[i].host, server);
	}
	server_service(b, object, "OutboundProxy", &server->outbound_proxy);
	enter_peer(b, server->outbound_proxy.host, server);
}

static void
build_servers(struct build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    objects(b, "server", &t->n_servers);

	t->servers = g_new0(struct ph_server, t->n_servers + 1);
	t->folded = g_new0(const char *, t->n_servers + 1);
	t->hash = g_new0(uint64_t, t->n_servers + 1);
	t->by_name = g_new0(const struct ph_server *, t->n_servers + 1);
	for (size_t i = 0; i < t->n_servers; i++) {
		struct ph_server *server = &t->servers[i];
		g_autofree char *folded = ph_fold(ph_object_name(list[i]));

		server->index = i;
		build_server(b, list[i], server);
		t->folded[i] = keep(b, folded);
		t->hash[i] = ph_hash(folded);
		t->by_name[i] = server;
		g_hash_table_insert(t->server_names, (gpointer)t->folded[i],
				    server);
	}
}

static void
build_site_servers(struct build *b)
{
	struct ph_topology *t = b->t;
	GPtrArray **lists = g_new0(GPtrArray *, t->n_sites + 1);

	t->in_site = g_new0(const struct ph_server *const *, t->n_sites + 1);
	for (size_t i = 0; i < t->n_sites; i++)
		lists[i] = g_ptr_array_new();
	for (size_t i = 0; i < t->n_servers; i++) {
		if (t->servers[i].site)
			g_ptr_array_add(lists[t->servers[i].site->index],
					&t->servers[i]);
	}
	for (size_t i = 0; i < t->n_sites; i++)
		t->in_site[i] = keep_list(b, lists[i]);
	g_free(lists);
}

/* ---- DAGs and databases ------------------------------------------------- */

static int
by_index(gconstpointer a, gconstpointer b)
{
	const struct ph_server *x = *(const struct ph_server *const *)a;
	const struct ph_server *y = *(const struct ph_server *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* DAGs come by name, so of two that claim a server the first has it. */
static void
build_dag(struct build *b, const struct ph_object *object, struct ph_dag *dag)
{
	const char *const *names = ph_object_list(object, "Servers");
	GPtrArray *list = g_ptr_array_new();

	dag->name = keep(b, ph_object_name(object));
	for (; *names; names++) {
		/* Topologies are written here alone. */
		struct ph_server *server =
		    (struct ph_server *)ph_topology_server(b->t, *names);

		if (!server) {
			complain(b, "dag %s: server %s does not exist",
				 dag->name, *names);
		} else if (server->dag && server->dag != dag) {
			complain(b,
				 "server %s is in the DAGs %s and %s; "
				 "%s counts",
				 server->name, server->dag->name, dag->name,
				 server->dag->name);
		} else if (!server->dag) {
			server->dag = dag;
			g_ptr_array_add(list, server);
		}
	}
	g_ptr_array_sort(list, by_index);
	dag->servers = keep_list(b, list);
}

static void
build_dags(struct build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list = objects(b, "dag", &t->n_dags);
	const struct ph_object *const *servers;
	size_t n;

	t->dags = g_new0(struct ph_dag, t->n_dags + 1);
	for (size_t i = 0; i < t->n_dags; i++)
		build_dag(b, list[i], &t->dags[i]);
	servers = objects(b, "server", &n);
	for (size_t i = 0; i < n; i++) {
		const struct ph_dag *dag = t->servers[i].dag;
		const char *said =
		    ph_object_text(servers[i], "DatabaseAvailabilityGroup");
		g_autofree char *folded = ph_fold(said ? said : "");
		g_autofree char *truth = ph_fold(dag ? dag->name : "");

		if (*folded && strcmp(folded, truth) != 0)
			complain(b,
				 "server %s: DatabaseAvailabilityGroup is %s, "
				 "but %s%s",
				 t->servers[i].name, said,
				 dag ? "it is in the Servers of "
				     : "that DAG's Servers do not name it",
				 dag ? dag->name : "");
	}
}

static const struct ph_server *const *
database_servers(struct build *b, const struct ph_object *object)
{
	const char *const *names = ph_object_list(object, "Servers");
	const char *active = ph_object_text(object, "Active");
	const char *const only[] = {active && *active ? active : NULL, NULL};
	GPtrArray *list = g_ptr_array_new();

	/* A database that has but one copy needs no list. */
	for (names = *names ? names : only; *names; names++) {
		const struct ph_server *server =
		    ph_topology_server(b->t, *names);

		if (!server)
			complain(b, "database %s: server %s does not exist",
				 ph_object_name(object), *names);
		else if (!g_ptr_array_find(list, server, NULL))
			g_ptr_array_add(list, (gpointer)server);
	}
	return keep_list(b, list);
}

/* Active is the truth: mail for a copy that nobody has waits, and is never
 * written into a new, empty database. */
static const char *
no_copy(struct build *b, const struct ph_object *object,
	struct ph_database *database)
{
	const char *active = ph_object_text(object, "Active");
	g_autofree char *why = NULL;

	if (!active || !*active) {
		database->active = *database->servers;
		return database->active ? NULL : "it has no servers";
	}
	database->active = ph_topology_server(b->t, active);
	if (database->active)
		return NULL;
	why = g_strdup_printf("Active names %s, which does not exist", active);
	complain(b, "database %s: %s", database->name, why);
	return keep(b, why);
}

static void
build_databases(struct build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    objects(b, "database", &t->n_databases);

	t->databases = g_new0(struct ph_database, t->n_databases + 1);
	t->no_copy = g_new0(const char *, t->n_databases + 1);
	for (size_t i = 0; i < t->n_databases; i++) {
		struct ph_database *database = &t->databases[i];

		database->name = keep(b, ph_object_name(list[i]));
		database->epoch = ph_object_int(list[i], "Epoch");
		database->auto_activation =
		    ph_object_bool(list[i], "AutoActivation");
		database->servers = database_servers(b, list[i]);
		t->no_copy[i] = no_copy(b, list[i], database);
		enter(b, t->database_names, database->name, database);
	}
}

/* ---- the whole ---------------------------------------------------------- */

static struct ph_topology *
topology_new(void)
{
	struct ph_topology *t = g_new0(struct ph_topology, 1);

	t->text = g_string_chunk_new(65536);
	t->lists = g_ptr_array_new_with_free_func(g_free);
	t->site_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->server_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->database_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->peers = g_hash_table_new(g_str_hash, g_str_equal);
	return t;
}

void *
ph_topology_build(const struct ph_snapshot *snapshot, const void *previous,
		  void *context, struct ph_err *err)
{
	g_autoptr(GString) problems = g_string_new(NULL);
	struct build b = {topology_new(), snapshot, problems};

	(void)previous;
	(void)context;
	build_sites(&b);
	build_paths(&b);
	build_servers(&b);
	build_site_servers(&b);
	build_dags(&b);
	build_databases(&b);
	if (problems->len > 0)
		ph_err_set(err, PH_ERR_PERM, "%s", problems->str);
	return b.t;
}

void
ph_topology_free(void *topology)
{
	struct ph_topology *t = topology;

	if (!t)
		return;
	ph_paths_free(&t->paths);
	g_hash_table_destroy(t->site_names);
	g_hash_table_destroy(t->server_names);
	g_hash_table_destroy(t->database_names);
	g_hash_table_destroy(t->peers);
	g_ptr_array_unref(t->lists);
	g_free(t->sites);
	g_free(t->servers);
	g_free(t->dags);
	g_free(t->databases);
	g_free(t->folded);
	g_free(t->hash);
	g_free(t->by_name);
	g_free(t->in_site);
	g_free(t->no_copy);
	g_string_chunk_free(t->text);
	g_free(t);
}
