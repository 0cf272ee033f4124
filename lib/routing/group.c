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
      enum ph_hop_reason reason, GArray *hops)
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
	candidate.reason = reason;
	g_array_append_val(hops, candidate);
	return PH_GROUP_FOUND;
}

static void
consider(const struct ph_group_query *query, const struct ph_server *server,
	 enum ph_hop_reason reason, struct ph_group_answer *answer)
{
	enum ph_group_end end = weigh(query, server, reason, answer->hops);

	if (end != PH_GROUP_FOUND)
		ph_explain_left_out(query->why, server, end);
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
compare(const struct ph_candidate *x, const struct ph_candidate *y)
{
	COMPARE(x->cost, y->cost);
	COMPARE(x->hops, y->hops);
	COMPARE(site_rank(x->server), site_rank(y->server));
	COMPARE(x->server->state, y->server->state);
	COMPARE(y->weight, x->weight);
	COMPARE(x->server->index, y->server->index);
	return 0;
}

static int
compare_any(gconstpointer a, gconstpointer b)
{
	return compare(a, b);
}

/* A group has a few servers, which are sorted faster in place. */
#define FEW 24

static void
sort(GArray *hops)
{
	struct ph_candidate *hop = (struct ph_candidate *)(gpointer)hops->data;

	if (hops->len > FEW) {
		g_array_sort(hops, compare_any);
		return;
	}
	for (guint i = 1; i < hops->len; i++) {
		struct ph_candidate moved = hop[i];
		guint k = i;

		for (; k > 0 && compare(&moved, &hop[k - 1]) < 0; k--)
			hop[k] = hop[k - 1];
		hop[k] = moved;
	}
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
		consider(query, span.servers[i], PH_HOP_HUB, answer);
	sort(answer->hops);
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

static bool
is_listed(const GArray *hops, const struct ph_server *server)
{
	for (guint i = 0; i < hops->len; i++) {
		if (g_array_index(hops, struct ph_candidate, i).server ==
		    server)
			return true;
	}
	return false;
}

/* At most so many more servers of a site, best first; none that is emptying. */
static void
add_site(const struct ph_group_query *query, const struct ph_site *site,
	 enum ph_hop_reason reason, guint most, GArray *hops)
{
	struct ph_span span = span_of(query->topology->in_site[site->index]);
	bool room = !query->back_off || hops->len < PH_HOPS_MAX;
	g_autoptr(GArray) more =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_candidate));

	/* Nobody looks beyond the end of a list. */
	for (size_t i = 0; i < span.n && room; i++) {
		if (span.servers[i] != query->from &&
		    span.servers[i]->state == PH_SERVER_ACTIVE &&
		    !is_listed(hops, span.servers[i]))
			weigh(query, span.servers[i], reason, more);
	}
	sort(more);
	if (more->len > 0)
		g_array_append_vals(hops, more->data, MIN(more->len, most));
}

/* Members in the nearest site come first; "only those" is for a primary site
 * that is a hub. */
static void
mark_elsewhere(struct ph_group_answer *answer, bool only)
{
	guint n = 0;

	for (guint i = 0; i < answer->hops->len; i++) {
		struct ph_candidate *candidate =
		    &g_array_index(answer->hops, struct ph_candidate, i);

		if (candidate->server->site == answer->primary)
			n++;
		else
			candidate->reason = PH_HOP_ELSEWHERE;
	}
	if (only)
		g_array_set_size(answer->hops, n);
}

/* Of each site on the way back, and of all of them: when the target is down,
 * as many attempts are enough to find where a message can wait. */
#define BACK_OF_SITE 2
#define BACK_OF_ALL 3

/*
 * Queue at the point of failure: from the target's site towards ours, whoever
 * is nearest to where the way is broken. Each is nearer to the target than we
 * are, so a message never comes back by it.
 */
static void
back_off(const struct ph_group_query *query, struct ph_group_answer *answer)
{
	const struct ph_site *stop =
	    answer->hub ? answer->hub : answer->primary;
	g_autoptr(GArray) back =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_candidate));
	size_t i = 0;

	while (answer->path[i] != stop)
		i++;
	while (i-- > 0)
		add_site(query, answer->path[i], PH_HOP_BACK, BACK_OF_SITE,
			 back);
	g_array_set_size(back, MIN(back->len, BACK_OF_ALL));
	g_array_set_size(answer->hops,
			 MIN(answer->hops->len, PH_HOPS_MAX - back->len));
	if (back->len > 0)
		g_array_append_vals(answer->hops, back->data, back->len);
}

/* The target is in another site: which hub site is to be passed is a matter of
 * the path to its nearest server. */
static void
follow_path(const struct ph_group_query *query, struct ph_group_answer *answer)
{
	ph_topology_path(query->topology, query->from->site, answer->primary,
			 &answer->path, &answer->n_path);
	answer->hub = first_hub(query, answer);
	if (answer->hub)
		stop_at_hub(query, answer);
	else if (answer->primary->hub || query->back_off)
		add_site(query, answer->primary, PH_HOP_PRIMARY, G_MAXUINT,
			 answer->hops);
	if (query->back_off && answer->end == PH_GROUP_FOUND)
		back_off(query, answer);
}

static void
find_nearest(const struct ph_group_query *query, struct ph_group_answer *answer)
{
	const struct ph_candidate *nearest =
	    &g_array_index(answer->hops, struct ph_candidate, 0);
	bool remote;

	answer->cost = nearest->cost;
	answer->primary = nearest->server->site;
	remote = answer->primary && answer->primary != query->from->site;
	mark_elsewhere(answer, remote && answer->primary->hub);
	if (remote)
		follow_path(query, answer);
	if (query->back_off)
		g_array_set_size(answer->hops,
				 MIN(answer->hops->len, PH_HOPS_MAX));
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
			consider(query, pool.servers[i], PH_HOP_MEMBER,
				 answer_r);
	}
	sort(answer_r->hops);
	if (answer_r->end == PH_GROUP_FOUND)
		find_nearest(query, answer_r);
}
