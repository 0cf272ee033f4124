#include "lib/health/activation.h"

#include "tests/unit/lib/routing/world.h"

#include <string.h>

#define WORLD(servers)                                                        \
	"site A\n" servers "database DB1 Servers=M1,M2,M3 Active=M1 Epoch=4 " \
	"AutoActivation=true\n"                                               \
	"database DB2 Servers=M1,M2 Active=M1\n"
#define SERVERS "server M1 Site=A\nserver M2 Site=A\nserver M3 Site=A\n"
#define LIMIT 60000

/*
 * One observer's clock. A look says the lease of DB1 and who has a heartbeat,
 * as a list of names; "-" is no lease, a number the count of M1's.
 */
struct scene {
	struct world w;
	struct ph_sight *sight;
	GHashTable *failed;
	int64_t now;
};

static void
scene_open(struct scene *s, const char *text)
{
	memset(s, 0, sizeof(*s));
	world_open(&s->w, text);
	s->sight = ph_sight_new();
	s->failed = g_hash_table_new(g_str_hash, g_str_equal);
	s->now = 100000;
}

static void
scene_close(struct scene *s)
{
	ph_sight_free(&s->sight);
	ck_assert_ptr_null(s->sight);
	ph_sight_free(&s->sight);
	g_hash_table_unref(s->failed);
	world_close(&s->w);
}

static void
look(struct scene *s, const char *lease, const char *alive)
{
	g_autofree char *text =
	    strcmp(lease, "-") == 0 ? NULL
	    : g_ascii_isdigit(*lease)
		? g_strdup_printf("{\"server\":\"M1\",\"epoch\":4,"
				  "\"count\":%s}",
				  lease)
		: g_strdup(lease);
	const char *values[5] = {text, NULL, strstr(alive, "M1"),
				 strstr(alive, "M2"), strstr(alive, "M3")};

	ph_sight_note(s->sight, s->w.topology, values, s->now);
}

/* A look each second, as often as it takes. */
static void
looks(struct scene *s, const char *lease, const char *alive, int64_t ms)
{
	for (int64_t end = s->now + ms; s->now < end; s->now += 1000)
		look(s, lease, alive);
	s->now -= 1000;
	look(s, lease, alive);
}

static const char *
target(struct scene *s)
{
	const struct ph_activation_facts facts = {
	    .database = ph_topology_database(s->w.topology, "DB1"),
	    .sight = s->sight,
	    .now = s->now,
	    .hook_limit = LIMIT,
	    .failed = s->failed,
	};
	const char *why;
	const struct ph_server *server = ph_activation_target(&facts, &why);

	ck_assert(!server || why);
	return server ? server->name : "";
}

/* Both have to run out, each by this observer's clock. */
START_TEST(test_lease_and_heartbeat)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	ck_assert_str_eq(target(&s), "");
	looks(&s, "1", "M1 M2 M3", 20000);
	ck_assert_str_eq(target(&s), "");
	/* The lease stands still, its server lives. */
	looks(&s, "1", "M1 M2 M3", 10000);
	ck_assert_str_eq(target(&s), "");
	/* No heartbeat, but the lease is renewed. */
	for (int i = 2; i < 12; i++) {
		g_autofree char *n = g_strdup_printf("%d", i);

		s.now += 1000;
		look(&s, n, "M2 M3");
	}
	ck_assert_str_eq(target(&s), "");
	s.now += 3999;
	ck_assert_str_eq(target(&s), "");
	s.now++;
	ck_assert_str_eq(target(&s), "M2");
	scene_close(&s);
}
END_TEST

/* Whoever has just begun to look has seen nothing run out. */
START_TEST(test_a_new_observer_waits)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	look(&s, "-", "M2 M3");
	ck_assert_str_eq(target(&s), "");
	s.now += 2000;
	look(&s, "-", "M2 M3");
	s.now += 1999;
	look(&s, "-", "M2 M3");
	ck_assert_str_eq(target(&s), "");
	s.now++;
	ck_assert_str_eq(target(&s), "M2");
	/* Redis was away, or this process stood still. */
	s.now += 60000;
	look(&s, "-", "M2 M3");
	ck_assert_str_eq(target(&s), "");
	scene_close(&s);
}
END_TEST

/* Redis's clock may have jumped: that the key of a lease is gone before it can
 * have expired proves nothing, however often. */
START_TEST(test_a_key_that_vanishes)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	look(&s, "1", "M2 M3");
	s.now += 1000;
	looks(&s, "-", "M2 M3", 9000);
	ck_assert_str_eq(target(&s), "");
	s.now += 1000;
	look(&s, "2", "M2 M3");
	s.now += 1000;
	/* Nobody renews it. */
	looks(&s, "-", "M2 M3", 12000);
	ck_assert_str_eq(target(&s), "");
	s.now += 1000;
	look(&s, "-", "M2 M3");
	ck_assert_str_eq(target(&s), "M2");
	scene_close(&s);
}
END_TEST

/* Who has let go has let go. */
START_TEST(test_a_note_that_vanishes)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	look(&s, "1", "M2 M3");
	s.now += 1000;
	look(&s, "{\"server\":\"M1\",\"epoch\":4,\"free\":true}", "M2 M3");
	s.now += 1000;
	looks(&s, "-", "M2 M3", 4000);
	ck_assert_str_eq(target(&s), "");
	s.now += 1000;
	look(&s, "-", "M2 M3");
	ck_assert_str_eq(target(&s), "M2");
	scene_close(&s);
}
END_TEST

/* In order of preference; Draining and Inactive never; a heartbeat now. */
START_TEST(test_which_copy)
{
	static const struct {
		const char *servers, *alive, *wanted;
	} rows[] = {
	    {SERVERS, "M2 M3", "M2"},
	    {SERVERS, "M3", "M3"},
	    {SERVERS, "", ""},
	    {"server M1 Site=A\nserver M2 Site=A State=Draining\n"
	     "server M3 Site=A\n",
	     "M2 M3", "M3"},
	    {"server M1 Site=A\nserver M2 Site=A State=Inactive\n"
	     "server M3 Site=A State=Inactive\n",
	     "M2 M3", ""},
	    /* Ordered away, though it answers still. */
	    {"server M1 Site=A State=Inactive\nserver M2 Site=A\n"
	     "server M3 Site=A\n",
	     "M1 M2 M3", "M2"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
		    g_strconcat("site A\n", rows[i].servers,
				"database DB1 Servers=M1,M2,M3 Active=M1 "
				"AutoActivation=true\n"
				"database DB2 Servers=M1\n",
				NULL);
		struct scene s;

		scene_open(&s, text);
		looks(&s, "-", rows[i].alive, 8000);
		ck_assert_msg(strcmp(target(&s), rows[i].wanted) == 0,
			      "row %zu: %s", i, target(&s));
		scene_close(&s);
	}
}
END_TEST

/* Its heartbeat is there, but no lease comes: its hook does not end. */
START_TEST(test_not_ready)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	looks(&s, "-", "M1 M2 M3", LIMIT);
	ck_assert_str_eq(target(&s), "");
	looks(&s, "-", "M1 M2 M3", 12000);
	ck_assert_str_eq(target(&s), "M2");
	/* One that was tried in vain only if there is no other. */
	g_hash_table_add(s.failed, (gpointer) "M2");
	ck_assert_str_eq(target(&s), "M3");
	g_hash_table_add(s.failed, (gpointer) "M3");
	ck_assert_str_eq(target(&s), "M2");
	scene_close(&s);
}
END_TEST

START_TEST(test_not_automatic)
{
	struct scene s;
	const char *why;
	struct ph_activation_facts facts = {.hook_limit = LIMIT};

	scene_open(&s, WORLD(SERVERS));
	looks(&s, "-", "M2 M3", 90000);
	facts.database = ph_topology_database(s.w.topology, "DB2");
	facts.sight = s.sight;
	facts.now = s.now;
	ck_assert_ptr_null(ph_activation_target(&facts, &why));
	ck_assert_ptr_null(why);
	facts.database = ph_topology_database(s.w.topology, "DB1");
	ck_assert_ptr_nonnull(ph_activation_target(&facts, &why));
	scene_close(&s);
}
END_TEST

/* ---- what is back ------------------------------------------------------- */

static char *
back(struct scene *s)
{
	g_autoptr(GPtrArray) names = ph_sight_take_back(s->sight);

	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

#define ASSERT_BACK(s, wanted)                  \
	do {                                    \
		g_autofree char *got = back(s); \
		ck_assert_str_eq(got, wanted);  \
	} while (0)

START_TEST(test_back)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	look(&s, "1", "M2 M1");
	ASSERT_BACK(&s, "DB1");
	/* Renewed: nothing new. */
	look(&s, "2", "M2 M1");
	ASSERT_BACK(&s, "");
	look(&s, "{\"server\":\"M1\",\"epoch\":4,\"free\":true}", "M1");
	ASSERT_BACK(&s, "");
	look(&s, "{\"server\":\"M2\",\"epoch\":5,\"count\":1}", "M1");
	ASSERT_BACK(&s, "DB1");
	/* The server of a database that has no lease. */
	look(&s, "-", "");
	ASSERT_BACK(&s, "");
	look(&s, "-", "M1 since then");
	ASSERT_BACK(&s, "DB2");
	look(&s, "-", "M1 since then");
	ASSERT_BACK(&s, "");
	scene_close(&s);
}
END_TEST

/* It was down when looking began, as after a restart of the host. */
START_TEST(test_back_for_the_first_time)
{
	struct scene s;

	scene_open(&s, WORLD(SERVERS));
	look(&s, "-", "M2");
	look(&s, "-", "M2");
	ASSERT_BACK(&s, "");
	look(&s, "-", "M1 since then");
	ASSERT_BACK(&s, "DB2");
	look(&s, "-", "M1 since then");
	ASSERT_BACK(&s, "");
	scene_close(&s);
}
END_TEST

START_TEST(test_junk_is_no_lease)
{
	static const char *const junk[] = {
	    "", "x", "[]", "{}", "null", "{\"server\":3}", "{\"server\":"};
	struct ph_lease lease;

	for (size_t i = 0; i < G_N_ELEMENTS(junk); i++) {
		ph_lease_parse(junk[i], &lease);
		ck_assert(!lease.there);
		ph_lease_clear(&lease);
	}
	ph_lease_parse("{\"server\":\"M1\",\"epoch\":4,\"count\":9}", &lease);
	ck_assert(lease.there && !lease.free);
	ck_assert_str_eq(lease.server, "M1");
	ck_assert_int_eq(lease.epoch, 4);
	ck_assert_int_eq(lease.count, 9);
	ph_lease_clear(&lease);
	ck_assert(!lease.there);
}
END_TEST

UNIT_MAIN("lib/health/activation", test_lease_and_heartbeat,
	  test_a_new_observer_waits, test_a_key_that_vanishes,
	  test_a_note_that_vanishes, test_which_copy, test_not_ready,
	  test_not_automatic, test_back, test_back_for_the_first_time,
	  test_junk_is_no_lease)
