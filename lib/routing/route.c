#include "lib/routing/route.h"

#include "lib/routing/topology_private.h"

#include <inttypes.h>
#include <string.h>

/* One question while it is answered. */
struct ask {
	const struct ph_route_query *query;
	const struct ph_server *from;
	uint64_t spread; /* hash of the name that decides the spread */
	bool drain;	 /* Draining servers count as well */
	struct ph_group_query group;
	struct ph_route *route;
};

/* The steps so far. */
#define NOTE(ask, ...) ph_explain((ask)->group.why, __VA_ARGS__)

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
	NOTE(ask, "no way: %s", ask->route->reason);
}

static const char *
site_name(const struct ph_server *server)
{
	return server->site ? server->site->name : "";
}

static void
take_hops(struct ask *ask, const GArray *found)
{
	const struct ph_server **hops =
	    g_new0(const struct ph_server *, found->len + 1);

	for (guint i = 0; i < found->len; i++)
		hops[i] = g_array_index(found, struct ph_candidate, i).server;
	ask->route->type = PH_ROUTE_HUB;
	ask->route->hops = hops;
}

/* ---- to store drivers --------------------------------------------------- */

static bool
delivers(const struct ph_server *server)
{
	return server->mailbox_role && server->state != PH_SERVER_INACTIVE &&
	       server->service[PH_SERVICE_DELIVERY].host[0] != '\0';
}

static bool
add_driver(struct ask *ask, const struct ph_server *server, GPtrArray *hops)
{
	const char *fault =
	    !server->mailbox_role		  ? "it has no Mailbox role"
	    : server->state == PH_SERVER_INACTIVE ? "it is Inactive"
	    : !delivers(server) ? "it has no Delivery endpoint"
	    : !ph_group_inbound(ask->from, server) ? "its site takes no mail "
						     "from others "
						     "(InboundMailEnabled)"
						   : NULL;
	bool active = server == ask->route->database->active;

	if (fault) {
		NOTE(ask, "%s (site %s) is left out: %s", server->name,
		     ph_site_text(server), fault);
		return false;
	}
	if (hops->len >= PH_HOPS_MAX)
		return false;
	g_ptr_array_add(hops, (gpointer)server);
	NOTE(ask, "next hop %u: %s (site %s): %s", hops->len, server->name,
	     ph_site_text(server),
	     active ? "has the active copy"
		    : "has a copy, in activation preference order");
	return true;
}

/* The store driver with the active copy, then those of the other copies: they
 * know better when the copy has just moved. */
static void
to_mailbox(struct ask *ask)
{
	const struct ph_database *database = ask->route->database;
	const struct ph_server *const *copy = database->servers;
	GPtrArray *hops;

	NOTE(ask, "%s is in the delivery group: to the store drivers",
	     ask->from->name);
	if (!ph_group_inbound(ask->from, database->active)) {
		refuse(ask, "Target Site Inbound Mail Disabled: site %s",
		       site_name(database->active));
		return;
	}
	hops = g_ptr_array_new();
	add_driver(ask, database->active, hops);
	for (; *copy; copy++) {
		if (*copy != database->active)
			add_driver(ask, *copy, hops);
	}
	if (hops->len == 0)
		refuse(ask,
		       "no server of database %s has a Mailbox Transport "
		       "Delivery service",
		       database->name);
	else
		ask->route->type = PH_ROUTE_MAILBOX;
	g_ptr_array_add(hops, NULL);
	ask->route->hops =
	    (const struct ph_server **)g_ptr_array_free(hops, FALSE);
}

/* ---- to Transport services ---------------------------------------------- */

static bool
usable(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	return server->state == PH_SERVER_ACTIVE || ask->drain;
}

/* Rendezvous: databases spread over the servers of a site, and a server that
 * comes or goes moves only its own share of them. */
static uint64_t
weigh(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	if (server == ask->group.active)
		return UINT64_MAX;
	return ph_hash_mix(ask->spread ^
			   ask->query->topology->hash[server->index]) >>
	       1;
}

static void
no_group(struct ask *ask, const struct ph_group_answer *answer,
	 const struct ph_server *target)
{
	switch (answer->end) {
	case PH_GROUP_NO_INBOUND:
		refuse(ask, "Target Site Inbound Mail Disabled: site %s",
		       answer->hub ? answer->hub->name : site_name(target));
		return;
	case PH_GROUP_NO_PATH:
		refuse(ask,
		       "site \"%s\" (%s) is not connected to site \"%s\" (%s)",
		       site_name(ask->from), ask->from->name, site_name(target),
		       target->name);
		return;
	case PH_GROUP_NO_SERVICE:
	case PH_GROUP_FOUND:
		break;
	}
	if (ask->route->database)
		refuse(ask,
		       "no server on the way to database %s has a "
		       "Transport service",
		       ask->route->database->name);
	else
		refuse(ask, "No route to the expansion server %s",
		       target->name);
}

/* No detour: a message that is too large for the least-cost path is refused,
 * though another path might carry it. */
static bool
fits(struct ask *ask, const struct ph_group_answer *answer)
{
	const char *link = NULL;
	uint64_t limit = ph_topology_size_limit(
	    ask->query->topology, ask->from->site, answer->primary, &link);

	if (limit == 0 || ask->query->size <= limit)
		return true;
	ask->route->type = PH_ROUTE_TOO_LARGE;
	ask->route->reason = g_strdup(PH_TEXT_SIZE_LIMIT);
	NOTE(ask,
	     "refused: link %s on the path takes messages of up to %" PRIu64
	     " bytes",
	     link, limit);
	return false;
}

static void
to_hub(struct ask *ask, const struct ph_server *target)
{
	struct ph_group_answer answer;
	g_autoptr(GArray) found = NULL;

	ph_group_find(&ask->group, &answer);
	if (answer.end != PH_GROUP_FOUND) {
		/* Better a server that is emptying than none. */
		g_array_unref(answer.hops);
		ask->drain = true;
		NOTE(ask, "nobody else is there: Draining servers count");
		ph_group_find(&ask->group, &answer);
	}
	found = answer.hops;
	if (answer.end != PH_GROUP_FOUND) {
		no_group(ask, &answer, target);
		return;
	}
	ph_explain_path(ask->group.why, &ask->group, &answer);
	ask->route->hub = answer.hub;
	if (!fits(ask, &answer))
		return;
	ph_explain_hops(ask->group.why, found, ask->group.active);
	take_hops(ask, found);
}

/* ---- a database --------------------------------------------------------- */

static void
name_group(struct ask *ask)
{
	const struct ph_server *active = ask->route->database->active;

	NOTE(ask, "database %s: active copy on %s (site %s)",
	     ask->route->database->name, active->name, ph_site_text(active));
	if (active->dag) {
		ask->route->group = PH_GROUP_DAG;
		ask->route->group_name = active->dag->name;
		NOTE(ask,
		     "%s is in a DAG: delivery group is the routable DAG "
		     "%s",
		     active->name, active->dag->name);
	} else {
		ask->route->group = PH_GROUP_MAILBOX;
		ask->route->group_name = site_name(active);
		NOTE(ask,
		     "%s is in no DAG: delivery group is the mailbox "
		     "servers of site %s that are in none",
		     active->name, ph_site_text(active));
	}
}

static void
route_database(struct ask *ask)
{
	const struct ph_topology *topology = ask->query->topology;
	const char *name = ask->query->database;
	const struct ph_database *found = ph_topology_database(topology, name);

	ask->route->database = found;
	if (!found) {
		refuse(ask, "database %s does not exist", name ? name : "");
		return;
	}
	if (!found->active) {
		refuse(ask, "database %s has no active copy: %s", found->name,
		       topology->no_copy[found - topology->databases]);
		return;
	}
	name_group(ask);
	if (!ask->from) {
		refuse(ask, "server %s does not exist",
		       ask->query->from ? ask->query->from : "");
	} else if (ph_group_member(found->active, ask->from)) {
		to_mailbox(ask);
	} else {
		NOTE(ask,
		     "%s is not in the delivery group: to its Transport "
		     "services",
		     ask->from->name);
		ask->group.active = found->active;
		ask->group.back_off = true;
		to_hub(ask, found->active);
	}
}

/* ---- a group that is to be opened --------------------------------------- */

static bool
is_here(const struct ph_route_query *query)
{
	return *query->expansion == '\0' ||
	       (query->from &&
		g_ascii_strcasecmp(query->from, query->expansion) == 0);
}

/* To the named server and no other, so that the message waits while that one is
 * away. */
static void
route_expansion(struct ask *ask)
{
	const struct ph_server *target =
	    ph_topology_server(ask->query->topology, ask->query->expansion);

	ask->route->group = PH_GROUP_SERVERS;
	if (is_here(ask->query)) {
		NOTE(ask, "the group is opened here: %s",
		     *ask->query->expansion ? "this is its ExpansionServer"
					    : "it has no ExpansionServer");
		ask->route->type = PH_ROUTE_EXPAND;
		return;
	}
	NOTE(ask, "delivery group is its ExpansionServer %s alone",
	     ask->query->expansion);
	if (!target || !ask->from) {
		refuse(ask, "No route to the expansion server %s",
		       ask->query->expansion);
		return;
	}
	ask->route->group_name = target->fqdn;
	ask->group.sources = (struct ph_span){&target, 1};
	to_hub(ask, target);
}

/* ---- the question ------------------------------------------------------- */

void
ph_route_find(const struct ph_route_query *query, struct ph_route *route_r)
{
	const char *spread =
	    query->expansion ? query->expansion : query->database;
	g_autofree char *folded = ph_fold(spread ? spread : "");
	GPtrArray *why = query->explain ? g_ptr_array_new() : NULL;
	struct ask ask = {
	    .query = query,
	    .from = ph_topology_server(query->topology, query->from),
	    .spread = ph_hash(folded),
	    .route = route_r,
	    .group = {.topology = query->topology,
		      .usable = usable,
		      .weigh = weigh,
		      .context = &ask,
		      .why = why},
	};

	ask.group.from = ask.from;
	memset(route_r, 0, sizeof *route_r);
	route_r->type = PH_ROUTE_NONE;
	route_r->group_name = "";
	if (query->expansion)
		route_expansion(&ask);
	else
		route_database(&ask);
	if (!route_r->hops)
		route_r->hops = g_new0(const struct ph_server *, 1);
	if (why) {
		g_ptr_array_add(why, NULL);
		route_r->why = (char **)g_ptr_array_free(why, FALSE);
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
