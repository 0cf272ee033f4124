#include "lib/state/redis.h"

#include "lib/base/clock.h"
#include "tests/unit/lib/state/redis_fixture.h"

#include <stdlib.h>
#include <sys/eventfd.h>

static const char *const prefixes[] = {"posthub:rule:", "posthub:meta", NULL};

static struct ph_redis_watch *
watch_open(struct ph_redis *redis)
{
	struct ph_redis_watch *watch = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_redis_watch_open(redis, prefixes, &watch, &err) == 0,
		      "%s", err.text);
	return watch;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Waits until so many keys were reported; joined and sorted, "*" for
 * everything. */
static char *
watch_keys(struct ph_redis_watch *watch, size_t n)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	struct ph_err err = PH_ERR_INIT;

	while (all->len < n) {
		char **keys = NULL;
		const int r =
		    ph_redis_watch_wait(watch, FIXTURE_WAIT, &keys, &err);

		ck_assert_msg(r == 1, "%d: %s", r, err.text);
		if (keys == NULL)
			return g_strdup("*");
		for (size_t i = 0; keys[i] != NULL; i++)
			g_ptr_array_add(all, keys[i]);
		g_free(keys);
	}
	qsort(all->pdata, all->len, sizeof(void *), compare_words);
	g_ptr_array_add(all, NULL);
	return g_strjoinv(",", (char **)all->pdata);
}

static void
assert_watch(struct ph_redis_watch *watch, size_t n, const char *expected)
{
	g_autofree char *keys = watch_keys(watch, n);

	ck_assert_str_eq(keys, expected);
}

START_TEST(test_watch)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	char **keys = NULL;

	fixture_start(&f);
	watch = watch_open(f.admin);
	ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, NULL), 0);

	fixture_do(&f, "HSET posthub:rule:Secret Priority 1");
	assert_watch(watch, 1, "rule:Secret");
	fixture_do(&f, "HSET posthub:meta Schema 1");
	assert_watch(watch, 1, "meta");
	fixture_do(&f, "DEL posthub:rule:Secret");
	assert_watch(watch, 1, "rule:Secret");
	fixture_do(&f, "HSET posthub:server:A Site B");
	fixture_do(&f, "HSET rule:A Priority 1");
	ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, NULL), 0);

	fixture_do(&f, "FLUSHALL");
	assert_watch(watch, 1, "*");
	ph_redis_watch_close(&watch);
	ck_assert_ptr_null(watch);
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_multi)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	const struct ph_command commands[] = {
	    COMMAND("HSET", "posthub:rule:A", "Priority", "1"),
	    COMMAND("HSET", "posthub:meta", "Schema", "1"),
	    COMMAND("HSET", "posthub:rule:B", "Priority", "2")};
	struct ph_reply *replies[3] = {NULL};

	fixture_start(&f);
	watch = watch_open(f.admin);
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, 3, true, replies, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		ph_reply_free(&replies[i]);
	assert_watch(watch, 3, "meta,rule:A,rule:B");
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_reads)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	const struct ph_command commands[] = {
	    COMMAND("HGET", "posthub:rule:A", "Priority")};
	struct ph_reply *replies[1] = {NULL};

	fixture_start(&f);
	watch = watch_open(f.admin);
	fixture_do(&f, "HSET posthub:rule:A Priority 7");
	assert_watch(watch, 1, "rule:A");
	ck_assert_int_eq(
	    ph_redis_watch_pipeline(watch, commands, 1, true, replies, NULL),
	    0);
	ck_assert_str_eq(ph_reply_text(replies[0], NULL), "7");
	ph_reply_free(&replies[0]);
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_overlap)
{
	static const char *const overlap[] = {
	    "posthub:", "posthub:rule:", NULL};
	struct fixture f;
	struct ph_redis_watch *watch = NULL;
	struct ph_err err = PH_ERR_INIT;

	fixture_start(&f);
	ck_assert_int_eq(ph_redis_watch_open(f.admin, overlap, &watch, &err),
			 -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_ptr_nonnull(strstr(err.text, "overlaps"));
	ck_assert_ptr_null(watch);
	fixture_stop(&f);
}
END_TEST

/* Each of the pair, alone. */
static const char *const pair[] = {"CLIENT KILL TYPE pubsub",
				   "CLIENT KILL TYPE normal SKIPME yes"};

START_TEST(test_watch_broken)
{
	struct fixture f;

	fixture_start(&f);
	for (size_t i = 0; i < G_N_ELEMENTS(pair); i++) {
		struct ph_redis *redis = fixture_redis_with(&f, "");
		struct ph_redis_watch *watch = watch_open(redis);
		char **keys = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, &err), 0);
		ck_assert_int_eq(fixture_do(&f, pair[i]), 1);
		ck_assert_int_eq(ph_redis_watch_wait(watch, 0, &keys, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		ph_redis_watch_close(&watch);
		ph_redis_close(&redis);
	}
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_stopped_server)
{
	struct fixture f;
	struct ph_redis *redis;
	struct ph_redis_watch *watch;
	char **keys = NULL;
	int64_t took;

	fixture_start(&f);
	redis = fixture_redis_with(&f, "timeout = 300ms\n");
	watch = watch_open(redis);
	kill(f.pid, SIGSTOP);
	took = ph_clock_mono();
	ck_assert_int_eq(ph_redis_watch_wait(watch, 50, &keys, NULL), -1);
	took = ph_clock_mono() - took;
	ck_assert_int_ge(took, 340);
	ck_assert_int_lt(took, 1500);
	ph_redis_watch_close(&watch);
	ph_redis_close(&redis);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_flood)
{
	enum {
		N = 20000,
	};
	struct fixture f;
	struct ph_redis_watch *watch;
	g_autofree struct ph_command *commands = g_new0(struct ph_command, N);
	g_autofree struct ph_reply **replies = g_new0(struct ph_reply *, N);
	g_autofree char *keys = NULL;
	size_t commas = 0;

	fixture_start(&f);
	watch = watch_open(f.admin);
	for (size_t i = 0; i < N; i++) {
		const char **args = g_new0(const char *, 3);

		args[0] = "SET";
		args[1] = g_strdup_printf("posthub:rule:%zu", i);
		args[2] = "x";
		commands[i] = (struct ph_command){3, args, NULL};
	}
	ck_assert_int_eq(
	    ph_redis_pipeline(f.admin, commands, N, false, replies, NULL), 0);
	for (size_t i = 0; i < N; i++) {
		ph_reply_free(&replies[i]);
		g_free((void *)(uintptr_t)commands[i].args[1]);
		g_free((void *)(uintptr_t)commands[i].args);
	}
	keys = watch_keys(watch, N);
	for (const char *p = keys; *p != '\0'; p++)
		commas += *p == ',';
	ck_assert_uint_eq(commas, N - 1);
	ck_assert_ptr_nonnull(strstr(keys, "rule:19999"));
	ph_redis_watch_close(&watch);
	fixture_stop(&f);
}
END_TEST

START_TEST(test_watch_wake)
{
	struct fixture f;
	struct ph_redis_watch *watch;
	char **keys = NULL;
	const uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	fixture_start(&f);
	watch = watch_open(f.admin);
	ph_redis_watch_set_wake(watch, fd);
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	/* Longer than the test may last. */
	ck_assert_int_eq(ph_redis_watch_wait(watch, 600000, &keys, NULL), 0);
	ph_redis_watch_close(&watch);
	close(fd);
	fixture_stop(&f);
}
END_TEST

UNIT_MAIN("lib/state/redis_watch", test_watch, test_watch_multi,
	  test_watch_reads, test_watch_overlap, test_watch_broken,
	  test_watch_stopped_server, test_watch_flood, test_watch_wake)
