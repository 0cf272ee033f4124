#include "lib/health/prober.h"

#include "tests/unit/lib/health/organization.h"
#include "tests/unit/lib/health/script.h"

#include <jansson.h>

static struct organization organization;
static struct script script;
static struct ph_prober *prober;

static void
place(const char *service)
{
	g_autofree char *line =
	    g_strdup_printf("HSET posthub:server:MBX1 %s %s:%d", service,
			    script.endpoint.host, script.endpoint.port);

	fixture_do(&organization.redis, line);
}

static void
setup(const char *service)
{
	organization_open(&organization);
	script_start(&script, NULL);
	if (service)
		place(service);
}

static void
start(enum ph_service service)
{
	const struct ph_prober_options options = {
	    .conf = organization.conf,
	    .state = organization.state,
	    .topology = 0,
	    .service = service,
	};

	prober = ph_prober_start(&options);
}

static void
teardown(void)
{
	ph_prober_stop(&prober);
	ck_assert_ptr_null(prober);
	ph_prober_stop(&prober);
	script_stop(&script);
	organization_close(&organization);
}

static bool
alive(const char *key)
{
	g_autofree char *line = g_strdup_printf("EXISTS posthub:alive:%s", key);

	return fixture_do(&organization.redis, line) == 1;
}

/* So many questions have been answered since. */
static unsigned
asked(void)
{
	unsigned n = 0;

	g_mutex_lock(&script.lock);
	for (const char *p = script.said->str; (p = strstr(p, "RSET\n")); p++)
		n++;
	g_mutex_unlock(&script.lock);
	return n;
}

START_TEST(test_heartbeat)
{
	struct ph_reply *reply = NULL;
	json_t *value;

	setup("Transport");
	start(PH_SERVICE_TRANSPORT);
	/* Named as in the server: key. */
	UNIT_WAIT(alive("MBX1:transport"));
	ck_assert_int_eq(ph_redis_call(organization.redis.admin, &reply, NULL,
				       "GET", "posthub:alive:MBX1:transport",
				       NULL),
			 0);
	value = json_loads(ph_reply_text(reply, NULL), 0, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(value, "pid")),
			 getpid());
	ck_assert(json_is_string(json_object_get(value, "version")));
	ck_assert_uint_eq(
	    strlen(json_string_value(json_object_get(value, "since"))),
	    strlen("2026-11-21T10:00:00.123Z"));
	json_decref(value);
	ph_reply_free(&reply);
	ck_assert_int_le(fixture_do(&organization.redis,
				    "PTTL posthub:alive:MBX1:transport"),
			 400);
	ck_assert(g_str_has_prefix(script.said->str, "EHLO mbx1.test\n"));
	teardown();
}
END_TEST

START_TEST(test_refused)
{
	setup("Delivery");
	start(PH_SERVICE_DELIVERY);
	UNIT_WAIT(alive("MBX1:delivery"));
	ck_assert(g_str_has_prefix(script.said->str, "LHLO mbx1.test\n"));
	g_mutex_lock(&script.lock);
	script.mail = "451 4.7.1 Service unavailable";
	g_mutex_unlock(&script.lock);
	UNIT_WAIT(!alive("MBX1:delivery"));
	g_mutex_lock(&script.lock);
	script.mail = NULL;
	g_mutex_unlock(&script.lock);
	UNIT_WAIT(alive("MBX1:delivery"));
	teardown();
}
END_TEST

static const struct {
	enum ph_service service;
	const char *name, *state;
	bool up;
} announced[] = {
    {PH_SERVICE_TRANSPORT, "transport", "Draining", false},
    {PH_SERVICE_TRANSPORT, "transport", "Inactive", false},
    {PH_SERVICE_FRONTEND, "frontend", "Draining", false},
    {PH_SERVICE_DELIVERY, "delivery", "Inactive", false},
    {PH_SERVICE_DELIVERY, "delivery", "Draining", true},
};

/* Active, then something else. */
START_TEST(test_states)
{
	const char *service = announced[_i].name;
	g_autofree char *field = g_strdup(service);
	g_autofree char *key = g_strconcat("MBX1:", service, NULL);
	g_autofree char *line = g_strdup_printf(
	    "HSET posthub:server:MBX1 State %s", announced[_i].state);

	*field = g_ascii_toupper(*field);
	setup(field);
	start(announced[_i].service);
	UNIT_WAIT(alive(key));
	fixture_do(&organization.redis, line);
	if (announced[_i].up) {
		unsigned before = asked();

		/* More rounds than a heartbeat lives. */
		UNIT_WAIT(asked() > before + 8);
		ck_assert(alive(key));
	} else {
		UNIT_WAIT(!alive(key));
	}
	teardown();
}
END_TEST

/* No address: nothing is asked; it comes, and the heartbeat with it. */
START_TEST(test_address_comes_later)
{
	setup(NULL);
	start(PH_SERVICE_TRANSPORT);
	ck_assert(!alive("MBX1:transport"));
	place("Transport");
	UNIT_WAIT(alive("MBX1:transport"));
	teardown();
}
END_TEST

START_TEST(test_redis_comes_back)
{
	setup("Transport");
	start(PH_SERVICE_TRANSPORT);
	UNIT_WAIT(alive("MBX1:transport"));
	fixture_kill(&organization.redis);
	fixture_run(&organization.redis);
	UNIT_WAIT(alive("MBX1:transport"));
	teardown();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lib/health/prober");
	TCase *tcase = tcase_create("prober");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_heartbeat);
	tcase_add_test(tcase, test_refused);
	tcase_add_loop_test(tcase, test_states, 0, G_N_ELEMENTS(announced));
	tcase_add_test(tcase, test_address_comes_later);
	tcase_add_test(tcase, test_redis_comes_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
