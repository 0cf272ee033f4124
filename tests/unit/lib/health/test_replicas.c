#include "lib/health/replicas.h"

#include "tests/unit/lib/state/redis_fixture.h"

#include <signal.h>

static struct fixture master, replica;

static struct ph_replicas *
wanting(int replicas)
{
	g_autofree char *text = g_strdup_printf(
	    "[redis]\nurl = unix://%s\nreplicas = %d\ntimeout = 2s\n",
	    master.socket, replicas);
	struct ph_conf *conf = fixture_conf(&master, text);
	struct ph_replicas *made = ph_replicas_new(master.admin, conf);

	ph_conf_free(&conf);
	return made;
}

static int
wait_of(struct ph_replicas *replicas, struct ph_err *err)
{
	fixture_do(&master, "INCR written");
	return ph_replicas_wait(replicas, err);
}

static GPtrArray *
script(const char *text)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup(text));
	g_ptr_array_add(args, g_strdup("0"));
	return args;
}

/* One that fails does not take the others with it. */
START_TEST(test_several)
{
	GPtrArray *args[] = {script("return 3"),
			     script("return redis.error_reply('no such')"),
			     script("return 5")};
	int64_t answers[3] = {0, 0, 0};
	struct ph_err err = PH_ERR_INIT;
	struct ph_replicas *replicas;

	fixture_start(&master);
	replicas = wanting(0);
	ck_assert_int_eq(ph_replicas_eval_all(replicas, args, 3, answers, &err),
			 0);
	ck_assert_int_eq(answers[0], 3);
	ck_assert_int_eq(answers[1], -1);
	ck_assert_int_eq(answers[2], 5);
	ck_assert_ptr_nonnull(strstr(err.text, "no such"));
	ck_assert_int_eq(ph_replicas_eval(replicas, args[1], answers, &err),
			 -1);
	ck_assert_int_eq(ph_replicas_eval(replicas, args[2], answers, &err), 0);
	ck_assert_int_eq(answers[0], 5);
	for (size_t i = 0; i < 3; i++)
		g_ptr_array_unref(args[i]);
	ph_replicas_free(&replicas);
	fixture_stop(&master);
}
END_TEST

/* As many as the setting wants; without it, those that are known to be. */
START_TEST(test_wait)
{
	struct ph_replicas *any, *one, *two, *late;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *follow = NULL;

	fixture_init(&master, NULL, true);
	fixture_run(&master);
	fixture_start(&replica);
	any = wanting(0);
	one = wanting(1);
	two = wanting(2);
	ck_assert_int_eq(wait_of(any, &err), 0);
	ck_assert_int_eq(wait_of(one, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	follow = g_strdup_printf("REPLICAOF 127.0.0.1 %d", master.port);
	fixture_do(&replica, follow);
	UNIT_WAIT(wait_of(one, &err) == 0);
	ck_assert_int_eq(wait_of(any, &err), 0);
	ck_assert_int_eq(wait_of(two, &err), -1);
	ck_assert_str_eq(err.text, "Redis: 1 replicas have the change, 2 are "
				   "wanted");
	/* Who begins now learns of it first. */
	ck_assert_int_eq(kill(replica.pid, SIGSTOP), 0);
	late = wanting(0);
	ck_assert_int_eq(wait_of(late, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	ph_replicas_free(&late);
	ph_replicas_free(&two);
	ph_replicas_free(&one);
	ph_replicas_free(&any);
	fixture_stop(&replica);
	fixture_stop(&master);
}
END_TEST

START_TEST(test_away)
{
	struct ph_replicas *replicas;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&master);
	replicas = wanting(0);
	fixture_kill(&master);
	ck_assert_int_eq(ph_replicas_wait(replicas, &err), -1);
	ck_assert(*err.text != '\0');
	ph_replicas_free(&replicas);
	fixture_stop(&master);
}
END_TEST

UNIT_MAIN("lib/health/replicas", test_several, test_wait, test_away)
