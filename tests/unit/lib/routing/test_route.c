#include "lib/routing/route.h"
#include "tests/unit/lib/routing/world.h"

/*
 * facts/exchange-routing.md sections 2 and 3, worked out on paper. "hops" is
 * the kind of route and the servers in order; a set in braces may come in any
 * order, for the spread by database. NONE is followed by part of the reason.
 *
 * Three sites in a row, ABC at one hop a link; D stands alone.
 */
#define SITES                              \
	"site A\nsite B\nsite C\nsite D\n" \
	"sitelink AB Sites=A,B Cost=10\n"  \
	"sitelink BC Sites=B,C Cost=10\n"

static const struct {
	const char *rule;
	const char *world;
	const char *from, *database, *group, *hops;
} routes[] = {
    {"the active copy is here",
     SITES "server M1 Site=A\ndatabase DB Active=M1\n", "M1", "DB", "mailbox A",
     "mailbox M1"},
    {"mailbox delivery group: another server of the site",
     SITES "server M1 Site=A\nserver M2 Site=A\ndatabase DB Active=M2\n", "M1",
     "DB", "mailbox A", "mailbox M2"},
    {"another site: its servers, the active copy's first",
     SITES "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=B\n"
	   "database DB Active=M3\n",
     "M1", "DB", "mailbox B", "hub M3 M2"},
    {"a server in a DAG is not in the mailbox delivery group of its site",
     SITES "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=B\n"
	   "dag DAG1 Servers=M3\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M2"},
    {"the same seen from the DAG's server",
     SITES "server M2 Site=B\nserver M3 Site=B\n"
	   "dag DAG1 Servers=M3\ndatabase DB Active=M2\n",
     "M3", "DB", "mailbox B", "hub M2"},
    {"without the Mailbox role no member of the group",
     SITES "server M1 Site=A\nserver M2 Site=B\n"
	   "server M3 Site=B Roles=HubTransport\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M2"},
    {"routable DAG: the boundary even across sites",
     SITES "server M1 Site=A\nserver M2 Site=D\ndag DAG1 Servers=M1,M2\n"
	   "database DB Servers=M2 Active=M2\n",
     "M1", "DB", "dag DAG1", "mailbox M2"},
    {"store drivers: active first, then in activation preference order",
     SITES "server M1 Site=A\nserver M2 Site=A\nserver M3 Site=A\n"
	   "dag DAG1 Servers=M1,M2,M3\n"
	   "database DB Servers=M3,M2,M1 Active=M2\n",
     "M1", "DB", "dag DAG1", "mailbox M2 M3 M1"},
    {"into a DAG: nearest site first, then the others by cost",
     SITES "server M1 Site=A\nserver M2 Site=C\nserver M3 Site=B\n"
	   "dag DAG1 Servers=M2,M3\ndatabase DB Active=M2\n",
     "M1", "DB", "dag DAG1", "hub M3 M2"},
    {"a member of the DAG in our own site is nearest",
     SITES "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=A\n"
	   "dag DAG1 Servers=M2,M3\ndatabase DB Active=M2\n",
     "M1", "DB", "dag DAG1", "hub M3 M2"},
    {"equals come in an order of their own, after the active copy's",
     SITES "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=B\n"
	   "server M4 Site=B\nserver M5 Site=B\nserver M6 Site=C\n"
	   "dag DAG1 Servers=M2,M3,M4,M5,M6\ndatabase DB Active=M4\n",
     "M1", "DB", "dag DAG1", "hub M4 {M2 M3 M5} M6"},
    {"sites in between are not visited",
     SITES "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
	   "database DB Active=M3\n",
     "M1", "DB", "mailbox C", "hub M3"},
    {"unless they are hub sites",
     "site A\nsite B HubSiteEnabled=true\nsite C\n"
     "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
     "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
     "server M4 Site=B\ndatabase DB Active=M3\n",
     "M1", "DB", "mailbox C", "hub {M2 M4}"},
    {"from the hub site straight on",
     "site A\nsite B HubSiteEnabled=true\nsite C\n"
     "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
     "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
     "database DB Active=M3\n",
     "M2", "DB", "mailbox C", "hub M3"},
    {"all hub sites are stopped at: the first of two",
     "site A\nsite B HubSiteEnabled=true\nsite C HubSiteEnabled=true\nsite D\n"
     "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\nsitelink CD Sites=C,D\n"
     "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
     "server M4 Site=D\ndatabase DB Active=M4\n",
     "M1", "DB", "mailbox D", "hub M2"},
    {"a hub site needs a server",
     "site A\nsite B HubSiteEnabled=true\nsite C\n"
     "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
     "server M1 Site=A\nserver M2 Site=B Roles=FrontendTransport\n"
     "server M3 Site=C\ndatabase DB Active=M3\n",
     "M1", "DB", "mailbox C", "hub M3"},
    {"a hub site off the least-cost path is not used",
     SITES "site H HubSiteEnabled=true\nsitelink AH Sites=A,H Cost=20\n"
	   "sitelink HB Sites=H,B Cost=20\n"
	   "server M1 Site=A\nserver M2 Site=B\nserver MH Site=H\n"
	   "database DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M2"},
    {"the primary site is a hub: only servers there, members first",
     "site A\nsite B HubSiteEnabled=true\nsite C\n"
     "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
     "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=B\nserver M4 Site=C\n"
     "dag DAG1 Servers=M3,M4\ndatabase DB Active=M4\n",
     "M1", "DB", "dag DAG1", "hub M3 M2"},
    {"Draining servers are left out",
     SITES "server M1 Site=A\nserver M2 Site=B State=Draining\n"
	   "server M3 Site=B\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M3"},
    {"unless nobody else is there",
     SITES "server M1 Site=A\nserver M2 Site=B State=Draining\n"
	   "server M3 Site=B State=Inactive\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M2"},
    {"a Draining server's own store driver goes on",
     SITES "server M1 Site=A\nserver M2 Site=A State=Draining\n"
	   "database DB Active=M2\n",
     "M1", "DB", "mailbox A", "mailbox M2"},
    {"Inactive servers get nothing",
     SITES "server M1 Site=A\nserver M2 Site=A State=Inactive\n"
	   "database DB Active=M2\n",
     "M1", "DB", "mailbox A",
     "NONE no server of database DB has a Mailbox Transport Delivery"},
    {"no endpoint, no hop",
     SITES "server M1 Site=A\nserver M2 Site=B Transport=\n"
	   "server M3 Site=B\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "hub M3"},
    {"nobody with an endpoint",
     SITES "server M1 Site=A\nserver M2 Site=B Transport=\n"
	   "database DB Active=M2\n",
     "M1", "DB", "mailbox B",
     "NONE no server on the way to database DB has a Transport service"},
    {"not connected",
     SITES "server M1 Site=A\nserver M2 Site=D\ndatabase DB Active=M2\n", "M1",
     "DB", "mailbox D",
     "NONE site \"A\" (M1) is not connected to site \"D\" (M2)"},
    {"a server without site is alone",
     "server M1\nserver M2\ndatabase DB Active=M2\n", "M1", "DB", "mailbox ",
     "NONE site \"\" (M1) is not connected to site \"\" (M2)"},
    {"but has its own databases", "server M1\ndatabase DB Active=M1\n", "M1",
     "DB", "mailbox ", "mailbox M1"},
    {"the target site takes no mail",
     "site A\nsite B InboundMailEnabled=false\nsitelink AB Sites=A,B\n"
     "server M1 Site=A\nserver M2 Site=B\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "NONE Target Site Inbound Mail Disabled: site B"},
    {"inside that site mail goes on",
     "site B InboundMailEnabled=false\n"
     "server M1 Site=B\nserver M2 Site=B\ndatabase DB Active=M2\n",
     "M1", "DB", "mailbox B", "mailbox M2"},
    {"inside a DAG, too, the site takes none from outside",
     "site A\nsite B InboundMailEnabled=false\nsitelink AB Sites=A,B\n"
     "server M1 Site=A\nserver M2 Site=B\ndag DAG1 Servers=M1,M2\n"
     "database DB Servers=M2,M1 Active=M2\n",
     "M1", "DB", "dag DAG1", "NONE Target Site Inbound Mail Disabled: site B"},
    {"a DAG is entered by its other site",
     "site A\nsite B InboundMailEnabled=false\nsite C\n"
     "sitelink ABC Sites=A,B,C\n"
     "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
     "dag DAG1 Servers=M3,M2\ndatabase DB Active=M2\n",
     "M1", "DB", "dag DAG1", "hub M3"},
    {"no such database", SITES "server M1 Site=A\n", "M1", "DB", "none ",
     "NONE database DB does not exist"},
    {"no active copy",
     SITES "server M1 Site=A\ndatabase DB Servers=M1,M9 Active=M9\n", "M1",
     "DB", "none ",
     "NONE database DB has no active copy: Active names M9, which does not "
     "exist"},
    {"asked by a server that is not in the topology",
     SITES "server M1 Site=A\ndatabase DB Active=M1\n", "M7", "DB", "mailbox A",
     "NONE server M7 does not exist"},
    {"names compare without case",
     SITES "server M1 Site=a\ndatabase DB Servers=m1 Active=m1\n", "m1", "db",
     "mailbox A", "mailbox M1"},
};

static char *
group_text(const struct ph_route *route)
{
	static const char *const types[] = {
	    [PH_GROUP_NONE] = "none",
	    [PH_GROUP_DAG] = "dag",
	    [PH_GROUP_MAILBOX] = "mailbox",
	};

	return g_strdup_printf("%s %s", types[route->group], route->group_name);
}

/* Compares one word of the wanted list, or a set of them, with the next hops;
 * how many hops it took, or 0. */
static size_t
take(char **word, const struct ph_server **hops)
{
	g_autofree char *set = NULL;
	g_auto(GStrv) names = NULL;
	size_t n = 0;

	if (**word != '{') {
		g_autofree char *name = g_strndup(*word, strcspn(*word, " "));

		*word += strcspn(*word, " ");
		return hops[0] && !strcmp(hops[0]->name, name);
	}
	set = g_strndup(*word + 1, strcspn(*word + 1, "}"));
	*word = strchr(*word, '}') + 1;
	names = g_strsplit(set, " ", -1);
	for (size_t i = 0; i < g_strv_length(names); i++) {
		if (!hops[i])
			return 0;
		for (char **name = names; *name; name++)
			n += !strcmp(*name, hops[i]->name);
	}
	return n == g_strv_length(names) ? n : 0;
}

static bool
hops_match(const struct ph_route *route, const char *want)
{
	static const char *const types[] = {
	    [PH_ROUTE_MAILBOX] = "mailbox ",
	    [PH_ROUTE_HUB] = "hub ",
	    [PH_ROUTE_NONE] = "NONE ",
	};
	g_autofree char *copy = g_strdup(want);
	char *word = copy;
	size_t at = 0;

	if (!g_str_has_prefix(want, types[route->type]))
		return false;
	word += strlen(types[route->type]);
	if (route->type == PH_ROUTE_NONE)
		return !route->hops[0] && g_str_has_prefix(route->reason, word);
	while (*word) {
		size_t n = take(&word, route->hops + at);

		if (n == 0)
			return false;
		at += n;
		word += *word == ' ';
	}
	return !route->hops[at] && !route->reason;
}

START_TEST(test_routes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
		struct world w;
		struct ph_route route;
		g_autofree char *group = NULL, *text = NULL;

		world_open(&w, routes[i].world);
		ph_route_database(w.topology, routes[i].from,
				  routes[i].database, true, &route);
		text = ph_route_format(&route);
		group = group_text(&route);
		ck_assert_msg(!strcmp(group, routes[i].group), "%s: %s",
			      routes[i].rule, group);
		ck_assert_msg(hops_match(&route, routes[i].hops), "%s: %s",
			      routes[i].rule, text);
		ck_assert(route.why[0] != NULL);
		ph_route_clear(&route);
		ck_assert_ptr_null(route.why);
		world_close(&w);
	}
}
END_TEST

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
		ph_route_database(w.topology, "M1", rows[i].database, false,
				  &route);
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
	ph_route_database(w.topology, "M1", name, false, &route);
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

		ph_route_database(w.topology, "M0", name, false, &route);
		once = ph_route_format(&route);
		while (route.hops[n])
			n++;
		ck_assert_uint_eq(n, 10);
		ck_assert_str_eq(route.hops[0]->name, "M1");
		second[atoi(route.hops[1]->name + 1)]++;
		ph_route_clear(&route);
		ph_route_database(w.topology, "m0", name, false, &route);
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
 * store driver, whichever first hop it takes, in random organisations. */
static void
follow(const struct world *w, const char *from, const char *database, int hops)
{
	struct ph_route route;

	ck_assert_msg(hops < 8, "a loop from %s to %s", from, database);
	ph_route_database(w->topology, from, database, false, &route);
	if (route.type == PH_ROUTE_MAILBOX)
		ck_assert_ptr_eq(route.hops[0], route.database->active);
	if (route.type == PH_ROUTE_HUB)
		follow(w, route.hops[0]->name, database, hops + 1);
	if (hops > 0)
		ck_assert_int_ne(route.type, PH_ROUTE_NONE);
	ph_route_clear(&route);
}

START_TEST(test_no_loops)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(7);

	for (int round = 0; round < 100; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		struct world w;

		for (int i = 0; i < 6; i++)
			g_string_append_printf(
			    text, "site S%d HubSiteEnabled=%d\n", i,
			    g_rand_int_range(random, 0, 2));
		for (int i = 0; i < 7; i++) {
			int a = g_rand_int_range(random, 0, 6);
			int b = (a + g_rand_int_range(random, 1, 6)) % 6;

			g_string_append_printf(
			    text, "sitelink L%d Sites=S%d,S%d Cost=%d\n", i, a,
			    b, g_rand_int_range(random, 1, 4));
		}
		for (int i = 0; i < 8; i++)
			g_string_append_printf(
			    text,
			    "server M%d Site=S%d\ndatabase DB%d Active=M%d\n",
			    i, g_rand_int_range(random, 0, 6), i, i);
		g_string_append(text, "dag D1 Servers=M0,M1,M2\n"
				      "dag D2 Servers=M3,M4\n");
		world_open(&w, text->str);
		for (int i = 0; i < 64; i++) {
			g_autofree char *from = g_strdup_printf("M%d", i / 8);
			g_autofree char *to = g_strdup_printf("DB%d", i % 8);

			follow(&w, from, to, 0);
		}
		world_close(&w);
	}
}
END_TEST

START_TEST(test_why)
{
	struct world w;
	struct ph_route route;
	g_autofree char *why = NULL;

	world_open(&w, "site A\nsite B HubSiteEnabled=true\nsite C\n"
		       "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
		       "server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n"
		       "database DB Active=M3\n");
	ph_route_database(w.topology, "M1", "DB", true, &route);
	why = g_strjoinv("\n", route.why);
	ck_assert_str_eq(
	    why, "database DB: active copy on M3 (site \"C\")\n"
		 "delivery group: mailbox servers of site \"C\"\n"
		 "M1 is not in the delivery group; path A > B > C, cost 200\n"
		 "hub site B is on the path: stop there\n"
		 "next hop 1: M2 (site \"B\")");
	ph_route_clear(&route);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/route", test_routes, test_format, test_long_reason,
	  test_spread, test_no_loops, test_why)
