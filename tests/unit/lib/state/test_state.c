#include "lib/state/state.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/state/state_fixture.h"

START_TEST(test_change)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_state_status before;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	ck_assert_int_eq(priority(state, "A"), 1);
	ck_assert_int_eq(priority(state, "a"), 1);
	before = status_of(state);
	ck_assert(before.connected);
	ck_assert(!before.refused);
	ck_assert_str_eq(before.reason, "");

	set_rule(&f, "A", 2);
	UNIT_WAIT(priority(state, "A") == 2);
	ck_assert_uint_gt(status_of(state).generation, before.generation);

	set_rule(&f, "B", 3);
	UNIT_WAIT(priority(state, "B") == 3);
	fixture_do(&f, "DEL posthub:rule:A");
	UNIT_WAIT(priority(state, "A") == NO_RULE);
	ck_assert_int_eq(priority(state, "B"), 3);
	ph_state_close(&state);
	ck_assert_ptr_null(state);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_redis_cli)
{
	struct fixture f;
	struct ph_state *state;
	char *argv[] = {(char *)"redis-cli",
			(char *)"-s",
			NULL,
			(char *)"HSET",
			(char *)"posthub:rule:By Hand",
			(char *)"Priority",
			(char *)"7",
			(char *)"SubjectContainsWords",
			(char *)"secret",
			(char *)"PrependSubject",
			(char *)"[x] ",
			NULL};

	fixture_start(&f);
	state = state_open(&f);
	argv[2] = f.socket;
	ck_assert(g_spawn_sync(NULL, argv, NULL,
			       G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			       NULL, NULL, NULL, NULL, NULL, NULL));
	UNIT_WAIT(priority(state, "By Hand") == 7);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_bad_edit)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_state_status status;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	fixture_do(&f, "HSET posthub:rule:A Priority many");
	UNIT_WAIT(error_has(state, "rule:A", "kept: rule A: Priority"));
	ck_assert_int_eq(priority(state, "A"), 1);
	ck_assert_uint_eq(status_of(state).n_errors, 1);
	UNIT_WAIT(status_file_is(&f, true, false, 1));

	/* Others go on changing meanwhile. */
	assert_follows(&f, state);
	ck_assert_int_eq(priority(state, "A"), 1);

	fixture_do(&f, "HSET posthub:rule:New Priority many");
	UNIT_WAIT(error_has(state, "rule:New", "gone: rule New: Priority"));
	ck_assert_int_eq(priority(state, "New"), NO_RULE);
	ck_assert_uint_eq(status_of(state).n_errors, 2);

	fixture_do(&f, "HSET posthub:rule:A Priority 5");
	UNIT_WAIT(priority(state, "A") == 5);
	ck_assert(error_has(state, "rule:A", ""));
	fixture_do(&f, "DEL posthub:rule:New");
	UNIT_WAIT(error_has(state, "rule:New", ""));
	status = status_of(state);
	ck_assert_uint_eq(status.n_errors, 0);
	UNIT_WAIT(status_file_is(&f, true, false, 0));
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_bad_edit_then_deleted)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	state = state_open(&f);
	fixture_do(&f, "HSET posthub:rule:A Priority many");
	UNIT_WAIT(error_has(state, "rule:A", "kept: "));
	fixture_do(&f, "DEL posthub:rule:A");
	UNIT_WAIT(priority(state, "A") == NO_RULE);
	ck_assert(error_has(state, "rule:A", ""));
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_wrong_type)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_rule(&f, "A", 1);
	fixture_do(&f, "SET posthub:rule:B x");
	fixture_do(&f, "HSET posthub:dataclassification:P a b");
	state = state_open(&f);
	ck_assert(error_has(state, "rule:B", "gone: rule B: not a Redis hash"));
	ck_assert(
	    error_has(state, "dataclassification:P", "not a Redis string"));
	ck_assert_int_eq(priority(state, "A"), 1);
	fixture_do(&f, "SET posthub:rule:A x");
	UNIT_WAIT(error_has(state, "rule:A", "kept: rule A: not a Redis"));
	ck_assert_int_eq(priority(state, "A"), 1);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_nul_in_value)
{
	struct fixture f;
	struct ph_state *state;
	const char *const args[] = {"HSET", "posthub:rule:A", "Priority",
				    "1\0002"};
	const size_t sizes[] = {4, strlen(args[1]), strlen(args[2]), 3};
	const struct ph_command command = {4, args, sizes};
	struct ph_reply *reply = NULL;

	fixture_start(&f);
	set_rule(&f, "A", 9);
	state = state_open(&f);
	ck_assert_int_eq(ph_redis_callv(f.admin, &command, &reply, NULL), 0);
	ph_reply_free(&reply);
	UNIT_WAIT(error_has(state, "rule:A", "NUL"));
	ck_assert_int_eq(priority(state, "A"), 9);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

/* A small one; blanks would end a word of fixture_do. */
#define PACKAGE                                                          \
	"<RulePackage><Rules>"                                           \
	"<Entity\tid='00000000-0000-0000-0000-000000000002'>"            \
	"<Pattern\tconfidenceLevel='75'><IdMatch\tidRef='R'/></Pattern>" \
	"</Entity><Regex\tid='R'>[0-9]</Regex>"                          \
	"<LocalizedStrings>"                                             \
	"<Resource\tidRef='00000000-0000-0000-0000-000000000002'>"       \
	"<Name>T</Name></Resource></LocalizedStrings>"                   \
	"</Rules></RulePackage>"

START_TEST(test_string_kind_and_singleton)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_snapshot *snapshot;
	const struct ph_object *object;

	fixture_start(&f);
	state = state_open(&f);
	fixture_do(&f, "SET posthub:dataclassification:P " PACKAGE);
	fixture_do(&f, "HSET posthub:transportconfig MaxReceiveSize 20MB");
	assert_follows(&f, state);
	snapshot = ph_state_take(state);
	object = ph_snapshot_find(snapshot, "dataclassification", "P");
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(ph_object_text(object, "Value"), PACKAGE);
	object = ph_snapshot_find(snapshot, "transportconfig", "");
	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(ph_object_int(object, "MaxReceiveSize"),
			 INT64_C(20) * 1024 * 1024);
	ph_snapshot_unref(&snapshot);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_bad_package)
{
	struct fixture f;
	struct ph_state *state;
	struct ph_snapshot *snapshot;
	const struct ph_object *object;

	fixture_start(&f);
	fixture_do(&f, "SET posthub:dataclassification:P " PACKAGE);
	state = state_open(&f);
	fixture_do(&f, "SET posthub:dataclassification:P <RulePackage>");
	UNIT_WAIT(error_has(state, "dataclassification:P",
			    "kept: dataclassification P: Value: line 1: "));
	snapshot = ph_state_take(state);
	object = ph_snapshot_find(snapshot, "dataclassification", "P");
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(ph_object_text(object, "Value"), PACKAGE);
	ph_snapshot_unref(&snapshot);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

static size_t
count_objects(struct ph_state *state)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	size_t n = 0;

	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++) {
		size_t of_kind = 0;

		if ((k->flags & PH_KIND_DIRECTORY) == 0)
			(void)ph_snapshot_list(snapshot, k->name, &of_kind);
		n += of_kind;
	}
	ph_snapshot_unref(&snapshot);
	return n;
}

START_TEST(test_keys_of_others)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	state = state_open(&f);
	fixture_do(&f, "HSET posthub:metabolism a b");
	fixture_do(&f, "HSET posthub:recipient:nuno@example.test "
		       "RecipientType UserMailbox");
	fixture_do(&f, "SET posthub:alive:MBX1:transport x");
	fixture_do(&f, "HSET posthub:Rule:A Priority x");
	assert_follows(&f, state);
	/* meta and rule:Last. */
	ck_assert_uint_eq(count_objects(state), 2);
	ck_assert_uint_eq(status_of(state).n_errors, 0);
	/* And none of it in a first read. */
	ph_state_close(&state);
	state = state_open(&f);
	ck_assert_uint_eq(count_objects(state), 2);
	ck_assert_uint_eq(status_of(state).n_errors, 0);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_case_collision)
{
	struct fixture f;
	struct ph_state *state;

	fixture_start(&f);
	set_rule(&f, "Secret", 1);
	state = state_open(&f);
	set_rule(&f, "SECRET", 2);
	UNIT_WAIT(error_has(state, "rule:SECRET", "in case alone"));
	ck_assert(error_has(state, "rule:Secret", "kept: rule Secret"));
	ck_assert(error_has(state, "rule:SECRET", "gone: rule SECRET"));
	ck_assert_int_eq(priority(state, "Secret"), 1);

	/* Neither's newest value counts while they collide. */
	set_rule(&f, "Secret", 3);
	assert_follows(&f, state);
	ck_assert_int_eq(priority(state, "Secret"), 1);

	/* Nor after a restart, which reads everything. */
	ph_state_close(&state);
	state = state_open(&f);
	ck_assert_int_eq(priority(state, "Secret"), 1);
	ck_assert(error_has(state, "rule:Secret", "kept: "));

	fixture_do(&f, "DEL posthub:rule:SECRET");
	UNIT_WAIT(priority(state, "Secret") == 3);
	ck_assert_uint_eq(status_of(state).n_errors, 0);

	/* The one in force goes, the other stays. */
	set_rule(&f, "SECRET", 4);
	UNIT_WAIT(status_of(state).n_errors == 2);
	fixture_do(&f, "DEL posthub:rule:Secret");
	UNIT_WAIT(priority(state, "secret") == 4);
	ck_assert_uint_eq(status_of(state).n_errors, 0);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

/* Counts snapshots in which two keys that change together differ. */
struct pairing {
	gint seen;
	gint torn;
};

static void *
pairing_build(const struct ph_snapshot *snapshot, const void *previous,
	      void *context, struct ph_err *err)
{
	struct pairing *pairing = context;
	const struct ph_object *rule = ph_snapshot_find(snapshot, "rule", "A");
	const struct ph_object *link =
	    ph_snapshot_find(snapshot, "sitelink", "L");

	(void)previous;
	(void)err;
	if (rule == NULL || link == NULL)
		return NULL;
	g_atomic_int_inc(&pairing->seen);
	if (ph_object_int(rule, "Priority") != ph_object_int(link, "Cost"))
		g_atomic_int_inc(&pairing->torn);
	return NULL;
}

static void
pairing_free(void *derived)
{
	ck_assert_ptr_null(derived);
}

static void
set_together(struct fixture *f, const char *value)
{
	const char *const rule[] = {
	    "HSET", "posthub:rule:A", "Priority", value, "SubjectContainsWords",
	    "x",    "PrependSubject", "y"};
	const char *const link[] = {
	    "HSET", "posthub:sitelink:L", "Sites", "a,b", "Cost", value};
	const struct ph_command commands[] = {{8, rule, NULL}, {6, link, NULL}};
	struct ph_reply *replies[2] = {NULL};

	ck_assert_int_eq(
	    ph_redis_pipeline(f->admin, commands, 2, true, replies, NULL), 0);
	ph_reply_free(&replies[0]);
	ph_reply_free(&replies[1]);
}

START_TEST(test_multi_is_atomic)
{
	struct fixture f;
	struct ph_state *state;
	struct pairing pairing = {0, 0};
	const struct ph_derive derive[] = {
	    {"pairing", pairing_build, pairing_free, &pairing},
	    {NULL, NULL, NULL, NULL},
	};

	fixture_start(&f);
	state = state_open_derived(&f, "", derive);
	for (int i = 1; i <= 1000; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);
		g_autofree char *touch =
		    g_strdup_printf("HSET posthub:rule:A Comments %d", i);

		/* The daemon is about to read one of the two keys when both
		 * change. */
		fixture_do(&f, touch);
		set_together(&f, value);
		if (i % 50 == 0)
			UNIT_WAIT(priority(state, "A") == i);
	}
	ck_assert_int_gt(g_atomic_int_get(&pairing.seen), 5);
	ck_assert_int_eq(g_atomic_int_get(&pairing.torn), 0);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_big_batch)
{
	enum {
		N = 12000,
	};
	struct fixture f;
	struct ph_state *state;
	g_autofree struct ph_command *commands = g_new0(struct ph_command, N);
	g_autofree struct ph_reply **replies = g_new0(struct ph_reply *, N);

	fixture_start(&f);
	state = state_open(&f);
	for (size_t i = 0; i < N; i++) {
		const char **args = g_new0(const char *, 4);

		args[0] = "HSET";
		args[1] = g_strdup_printf("posthub:rule:R%zu", i);
		args[2] = "Priority";
		args[3] = "1";
		commands[i] = (struct ph_command){4, args, NULL};
	}
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, N, true, replies, NULL), 0);
	for (size_t i = 0; i < N; i++) {
		ph_reply_free(&replies[i]);
		g_free((void *)(uintptr_t)commands[i].args[1]);
		g_free((void *)(uintptr_t)commands[i].args);
	}
	UNIT_WAIT(count_rules(state) == N);
	ph_state_close(&state);
	/* And at the start. */
	state = state_open_derived(&f, "timeout = 20s\n", NULL);
	ck_assert_uint_eq(count_rules(state), N);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_deletions_are_orders)
{
	struct fixture f;
	struct ph_state *state;
	g_autoptr(GString) line = g_string_new("DEL");

	fixture_start(&f);
	for (int i = 0; i < 20; i++) {
		g_autofree char *name = g_strdup_printf("R%d", i);

		set_rule(&f, name, i);
		g_string_append_printf(line, " posthub:rule:%s", name);
	}
	state = state_open(&f);
	ck_assert_uint_eq(count_rules(state), 20);
	fixture_do(&f, line->str);
	UNIT_WAIT(count_rules(state) == 0);
	ck_assert(!status_of(state).refused);
	ph_state_close(&state);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_read_once)
{
	struct fixture f;
	struct ph_snapshot *snapshot = NULL;
	const struct ph_snapshot_error *errors;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	set_meta(&f, ORG_A);
	set_rule(&f, "A", 1);
	fixture_do(&f, "HSET posthub:rule:B Priority many");
	ck_assert_int_eq(ph_state_read(f.admin, NULL, &snapshot, &err), 0);
	ck_assert_str_eq(ph_snapshot_organization(snapshot), ORG_A);
	ck_assert_ptr_nonnull(ph_snapshot_find(snapshot, "rule", "A"));
	ck_assert_uint_eq(ph_snapshot_errors(snapshot, &errors), 1);
	ck_assert_str_eq(errors[0].key, "rule:B");
	ph_snapshot_unref(&snapshot);
	fixture_kill(&f);
	ck_assert_int_eq(ph_state_read(f.admin, NULL, &snapshot, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_bad_configuration)
{
	struct fixture f;
	struct ph_conf *conf;
	struct ph_state *state = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_init(&f, NULL, false);
	conf = fixture_conf(&f, "[redis]\nurl = rediss://h\n");
	ck_assert_int_eq(ph_state_open(conf, PROGRAM, NULL, &state, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_null(state);
	ph_conf_free(&conf);
	fixture_stop(&f);
}
END_TEST

static void
check_prefix(struct fixture *f, const char *prefix)
{
	g_autofree char *more =
	    g_strdup_printf("timeout = 10s\nprefix = %s\n", prefix);
	g_autofree char *first = g_strdup_printf(
	    "HSET %srule:A Priority 1 SubjectContainsWords x PrependSubject y",
	    prefix);
	g_autofree char *second =
	    g_strdup_printf("HSET %srule:A Priority 2", prefix);
	struct ph_state *state;

	fixture_do(f, "FLUSHALL");
	fixture_do(f, first);
	state = state_open_derived(f, more, NULL);
	ck_assert_int_eq(priority(state, "A"), 1);
	fixture_do(f, second);
	UNIT_WAIT(priority(state, "A") == 2);
	ph_state_close(&state);
}

START_TEST(test_strange_prefix)
{
	static const char *const prefixes[] = {"{posthub}:", "a*[b]?-^:", "r"};

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		struct fixture f;

		fixture_start(&f);
		check_prefix(&f, prefixes[i]);
		fixture_stop(&f);
	}
}
END_TEST

struct taker {
	struct ph_state *state;
	gint stop;
	gint taken;
};

static void *
taker_main(void *data)
{
	struct taker *taker = data;

	while (!g_atomic_int_get(&taker->stop))
		if (priority(taker->state, "Last") != NO_STATE)
			g_atomic_int_inc(&taker->taken);
	return NULL;
}

START_TEST(test_threads)
{
	struct fixture f;
	struct taker taker = {NULL, 0, 0};
	GThread *threads[3];

	fixture_start(&f);
	taker.state = state_open(&f);
	for (size_t i = 0; i < 3; i++)
		threads[i] = g_thread_new("taker", taker_main, &taker);
	for (int i = 0; i < 50; i++)
		assert_follows(&f, taker.state);
	g_atomic_int_set(&taker.stop, 1);
	for (size_t i = 0; i < 3; i++)
		g_thread_join(threads[i]);
	ck_assert_int_gt(taker.taken, 0);
	ph_state_close(&taker.state);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/state", test_change, test_redis_cli, test_bad_edit,
	  test_bad_edit_then_deleted, test_wrong_type, test_nul_in_value,
	  test_string_kind_and_singleton, test_bad_package, test_keys_of_others,
	  test_case_collision, test_multi_is_atomic, test_big_batch,
	  test_deletions_are_orders, test_read_once, test_bad_configuration,
	  test_strange_prefix, test_threads)
