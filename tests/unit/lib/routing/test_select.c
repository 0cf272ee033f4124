#include "lib/routing/route.h"
#include "tests/unit/lib/routing/world.h"

/*
 * facts/exchange-routing.md section 4. Sites A, B, C in a row; F1 is a front
 * end in A. Without a random source equals come by name, so each list is
 * exact.
 */
#define WORLD                                                            \
	"site A\nsite B\nsite C\nsite D\n"                               \
	"sitelink AB Sites=A,B Cost=10\nsitelink BC Sites=B,C Cost=10\n" \
	"server F1 Site=A Roles=FrontendTransport Transport=\n"          \
	"server A1 Site=A\nserver A2 Site=A\n"                           \
	"server B1 Site=B\nserver B2 Site=B\n"                           \
	"server C1 Site=C\nserver C2 Site=C\nserver D1 Site=D\n"         \
	"dag DAG1 Servers=B2,C2\n"                                       \
	"database DBA Active=A2\ndatabase DBB Active=B1\n"               \
	"database DBC Active=C1\ndatabase DBD Active=D1\n"               \
	"database DAG Servers=C2,B2 Active=C2\n"

static const struct {
	const char *rule;
	enum ph_selector selector;
	const char *from, *databases, *down, *want;
} rows[] = {
    {"one mailbox recipient: the target group, then the local site",
     PH_SELECT_FRONTEND, "F1", "DBC", "", "C1 A1 A2"},
    {"a DAG: nearest site first", PH_SELECT_FRONTEND, "F1", "DAG", "",
     "B2 C2 A1 A2"},
    {"our own site's group", PH_SELECT_FRONTEND, "F1", "DBA", "", "A1 A2"},
    {"several: the closest group", PH_SELECT_FRONTEND, "F1", "DBC,DBB", "",
     "B1 A1 A2"},
    {"several: the order of recipients does not matter", PH_SELECT_FRONTEND,
     "F1", "DBB,DBC", "", "B1 A1 A2"},
    {"equally close: more of the recipients", PH_SELECT_FRONTEND, "F1",
     "DBB,DAG,DAG", "", "B2 C2 A1 A2"},
    {"equally close and many: the first", PH_SELECT_FRONTEND, "F1", "DBB,DAG",
     "", "B1 A1 A2"},
    {"only the first twenty decide", PH_SELECT_FRONTEND, "F1",
     "DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,"
     "DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBA",
     "", "C1 A1 A2"},
    {"the twentieth does", PH_SELECT_FRONTEND, "F1",
     "DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,"
     "DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBC,DBA",
     "", "A1 A2"},
    {"no mailbox recipient, front end: the local site", PH_SELECT_FRONTEND,
     "F1", "", "", "A1 A2"},
    {"no mailbox recipient, submission: the local delivery group",
     PH_SELECT_SUBMISSION, "C2", "", "", "C2 B2 C1"},
    {"submission does not prefer its own server", PH_SELECT_SUBMISSION, "A2",
     "", "", "A1 A2"},
    {"submission falls back on its local group", PH_SELECT_SUBMISSION, "C2",
     "DBA", "", "A1 A2 C2 B2 C1"},
    {"without heartbeat left out", PH_SELECT_FRONTEND, "F1", "DAG", "B2 A1",
     "C2 A2"},
    {"a group that is down makes room for the next", PH_SELECT_FRONTEND, "F1",
     "DBC,DBB", "B1", "C1 A1 A2"},
    {"nobody", PH_SELECT_FRONTEND, "F1", "DBB", "A1 A2 B1", ""},
    {"a group without path", PH_SELECT_FRONTEND, "F1", "DBD", "", "A1 A2"},
    {"a database that does not exist", PH_SELECT_FRONTEND, "F1", "DBX,DBC", "",
     "C1 A1 A2"},
    {"asked by a server that is not there", PH_SELECT_FRONTEND, "X9", "DBC", "",
     ""},
};

static char *
select_text(const struct world *w, const char *from, enum ph_selector selector,
	    const char *databases, const struct ph_health *health,
	    GRand *random)
{
	g_auto(GStrv) names = g_strsplit(databases, ",", -1);
	g_autofree const struct ph_server **servers = ph_select_transport(
	    w->topology, from, selector, (const char *const *)names,
	    *databases ? g_strv_length(names) : 0, health, random);
	GString *out = g_string_new(NULL);

	for (size_t i = 0; servers[i]; i++)
		g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
				       servers[i]->name);
	return g_string_free(out, FALSE);
}

static struct ph_health *
health_without(const char *down)
{
	struct ph_health *health = ph_health_new();
	g_auto(GStrv) names = g_strsplit(down, " ", -1);

	for (char **name = names; *name; name++) {
		ph_health_note(health, *name, PH_SERVICE_TRANSPORT, true, 0);
		ph_health_note(health, *name, PH_SERVICE_TRANSPORT, false,
			       5000);
	}
	return health;
}

START_TEST(test_select)
{
	struct world w;

	world_open(&w, WORLD);
	ck_assert_str_eq(w.err.text, "");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_health *health = health_without(rows[i].down);
		g_autofree char *got =
		    select_text(&w, rows[i].from, rows[i].selector,
				rows[i].databases, health, NULL);

		ck_assert_msg(!strcmp(got, rows[i].want), "%s: %s",
			      rows[i].rule, got);
		ph_health_free(&health);
	}
	world_close(&w);
}
END_TEST

START_TEST(test_left_out)
{
	struct world w;
	g_autofree char *got = NULL;

	world_open(&w, "site A\nserver F1 Site=A Roles=FrontendTransport\n"
		       "server A1 Site=A State=Draining\n"
		       "server A2 Site=A State=Inactive\n"
		       "server A3 Site=A Roles=Mailbox\n"
		       "server A4 Site=A Transport=\nserver A5 Site=A\n"
		       "database DB Active=A1\n");
	got = select_text(&w, "F1", PH_SELECT_FRONTEND, "DB", NULL, NULL);
	ck_assert_str_eq(got, "A5");
	world_close(&w);
}
END_TEST

/* "may pass a hub site": the hub's servers stand for the group behind it. */
START_TEST(test_hub_site)
{
	struct world w;
	g_autofree char *got = NULL;

	world_open(&w, "site A\nsite B HubSiteEnabled=true\nsite C\n"
		       "sitelink AB Sites=A,B\nsitelink BC Sites=B,C\n"
		       "server F1 Site=A Roles=FrontendTransport\n"
		       "server B1 Site=B\nserver C1 Site=C\n"
		       "database DB Active=C1\n");
	got = select_text(&w, "F1", PH_SELECT_FRONTEND, "DB", NULL, NULL);
	ck_assert_str_eq(got, "B1");
	world_close(&w);
}
END_TEST

/* Equals are shuffled, sites are not mixed. */
START_TEST(test_shuffle)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(1);
	struct world w;
	int first[2] = {0, 0};

	world_open(&w, "site A\nsite B\nsitelink AB Sites=A,B\n"
		       "server F1 Site=A Roles=FrontendTransport\n"
		       "server A1 Site=A\nserver A2 Site=A\n"
		       "server B1 Site=B\nserver B2 Site=B\n"
		       "database DB Active=B1\n");
	for (int i = 0; i < 400; i++) {
		g_autofree char *got = select_text(&w, "F1", PH_SELECT_FRONTEND,
						   "DB", NULL, random);

		ck_assert(g_str_has_prefix(got, "B1 B2 A") ||
			  g_str_has_prefix(got, "B2 B1 A"));
		first[got[1] - '1']++;
	}
	/* A fair coin is outside this once in 10^9 runs; the seed is fixed. */
	ck_assert_int_gt(first[0], 140);
	ck_assert_int_gt(first[1], 140);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/select", test_select, test_left_out, test_hub_site,
	  test_shuffle)
