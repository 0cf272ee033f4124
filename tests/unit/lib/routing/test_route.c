#include "lib/routing/route.h"
#include "tests/unit/lib/routing/world.h"

/* Cases for people are in tests/routing; here is what they cannot say. */

static void
find(const struct ph_topology *topology, const char *from, const char *database,
     bool explain, struct ph_route *route_r)
{
	const struct ph_route_query query = {.topology = topology,
					     .from = from,
					     .database = database,
					     .explain = explain};

	ph_route_find(&query, route_r);
}

START_TEST(test_format)
{
	static const struct {
		const char *world, *database, *want;
	} rows[] = {
	    {"server M1\ndatabase DB Active=M1\n", "DB",
	     "ph-mailbox:[m1.test]:475"},
	    {"server M1 Delivery=192.0.2.7:1475\ndatabase DB Active=M1\n", "DB",
	     "ph-mailbox:[192.0.2.7]:1475"},
	    {"server M1 Delivery=[2001:db8::7]:475\ndatabase DB Active=M1\n",
	     "DB", "ph-mailbox:[ipv6:2001:db8::7]:475"},
	    {"server M1\nserver M2\ndag D Servers=M1,M2\n"
	     "database DB Servers=M2,M1\n",
	     "DB", "ph-mailbox:[m2.test]:475, [m1.test]:475"},
	    {"site A\nsite B\nsitelink AB Sites=A,B\nserver M1 Site=A\n"
	     "server M2 Site=B\nserver M3 Site=B\ndatabase DB Active=M2\n",
	     "DB", "ph-hub:[m2.test]:2525, [m3.test]:2525"},
	    {"server M1\n", "DB", "retry:4.4.4 database DB does not exist"},
	    {"server M1\n", "D\nB\x01",
	     "retry:4.4.4 database D?B? does not exist"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct world w;
		struct ph_route route;
		g_autofree char *text = NULL;

		world_open(&w, rows[i].world);
		find(w.topology, "M1", rows[i].database, false, &route);
		ck_assert_ptr_null(route.why);
		text = ph_route_format(&route);
		ck_assert_str_eq(text, rows[i].want);
		ph_route_clear(&route);
		world_close(&w);
	}
}
END_TEST

START_TEST(test_long_reason)
{
	g_autofree char *name = g_strnfill(5000, 'x');
	struct world w;
	struct ph_route route;
	g_autofree char *text = NULL;

	world_open(&w, "server M1\n");
	find(w.topology, "M1", name, false, &route);
	text = ph_route_format(&route);
	ck_assert_uint_eq(strlen(text), strlen("retry:4.4.4 ") + 200);
	ph_route_clear(&route);
	world_close(&w);
}
END_TEST

/* Thirteen servers in the group: ten hops. Databases spread over them, and
 * each has the same list every time. */
START_TEST(test_spread)
{
	g_autoptr(GString) text =
	    g_string_new("site A\nsite B\nsitelink AB Sites=A,B\n"
			 "server M0 Site=A\n");
	size_t second[14] = {0}, used = 0;
	struct world w;

	for (int i = 1; i <= 13; i++)
		g_string_append_printf(text, "server M%d Site=B\n", i);
	for (int i = 0; i < 200; i++)
		g_string_append_printf(text, "database DB%d Active=M1\n", i);
	world_open(&w, text->str);
	for (int i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("DB%d", i);
		g_autofree char *once = NULL, *again = NULL;
		struct ph_route route;
		size_t n = 0;

		find(w.topology, "M0", name, false, &route);
		once = ph_route_format(&route);
		while (route.hops[n])
			n++;
		ck_assert_uint_eq(n, 10);
		ck_assert_str_eq(route.hops[0]->name, "M1");
		second[atoi(route.hops[1]->name + 1)]++;
		ph_route_clear(&route);
		find(w.topology, "m0", name, false, &route);
		again = ph_route_format(&route);
		ck_assert_str_eq(once, again);
		ph_route_clear(&route);
	}
	/* 200 databases over twelve servers: about 17 each. */
	for (size_t i = 2; i <= 13; i++) {
		ck_assert_uint_lt(second[i], 40);
		used += second[i] > 0;
	}
	ck_assert_uint_eq(used, 12);
	world_close(&w);
}
END_TEST

/* Each step leads nearer: from any server a message reaches the active copy's
 * store driver, whichever of the hops takes it, in random organisations. */
static void
follow(const struct world *w, const char *from, const char *database, int hops)
{
	const struct ph_server *active =
	    ph_topology_database(w->topology, database)->active;
	struct ph_route route;

	ck_assert_msg(hops < 8, "a loop from %s to %s", from, database);
	find(w->topology, from, database, false, &route);
	if (route.type == PH_ROUTE_MAILBOX &&
	    active->state != PH_SERVER_INACTIVE)
		ck_assert_ptr_eq(route.hops[0], active);
	for (size_t i = 0; route.type == PH_ROUTE_HUB && route.hops[i]; i++)
		follow(w, route.hops[i]->name, database, hops + 1);
	if (hops > 0 && active->state != PH_SERVER_INACTIVE &&
	    active->site->inbound)
		ck_assert_int_ne(route.type, PH_ROUTE_NONE);
	ph_route_clear(&route);
}

/* Lines of a random organisation of six sites and eight servers. */
static GPtrArray *
random_lines(GRand *random)
{
	static const char *const states[] = {"Active", "Active", "Active",
					     "Draining", "Inactive"};
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

#define LINE(...) g_ptr_array_add(lines, g_strdup_printf(__VA_ARGS__))
	for (int i = 0; i < 6; i++)
		LINE("site S%d HubSiteEnabled=%d InboundMailEnabled=%d", i,
		     g_rand_int_range(random, 0, 3) == 0,
		     g_rand_int_range(random, 0, 6) != 0);
	for (int i = 0; i < 8; i++) {
		int a = g_rand_int_range(random, 0, 6);
		int b = (a + g_rand_int_range(random, 1, 6)) % 6;

		LINE("sitelink L%d Sites=S%d,S%d Cost=%d", i, a, b,
		     g_rand_int_range(random, 1, 4));
	}
	for (int i = 0; i < 8; i++) {
		LINE("server M%d Site=S%d State=%s", i,
		     g_rand_int_range(random, 0, 6),
		     states[g_rand_int_range(random, 0, 5)]);
		LINE("database DB%d Active=M%d", i, i);
	}
	LINE("dag D1 Servers=M0,M1,M2");
	LINE("dag D2 Servers=M3,M4");
#undef LINE
	return lines;
}

static void
shuffle(GRand *random, GPtrArray *lines)
{
	for (guint i = lines->len; i > 1; i--) {
		guint k = (guint)g_rand_int_range(random, 0, (gint32)i);
		gpointer line = lines->pdata[k];

		lines->pdata[k] = lines->pdata[i - 1];
		lines->pdata[i - 1] = line;
	}
}

static void
open_lines(struct world *w, GPtrArray *lines)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(text, "%s\n", (char *)lines->pdata[i]);
	world_open(w, text->str);
}

START_TEST(test_no_loops)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(7);

	for (int round = 0; round < 200; round++) {
		g_autoptr(GPtrArray) lines = random_lines(random);
		struct world w;

		open_lines(&w, lines);
		for (int i = 0; i < 64; i++) {
			g_autofree char *from = g_strdup_printf("M%d", i / 8);
			g_autofree char *to = g_strdup_printf("DB%d", i % 8);

			follow(&w, from, to, 0);
		}
		world_close(&w);
	}
}
END_TEST

static bool
together(const struct ph_server *a, const struct ph_server *b)
{
	return a->dag ? a->dag == b->dag : !b->dag && a->site == b->site;
}

/* Nobody twice, nobody that cannot take mail, and of the target's group nobody
 * who is going before somebody who stays. */
static void
check_list(const struct ph_route *route, const struct ph_server *from)
{
	const struct ph_server *const *hop = route->hops;

	for (size_t i = 0; hop[i]; i++) {
		ck_assert_uint_lt(i, 10);
		ck_assert_int_ne(hop[i]->state, PH_SERVER_INACTIVE);
		if (route->type == PH_ROUTE_HUB)
			ck_assert_ptr_ne(hop[i], from);
		for (size_t k = 0; k < i; k++) {
			ck_assert_ptr_ne(hop[k], hop[i]);
			ck_assert(route->type != PH_ROUTE_HUB ||
				  hop[k]->state == PH_SERVER_ACTIVE ||
				  hop[i]->state != PH_SERVER_ACTIVE ||
				  !together(hop[k], route->database->active) ||
				  !together(hop[i], route->database->active));
		}
	}
}

/* Whatever the order in which the objects were read, and whoever asked before,
 * a list is the same: it is qmgr's queue key. */
START_TEST(test_lists)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(20261129);
	size_t found = 0;

	for (int round = 0; round < 100; round++) {
		g_autoptr(GPtrArray) lines = random_lines(random);
		struct world w, again;

		open_lines(&w, lines);
		shuffle(random, lines);
		open_lines(&again, lines);
		for (int i = 63; i >= 0; i--) {
			g_autofree char *from = g_strdup_printf("M%d", i / 8);
			g_autofree char *to = g_strdup_printf("DB%d", i % 8);
			g_autofree char *text = NULL, *other = NULL;
			struct ph_route route;

			find(w.topology, from, to, false, &route);
			check_list(&route,
				   ph_topology_server(w.topology, from));
			found += route.hops[0] != NULL;
			text = ph_route_format(&route);
			ph_route_clear(&route);
			find(again.topology, from, to, true, &route);
			other = ph_route_format(&route);
			ph_route_clear(&route);
			ck_assert_str_eq(text, other);
		}
		world_close(&w);
		world_close(&again);
	}
	ck_assert_uint_gt(found, 3000);
}
END_TEST

START_TEST(test_why)
{
	struct world w;
	struct ph_route route;
	g_autofree char *why = NULL;

	world_open(&w, "site A\nsite B HubSiteEnabled=true\nsite C\n"
		       "sitelink AB Sites=A,B\n"
		       "sitelink BC Sites=B,C MaxMessageSize=1MB\n"
		       "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
		       "server M4 Site=C State=Draining\n"
		       "server M5 Site=B State=Inactive\n"
		       "database DB Active=M3\n");
	find(w.topology, "M1", "DB", true, &route);
	why = g_strjoinv("\n", route.why);
	ck_assert_str_eq(
	    why,
	    "database DB: active copy on M3 (site C)\n"
	    "M3 is in no DAG: delivery group is the mailbox servers of site C "
	    "that are in none\n"
	    "M1 is not in the delivery group: to its Transport services\n"
	    "M4 (site C) is left out: it is Draining\n"
	    "M5 (site B) is left out: it is Inactive\n"
	    "the nearest of them is in site C: least-cost path A > B (link AB, "
	    "cost 100) > C (link BC, cost 100, MaxMessageSize 1048576), cost "
	    "200, hops 2\n"
	    "site B on that path is a hub site: stop there\n"
	    "next hop 1: M2 (site B, cost 100): in the hub site");
	ph_route_clear(&route);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/route", test_format, test_long_reason, test_spread,
	  test_no_loops, test_lists, test_why)
