#include "lib/routing/connector.h"
#include "lib/routing/setup.h"
#include "tests/unit/lib/routing/world.h"
#include "tests/unit/unit.h"

#include <string.h>

#define SERVERS "site A\nserver M1 Site=A\nserver M2 Site=A\n"
#define HELO "sendconnector C AddressSpaces=* Fqdn=out.test"
#define BOUND "receiveconnector R Bindings=192.0.2.1:25"

/* Before: a world whose connectors were all applied on M1. */
static const struct {
	const char *rule, *before, *now;
	const char *pending; /* on M1 */
} rows[] = {
    {"nothing is, nothing was", "", "", ""},
    {"a field that is live", "", "sendconnector C AddressSpaces=*\n", ""},
    {"one that is not", "", HELO "\n", "new sendconnector:c"},
    {"both kinds", "", HELO "\n" BOUND "\n",
     "new receiveconnector:r, new sendconnector:c"},
    {"applied", HELO "\n" BOUND "\n", HELO "\n" BOUND "\n", ""},
    {"a live field of it changed", HELO "\n", HELO " RequireTLS=true\n", ""},
    {"another one changed", HELO "\n", HELO "x\n", "changed sendconnector:c"},
    {"gone", HELO "\n", "", "removed sendconnector:c"},
    {"its field is gone", HELO "\n", "sendconnector C AddressSpaces=*\n",
     "removed sendconnector:c"},
    {"not enabled", HELO "\n", HELO " Enabled=false\n",
     "removed sendconnector:c"},
    {"spelt otherwise", HELO "\n",
     "sendconnector c AddressSpaces=* Fqdn=out.test\n", ""},
    {"of a name that begins so", HELO "\n",
     HELO "\nsendconnector CC AddressSpaces=* Fqdn=out.test\n",
     "new sendconnector:cc"},
    {"of a name that begins so and goes on with =", HELO "\n",
     HELO "\nsendconnector C=D AddressSpaces=* Fqdn=out.test\n",
     "new sendconnector:c=d"},
    {"the other way round", "sendconnector C=D AddressSpaces=* Fqdn=out.test\n",
     HELO "\n", "new sendconnector:c, removed sendconnector:c=d"},
    {"another server's", "",
     HELO " SourceTransportServers=M2\n" BOUND " Server=M2\n", ""},
    {"this one's", "", HELO " SourceTransportServers=m1\n" BOUND " Server=m1\n",
     "new receiveconnector:r, new sendconnector:c"},
    {"a front end's proxy reads it from Redis", "",
     HELO " FrontendProxyEnabled=true\n", ""},
};

static char *
join_pending(const struct world *w)
{
	g_autoptr(GPtrArray) pending = ph_setup_pending(
	    w->snapshot, ph_topology_server(w->topology, "M1"));
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < pending->len; i++) {
		const struct ph_setup_pending *one = pending->pdata[i];

		g_string_append_printf(out, "%s%s %s", i > 0 ? ", " : "",
				       one->change, one->connector);
	}
	return g_string_free(out, FALSE);
}

/* "setup M1 Applied=..." for all that a world has; g_free. */
static char *
applied(const char *text)
{
	g_autofree char *all = g_strconcat(SERVERS, text, NULL);
	g_autoptr(GPtrArray) connectors = NULL;
	GString *out = g_string_new("setup M1 Applied=");
	struct world w;

	world_open(&w, all);
	connectors = ph_setup_connectors(w.snapshot,
					 ph_topology_server(w.topology, "M1"));
	for (guint i = 0; i < connectors->len; i++) {
		g_autofree char *mark = ph_setup_mark(connectors->pdata[i]);

		g_string_append_printf(out, "%s%s", i > 0 ? "," : "", mark);
	}
	world_close(&w);
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}

START_TEST(test_pending)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *setup = applied(rows[i].before);
		g_autofree char *all =
		    g_strconcat(SERVERS, setup, rows[i].now, NULL);
		g_autofree char *found = NULL;
		struct world w;

		world_open(&w, all);
		found = join_pending(&w);
		ck_assert_msg(g_strcmp0(found, rows[i].pending) == 0, "%s: %s",
			      rows[i].rule, found);
		world_close(&w);
	}
}
END_TEST

/* What is noted of each instance of M1, where R is applied as it is now and as
 * it was. */
#define FRONT BOUND " TransportRole=FrontendTransport"
#define BACK BOUND " TransportRole=HubTransport"
#define OLD "receiveconnector:r=0"

static const struct {
	const char *now;
	bool hub, hub_old, front, front_old; /* noted there */
	const char *pending;
	guint kept_hub, kept_front;
} instances[] = {
    {FRONT, false, false, false, false, "new receiveconnector:r", 0, 0},
    {FRONT, false, false, true, false, "", 0, 1},
    {FRONT, false, false, false, true, "changed receiveconnector:r", 0, 1},
    {FRONT, true, false, false, false,
     "new receiveconnector:r, removed receiveconnector:r", 0, 0},
    {FRONT, true, false, true, false, "removed receiveconnector:r", 0, 1},
    {BACK, true, false, false, false, "", 1, 0},
    {BACK, false, false, true, false,
     "new receiveconnector:r, removed receiveconnector:r", 0, 0},
    {BOUND, false, false, true, false, "", 0, 1},
    {BOUND, true, false, true, false, "", 1, 1},
    {BOUND, true, false, false, true, "changed receiveconnector:r", 1, 1},
    {BOUND, false, true, true, false, "changed receiveconnector:r", 1, 1},
    {"", true, false, true, false,
     "removed receiveconnector:r, removed receiveconnector:r", 0, 0},
};

static guint
count_kept(const struct world *w, const char *role, guint noted)
{
	GPtrArray *kept = NULL;
	bool all = ph_setup_kept(
	    w->snapshot, ph_topology_server(w->topology, "M1"), role, &kept);
	guint n = kept->len;

	ck_assert(all == (n == noted));
	g_ptr_array_unref(kept);
	return n;
}

START_TEST(test_instances)
{
	for (size_t i = 0; i < G_N_ELEMENTS(instances); i++) {
		const char *now =
		    *instances[i].now != '\0' ? instances[i].now : BOUND;
		struct ph_object *object = world_object(now);
		g_autofree char *mark = ph_setup_mark(object);
		guint hub = instances[i].hub + instances[i].hub_old;
		guint front = instances[i].front + instances[i].front_old;
		g_autofree char *all =
		    g_strdup_printf(SERVERS "setup M1%s%s%s%s\n%s\n",
				    hub > 0 ? " Applied=" : "",
				    instances[i].hub	   ? mark
				    : instances[i].hub_old ? OLD
							   : "",
				    front > 0 ? " AppliedFrontend=" : "",
				    instances[i].front	     ? mark
				    : instances[i].front_old ? OLD
							     : "",
				    instances[i].now);
		g_autofree char *found = NULL;
		struct world w;

		world_open(&w, all);
		found = join_pending(&w);
		ck_assert_msg(strcmp(found, instances[i].pending) == 0,
			      "%zu: %s", i, found);
		ck_assert_uint_eq(count_kept(&w, "HubTransport", hub),
				  instances[i].kept_hub);
		ck_assert_uint_eq(count_kept(&w, "FrontendTransport", front),
				  instances[i].kept_front);
		world_close(&w);
		ph_object_unref(&object);
	}
}
END_TEST

/* A transport that is not in master.cf would hold up mail. */
START_TEST(test_transport)
{
	g_autofree char *setup = applied(HELO "\n");
	static const char *const servers[] = {"M1", "M2"};
	static const char *const want[] = {"ph-out-for-c:out.example",
					   "ph-out:out.example"};
	g_autofree char *all = g_strconcat(SERVERS, setup, HELO "\n", NULL);
	struct world w;

	world_open(&w, all);
	for (size_t i = 0; i < G_N_ELEMENTS(servers); i++) {
		struct ph_connector_route route;

		ph_connector_find(
		    &(struct ph_connector_query){.snapshot = w.snapshot,
						 .topology = w.topology,
						 .from = servers[i],
						 .address = "x@out.example"},
		    &route);
		ck_assert_str_eq(route.nexthop, want[i]);
		ph_connector_clear(&route);
	}
	world_close(&w);
}
END_TEST

/* One name for one connector, that Postfix takes. */
START_TEST(test_names)
{
	static const char *const lines[] = {
	    "sendconnector a-b AddressSpaces=*",
	    "sendconnector a.b AddressSpaces=*",
	    "sendconnector a:b AddressSpaces=*",
	    "sendconnector \xc3\xa9 AddressSpaces=*",
	    "sendconnector "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
	    "AddressSpaces=*",
	    "sendconnector "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab "
	    "AddressSpaces=*",
	};
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		struct ph_object *object = world_object(lines[i]);
		char *name = ph_setup_transport("ph-out", object);

		ck_assert_uint_eq(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
		    strlen(name));
		ck_assert_msg(g_hash_table_add(seen, name), "%s", name);
		ph_object_unref(&object);
	}
	ck_assert(g_hash_table_contains(seen, "ph-out-for-a-b"));
}
END_TEST

UNIT_MAIN("routing/setup", test_pending, test_instances, test_transport,
	  test_names)
