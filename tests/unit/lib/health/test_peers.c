#include "lib/health/peers.h"
#include "tests/unit/gate.h"
#include "tests/unit/lib/health/organization.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

/* ---- a name server ------------------------------------------------------- */

static struct unit_gate gate;
static atomic_uint questions;
static atomic_bool away;

/* In place of the C library's: knows localhost, as long as it answers. */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	    struct addrinfo **list_r)
{
	static struct sockaddr_in address = {.sin_family = AF_INET};
	static struct addrinfo entry = {.ai_family = AF_INET,
					.ai_addr = (void *)&address,
					.ai_addrlen = sizeof address};

	(void)service, (void)hints;
	questions++;
	unit_gate_pass(&gate);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*list_r = &entry;
	if (away)
		return EAI_AGAIN;
	return strcmp(host, "localhost") == 0 ? 0 : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

/* -------------------------------------------------------------------------- */

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static struct ph_snapshot *
make_snapshot(const char *host)
{
	g_autofree char *transport = g_strdup_printf("%s:2525", host);
	const struct ph_pair pairs[] = {{"Fqdn", "mbx1.test.invalid"},
					{"Transport", transport},
					{"Delivery", transport}};
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
	struct ph_peers *peers = ph_peers_new(NULL);
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
	struct ph_peers *peers = ph_peers_new(NULL);

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

/* A name server that does not answer takes its time for each question. */
START_TEST(test_each_name_once)
{
	struct ph_snapshot *snapshot = make_snapshot("nobody.test.invalid");
	struct ph_peers *peers = ph_peers_new(NULL);

	away = true;
	ph_peers_look_up(peers, topology_of(snapshot));
	ck_assert_uint_eq(questions, 2);
	ph_peers_look_up(peers, topology_of(snapshot));
	ck_assert_uint_eq(questions, 4);
	away = false;
	ph_peers_stop(&peers);
	ph_snapshot_unref(&snapshot);
}
END_TEST

static atomic_int stopper;

static gpointer
stop(gpointer data)
{
	struct ph_peers *peers = data;

	stopper = gettid();
	ph_peers_stop(&peers);
	return NULL;
}

/* Who stops waits for one answer at most. */
START_TEST(test_stop)
{
	struct organization organization;
	struct ph_peers *peers;
	GThread *thread;

	organization_open(&organization);
	unit_gate_shut(&gate);
	peers =
	    ph_peers_start(organization.conf, "test", organization.state, 0);
	UNIT_WAIT(gate.waiting == 1);
	thread = g_thread_new("stop", stop, peers);
	UNIT_WAIT(stopper != 0 && unit_is_asleep(stopper));
	unit_gate_open(&gate);
	g_thread_join(thread);
	ck_assert_uint_eq(questions, 1);
	organization_close(&organization);
}
END_TEST

/* Who is nobody of ours may be a server all the same while a name cannot be
 * looked up; not if it has none, or if an address is known. */
START_TEST(test_sure)
{
	static const struct {
		const char *host;
		bool away, sure;
	} rows[] = {
	    {"localhost", true, false}, /* nothing is known yet */
	    {"localhost", false, true}, /* it is now */
	    {"localhost", true, true},	/* and stays */
	    {"127.0.0.2", true, true},	/* that needs nobody */
	    {"two.test.invalid", true, false},
	};
	struct ph_peers *peers = ph_peers_new(NULL);

	ck_assert(ph_peers_sure(NULL));
	ck_assert(!ph_peers_sure(peers));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_snapshot *snapshot = make_snapshot(rows[i].host);

		away = rows[i].away;
		ph_peers_look_up(peers, topology_of(snapshot));
		ck_assert_msg(ph_peers_sure(peers) == rows[i].sure, "%zu", i);
		ph_snapshot_unref(&snapshot);
	}
	away = false;
	ph_peers_stop(&peers);
}
END_TEST

/* After a restart without a name server. */
START_TEST(test_kept)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "test.peers", NULL);
	struct ph_snapshot *snapshot = make_snapshot("localhost");
	const struct ph_topology *topology = topology_of(snapshot);
	struct ph_peers *peers = ph_peers_new(path);

	ph_peers_recall(peers, topology);
	ck_assert(!ph_peers_sure(peers));
	ph_peers_look_up(peers, topology);
	ph_peers_stop(&peers);
	away = true;
	questions = 0;
	peers = ph_peers_new(path);
	ph_peers_recall(peers, topology);
	ck_assert_ptr_nonnull(ph_peers_find(peers, topology, "127.0.0.1"));
	ck_assert(ph_peers_sure(peers));
	ck_assert_uint_eq(questions, 0);
	ph_peers_look_up(peers, topology);
	ck_assert_uint_gt(questions, 0);
	ck_assert_ptr_nonnull(ph_peers_find(peers, topology, "127.0.0.1"));
	away = false;
	ph_peers_stop(&peers);
	ph_snapshot_unref(&snapshot);
	unit_rmdir(&dir);
}
END_TEST

/* What cannot be an address makes nobody one of ours. */
START_TEST(test_kept_and_damaged)
{
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "test.peers", NULL);
	struct ph_snapshot *snapshot = make_snapshot("localhost");
	const struct ph_topology *topology = topology_of(snapshot);
	struct ph_peers *peers;

	ck_assert(g_file_set_contents(
	    path, "\n localhost\nlocalhost  rubbish 127.0.0.9 127.0.0\n", -1,
	    NULL));
	peers = ph_peers_new(path);
	ph_peers_recall(peers, topology);
	ck_assert_ptr_nonnull(ph_peers_find(peers, topology, "127.0.0.9"));
	ck_assert_ptr_null(ph_peers_find(peers, topology, "rubbish"));
	ck_assert_ptr_null(ph_peers_find(peers, topology, ""));
	ck_assert_ptr_null(ph_peers_find(peers, topology, "127.0.0"));
	ph_peers_stop(&peers);
	ph_snapshot_unref(&snapshot);
	unit_rmdir(&dir);
}
END_TEST

UNIT_MAIN("lib/health/peers", test_names_are_looked_up,
	  test_old_names_are_forgotten, test_each_name_once, test_stop,
	  test_sure, test_kept, test_kept_and_damaged)
