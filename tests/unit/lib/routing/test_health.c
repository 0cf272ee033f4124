#include "lib/routing/health.h"
#include "tests/unit/unit.h"

#define T PH_SERVICE_TRANSPORT

START_TEST(test_no_news)
{
	struct ph_health *health = ph_health_new();

	ck_assert(ph_health_up(NULL, "MBX1", T));
	ck_assert(ph_health_up(health, "MBX1", T));
	/* Never seen: a server whose posthub has no heartbeat yet. */
	ph_health_note(health, "MBX1", T, false, 1000);
	ph_health_note(health, "MBX1", T, false, 100000);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_free(&health);
	ck_assert_ptr_null(health);
	ph_health_free(&health);
}
END_TEST

START_TEST(test_runs_out)
{
	struct ph_health *health = ph_health_new();

	ph_health_note(health, "MBX1", T, true, 10000);
	ph_health_note(health, "MBX1", T, false, 12999);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_note(health, "MBX1", T, false, 13000);
	ck_assert(!ph_health_up(health, "MBX1", T));
	/* Names compare without case; other services and servers are apart. */
	ck_assert(!ph_health_up(health, "mbx1", T));
	ck_assert(ph_health_up(health, "MBX1", PH_SERVICE_DELIVERY));
	ck_assert(ph_health_up(health, "MBX2", T));
	ph_health_note(health, "mbx1", T, true, 14000);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_free(&health);
}
END_TEST

/* Redis away for a minute: that minute says nothing about the server. */
START_TEST(test_redis_away)
{
	struct ph_health *health = ph_health_new();

	ph_health_note(health, "MBX1", T, true, 1000);
	ph_health_note(health, "MBX1", T, false, 2000);
	for (int64_t now = 3000; now <= 60000; now += 1000)
		ph_health_no_news(health, now);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_note(health, "MBX1", T, false, 61000);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_note(health, "MBX1", T, false, 61999);
	ck_assert(ph_health_up(health, "MBX1", T));
	ph_health_note(health, "MBX1", T, false, 62000);
	ck_assert(!ph_health_up(health, "MBX1", T));
	ph_health_no_news(health, 99000);
	ck_assert(!ph_health_up(health, "MBX1", T));
	ph_health_free(&health);
}
END_TEST

/* What is learnt later changes neither the copy nor, by it, the original. */
START_TEST(test_copy)
{
	struct ph_health *health = ph_health_new(), *copy;

	ph_health_note(health, "MBX1", T, true, 1000);
	ph_health_note(health, "MBX1", T, false, 4000);
	copy = ph_health_copy(health);
	ph_health_note(health, "MBX1", T, true, 5000);
	ck_assert(ph_health_up(health, "MBX1", T));
	ck_assert(!ph_health_up(copy, "mbx1", T));
	ck_assert(ph_health_up(copy, "MBX1", PH_SERVICE_DELIVERY));
	ph_health_free(&health);
	ck_assert(!ph_health_up(copy, "MBX1", T));
	ph_health_free(&copy);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(ph_service_name(PH_SERVICE_FRONTEND), "frontend");
	ck_assert_str_eq(ph_service_name(PH_SERVICE_TRANSPORT), "transport");
	ck_assert_str_eq(ph_service_name(PH_SERVICE_DELIVERY), "delivery");
}
END_TEST

UNIT_MAIN("lib/routing/health", test_no_news, test_runs_out, test_redis_away,
	  test_copy, test_names)
