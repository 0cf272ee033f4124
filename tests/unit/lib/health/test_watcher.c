#include "lib/health/watcher.h"

#include "tests/unit/lib/health/organization.h"

#include <stdlib.h>

#define T PH_SERVICE_TRANSPORT

static struct organization organization;
static struct ph_health_watch *watch;

static void
setup(void)
{
	organization_open(&organization);
	watch = ph_health_watch_start(organization.conf, organization.state, 0);
}

static void
teardown(void)
{
	ph_health_watch_stop(&watch);
	ck_assert_ptr_null(watch);
	ph_health_watch_stop(&watch);
	organization_close(&organization);
}

static bool
up(const char *server, enum ph_service service)
{
	struct ph_health *health = ph_health_watch_take(watch);
	bool answer = ph_health_up(health, server, service);

	ck_assert_ptr_nonnull(health);
	ph_health_free(&health);
	return answer;
}

/* A moment at which everything that was there before has been seen. */
static void
set(const char *line)
{
	fixture_do(&organization.redis, line);
}

/* How often Redis was asked for many keys. */
static int
mgets(void)
{
	struct ph_reply *reply = NULL;
	const char *at;
	int n = 0;

	ck_assert_int_eq(ph_redis_call(organization.redis.admin, &reply, NULL,
				       "INFO", "commandstats", NULL),
			 0);
	at = strstr(ph_reply_text(reply, NULL), "cmdstat_mget:calls=");
	if (at)
		n = atoi(at + strlen("cmdstat_mget:calls="));
	ph_reply_free(&reply);
	return n;
}

static void
wait_looks(int n)
{
	int before = mgets();

	UNIT_WAIT(mgets() >= before + n);
}

START_TEST(test_nobody_has_one)
{
	ck_assert_ptr_null(ph_health_watch_take(NULL));
	setup();
	wait_looks(3);
	ck_assert(up("MBX1", T));
	ck_assert(up("MBX9", T));
	teardown();
}
END_TEST

START_TEST(test_runs_out)
{
	int64_t gone;

	setup();
	set("SET posthub:alive:MBX2:transport x");
	set("SET posthub:alive:MBX2:delivery x");
	set("SET posthub:alive:MBX1:transport x");
	wait_looks(3);
	set("DEL posthub:alive:MBX2:transport");
	gone = ph_clock_mono();
	UNIT_WAIT(!up("MBX2", T));
	/* It was seen 100 ms before at most. */
	ck_assert_int_ge(ph_clock_mono() - gone, 3000 - 500);
	ck_assert(up("MBX2", PH_SERVICE_DELIVERY));
	ck_assert(up("MBX1", T));
	set("SET posthub:alive:MBX2:transport x");
	UNIT_WAIT(up("MBX2", T));
	teardown();
}
END_TEST

/* A server that is added while the watch runs. */
START_TEST(test_follows_the_state)
{
	setup();
	set("HSET posthub:server:MBX3 Site A Roles Mailbox");
	set("SET posthub:alive:MBX3:delivery x");
	wait_looks(15);
	set("DEL posthub:alive:MBX3:delivery");
	UNIT_WAIT(!up("MBX3", PH_SERVICE_DELIVERY));
	teardown();
}
END_TEST

/* Redis is away, and back without any heartbeat: the servers did nothing. */
START_TEST(test_redis_away)
{
	int64_t away, back;

	setup();
	set("SET posthub:alive:MBX2:transport x");
	wait_looks(3);
	fixture_kill(&organization.redis);
	away = ph_clock_mono();
	/* Longer than servers are given: that time must not count. */
	UNIT_WAIT(ph_clock_mono() - away > 3500);
	ck_assert(up("MBX2", T));
	fixture_run(&organization.redis);
	back = ph_clock_mono();
	UNIT_WAIT(!up("MBX2", T));
	ck_assert_int_ge(ph_clock_mono() - back, 5500);
	teardown();
}
END_TEST

UNIT_MAIN("lib/health/watcher", test_nobody_has_one, test_runs_out,
	  test_follows_the_state, test_redis_away)
