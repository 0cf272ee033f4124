#include "lib/routing/route.h"
#include "tests/unit/lib/routing/world.h"

/* facts/exchange-routing.md section 4. Without a random source equals come by
 * name, so each list is exact. */

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

UNIT_MAIN("lib/routing/select", test_left_out, test_hub_site, test_shuffle)
