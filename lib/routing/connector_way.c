#include "lib/routing/connector_ask.h"

/* The way from the asking server to a connector. */

void
ph_connector_note(struct ph_connector_ask *ask, const char *format, ...)
{
	va_list args;

	if (!ask->why)
		return;
	va_start(args, format);
	g_ptr_array_add(ask->why, g_strdup_vprintf(format, args));
	va_end(args);
}

bool
ph_connector_skip(struct ph_connector_ask *ask,
		  const struct ph_object *connector, const char *fault)
{
	ask->fault = fault;
	ph_connector_note(ask, "connector %s %s", ph_object_name(connector),
			  fault);
	return false;
}

/* Those that exist, each once. */
static GPtrArray *
find_sources(const struct ph_connector_ask *ask,
	     const struct ph_object *connector)
{
	const char *const *names =
	    ph_object_list(connector, "SourceTransportServers");
	GPtrArray *sources = g_ptr_array_new();

	for (; *names; names++) {
		const struct ph_server *server =
		    ph_topology_server(ask->query->topology, *names);

		if (server && !g_ptr_array_find(sources, server, NULL))
			g_ptr_array_add(sources, (gpointer)server);
	}
	return sources;
}

/* Exchange makes the server where the connector was made its source; a hash
 * was made nowhere, so with none named each server sends. */
static bool
is_source(const struct ph_connector_ask *ask, const struct ph_object *connector,
	  GPtrArray *sources)
{
	return !*ph_object_list(connector, "SourceTransportServers") ||
	       g_ptr_array_find(sources, ask->from, NULL);
}

static bool
in_site(const struct ph_connector_ask *ask, GPtrArray *sources)
{
	for (guint i = 0; i < sources->len; i++) {
		const struct ph_server *server = g_ptr_array_index(sources, i);

		if (server->site && server->site == ask->from->site)
			return true;
	}
	return false;
}

static bool
usable(const struct ph_server *server, const void *context)
{
	const struct ph_connector_ask *ask = context;

	return server->state == PH_SERVER_ACTIVE || ask->drain;
}

/* Equals come by name: the same list for every domain of a connector. */
static uint64_t
weigh(const struct ph_server *server, const void *context)
{
	(void)server;
	(void)context;
	return 0;
}

static void
find_group(struct ph_connector_ask *ask, struct ph_group_query *query,
	   struct ph_group_answer *answer)
{
	ask->drain = false;
	ph_group_find(query, answer);
	if (answer->end == PH_GROUP_FOUND)
		return;
	/* Better a server that is emptying than none. */
	g_array_unref(answer->hops);
	ask->drain = true;
	ph_group_find(query, answer);
}

static bool
reach(struct ph_connector_ask *ask, GPtrArray *sources,
      struct ph_connector_candidate *candidate)
{
	struct ph_group_query query = {
	    .topology = ask->query->topology,
	    .from = ask->from,
	    .sources = {(const struct ph_server *const *)sources->pdata,
			sources->len},
	    .back_off = true,
	    .usable = usable,
	    .weigh = weigh,
	    .context = ask,
	    .why = ask->why,
	};
	struct ph_group_answer answer;

	if (sources->len == 0)
		return ph_connector_skip(ask, candidate->connector,
					 "has no source server that exists");
	find_group(ask, &query, &answer);
	if (answer.end != PH_GROUP_FOUND) {
		g_array_unref(answer.hops);
		return ph_connector_skip(
		    ask, candidate->connector,
		    "has no source server that can be reached");
	}
	ph_connector_note(ask,
			  "connector %s: delivery group is its source servers",
			  ph_object_name(candidate->connector));
	ph_explain_path(ask->why, &query, &answer);
	candidate->limit = ph_topology_size_limit(
	    query.topology, ask->from->site, answer.primary, &candidate->link);
	candidate->hops = answer.hops;
	candidate->cost += answer.cost;
	candidate->distance = 1 + answer.n_path;
	return true;
}

bool
ph_connector_way(struct ph_connector_ask *ask,
		 struct ph_connector_candidate *candidate)
{
	const struct ph_object *connector = candidate->connector;
	g_autoptr(GPtrArray) sources = find_sources(ask, connector);

	if (!ask->query->frontend && is_source(ask, connector, sources))
		return true;
	if (ask->query->frontend &&
	    !ph_object_bool(connector, "FrontendProxyEnabled"))
		return ph_connector_skip(ask, connector,
					 "does not send through front ends");
	if (ph_object_bool(connector, "IsScopedConnector") &&
	    !in_site(ask, sources))
		return ph_connector_skip(ask, connector,
					 "is scoped to another site");
	if (ask->query->frontend)
		return true;
	return reach(ask, sources, candidate);
}
