#include "lib/state/state.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/state/state_fixture.h"

START_TEST(test_founding)
{
	struct fixture f;
	struct ph_state *state;
	g_autofree char *organization = NULL;
	char *again = NULL;

	fixture_start(&f);
	state = state_open(&f);
	organization = organization_of(state);
	ck_assert_uint_eq(strlen(organization), 36);
	ck_assert_int_eq(fixture_do(&f, "HLEN posthub:meta"), 2);
	ck_assert_int_eq(
	    ph_state_meta(ph_state_redis(state), true, &again, NULL), 1);
	ck_assert_str_eq(again, organization);
	g_free(again);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

struct founder {
	struct ph_redis *redis;
	char *organization;
};

static void *
founder_main(void *data)
{
	struct founder *founder = data;

	(void)ph_state_meta(founder->redis, false, &founder->organization,
			    NULL);
	return NULL;
}

START_TEST(test_meta)
{
	struct fixture f;
	struct founder founders[8] = {{NULL, NULL}};
	GThread *threads[8];
	char *organization = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(ph_state_meta(f.admin, true, &organization, &err), 0);
	ck_assert_int_eq(fixture_do(&f, "EXISTS posthub:meta"), 0);
	for (size_t i = 0; i < 8; i++) {
		founders[i].redis = f.admin;
		threads[i] =
		    g_thread_new("founder", founder_main, &founders[i]);
	}
	for (size_t i = 0; i < 8; i++)
		g_thread_join(threads[i]);
	for (size_t i = 0; i < 8; i++) {
		ck_assert_ptr_nonnull(founders[i].organization);
		ck_assert_str_eq(founders[i].organization,
				 founders[0].organization);
	}
	for (size_t i = 0; i < 8; i++)
		g_free(founders[i].organization);

	fixture_do(&f, "SET posthub:meta x");
	ck_assert_int_eq(ph_state_meta(f.admin, false, &organization, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	fixture_kill(&f);
	ck_assert_int_eq(ph_state_meta(f.admin, false, &organization, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	fixture_stop(&f);
}
END_TEST

static void
await_refusal(struct ph_state *state, const char *reason)
{
	struct ph_state_status status;

	UNIT_WAIT(status_of(state).refused);
	UNIT_WAIT(status_of(state).connected);
	status = status_of(state);
	ck_assert_msg(strstr(status.reason, reason) != NULL, "%s",
		      status.reason);
}

START_TEST(test_restarted_empty)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_meta(&f, ORG_A);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	fixture_kill(&f);
	UNIT_WAIT(!status_of(state).connected);
	ck_assert_int_eq(priority(state, "A"), 1);
	fixture_run(&f);
	await_refusal(state, "no meta");
	UNIT_WAIT(status_file_is(&f, true, true, 0));
	ck_assert_int_eq(priority(state, "A"), 1);
	/* A daemon with a state of its own founds nothing. */
	ck_assert_int_eq(fixture_do(&f, "EXISTS posthub:meta"), 0);

	/* Single changes are no orders now; another organisation is none. */
	set_rule(&f, "A", 2);
	set_meta(&f, ORG_B);
	UNIT_WAIT(strstr(status_of(state).reason, ORG_B) != NULL);
	ck_assert_int_eq(priority(state, "A"), 1);

	fixture_do(&f, "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(priority(state, "A") == 2);
	ck_assert(!status_of(state).refused);
	ck_assert_str_eq(status_of(state).reason, "");
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_restarted_with_data)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_state_status before;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	before = status_of(state);
	fixture_do(&f, "SAVE");
	fixture_kill(&f);
	UNIT_WAIT(!status_of(state).connected);
	ck_assert_int_eq(priority(state, "A"), 1);
	fixture_run(&f);
	UNIT_WAIT(status_of(state).connected);
	/* Nothing changed: nothing was swapped. */
	ck_assert_uint_eq(status_of(state).generation, before.generation);
	ck_assert(!status_of(state).refused);
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_flushall)
{
	struct fixture f;
	struct ph_state *state;
	g_autofree char *organization = NULL;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	organization = organization_of(state);
	fixture_do(&f, "FLUSHALL");
	await_refusal(state, "no meta");
	ck_assert_int_eq(priority(state, "A"), 1);

	/* Whoever restores the data needs to adopt nothing. */
	set_rule(&f, "A", 5);
	set_meta(&f, organization);
	UNIT_WAIT(priority(state, "A") == 5);
	ck_assert(!status_of(state).refused);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_meta_deleted)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_meta(&f, ORG_A);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	fixture_do(&f, "DEL posthub:meta");
	await_refusal(state, "no meta");
	set_meta(&f, ORG_A);
	UNIT_WAIT(!status_of(state).refused);
	set_meta(&f, ORG_B);
	await_refusal(state, ORG_B);
	set_rule(&f, "A", 2);
	set_meta(&f, ORG_A);
	UNIT_WAIT(priority(state, "A") == 2);

	/* A meta that cannot be read is a bad edit like any other. */
	set_meta(&f, "nonsense");
	UNIT_WAIT(error_has(state, "meta", "kept: meta: Organization"));
	ck_assert(!status_of(state).refused);
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_half_gone_meanwhile)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	for (int i = 0; i < 15; i++) {
		g_autofree char *name = g_strdup_printf("R%d", i);

		set_rule(&f, name, i);
	}
	state = state_open(&f);
	ph_state_close(&state);
	for (int i = 0; i < 12; i++) {
		g_autofree char *line =
		    g_strdup_printf("DEL posthub:rule:R%d", i);

		fixture_do(&f, line);
	}
	state = state_open(&f);
	await_refusal(state, "12 of 15");
	ck_assert_uint_eq(count_rules(state), 15);
	fixture_do(&f, "HSET posthub:meta Adopted 2026-11-21T10:00:00.000Z");
	UNIT_WAIT(count_rules(state) == 3);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_start_from_disk)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	set_rule(&f, "A", 2);
	UNIT_WAIT(priority(state, "A") == 2);
	ph_state_close(&state);
	fixture_do(&f, "SAVE");
	fixture_kill(&f);

	/* Who waited for it would be stopped as a test that lasts too long. */
	state = state_open_derived(&f, "timeout = 60s\n", NULL);
	ck_assert_int_eq(priority(state, "A"), 2);
	ck_assert(!status_of(state).connected);
	UNIT_WAIT(status_file_is(&f, false, false, 0));
	fixture_run(&f);
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_start_with_nothing)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_state_status status;
	int64_t took;

	fixture_init(&f, NULL, false);
	took = ph_clock_mono();
	state = state_open_derived(&f, "timeout = 300ms\n", NULL);
	took = ph_clock_mono() - took;
	ck_assert_int_ge(took, 290);
	ck_assert_int_lt(took, 3000);
	ck_assert_ptr_null(ph_state_take(state));
	status = status_of(state);
	ck_assert(!status.connected);
	ck_assert(!status.refused);
	ck_assert_msg(strstr(status.reason, f.socket) != NULL, "%s",
		      status.reason);
	ck_assert_uint_eq(status.generation, 0);
	fixture_run(&f);
	UNIT_WAIT(priority(state, "A") == NO_RULE);
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_damaged_snapshot)
{
	struct fixture f;
	struct ph_state *state;
	g_autofree char *path = NULL;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	ph_state_close(&state);
	path = g_build_filename(f.dir, "state", PROGRAM ".snapshot", NULL);
	ck_assert_int_eq(truncate(path, 20), 0);
	state = state_open(&f);
	ck_assert_int_eq(priority(state, "A"), 1);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_no_state_dir)
{
	struct fixture f;
	struct ph_state *state;
	g_autofree char *path = NULL;

	fixture_start(&f);
	path = g_build_filename(f.dir, "state", NULL);
	ck_assert(g_file_set_contents(path, "a file", -1, NULL));
	state = state_open(&f);
	assert_follows(&f, state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

/* Each of the pair, alone. The administrator's own connection is spared. */
static const char *const pair[] = {"CLIENT KILL TYPE pubsub",
				   "CLIENT KILL TYPE normal SKIPME yes"};

START_TEST(test_pair_broken)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	state = state_open(&f);
	for (size_t i = 0; i < G_N_ELEMENTS(pair); i++) {
		assert_follows(&f, state);
		ck_assert_int_ge(fixture_do(&f, pair[i]), 1);
		assert_follows(&f, state);
	}
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_stopped_server)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open_derived(&f, "timeout = 400ms\n", NULL);
	kill(f.pid, SIGSTOP);
	UNIT_WAIT(!status_of(state).connected);
	ck_assert_int_eq(priority(state, "A"), 1);
	kill(f.pid, SIGCONT);
	assert_follows(&f, state);
	kill(f.pid, SIGSTOP);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_status_file)
{
	struct fixture f;
	struct ph_state *state;
	json_t *root;
	json_t *error;
	int64_t since;

	fixture_start(&f);
	fixture_do(&f, "HSET posthub:rule:\xff Priority many");
	state = state_open(&f);
	UNIT_WAIT(status_file_is(&f, true, false, 1));
	root = read_status(&f);
	ck_assert_str_eq(json_string_value(json_object_get(root, "program")),
			 PROGRAM);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "pid")),
			 getpid());
	ck_assert_int_eq(
	    json_integer_value(json_object_get(root, "generation")), 1);
	ck_assert_str_eq(json_string_value(json_object_get(root, "reason")),
			 "");
	ck_assert_int_eq(
	    ph_parse_date(json_string_value(json_object_get(root, "since")),
			  &since, NULL),
	    0);
	ck_assert_int_eq(since, status_of(state).since);
	error = json_array_get(json_object_get(root, "errors"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(error, "key")),
			 "rule:\xef\xbf\xbd");
	ck_assert(json_is_false(json_object_get(error, "kept")));
	ck_assert_ptr_nonnull(strstr(
	    json_string_value(json_object_get(error, "text")), "Priority"));
	json_decref(root);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/state_away", test_founding, test_meta,
	  test_restarted_empty, test_restarted_with_data, test_flushall,
	  test_meta_deleted, test_half_gone_meanwhile, test_start_from_disk,
	  test_start_with_nothing, test_damaged_snapshot, test_no_state_dir,
	  test_pair_broken, test_stopped_server, test_status_file)
