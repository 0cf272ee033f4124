#include "tests/unit/lib/routing/world.h"

/*
 * facts/exchange-routing.md section 3. Each row: the links, a question, and
 * the sites on the way as worked out on paper; "-" means not connected.
 */
#define SITES "site A\nsite B\nsite C\nsite D\nsite E\nsite F\n"

static const struct {
	const char *rule;
	const char *links;
	const char *from, *to;
	int64_t cost;
	const char *path;
} paths[] = {
    {"itself", "", "A", "A", 0, ""},
    {"no link", "", "A", "B", -1, "-"},
    {"link cost is 100 unless set", "sitelink L Sites=A,B\n", "A", "B", 100,
     "B"},
    {"Cost", "sitelink L Sites=A,B Cost=7\n", "A", "B", 7, "B"},
    {"ExchangeCost replaces a lower Cost",
     "sitelink L Sites=A,B Cost=7 ExchangeCost=50\n", "B", "A", 50, "A"},
    {"ExchangeCost replaces a higher Cost",
     "sitelink L Sites=A,B Cost=70 ExchangeCost=5\n", "B", "A", 5, "A"},
    {"of two links the lowest wins",
     "sitelink L Sites=A,B Cost=30\nsitelink M Sites=A,B Cost=20\n", "A", "B",
     20, "B"},
    {"a link of three sites joins each two", "sitelink L Sites=A,B,C Cost=9\n",
     "C", "B", 9, "B"},
    {"links are transitive",
     "sitelink L Sites=A,B Cost=9\nsitelink M Sites=B,C Cost=8\n", "A", "C", 17,
     "B C"},
    {"names compare without case", "sitelink L Sites=a,b Cost=9\n", "A", "B", 9,
     "B"},
    {"cost before hops",
     "sitelink L Sites=A,B Cost=1\nsitelink M Sites=B,C Cost=1\n"
     "sitelink N Sites=C,D Cost=1\nsitelink O Sites=A,D Cost=4\n",
     "A", "D", 3, "B C D"},
    {"equal cost: fewest hops",
     "sitelink L Sites=A,B Cost=1\nsitelink M Sites=B,C Cost=1\n"
     "sitelink N Sites=C,D Cost=1\nsitelink O Sites=A,D Cost=3\n",
     "A", "D", 3, "D"},
    {"equal hops: lowest name nearest to the destination",
     "sitelink L Sites=A,C Cost=5\nsitelink M Sites=C,D Cost=5\n"
     "sitelink N Sites=A,B Cost=5\nsitelink O Sites=B,D Cost=5\n",
     "A", "D", 10, "B D"},
    /* A-B-E-F and A-C-D-F: D is lower than E, though C is not than B. */
    {"the site nearest to the destination is compared first",
     "sitelink L Sites=A,B Cost=1\nsitelink M Sites=B,E Cost=1\n"
     "sitelink N Sites=E,F Cost=1\nsitelink O Sites=A,C Cost=1\n"
     "sitelink P Sites=C,D Cost=1\nsitelink Q Sites=D,F Cost=1\n",
     "A", "F", 3, "C D F"},
    /* A-C-E-F and A-B-E-F: E both times, so the site before it. */
    {"then the site before it",
     "sitelink L Sites=A,C Cost=1\nsitelink M Sites=C,E Cost=1\n"
     "sitelink N Sites=E,F Cost=1\nsitelink O Sites=A,B Cost=1\n"
     "sitelink P Sites=B,E Cost=1\n",
     "A", "F", 3, "B E F"},
    {"a wide link is one hop",
     "sitelink L Sites=A,B,C,D,E,F Cost=10\nsitelink M Sites=A,B Cost=5\n"
     "sitelink N Sites=B,F Cost=5\n",
     "A", "F", 10, "F"},
};

static const char *
path_text(const struct world *w, const char *from, const char *to,
	  int64_t *cost_r)
{
	static char text[256];
	const struct ph_site *const *path;
	size_t n;

	*cost_r =
	    ph_topology_path(w->topology, ph_topology_site(w->topology, from),
			     ph_topology_site(w->topology, to), &path, &n);
	text[0] = '\0';
	if (*cost_r < 0)
		return "-";
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			g_strlcat(text, " ", sizeof text);
		g_strlcat(text, path[i]->name, sizeof text);
	}
	return text;
}

START_TEST(test_paths)
{
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *text =
		    g_strconcat(SITES, paths[i].links, NULL);
		struct world w;
		const char *path;
		int64_t cost;

		world_open(&w, text);
		ck_assert_str_eq(w.err.text, "");
		path = path_text(&w, paths[i].from, paths[i].to, &cost);
		ck_assert_msg(!strcmp(path, paths[i].path), "%s: %s",
			      paths[i].rule, path);
		ck_assert_msg(cost == paths[i].cost, "%s: cost %d",
			      paths[i].rule, (int)cost);
		world_close(&w);
	}
}
END_TEST

/* ---- against all simple paths of small random maps ---------------------- */

#define N 6

struct best {
	int cost, hops;
	int path[N];
};

/* True when path a of the same end is to be preferred to b. */
static bool
preferred(const struct best *a, const struct best *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->hops != b->hops)
		return a->hops < b->hops;
	for (int i = a->hops - 1; i >= 0; i--) {
		if (a->path[i] != b->path[i])
			return a->path[i] < b->path[i];
	}
	return false;
}

static void
walk(int cost[N][N], int at, int to, unsigned visited, struct best now,
     struct best *best)
{
	if (at == to) {
		if (best->cost < 0 || preferred(&now, best))
			*best = now;
		return;
	}
	for (int next = 0; next < N; next++) {
		struct best then = now;

		if (cost[at][next] == 0 || (visited & (1U << next)))
			continue;
		then.cost += cost[at][next];
		then.path[then.hops++] = next;
		walk(cost, next, to, visited | (1U << next), then, best);
	}
}

static char *
random_map(GRand *random, int cost[N][N])
{
	GString *text = g_string_new(SITES);

	memset(cost, 0, sizeof(int) * N * N);
	for (int link = 0; link < 7; link++) {
		int c = g_rand_int_range(random, 1, 4);
		int a = g_rand_int_range(random, 0, N);
		int b = (a + g_rand_int_range(random, 1, N)) % N;
		int third = g_rand_int_range(random, 0, N);
		const int ends[3] = {a, b, third};
		bool wide = link % 3 == 0 && third != a && third != b;

		g_string_append_printf(text, "sitelink L%d Sites=%c,%c", link,
				       'A' + a, 'A' + b);
		if (wide)
			g_string_append_printf(text, ",%c", 'A' + third);
		g_string_append_printf(text, " Cost=%d\n", c);
		for (int i = 0; i < 9; i++) {
			int x = ends[i / 3], y = ends[i % 3];
			bool linked = wide || (i / 3 < 2 && i % 3 < 2);

			if (linked && x != y &&
			    (cost[x][y] == 0 || c < cost[x][y]))
				cost[x][y] = c;
		}
	}
	return g_string_free(text, FALSE);
}

START_TEST(test_all_paths)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(20261121);
	size_t connected = 0;

	for (int round = 0; round < 200; round++) {
		int cost[N][N];
		g_autofree char *text = random_map(random, cost);
		struct world w;

		world_open(&w, text);
		for (int pair = 0; pair < N * N; pair++) {
			int from = pair / N, to = pair % N;
			const char a[] = {(char)('A' + from), '\0'};
			const char b[] = {(char)('A' + to), '\0'};
			struct best start = {0, 0, {0}}, best = {-1, 0, {0}};
			g_autoptr(GString) want = g_string_new(NULL);
			int64_t got;

			walk(cost, from, to, 1U << from, start, &best);
			for (int i = 0; i < best.hops; i++)
				g_string_append_printf(want, "%s%c",
						       i > 0 ? " " : "",
						       'A' + best.path[i]);
			if (best.cost < 0)
				g_string_assign(want, "-");
			connected += best.cost > 0;
			ck_assert_str_eq(path_text(&w, a, b, &got), want->str);
			ck_assert_int_eq(got, best.cost);
		}
		world_close(&w);
	}
	ck_assert_uint_gt(connected, 1000);
}
END_TEST

START_TEST(test_no_site)
{
	struct world w;
	const struct ph_site *const *path;
	size_t n = 9;

	world_open(&w, SITES);
	ck_assert_int_eq(ph_topology_path(w.topology, NULL,
					  ph_topology_site(w.topology, "A"),
					  &path, &n),
			 -1);
	ck_assert_ptr_null(path);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(ph_topology_path(w.topology, NULL, NULL, NULL, NULL),
			 -1);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/paths", test_paths, test_all_paths, test_no_site)
