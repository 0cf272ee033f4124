#include "lib/health/peers.h"
#include "tests/unit/unit.h"

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* "localhost" is the one name that every machine can look up by itself. */
static struct ph_snapshot *
make_snapshot(const char *host)
{
	g_autofree char *transport = g_strdup_printf("%s:2525", host);
	const struct ph_pair pairs[] = {{"Fqdn", "mbx1.test.invalid"},
					{"Transport", transport}};
	struct ph_object *object = NULL;
	struct ph_snapshot *snapshot;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_object_parse(ph_kind_find("server"), "MBX1", pairs,
				      G_N_ELEMENTS(pairs), &object, &err) == 0,
		      "%s", err.text);
	snapshot = ph_snapshot_build((const struct ph_object *const *)&object,
				     1, derive);
	ph_object_unref(&object);
	return snapshot;
}

static const struct ph_topology *
topology_of(const struct ph_snapshot *snapshot)
{
	return ph_snapshot_derived(snapshot, 0);
}

START_TEST(test_names_are_looked_up)
{
	struct ph_snapshot *snapshot = make_snapshot("localhost");
	const struct ph_topology *topology = topology_of(snapshot);
	struct ph_peers *peers = ph_peers_new();
	const struct ph_server *server;

	ck_assert_ptr_null(ph_peers_find(NULL, topology, "127.0.0.1"));
	ck_assert_ptr_null(ph_peers_find(peers, topology, "127.0.0.1"));
	ph_peers_look_up(peers, topology);
	server = ph_peers_find(peers, topology, "127.0.0.1");
	ck_assert_ptr_nonnull(server);
	ck_assert_str_eq(server->name, "MBX1");
	ck_assert_ptr_nonnull(
	    ph_peers_find(NULL, topology, "mbx1.test.invalid"));
	ck_assert_ptr_null(ph_peers_find(peers, topology, "192.0.2.1"));
	ph_peers_stop(&peers);
	ph_snapshot_unref(&snapshot);
}
END_TEST

/* A server that has gone from the topology is nobody of ours, and one whose
 * name changed is no longer found by the old one. */
START_TEST(test_old_names_are_forgotten)
{
	struct ph_snapshot *before = make_snapshot("localhost");
	struct ph_snapshot *after = make_snapshot("nobody.test.invalid");
	const struct ph_topology *second = topology_of(after);
	struct ph_peers *peers = ph_peers_new();

	ph_peers_look_up(peers, topology_of(before));
	ck_assert_ptr_nonnull(ph_peers_find(peers, second, "127.0.0.1"));
	ph_peers_look_up(peers, second);
	ck_assert_ptr_null(ph_peers_find(peers, second, "127.0.0.1"));
	ph_peers_stop(&peers);
	ck_assert_ptr_null(peers);
	ph_peers_stop(&peers);
	ph_snapshot_unref(&before);
	ph_snapshot_unref(&after);
}
END_TEST

UNIT_MAIN("lib/health/peers", test_names_are_looked_up,
	  test_old_names_are_forgotten)
