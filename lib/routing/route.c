#include "lib/routing/route.h"

#include "lib/routing/topology_private.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#define REASON_MAX 200

/* One question while it is answered. */
struct ask {
	const struct ph_topology *topology;
	const struct ph_server *from;
	const char *database; /* folded name, for the spread */
	bool drain;	      /* Draining servers count as well */
	GPtrArray *why;	      /* NULL: not asked for */
	struct ph_route *route;
};

static void note(struct ask *ask, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
note(struct ask *ask, const char *format, ...)
{
	va_list args;

	if (!ask->why)
		return;
	va_start(args, format);
	g_ptr_array_add(ask->why, g_strdup_vprintf(format, args));
	va_end(args);
}

static void refuse(struct ask *ask, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
refuse(struct ask *ask, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ask->route->reason = g_strdup_vprintf(format, args);
	va_end(args);
	ask->route->type = PH_ROUTE_NONE;
	note(ask, "no way: %s", ask->route->reason);
}

static const char *
site_name(const struct ph_server *server)
{
	return server->site ? server->site->name : "";
}

static void
take_hops(struct ask *ask, GPtrArray *hops, enum ph_route_type type)
{
	if (hops->len > PH_HOPS_MAX)
		g_ptr_array_set_size(hops, PH_HOPS_MAX);
	for (guint i = 0; i < hops->len; i++) {
		const struct ph_server *server = g_ptr_array_index(hops, i);

		note(ask, "next hop %u: %s (site \"%s\")%s", i + 1,
		     server->name, site_name(server),
		     server == ask->route->database->active ? ", active copy"
							    : "");
	}
	g_ptr_array_add(hops, NULL);
	ask->route->type = type;
	ask->route->hops =
	    (const struct ph_server **)g_ptr_array_free(hops, FALSE);
}

/* ---- to store drivers --------------------------------------------------- */

static bool
delivers(const struct ph_server *server)
{
	return server->mailbox_role && server->state != PH_SERVER_INACTIVE &&
	       server->service[PH_SERVICE_DELIVERY].host[0] != '\0';
}

/* The store driver with the active copy, then those of the other copies: they
 * know better when the copy has just moved. */
static void
to_mailbox(struct ask *ask)
{
	const struct ph_database *database = ask->route->database;
	const struct ph_server *const *copy = database->servers;
	GPtrArray *hops;

	note(ask, "%s is in the delivery group: to the store drivers",
	     ask->from->name);
	if (!ph_group_inbound(ask->from, database->active)) {
		refuse(ask, "Target Site Inbound Mail Disabled: site %s",
		       site_name(database->active));
		return;
	}
	hops = g_ptr_array_new();
	if (delivers(database->active))
		g_ptr_array_add(hops, (gpointer)database->active);
	for (; *copy; copy++) {
		if (*copy != database->active && delivers(*copy) &&
		    ph_group_inbound(ask->from, *copy))
			g_ptr_array_add(hops, (gpointer)*copy);
	}
	if (hops->len > 0) {
		take_hops(ask, hops, PH_ROUTE_MAILBOX);
		return;
	}
	g_ptr_array_unref(hops);
	refuse(ask,
	       "no server of database %s has a Mailbox Transport "
	       "Delivery service",
	       database->name);
}

/* ---- to Transport services ---------------------------------------------- */

static bool
usable(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	return server->state == PH_SERVER_ACTIVE || ask->drain;
}

/* FNV-1a, then a finish that lets each bit of the input reach the high ones,
 * which decide. */
uint64_t
ph_route_hash(const char *database, const char *server)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *database; database++)
		h = (h ^ (unsigned char)*database) * UINT64_C(1099511628211);
	h *= UINT64_C(1099511628211);
	for (; *server; server++)
		h = (h ^ (unsigned char)*server) * UINT64_C(1099511628211);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/* Rendezvous: databases spread over the servers of a site, and a server that
 * comes or goes moves only its own share of them. */
static uint64_t
weigh(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	if (server == ask->route->database->active)
		return UINT64_MAX;
	return ph_route_hash(ask->database,
			     ask->topology->folded[server->index]) >>
	       1;
}

static void
find(struct ask *ask, struct ph_group_answer *answer_r)
{
	const struct ph_group_query query = {
	    .topology = ask->topology,
	    .from = ask->from,
	    .active = ask->route->database->active,
	    .by_site = true,
	    .usable = usable,
	    .weigh = weigh,
	    .context = ask,
	};

	ph_group_find(&query, answer_r);
}

static void
no_group(struct ask *ask, const struct ph_group_answer *answer)
{
	const struct ph_server *active = ask->route->database->active;

	switch (answer->end) {
	case PH_GROUP_NO_INBOUND:
		refuse(ask, "Target Site Inbound Mail Disabled: site %s",
		       answer->hub ? answer->hub->name : site_name(active));
		return;
	case PH_GROUP_NO_PATH:
		refuse(ask,
		       "site \"%s\" (%s) is not connected to site \"%s\" (%s)",
		       site_name(ask->from), ask->from->name, site_name(active),
		       active->name);
		return;
	case PH_GROUP_NO_SERVICE:
	case PH_GROUP_FOUND:
		refuse(ask,
		       "no server on the way to database %s has a "
		       "Transport service",
		       ask->route->database->name);
		return;
	}
}

static void
note_path(struct ask *ask, const struct ph_group_answer *answer)
{
	g_autoptr(GString) path = g_string_new(site_name(ask->from));

	for (size_t i = 0; i < answer->n_path; i++)
		g_string_append_printf(path, " > %s", answer->path[i]->name);
	note(ask, "%s is not in the delivery group; path %s, cost %" PRId64,
	     ask->from->name, path->str, answer->cost);
	if (answer->hub)
		note(ask, "hub site %s is on the path: stop there",
		     answer->hub->name);
}

static void
to_hub(struct ask *ask)
{
	struct ph_group_answer answer;
	g_autoptr(GArray) found = NULL;
	GPtrArray *hops;

	find(ask, &answer);
	if (answer.end != PH_GROUP_FOUND) {
		/* Better a server that is emptying than none. */
		g_array_unref(answer.hops);
		ask->drain = true;
		find(ask, &answer);
	}
	found = answer.hops;
	if (answer.end != PH_GROUP_FOUND) {
		no_group(ask, &answer);
		return;
	}
	note_path(ask, &answer);
	hops = g_ptr_array_new();
	for (guint i = 0; i < found->len; i++)
		g_ptr_array_add(
		    hops, (gpointer)g_array_index(found, struct ph_candidate, i)
			      .server);
	take_hops(ask, hops, PH_ROUTE_HUB);
}

/* ---- the question ------------------------------------------------------- */

static void
name_group(struct ask *ask)
{
	const struct ph_server *active = ask->route->database->active;

	note(ask, "database %s: active copy on %s (site \"%s\")",
	     ask->route->database->name, active->name, site_name(active));
	if (active->dag) {
		ask->route->group = PH_GROUP_DAG;
		ask->route->group_name = active->dag->name;
		note(ask, "delivery group: routable DAG %s", active->dag->name);
	} else {
		ask->route->group = PH_GROUP_MAILBOX;
		ask->route->group_name = site_name(active);
		note(ask, "delivery group: mailbox servers of site \"%s\"",
		     site_name(active));
	}
}

static void
route(struct ask *ask, const char *from, const char *database)
{
	const struct ph_database *found =
	    ph_topology_database(ask->topology, database);

	ask->from = ph_topology_server(ask->topology, from);
	ask->route->database = found;
	if (!found) {
		refuse(ask, "database %s does not exist",
		       database ? database : "");
	} else if (!found->active) {
		refuse(
		    ask, "database %s has no active copy: %s", found->name,
		    ask->topology->no_copy[found - ask->topology->databases]);
	} else if (!ask->from) {
		name_group(ask);
		refuse(ask, "server %s does not exist", from ? from : "");
	} else {
		name_group(ask);
		if (ph_group_member(found->active, ask->from))
			to_mailbox(ask);
		else
			to_hub(ask);
	}
}

void
ph_route_database(const struct ph_topology *topology, const char *from,
		  const char *database, bool explain, struct ph_route *route_r)
{
	g_autofree char *folded = ph_fold(database ? database : "");
	struct ask ask = {.topology = topology,
			  .database = folded,
			  .why = explain ? g_ptr_array_new() : NULL,
			  .route = route_r};

	memset(route_r, 0, sizeof *route_r);
	route_r->type = PH_ROUTE_NONE;
	route_r->group_name = "";
	route(&ask, from, database);
	if (!route_r->hops)
		route_r->hops = g_new0(const struct ph_server *, 1);
	if (ask.why) {
		g_ptr_array_add(ask.why, NULL);
		route_r->why = (char **)g_ptr_array_free(ask.why, FALSE);
	}
}

void
ph_route_clear(struct ph_route *route)
{
	g_free(route->hops);
	g_free(route->reason);
	g_strfreev(route->why);
	memset(route, 0, sizeof *route);
	route->type = PH_ROUTE_NONE;
	route->group_name = "";
}

void
ph_hop_append(GString *out, const struct ph_endpoint *endpoint)
{
	struct in6_addr address;
	bool v6 = inet_pton(AF_INET6, endpoint->host, &address) == 1;
	char port[PH_NUMBER_TEXT];

	g_string_append(out, v6 ? "[ipv6:" : "[");
	g_string_append(out, endpoint->host);
	g_string_append(out, "]:");
	g_string_append(out, ph_format_number((uint64_t)endpoint->port, port));
}

char *
ph_reason_line(const char *reason)
{
	char *valid = g_utf8_make_valid(reason, -1);

	if (g_utf8_strlen(valid, -1) > REASON_MAX)
		*g_utf8_offset_to_pointer(valid, REASON_MAX) = '\0';
	for (char *p = valid; *p; p++) {
		if (g_ascii_iscntrl(*p))
			*p = '?';
	}
	return valid;
}

static char *
format_none(const char *reason)
{
	g_autofree char *line = ph_reason_line(reason);

	return g_strdup_printf("retry:4.4.4 %s", line);
}

char *
ph_route_format(const struct ph_route *route)
{
	bool mailbox = route->type == PH_ROUTE_MAILBOX;
	GString *out;

	if (route->type == PH_ROUTE_NONE)
		return format_none(route->reason ? route->reason : "no route");
	out = g_string_new(mailbox ? "ph-mailbox:" : "ph-hub:");
	for (size_t i = 0; route->hops[i]; i++) {
		if (i > 0)
			g_string_append(out, ", ");
		ph_hop_append(
		    out,
		    &route->hops[i]->service[mailbox ? PH_SERVICE_DELIVERY
						     : PH_SERVICE_TRANSPORT]);
	}
	return g_string_free(out, FALSE);
}

/* ---- groups ------------------------------------------------------------- */

#define EXPAND_TRANSPORT "ph-expand:unix:posthub/expand.sock"

static bool
is_expanded_on(const char *from, const char *server)
{
	return server == NULL || *server == '\0' ||
	       g_ascii_strcasecmp(from, server) == 0;
}

char *
ph_route_expansion(const struct ph_topology *topology, const char *from,
		   const char *server)
{
	const struct ph_server *to;
	g_autofree char *reason = NULL;
	GString *out;

	if (is_expanded_on(from, server))
		return g_strdup(EXPAND_TRANSPORT);
	to = ph_topology_server(topology, server);
	if (to == NULL || *to->service[PH_SERVICE_TRANSPORT].host == '\0') {
		reason = g_strconcat("No route to the expansion server ",
				     server, NULL);
		return format_none(reason);
	}
	out = g_string_new("ph-hub:");
	ph_hop_append(out, &to->service[PH_SERVICE_TRANSPORT]);
	return g_string_free(out, FALSE);
}
