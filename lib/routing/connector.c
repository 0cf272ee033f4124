#include "lib/routing/connector_ask.h"

#include "lib/routing/route.h"
#include "lib/routing/setup.h"
#include "lib/routing/topology_private.h"

#include <inttypes.h>
#include <string.h>

static void
candidate_clear(struct ph_connector_candidate *candidate)
{
	if (candidate->hops)
		g_array_unref(candidate->hops);
	g_free(candidate->out);
	g_free(candidate->proxies);
	memset(candidate, 0, sizeof *candidate);
}

/* ---- which connectors would do ------------------------------------------ */

static bool
fits_size(struct ph_connector_ask *ask, const struct ph_object *connector)
{
	int64_t max = ph_object_int(connector, "MaxMessageSize");

	if (max <= 0 || ask->query->size <= (uint64_t)max)
		return true;
	ask->too_large = true;
	return ph_connector_skip(
	    ask, connector,
	    "has a MaxMessageSize below the size of the message");
}

static char *
find_transport(const struct ph_connector_ask *ask,
	       const struct ph_object *connector)
{
	const struct ph_connector_query *query = ask->query;
	enum ph_connector_tls tls =
	    ph_connector_tls_for(connector, query->snapshot, ask->domain);
	const char *transport;

	if (query->require_tls)
		tls = MAX(tls, PH_CONNECTOR_ENCRYPT);
	transport = ph_connector_transport(tls);
	return ph_setup_applied(query->snapshot, query->from, connector)
		   ? ph_setup_transport(transport, connector)
		   : g_strdup(transport);
}

static bool
find_space(struct ph_connector_ask *ask,
	   struct ph_connector_candidate *candidate)
{
	if (ask->query->connector) {
		candidate->space.text = "any, as asked for by name";
		return true;
	}
	if (!ph_space_find(candidate->connector, ask->domain,
			   &candidate->space))
		return ph_connector_skip(
		    ask, candidate->connector,
		    "has no address space that holds the domain");
	candidate->cost = candidate->space.cost;
	return true;
}

/* A source server that does not send itself. */
static bool
find_proxies(struct ph_connector_ask *ask,
	     struct ph_connector_candidate *candidate)
{
	const struct ph_object *connector = candidate->connector;

	if (candidate->hops || ask->query->frontend ||
	    !ph_object_bool(connector, "FrontendProxyEnabled"))
		return true;
	candidate->proxies =
	    ph_connector_proxies(ask->query->topology, ask->from);
	return candidate->proxies ||
	       ph_connector_skip(
		   ask, connector,
		   "is sent through a front end, and there is none with an "
		   "OutboundProxy that can be reached");
}

/* The size comes last: who fails by it alone is too large, not without a
 * way. */
static bool
judge(struct ph_connector_ask *ask, const struct ph_object *connector,
      struct ph_connector_candidate *candidate_r)
{
	g_autofree char *transport = NULL;

	candidate_r->connector = connector;
	if (!ph_object_bool(connector, "Enabled"))
		return ph_connector_skip(ask, connector, "is not enabled");
	if (!find_space(ask, candidate_r))
		return false;
	if (!ph_connector_way(ask, candidate_r))
		return false;
	transport = find_transport(ask, connector);
	candidate_r->out = ph_connector_hops(connector, transport, ask->domain);
	if (!candidate_r->out)
		return ph_connector_skip(
		    ask, connector,
		    "has no smart host that can be read, and DNS does "
		    "not help");
	return find_proxies(ask, candidate_r) && fits_size(ask, connector);
}

/* ---- which of them is best ---------------------------------------------- */

#define COMPARE(a, b, why)                \
	do {                              \
		if ((a) != (b)) {         \
			*rule_r = (why);  \
			return (a) < (b); \
		}                         \
	} while (0)

/* Connectors come by name, so of equals the earlier one stays. */
static bool
is_better(const struct ph_connector_candidate *a,
	  const struct ph_connector_candidate *b, const char **rule_r)
{
	COMPARE(b->space.fit, a->space.fit, "more specific address space");
	COMPARE(a->cost, b->cost, "lower cost");
	COMPARE(a->distance, b->distance, "nearer");
	*rule_r = "lower name";
	return false;
}

static void
consider(struct ph_connector_ask *ask, const struct ph_object *connector)
{
	struct ph_connector_candidate candidate = {0};
	const char *name = ph_object_name(connector), *rule;

	if (!judge(ask, connector, &candidate)) {
		candidate_clear(&candidate);
		return;
	}
	ph_connector_note(
	    ask, "connector %s: address space %s, cost %" PRId64 ", %s", name,
	    candidate.space.text, candidate.cost,
	    candidate.distance == 0   ? "on this server"
	    : candidate.distance == 1 ? "in this site"
				      : "in another site");
	if (!ask->best.connector) {
		ask->best = candidate;
	} else if (is_better(&candidate, &ask->best, &rule)) {
		ph_connector_note(ask, "%s before %s: %s", name,
				  ph_object_name(ask->best.connector), rule);
		candidate_clear(&ask->best);
		ask->best = candidate;
	} else {
		ph_connector_note(ask, "%s before %s: %s",
				  ph_object_name(ask->best.connector), name,
				  rule);
		candidate_clear(&candidate);
	}
}

/* The most specific address space wins, so only its connectors' ways have to be
 * found, unless none of them does. */
static void
consider_best(struct ph_connector_ask *ask, const struct ph_object *const *list,
	      size_t n)
{
	g_autofree size_t *fit = g_new0(size_t, n + 1);
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		struct ph_space space;

		if (ph_space_find(list[i], ask->domain, &space) &&
		    ph_object_bool(list[i], "Enabled"))
			fit[i] = space.fit;
		best = MAX(best, fit[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (fit[i] > 0 && fit[i] == best)
			consider(ask, list[i]);
	}
}

static void
consider_all(struct ph_connector_ask *ask)
{
	const char *name = ask->query->connector;
	const struct ph_object *connector;
	const struct ph_object *const *list;
	size_t n;

	if (name) {
		connector = ph_snapshot_find(ask->query->snapshot,
					     "sendconnector", name);
		ask->fault = "does not exist";
		if (connector)
			consider(ask, connector);
		return;
	}
	list = ph_snapshot_list(ask->query->snapshot, "sendconnector", &n);
	if (!ask->why)
		consider_best(ask, list, n);
	if (ask->best.connector)
		return;
	for (size_t i = 0; i < n; i++)
		consider(ask, list[i]);
}

/* ---- the answer --------------------------------------------------------- */

static void refuse(struct ph_connector_route *route, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void
refuse(struct ph_connector_route *route, const char *format, ...)
{
	g_autofree char *reason = NULL;
	va_list args;

	va_start(args, format);
	reason = g_strdup_vprintf(format, args);
	va_end(args);
	route->reason = ph_reason_line(reason);
}

static char *
format_hub(struct ph_connector_ask *ask, const GArray *hops)
{
	GString *out = g_string_new("ph-hub:");

	for (guint i = 0; i < hops->len; i++) {
		const struct ph_server *server =
		    g_array_index(hops, struct ph_candidate, i).server;

		if (i > 0)
			g_string_append(out, ", ");
		ph_hop_append(out, &server->service[PH_SERVICE_TRANSPORT]);
	}
	ph_explain_hops(ask->why, hops, NULL);
	return g_string_free(out, FALSE);
}

/* No detour, and no other connector, for a message too large for a link. */
static bool
fits_path(struct ph_connector_ask *ask, struct ph_connector_route *route)
{
	const struct ph_connector_candidate *best = &ask->best;

	if (best->limit == 0 || ask->query->size <= best->limit)
		return true;
	ph_connector_note(
	    ask,
	    "connector %s: link %s on the path takes messages of up to "
	    "%" PRIu64 " bytes",
	    ph_object_name(best->connector), best->link, best->limit);
	route->type = PH_CONNECTOR_TOO_LARGE;
	refuse(route, PH_TEXT_SIZE_LIMIT);
	return false;
}

static void
take(struct ph_connector_ask *ask, struct ph_connector_route *route)
{
	struct ph_connector_candidate *best = &ask->best;
	const char *name = ph_object_name(best->connector);

	route->connector = best->connector;
	if (best->hops) {
		ph_connector_note(ask, "connector %s: to its source servers",
				  name);
		route->type = PH_CONNECTOR_HUB;
		route->nexthop = format_hub(ask, best->hops);
	} else if (best->proxies) {
		ph_connector_note(
		    ask, "connector %s: through a front end, which does %s",
		    name, best->out);
		route->type = PH_CONNECTOR_PROXY;
		route->nexthop = g_steal_pointer(&best->proxies);
		route->onward = g_steal_pointer(&best->out);
	} else {
		ph_connector_note(ask, "connector %s: sent from here", name);
		route->type = PH_CONNECTOR_OUT;
		route->nexthop = g_steal_pointer(&best->out);
	}
}

static void
find(struct ph_connector_ask *ask, const char *domain,
     struct ph_connector_route *route)
{
	const struct ph_connector_query *query = ask->query;

	ask->from = ph_topology_server(query->topology, query->from);
	ask->domain = ph_fold(domain);
	if (ask->from)
		consider_all(ask);
	if (ask->best.connector) {
		if (fits_path(ask, route))
			take(ask, route);
		candidate_clear(&ask->best);
	} else if (!ask->from) {
		refuse(route,
		       "No send connector for %s: server %s does not "
		       "exist",
		       domain, query->from ? query->from : "");
	} else if (ask->too_large) {
		route->type = PH_CONNECTOR_TOO_LARGE;
		refuse(route, PH_TEXT_SIZE_LIMIT);
	} else if (query->connector) {
		refuse(route, "Send connector %s %s", query->connector,
		       ask->fault);
	} else {
		refuse(route, "No send connector for %s", domain);
	}
	g_free(ask->domain);
}

/* The domain of an address, or what is one already; g_free; NULL: neither. */
static char *
domain_of(const char *address)
{
	g_autofree char *local = NULL;
	char *domain = NULL;

	if (ph_split_address(address, &local, &domain) == 1)
		return domain;
	return ph_is_hostname(address) ? g_strdup(address) : NULL;
}

void
ph_connector_find(const struct ph_connector_query *query,
		  struct ph_connector_route *route_r)
{
	g_autofree char *domain = domain_of(query->address);
	struct ph_connector_ask ask = {
	    .query = query, .why = query->explain ? g_ptr_array_new() : NULL};

	memset(route_r, 0, sizeof *route_r);
	route_r->type = PH_CONNECTOR_NONE;
	if (domain)
		find(&ask, domain, route_r);
	else
		refuse(route_r, "No route");
	if (ask.why) {
		if (route_r->reason)
			ph_connector_note(&ask, "no way: %s", route_r->reason);
		g_ptr_array_add(ask.why, NULL);
		route_r->why = (char **)g_ptr_array_free(ask.why, FALSE);
	}
}

void
ph_connector_clear(struct ph_connector_route *route)
{
	g_free(route->nexthop);
	g_free(route->onward);
	g_free(route->reason);
	g_strfreev(route->why);
	memset(route, 0, sizeof *route);
	route->type = PH_CONNECTOR_NONE;
}

char *
ph_connector_format(const struct ph_connector_route *route)
{
	switch (route->type) {
	case PH_CONNECTOR_OUT:
	case PH_CONNECTOR_PROXY:
	case PH_CONNECTOR_HUB:
		return g_strdup(route->nexthop);
	case PH_CONNECTOR_TOO_LARGE:
		return g_strdup_printf("error:5.3.4 %s", route->reason);
	case PH_CONNECTOR_NONE:
		break;
	}
	return g_strdup_printf("retry:4.4.4 %s", route->reason);
}

const char *
ph_connector_type_name(enum ph_connector_type type)
{
	static const char *const names[] = {
	    [PH_CONNECTOR_OUT] = "out",
	    [PH_CONNECTOR_PROXY] = "proxy",
	    [PH_CONNECTOR_HUB] = "hub",
	    [PH_CONNECTOR_NONE] = "none",
	    [PH_CONNECTOR_TOO_LARGE] = "too large",
	};

	return names[type];
}
