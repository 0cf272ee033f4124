#include "tests/unit/lib/routing/world.h"

/* Cases for people are in tests/routing; here are all paths of many maps. */
#define SITES "site A\nsite B\nsite C\nsite D\nsite E\nsite F\n"

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

static gpointer
ask_all(gpointer data)
{
	const struct ph_topology *topology = data;
	GString *out = g_string_new(NULL);

	for (int pair = 0; pair < N * N; pair++) {
		const char a[] = {(char)('A' + pair / N), '\0'};
		const char b[] = {(char)('A' + pair % N), '\0'};
		const struct ph_site *const *path;
		size_t n;
		int64_t cost =
		    ph_topology_path(topology, ph_topology_site(topology, a),
				     ph_topology_site(topology, b), &path, &n);

		g_string_append_printf(out, "%d %s,", (int)cost,
				       n > 0 ? path[0]->name : "");
	}
	return g_string_free(out, FALSE);
}

/* Paths are made when they are first asked for, by whichever thread. */
START_TEST(test_threads)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(5);

	for (int round = 0; round < 50; round++) {
		int cost[N][N];
		g_autofree char *text = random_map(random, cost);
		g_autofree char *want = NULL;
		GThread *threads[4];
		struct world w;

		world_open(&w, text);
		for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
			threads[i] = g_thread_new("paths", ask_all, w.topology);
		for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
			g_autofree char *got = g_thread_join(threads[i]);

			if (!want)
				want = g_strdup(got);
			ck_assert_str_eq(got, want);
		}
		world_close(&w);
	}
}
END_TEST

UNIT_MAIN("lib/routing/paths", test_all_paths, test_no_site, test_threads)
