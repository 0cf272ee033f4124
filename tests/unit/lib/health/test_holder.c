#include "lib/health/holder.h"

#include "lib/health/lease.h"
#include "tests/unit/lib/health/organization.h"

#include <string.h>

/*
 * With a Redis; shorter times than the programs', so that a lease that is lost
 * need not be waited for so long. MBX1 is this server.
 */
#define LIFE INT64_C(600)
#define WAIT INT64_C(900)

static struct organization organization;
static struct ph_replicas *replicas;
static struct ph_holder *holder;

static void
set(const char *line)
{
	fixture_do(&organization.redis, line);
}

static void
start(void)
{
	const struct ph_holder_options options = {
	    .conf = organization.conf,
	    .state = organization.state,
	    .replicas = replicas,
	    .life = LIFE,
	    .wait = WAIT,
	};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_holder_start(&options, &holder, &err) == 0, "%s",
		      err.text);
}

static void
setup(void)
{
	organization_open(&organization);
	replicas = ph_replicas_new(ph_state_redis(organization.state),
				   organization.conf);
	start();
}

static void
teardown(void)
{
	ph_holder_stop(&holder);
	ph_holder_stop(&holder);
	ph_replicas_free(&replicas);
	organization_close(&organization);
}

/* What the store driver asks, with what is in force: -1 it is not active
 * here. why (NULL is fine) has room for PH_ERR_TEXT. */
static int
holds(const char *name, char *why)
{
	struct ph_snapshot *snapshot = ph_state_take(organization.state);
	const struct ph_topology *topology = ph_snapshot_derived(snapshot, 0);
	const struct ph_database *database =
	    ph_topology_database(topology, name);
	struct ph_err err = PH_ERR_INIT;
	int r = -1;

	if (database &&
	    database->active == ph_topology_server(topology, "MBX1"))
		r = ph_holder_check(holder, database, &err);
	if (why)
		g_strlcpy(why, err.text, PH_ERR_TEXT);
	ph_snapshot_unref(&snapshot);
	return r;
}

static bool
says(const char *name, const char *text)
{
	char why[PH_ERR_TEXT];

	return holds(name, why) == 0 && strstr(why, text);
}

/* "MBX1 4", with "free" behind it; "-" there is none. */
static char *
lease(void)
{
	g_autofree char *text =
	    fixture_get(organization.redis.admin, "posthub:lease:db1");
	struct ph_lease parsed;
	char *shown;

	ph_lease_parse(text, &parsed);
	shown = parsed.there ? g_strdup_printf("%s %d%s", parsed.server,
					       (int)parsed.epoch,
					       parsed.free ? " free" : "")
			     : g_strdup("-");
	ph_lease_clear(&parsed);
	return shown;
}

static bool
lease_is(const char *wanted)
{
	g_autofree char *text = lease();

	return strcmp(text, wanted) == 0;
}

#define DB1 "HSET posthub:database:DB1 Servers MBX1,MBX2 AutoActivation true "

START_TEST(test_without)
{
	setup();
	set("HSET posthub:database:DB1 Servers MBX1,MBX2");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	fixture_kill(&organization.redis);
	ck_assert_int_eq(holds("DB1", NULL), 1);
	fixture_run(&organization.redis);
	teardown();
}
END_TEST

/* Nobody had it: taken after the wait; renewed; let go. */
START_TEST(test_taken_and_let_go)
{
	int64_t began;

	setup();
	began = ph_clock_mono();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	ck_assert_int_ge(ph_clock_mono() - began, WAIT);
	ck_assert(lease_is("MBX1 4"));
	for (int64_t end = ph_clock_mono() + 2 * LIFE; ph_clock_mono() < end;
	     g_usleep(1000))
		ck_assert_int_eq(holds("DB1", NULL), 1);
	set(DB1 "Active MBX2 Epoch 5");
	UNIT_WAIT(lease_is("MBX1 4 free"));
	ck_assert_int_eq(holds("DB1", NULL), -1);
	/* Known to be free, so there is nothing to wait for. */
	began = ph_clock_mono();
	set(DB1 "Active MBX1 Epoch 6");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	ck_assert_int_lt(ph_clock_mono() - began, WAIT);
	ph_holder_stop(&holder);
	ck_assert(lease_is("MBX1 6 free"));
	teardown();
}
END_TEST

/* What another server has is not taken before the wait is over. */
START_TEST(test_of_another)
{
	int64_t began;

	setup();
	set("SET posthub:lease:db1 {\"server\":\"MBX2\",\"epoch\":3}");
	began = ph_clock_mono();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(says("DB1", "the server that had it may have it still"));
	UNIT_WAIT(holds("DB1", NULL) == 1);
	ck_assert_int_ge(ph_clock_mono() - began, WAIT);
	ck_assert(lease_is("MBX1 4"));
	teardown();
}
END_TEST

START_TEST(test_redis_away)
{
	int64_t away;

	setup();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	fixture_kill(&organization.redis);
	away = ph_clock_mono();
	UNIT_WAIT(holds("DB1", NULL) == 0);
	ck_assert_int_le(ph_clock_mono() - away, 4 * LIFE);
	ck_assert(says("DB1", "this server has no lease"));
	fixture_run(&organization.redis);
	set("HSET posthub:site:A HubSiteEnabled true");
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	teardown();
}
END_TEST

/* Over a restart of the process as well. */
START_TEST(test_lower_epoch)
{
	setup();
	set("HSET posthub:database:DB1 Servers MBX1,MBX2 Epoch 7");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	/* Noted by now, or soon. */
	for (bool noted = false; !noted; g_usleep(1000)) {
		g_autofree char *path =
		    g_build_filename(organization.redis.dir, "epochs", NULL);
		g_autofree char *text = NULL;

		noted = g_file_get_contents(path, &text, NULL, NULL) &&
			strcmp(text, "7 db1\n") == 0;
	}
	set("HSET posthub:database:DB1 Epoch 6");
	UNIT_WAIT(says("DB1", "Epoch 6 is below 7"));
	ph_holder_stop(&holder);
	start();
	ck_assert(says("DB1", "Epoch 6 is below 7"));
	set("HSET posthub:database:DB1 Epoch 8");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	teardown();
}
END_TEST

START_TEST(test_inactive_server)
{
	setup();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	set("HSET posthub:server:MBX1 State Inactive");
	UNIT_WAIT(lease_is("MBX1 4 free"));
	ck_assert_int_eq(holds("DB1", NULL), 0);
	teardown();
}
END_TEST

/* A lease that no replica has does not count. */
START_TEST(test_no_replica)
{
	g_autofree char *text = NULL;
	struct ph_conf *conf;

	setup();
	ph_holder_stop(&holder);
	ph_replicas_free(&replicas);
	text = g_strdup_printf(
	    "[redis]\nurl = unix://%s\nreplicas = 1\ntimeout = 200ms\n",
	    organization.redis.socket);
	conf = fixture_conf(&organization.redis, text);
	replicas = ph_replicas_new(ph_state_redis(organization.state), conf);
	start();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(says("DB1", "0 replicas have the change, 1 are wanted"));
	UNIT_WAIT(lease_is("MBX1 4"));
	ck_assert_int_eq(holds("DB1", NULL), 0);
	ph_conf_free(&conf);
	teardown();
}
END_TEST

/* How often Redis has run a command. */
static int64_t
runs_of(const char *command)
{
	g_autofree char *mark = g_strdup_printf("cmdstat_%s:calls=", command);
	struct ph_reply *reply = NULL;
	const char *at;
	int64_t n;

	ck_assert_int_eq(ph_redis_call(organization.redis.admin, &reply, NULL,
				       "INFO", "commandstats", NULL),
			 0);
	at = strstr(ph_reply_text(reply, NULL), mark);
	n = at ? g_ascii_strtoll(at + strlen(mark), NULL, 10) : 0;
	ph_reply_free(&reply);
	return n;
}

/* However many leases there are, they are asked for, and let go of, together:
 * each exchange ends with one WAIT. */
#define MANY 60
START_TEST(test_many_at_once)
{
	setup();
	for (int i = 0; i < MANY; i++) {
		g_autofree char *line = g_strdup_printf(
		    "HSET posthub:database:many%d Servers MBX1,MBX2 "
		    "AutoActivation true Active MBX1 Epoch 4",
		    i);

		set(line);
	}
	for (int i = 0; i < MANY; i++) {
		g_autofree char *name = g_strdup_printf("many%d", i);

		UNIT_WAIT(holds(name, NULL) == 1);
	}
	ck_assert_int_ge(runs_of("eval"), MANY);
	ck_assert_int_lt(runs_of("wait") * 5, runs_of("eval"));
	set("CONFIG RESETSTAT");
	ph_holder_stop(&holder);
	ck_assert_int_ge(runs_of("eval"), MANY);
	ck_assert_int_lt(runs_of("wait") * 5, runs_of("eval"));
	for (int i = 0; i < MANY; i++) {
		g_autofree char *key =
		    g_strdup_printf("posthub:lease:many%d", i);
		g_autofree char *text =
		    fixture_get(organization.redis.admin, key);

		ck_assert_ptr_nonnull(strstr(text, "\"free\":true"));
	}
	teardown();
}
END_TEST

/* Without a lease in Redis nobody else gets it: that needs the Epoch. */
START_TEST(test_keys_that_expire_prove_nothing)
{
	setup();
	set(DB1 "Active MBX1 Epoch 4");
	UNIT_WAIT(holds("DB1", NULL) == 1);
	for (int i = 0; i < 20; i++) {
		set("DEL posthub:lease:db1");
		ck_assert_int_eq(holds("DB1", NULL), 1);
		g_usleep(20000);
	}
	UNIT_WAIT(lease_is("MBX1 4"));
	teardown();
}
END_TEST

UNIT_MAIN("lib/health/holder", test_without, test_taken_and_let_go,
	  test_of_another, test_redis_away, test_lower_epoch,
	  test_inactive_server, test_no_replica, test_many_at_once,
	  test_keys_that_expire_prove_nothing)
