#include "lib/health/probe.h"

#include "tests/unit/lib/health/script.h"

static struct script script;
static struct ph_probe *probe;

static void
setup(const struct answer *answers)
{
	script_start(&script, answers);
	probe = ph_probe_new();
}

static void
teardown(void)
{
	ph_probe_free(&probe);
	ck_assert_ptr_null(probe);
	script_stop(&script);
}

static int
ask(bool lmtp, struct ph_err *err)
{
	const struct ph_probe_target target = {
	    .endpoint = script.endpoint,
	    .lmtp = lmtp,
	    .hello = "mbx1.test",
	    .timeout = 5000,
	};

	return ph_probe_ask(probe, &target, err);
}

START_TEST(test_keeps_its_connection)
{
	struct ph_err err = PH_ERR_INIT;

	setup(NULL);
	ck_assert_int_eq(ask(false, &err), 1);
	ck_assert_int_eq(ask(false, &err), 1);
	ck_assert_str_eq(script.said->str, "EHLO mbx1.test\n"
					   "MAIL FROM:<>\nRSET\n"
					   "MAIL FROM:<>\nRSET\n");
	ck_assert_uint_eq(script.sessions, 1);
	teardown();
}
END_TEST

START_TEST(test_lmtp)
{
	struct ph_err err = PH_ERR_INIT;

	setup(NULL);
	ck_assert_int_eq(ask(true, &err), 1);
	ck_assert_str_eq(script.said->str,
			 "LHLO mbx1.test\nMAIL FROM:<>\nRSET\n");
	teardown();
}
END_TEST

/* The way in is proved from time to time. */
START_TEST(test_renews_its_connection)
{
	struct ph_err err = PH_ERR_INIT;

	setup(NULL);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(ask(false, &err), 1);
	ck_assert_uint_eq(script.sessions, 1);
	ck_assert_int_eq(ask(false, &err), 1);
	ck_assert_uint_eq(script.sessions, 2);
	teardown();
}
END_TEST

/* A milter that is down. */
START_TEST(test_refused)
{
	static const struct answer answers[] = {
	    {"MAIL", "451-4.7.1 Service unavailable\r\n451 4.7.1 try later"},
	    {NULL, NULL}};
	struct ph_err err = PH_ERR_INIT;

	setup(answers);
	ck_assert_int_eq(ask(false, &err), 0);
	ck_assert_str_eq(err.text, "MAIL was answered 451 4.7.1 Service "
				   "unavailable 451 4.7.1 try later");
	teardown();
}
END_TEST

START_TEST(test_refuses_reset)
{
	static const struct answer answers[] = {{"RSET", "421 4.3.2 going"},
						{NULL, NULL}};
	struct ph_err err = PH_ERR_INIT;

	setup(answers);
	ck_assert_int_eq(ask(false, &err), 0);
	ck_assert_str_eq(err.text, "RSET was answered 421 4.3.2 going");
	teardown();
}
END_TEST

START_TEST(test_no_answer)
{
	static const struct answer answers[] = {{"MAIL", ""}, {NULL, NULL}};
	struct ph_err err = PH_ERR_INIT;

	setup(answers);
	ck_assert_int_eq(ask(false, &err), -1);
	ck_assert_str_eq(err.text, "MAIL: 127.0.0.1 closed the connection");
	teardown();
}
END_TEST

/* A session that was refused once is refused to its end, so that the next
 * question needs another one; so does one that the server closed. */
START_TEST(test_asks_again_on_a_new_connection)
{
	struct ph_err err = PH_ERR_INIT;

	setup(NULL);
	ck_assert_int_eq(ask(false, &err), 1);
	g_mutex_lock(&script.lock);
	script.mail = "451 4.7.1 milter";
	g_mutex_unlock(&script.lock);
	ck_assert_int_eq(ask(false, &err), 0);
	/* The kept one, and one more. */
	ck_assert_uint_eq(script.sessions, 2);
	g_mutex_lock(&script.lock);
	script.mail = NULL;
	g_mutex_unlock(&script.lock);
	ck_assert_int_eq(ask(false, &err), 1);
	ck_assert_uint_eq(script.sessions, 3);
	teardown();
}
END_TEST

START_TEST(test_nobody_there)
{
	struct ph_err err = PH_ERR_INIT;

	setup(NULL);
	teardown();
	probe = ph_probe_new();
	ck_assert_int_eq(ask(false, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1:"));
	ph_probe_free(&probe);
	ph_probe_free(&probe);
}
END_TEST

UNIT_MAIN("lib/health/probe", test_keeps_its_connection, test_lmtp,
	  test_renews_its_connection, test_refused, test_refuses_reset,
	  test_no_answer, test_asks_again_on_a_new_connection,
	  test_nobody_there)
