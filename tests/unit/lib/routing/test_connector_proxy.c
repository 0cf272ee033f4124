#include "lib/routing/connector.h"
#include "tests/unit/lib/routing/world.h"
#include "tests/unit/unit.h"

/* M1 in A, M2 in B, which cost 10 to reach; C costs 100 and D is an island. */
#define SITES                               \
	"site A\nsite B\nsite C\nsite D\n"  \
	"sitelink A-B Sites=A,B Cost=10\n"  \
	"sitelink A-C Sites=A,C Cost=100\n" \
	"server M1 Site=A\nserver M2 Site=B\n"
#define CONNECTOR                                                \
	"sendconnector I AddressSpaces=* SmartHosts=smart.test " \
	"FrontendProxyEnabled=true SourceTransportServers=M1\n"
#define FRONT(name, site)            \
	"server " name " Site=" site \
	" Roles=FrontendTransport OutboundProxy=" name ".test:717"
#define NO_FRONT "retry:4.4.4 No send connector for out.test"

static const struct row {
	const char *rule, *world, *from;
	bool frontend;
	const char *want, *onward;
} rows[] = {
    {"no front end takes outbound mail", CONNECTOR, "M1", false, NO_FRONT,
     NULL},
    {"one does", CONNECTOR FRONT("F1", "A") "\n", "M1", false,
     "ph-proxy:[F1.test]:717", "ph-out:smart.test:25"},
    {"without a smart host it looks up the MX",
     "sendconnector I AddressSpaces=* FrontendProxyEnabled=true\n" FRONT(
	 "F1", "A") "\n",
     "M1", false, "ph-proxy:[F1.test]:717", "ph-out:out.test"},
    {"TLS is the front end's matter",
     "sendconnector I AddressSpaces=* FrontendProxyEnabled=true "
     "RequireTLS=true\n" FRONT("F1", "A") "\n",
     "M1", false, "ph-proxy:[F1.test]:717", "ph-out-tls:out.test"},
    {"nearest site first",
     CONNECTOR FRONT("F1", "C") "\n" FRONT("F2", "B") "\n" FRONT("F3",
								 "A") "\n",
     "M1", false, "ph-proxy:[F3.test]:717, [F2.test]:717, [F1.test]:717",
     "ph-out:smart.test:25"},
    {"a draining one is the last",
     CONNECTOR FRONT("F1", "A") " State=Draining\n" FRONT("F2", "C") "\n", "M1",
     false, "ph-proxy:[F2.test]:717, [F1.test]:717", "ph-out:smart.test:25"},
    {"an inactive one is left out",
     CONNECTOR FRONT("F1", "A") " State=Inactive\n", "M1", false, NO_FRONT,
     NULL},
    {"so is one that cannot be reached", CONNECTOR FRONT("F1", "D") "\n", "M1",
     false, NO_FRONT, NULL},
    {"another server hands it to the source server",
     CONNECTOR FRONT("F1", "A") "\n", "M2", false, "ph-hub:[m1.test]:2525",
     NULL},
    {"a connector that does not want it sends itself",
     "sendconnector I AddressSpaces=*\n" FRONT("F1", "A") "\n", "M1", false,
     "ph-out:out.test", NULL},
    {"the front end's own queue sends", CONNECTOR FRONT("F1", "A") "\n", "F1",
     true, "ph-out:smart.test:25", NULL},
    {"by no connector that is not meant for it",
     "sendconnector I AddressSpaces=*\n" FRONT("F1", "A") "\n", "F1", true,
     NO_FRONT, NULL},
};

START_TEST(a_front_end_is_the_next_hop)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strconcat(SITES, rows[i].world, NULL);
		g_autofree char *answer = NULL;
		struct ph_connector_route route;
		struct world w;

		world_open(&w, text);
		ph_connector_find(
		    &(struct ph_connector_query){.snapshot = w.snapshot,
						 .topology = w.topology,
						 .from = rows[i].from,
						 .address = "a@out.test",
						 .frontend = rows[i].frontend},
		    &route);
		answer = ph_connector_format(&route);
		ck_assert_msg(!strcmp(answer, rows[i].want),
			      "%s: \"%s\", expected \"%s\"", rows[i].rule,
			      answer, rows[i].want);
		ck_assert_msg(!g_strcmp0(route.onward, rows[i].onward),
			      "%s: onward \"%s\"", rows[i].rule, route.onward);
		ck_assert((route.type == PH_CONNECTOR_PROXY) ==
			  (route.onward != NULL));
		ph_connector_clear(&route);
		world_close(&w);
	}
}
END_TEST

/* Each source server has an order of its own, and always the same. */
START_TEST(load_is_spread)
{
	g_autoptr(GString) text =
	    g_string_new("site A\nsendconnector I AddressSpaces=* "
			 "FrontendProxyEnabled=true\n");
	unsigned first[4] = {0, 0, 0, 0};
	struct world w;

	for (int i = 0; i < 4; i++)
		g_string_append_printf(
		    text, "server F%d Site=A OutboundProxy=f%d.test:717\n", i,
		    i);
	for (int i = 0; i < 40; i++)
		g_string_append_printf(text, "server M%d Site=A\n", i);
	world_open(&w, text->str);
	for (int i = 0; i < 40; i++) {
		g_autofree char *from = g_strdup_printf("M%d", i);
		struct ph_connector_route route;

		ph_connector_find(
		    &(struct ph_connector_query){.snapshot = w.snapshot,
						 .topology = w.topology,
						 .from = from,
						 .address = "a@out.test"},
		    &route);
		ck_assert_int_eq(route.type, PH_CONNECTOR_PROXY);
		first[route.nexthop[strlen("ph-proxy:[f")] - '0']++;
		ph_connector_clear(&route);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_msg(first[i] >= 2 && first[i] <= 25, "F%d: %u", i,
			      first[i]);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/connector_proxy", a_front_end_is_the_next_hop,
	  load_is_spread)
