#include "lib/routing/route.h"

#include "lib/routing/topology_private.h"

/* One question while it is answered. */
struct ask {
	const struct ph_topology *topology;
	const struct ph_server *from;
	const struct ph_health *health;
	bool shuffle;
	uint64_t seed; /* of the shuffle */
	GPtrArray *out;
	GHashTable *seen; /* what is in out */
};

static bool
usable(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	return server->state == PH_SERVER_ACTIVE &&
	       ph_health_up(ask->health, server->name, PH_SERVICE_TRANSPORT);
}

static uint64_t
weigh(const struct ph_server *server, const void *context)
{
	const struct ask *ask = context;

	return ask->shuffle ? ph_hash_mix(ask->seed + server->index) : 0;
}

static void
add(struct ask *ask, const struct ph_server *server)
{
	if (g_hash_table_add(ask->seen, (gpointer)server))
		g_ptr_array_add(ask->out, (gpointer)server);
}

static void
find_group(struct ask *ask, const struct ph_server *active,
	   struct ph_group_answer *answer_r)
{
	const struct ph_group_query query = {
	    .topology = ask->topology,
	    .from = ask->from,
	    .active = active,
	    .usable = usable,
	    .weigh = weigh,
	    .context = ask,
	};

	ph_group_find(&query, answer_r);
}

static void
add_answer(struct ask *ask, const struct ph_group_answer *answer)
{
	for (guint i = 0; i < answer->hops->len; i++)
		add(ask,
		    g_array_index(answer->hops, struct ph_candidate, i).server);
}

/* ---- with mailbox recipients: the closest group ------------------------- */

/* A target group, known by the first active copy that named it. */
struct target {
	const struct ph_server *active;
	size_t recipients;
};

static bool
same_group(const struct ph_server *a, const struct ph_server *b)
{
	if (a == b)
		return true;
	return !a->dag && !b->dag ? a->site && a->site == b->site
				  : a->dag == b->dag;
}

static size_t
count_targets(const struct ask *ask, const char *const *databases, size_t n,
	      struct target *targets)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ph_database *database =
		    ph_topology_database(ask->topology, databases[i]);
		size_t k = 0;

		if (!database || !database->active)
			continue;
		while (k < found &&
		       !same_group(targets[k].active, database->active))
			k++;
		if (k == found)
			targets[found++] = (struct target){database->active, 0};
		targets[k].recipients++;
	}
	return found;
}

/* Of groups at the same distance the one with more of the recipients saves
 * hops, then the first. */
static void
closest_group(struct ask *ask, const char *const *databases, size_t n)
{
	struct target targets[PH_SELECT_RECIPIENTS];
	size_t n_targets = count_targets(ask, databases,
					 MIN(n, PH_SELECT_RECIPIENTS), targets);
	g_autoptr(GArray) best_hops = NULL;
	struct ph_group_answer best = {.end = PH_GROUP_NO_SERVICE};
	size_t recipients = 0;

	for (size_t i = 0; i < n_targets; i++) {
		struct ph_group_answer answer;
		bool better;

		find_group(ask, targets[i].active, &answer);
		better =
		    answer.end == PH_GROUP_FOUND &&
		    (best.end != PH_GROUP_FOUND || answer.cost < best.cost ||
		     (answer.cost == best.cost &&
		      targets[i].recipients > recipients));
		if (better) {
			if (best_hops)
				g_array_unref(best_hops);
			best_hops = answer.hops;
			best = answer;
			recipients = targets[i].recipients;
		} else {
			g_array_unref(answer.hops);
		}
	}
	if (best.end == PH_GROUP_FOUND)
		add_answer(ask, &best);
}

/* ---- without, and what remains ------------------------------------------ */

static int
by_weight(gconstpointer a, gconstpointer b, gpointer context)
{
	const struct ph_server *x = *(const struct ph_server *const *)a;
	const struct ph_server *y = *(const struct ph_server *const *)b;
	uint64_t wx = weigh(x, context), wy = weigh(y, context);

	if (wx != wy)
		return wx > wy ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static void
local_site(struct ask *ask)
{
	struct ph_span span = ph_group_site(ask->topology, ask->from);
	g_autoptr(GPtrArray) servers = g_ptr_array_new();

	for (size_t i = 0; i < span.n; i++) {
		if (ph_group_transport(span.servers[i]) &&
		    usable(span.servers[i], ask))
			g_ptr_array_add(servers, (gpointer)span.servers[i]);
	}
	g_ptr_array_sort_with_data(servers, by_weight, ask);
	for (guint i = 0; i < servers->len; i++)
		add(ask, g_ptr_array_index(servers, i));
}

static void
local_group(struct ask *ask)
{
	struct ph_group_answer answer;

	find_group(ask, ask->from, &answer);
	add_answer(ask, &answer);
	g_array_unref(answer.hops);
}

const struct ph_server **
ph_select_transport(const struct ph_topology *topology, const char *from,
		    enum ph_selector selector, const char *const *databases,
		    size_t n_databases, const struct ph_health *health,
		    GRand *random)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	struct ask ask = {
	    .topology = topology,
	    .from = ph_topology_server(topology, from),
	    .health = health,
	    .shuffle = random != NULL,
	    .seed = random ? g_rand_int(random) : 0,
	    .out = g_ptr_array_new(),
	    .seen = seen,
	};

	if (ask.from) {
		closest_group(&ask, databases, n_databases);
		/* Submission belongs to a delivery group and falls back on
		 * it; the front end belongs to none. */
		if (selector == PH_SELECT_SUBMISSION)
			local_group(&ask);
		local_site(&ask);
	}
	g_ptr_array_add(ask.out, NULL);
	return (const struct ph_server **)g_ptr_array_free(ask.out, FALSE);
}
