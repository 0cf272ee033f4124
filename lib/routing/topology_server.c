#include "lib/routing/topology_build.h"

#include "lib/base/text.h"

#include <arpa/inet.h>
#include <string.h>

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
server_service(struct ph_build *b, const struct ph_object *object,
	       const char *field, struct ph_endpoint *endpoint_r)
{
	const char *text = ph_object_text(object, field);
	struct ph_err err = PH_ERR_INIT;

	memset(endpoint_r, 0, sizeof *endpoint_r);
	if (!text || !*text)
		return;
	if (ph_parse_endpoint(text, endpoint_r, &err) < 0) {
		ph_build_complain(b, "server %s: %s: %s",
				  ph_object_name(object), field, err.text);
	} else if (endpoint_r->unix_socket ||
		   !fit_for_nexthop(endpoint_r->host)) {
		ph_build_complain(b, "server %s: %s: expected host:port",
				  ph_object_name(object), field);
	} else {
		return;
	}
	memset(endpoint_r, 0, sizeof *endpoint_r);
}

static void
enter_peer(struct ph_build *b, const char *host, const struct ph_server *server)
{
	g_autofree char *key = NULL;

	/* It would make everybody a server of ours. */
	if (!*host || ph_is_any_address(host))
		return;
	key = ph_peer_key(host);
	if (!g_hash_table_contains(b->t->peers, key))
		g_hash_table_insert(b->t->peers,
				    (gpointer)ph_build_keep(b, key),
				    (gpointer)server);
}

static void
server_site(struct ph_build *b, const struct ph_object *object,
	    struct ph_server *server)
{
	const char *site = ph_object_text(object, "Site");

	server->site = ph_topology_site(b->t, site);
	if (site && *site && !server->site)
		ph_build_complain(b, "server %s: site %s does not exist",
				  server->name, site);
}

static void
build_server(struct ph_build *b, const struct ph_object *object,
	     struct ph_server *server)
{
	static const char *const fields[PH_SERVICES] = {
	    [PH_SERVICE_FRONTEND] = "Frontend",
	    [PH_SERVICE_TRANSPORT] = "Transport",
	    [PH_SERVICE_DELIVERY] = "Delivery",
	};
	const char *const *roles = ph_object_list(object, "Roles");
	const char *fqdn = ph_object_text(object, "Fqdn");

	server->name = ph_build_keep(b, ph_object_name(object));
	server->fqdn = fqdn && *fqdn ? ph_build_keep(b, fqdn) : server->name;
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

void
ph_build_servers(struct ph_build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    ph_build_objects(b, "server", &t->n_servers);

	t->servers = g_new0(struct ph_server, t->n_servers + 1);
	t->folded = g_new0(const char *, t->n_servers + 1);
	t->hash = g_new0(uint64_t, t->n_servers + 1);
	t->by_name = g_new0(const struct ph_server *, t->n_servers + 1);
	for (size_t i = 0; i < t->n_servers; i++) {
		struct ph_server *server = &t->servers[i];
		g_autofree char *folded = ph_fold(ph_object_name(list[i]));

		server->index = i;
		build_server(b, list[i], server);
		t->folded[i] = ph_build_keep(b, folded);
		t->hash[i] = ph_hash(folded);
		t->by_name[i] = server;
		g_hash_table_insert(t->server_names, (gpointer)t->folded[i],
				    server);
	}
}

void
ph_build_site_servers(struct ph_build *b)
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
		t->in_site[i] = ph_build_list(b, lists[i]);
	g_free(lists);
}
