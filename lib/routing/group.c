#include "lib/routing/topology_private.h"

/* Delivery groups, and the order in which their servers are tried:
 * facts/exchange-routing.md sections 2 and 3. */

bool
ph_group_member(const struct ph_server *active, const struct ph_server *server)
{
	if (active->dag)
		return server->dag == active->dag;
	if (server == active)
		return true;
	return active->site && server->site == active->site && !server->dag &&
	       server->mailbox_role && server->transport_role;
}

static struct ph_span
span_of(const struct ph_server *const *servers)
{
	struct ph_span span = {servers, 0};

	while (servers[span.n])
		span.n++;
	return span;
}

struct ph_span
ph_group_site(const struct ph_topology *topology,
	      const struct ph_server *server)
{
	if (server->site)
		return span_of(topology->in_site[server->site->index]);
	return (struct ph_span){&topology->by_name[server->index], 1};
}

bool
ph_group_inbound(const struct ph_server *from, const struct ph_server *to)
{
	return !to->site || to->site == from->site || to->site->inbound;
}

bool
ph_group_transport(const struct ph_server *server)
{
	return server->transport_role && server->state != PH_SERVER_INACTIVE &&
	       server->service[PH_SERVICE_TRANSPORT].host[0] != '\0';
}

static bool
usable(const struct ph_group_query *query, const struct ph_server *server)
{
	return ph_group_transport(server) &&
	       query->usable(server, query->context);
}

static enum ph_group_end
weigh(const struct ph_group_query *query, const struct ph_server *server,
      GArray *hops)
{
	struct ph_candidate candidate = {.server = server};

	if (!usable(query, server))
		return PH_GROUP_NO_SERVICE;
	if (!ph_group_inbound(query->from, server))
		return PH_GROUP_NO_INBOUND;
	if (server != query->from)
		candidate.cost =
		    ph_topology_path(query->topology, query->from->site,
				     server->site, NULL, &candidate.hops);
	if (candidate.cost < 0)
		return PH_GROUP_NO_PATH;
	candidate.weight = query->weigh(server, query->context);
	g_array_append_val(hops, candidate);
	return PH_GROUP_FOUND;
}

static void
consider(const struct ph_group_query *query, const struct ph_server *server,
	 struct ph_group_answer *answer)
{
	enum ph_group_end end = weigh(query, server, answer->hops);

	if (end > answer->end)
		answer->end = end;
}

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static size_t
site_rank(const struct ph_server *server)
{
	return server->site ? server->site->index : SIZE_MAX;
}

static int
compare(gconstpointer a, gconstpointer b, gpointer by_site)
{
	const struct ph_candidate *x = a, *y = b;

	COMPARE(x->cost, y->cost);
	if (by_site) {
		COMPARE(x->hops, y->hops);
		COMPARE(site_rank(x->server), site_rank(y->server));
	}
	COMPARE(y->weight, x->weight);
	COMPARE(x->server->index, y->server->index);
	return 0;
}

static void
sort(const struct ph_group_query *query, GArray *hops)
{
	static char yes;

	g_array_sort_with_data(hops, compare, query->by_site ? &yes : NULL);
}

/* All hub sites on a least-cost path are stopped at, so the next stop is the
 * first of them; one without a Transport service cannot be. */
static const struct ph_site *
first_hub(const struct ph_group_query *query,
	  const struct ph_group_answer *answer)
{
	for (size_t i = 0; i + 1 < answer->n_path; i++) {
		const struct ph_site *site = answer->path[i];
		struct ph_span span =
		    span_of(query->topology->in_site[site->index]);

		for (size_t k = 0; site->hub && k < span.n; k++) {
			if (ph_group_transport(span.servers[k]))
				return site;
		}
	}
	return NULL;
}

/* The hub site's servers take the place of the group's. */
static void
stop_at_hub(const struct ph_group_query *query, struct ph_group_answer *answer)
{
	struct ph_span span =
	    span_of(query->topology->in_site[answer->hub->index]);

	g_array_set_size(answer->hops, 0);
	answer->end = PH_GROUP_NO_SERVICE;
	for (size_t i = 0; i < span.n; i++)
		consider(query, span.servers[i], answer);
	sort(query, answer->hops);
}

static bool
is_target(const struct ph_group_query *query, const struct ph_server *server)
{
	if (!query->sources.servers)
		return ph_group_member(query->active, server);
	for (size_t i = 0; i < query->sources.n; i++) {
		if (query->sources.servers[i] == server)
			return true;
	}
	return false;
}

/* When the primary site is a hub site itself, only servers there are connected
 * to, those of the group first. */
static void
stay_in_primary(const struct ph_group_query *query,
		struct ph_group_answer *answer)
{
	struct ph_span span =
	    span_of(query->topology->in_site[answer->primary->index]);
	g_autoptr(GArray) others =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_candidate));
	guint n = 0;

	while (
	    n < answer->hops->len &&
	    g_array_index(answer->hops, struct ph_candidate, n).server->site ==
		answer->primary)
		n++;
	g_array_set_size(answer->hops, n);
	for (size_t i = 0; i < span.n; i++) {
		if (!is_target(query, span.servers[i]))
			weigh(query, span.servers[i], others);
	}
	sort(query, others);
	if (others->len > 0)
		g_array_append_vals(answer->hops, others->data, others->len);
}

/* Which hub site is to be passed is a matter of the path to the group's
 * nearest server. */
static void
follow_path(const struct ph_group_query *query, struct ph_group_answer *answer)
{
	const struct ph_candidate *nearest =
	    &g_array_index(answer->hops, struct ph_candidate, 0);

	answer->cost = nearest->cost;
	answer->primary = nearest->server->site;
	if (!answer->primary || answer->primary == query->from->site)
		return;
	ph_topology_path(query->topology, query->from->site, answer->primary,
			 &answer->path, &answer->n_path);
	answer->hub = first_hub(query, answer);
	if (answer->hub)
		stop_at_hub(query, answer);
	else if (answer->primary->hub && query->by_site)
		stay_in_primary(query, answer);
}

/* Where all servers of the target are found. */
static struct ph_span
pool_of(const struct ph_group_query *query)
{
	if (query->sources.servers)
		return query->sources;
	if (query->active->dag)
		return span_of(query->active->dag->servers);
	return ph_group_site(query->topology, query->active);
}

void
ph_group_find(const struct ph_group_query *query,
	      struct ph_group_answer *answer_r)
{
	struct ph_span pool = pool_of(query);

	memset(answer_r, 0, sizeof *answer_r);
	answer_r->hops = g_array_new(FALSE, FALSE, sizeof(struct ph_candidate));
	for (size_t i = 0; i < pool.n; i++) {
		if (is_target(query, pool.servers[i]))
			consider(query, pool.servers[i], answer_r);
	}
	sort(query, answer_r->hops);
	if (answer_r->end == PH_GROUP_FOUND)
		follow_path(query, answer_r);
}
