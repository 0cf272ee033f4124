#include "lib/directory/status.h"
#include "tests/unit/lib/directory/shared.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

/* ---- room --------------------------------------------------------------- */

static int64_t
size_of_file(struct host *h)
{
	g_autofree char *data = NULL;
	gsize size;

	ck_assert(g_file_get_contents(h->place.path, &data, &size, NULL));
	return (int64_t)size;
}

/* More than the cache, or even the file, can hold: some of it is known. */
START_TEST(test_small)
{
	static const struct {
		int64_t size, map_size;
	} rooms[] = {
	    {256 * KB, MAP_SIZE}, {1024 * KB, 1024 * KB}, {1, 100 * KB}};
	struct host h;

	host_make(&h);
	h.size = rooms[_i].size;
	h.map_size = rooms[_i].map_size;
	for (unsigned round = 0; round < 10; round++) {
		host_open(&h, true);
		h.source.entry = people_mailbox("a@test.org", "");
		ck_assert_uint_eq(
		    count_known(&h, round * 1000, (round + 1) * 1000), 1000);
		host_close(&h);
		now++;
	}
	ck_assert_int_le(size_of_file(&h),
			 MIN(4 * h.size + 300 * KB, h.map_size));
	away(&h, false);
	if (h.size > 1)
		ck_assert_uint_gt(count_known(&h, 9000, 10000), 300);
	ck_assert_uint_eq(count_known(&h, 0, 1000), 0);
	host_free(&h);
}
END_TEST

/* Room for less than what is there already: older answers make way. */
START_TEST(test_made_smaller)
{
	struct host h;

	host_make(&h);
	h.size = INT64_C(4) << 20;
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	ck_assert_uint_eq(count_known(&h, 0, 8000), 8000);
	host_close(&h);
	h.size = 64 * KB;
	now++;
	learn(&h, "last@test.org", "a@test.org");
	learn(&h, "last@test.org", "a@test.org");
	now += 300;
	learn(&h, "last@test.org", "a@test.org");
	away(&h, false);
	ck_assert_str_eq(people_find(h.directory, "last@test.org"),
			 "a@test.org");
	ck_assert_uint_lt(count_known(&h, 0, 8000), 7000);
	host_free(&h);
}
END_TEST

/* There is no room for a single page more: most of it goes, not the mail. */
START_TEST(test_map_made_smaller)
{
	struct host h;

	host_make(&h);
	h.size = INT64_C(4) << 20;
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	ck_assert_uint_eq(count_known(&h, 0, 8000), 8000);
	host_close(&h);
	h.map_size = 64 * KB;
	for (int i = 0; i < 3; i++) {
		now += 300;
		learn(&h, "last@test.org", "a@test.org");
	}
	away(&h, false);
	ck_assert_str_eq(people_find(h.directory, "last@test.org"),
			 "a@test.org");
	host_free(&h);
}
END_TEST

/* Looks into the file, and stands still in that. */
static pid_t
stand_still(struct host *h)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		MDB_env *env;
		MDB_txn *txn;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mdb_env_create(&env) == 0 &&
		    mdb_env_open(env, h->place.path, MDB_NOSUBDIR | MDB_RDONLY,
				 0600) == 0 &&
		    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 &&
		    write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

/* No page can be used again: the file fills up, and is begun anew. */
START_TEST(test_full)
{
	g_autofree char *aside = NULL;
	struct host h;
	pid_t pid;

	host_make(&h);
	h.map_size = 1024 * KB;
	learn(&h, "first@test.org", "a@test.org");
	pid = stand_still(&h);
	for (unsigned i = 0; i < 20; i++) {
		host_open(&h, true);
		h.source.entry = people_mailbox("a@test.org", "");
		ck_assert_uint_eq(count_known(&h, i * 500, i * 500 + 500), 500);
		host_close(&h);
	}
	aside = g_strconcat(h.place.path, ".full", NULL);
	ck_assert(g_file_test(aside, G_FILE_TEST_EXISTS));
	away(&h, false);
	ck_assert_uint_gt(count_known(&h, 9500, 10000), 300);
	host_free(&h);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* ---- a writer that is killed -------------------------------------------- */

static void
write_until_killed(struct place *p, unsigned n)
{
	struct host h = {.place = *p,
			 .origin = "here",
			 .size = INT64_C(8) << 20,
			 .map_size = MAP_SIZE};

	now = START;
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	(void)count_known(&h, 0, n);
	/* The same again, so that there is always something to write. */
	now += 300;
	for (unsigned i = 0;; i++)
		(void)count_known(&h, i % n, i % n + 1);
}

START_TEST(test_killed)
{
	g_autofree char *aside = NULL;
	struct host h;

	host_make(&h);
	for (unsigned round = 1; round < 6; round++) {
		g_autofree char *last =
		    g_strdup_printf("%u@test.org", round * 1000 - 1);
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_until_killed(&h.place, round * 1000);
		}
		away(&h, false);
		while (strcmp(people_find(h.directory, last), TEMP) == 0)
			g_usleep(1000);
		host_close(&h);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		/* Whole: a reader looks through it, and nothing was lost that
		 * was written before. */
		away(&h, false);
		ck_assert_uint_eq(count_known(&h, 0, 100), 100);
		host_close(&h);
	}
	aside = g_strconcat(h.place.path, ".damaged", NULL);
	ck_assert(!g_file_test(aside, G_FILE_TEST_EXISTS));
	host_free(&h);
}
END_TEST

/* ---- threads ------------------------------------------------------------ */

static void *
look_up(void *data)
{
	struct host *h = data;

	return GSIZE_TO_POINTER(count_known(h, 0, 2000));
}

START_TEST(test_threads)
{
	enum { THREADS = 20 };
	GThread *threads[THREADS];
	struct host h;

	host_make(&h);
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("look", look_up, &h);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])),
				  2000);
	host_close(&h);
	away(&h, false);
	/* However slow the keeper is, 10,000 answers may wait for it, of which
	 * each thread has its share. */
	ck_assert_uint_ge(count_known(&h, 0, 2000), 10000 / THREADS);
	host_free(&h);
}
END_TEST

/* The file is taken away while it is in use: there is another soon. */
START_TEST(test_removed)
{
	struct host h;
	bool there = false;

	host_make(&h);
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	ck_assert_uint_eq(count_known(&h, 0, 10), 10);
	ck_assert_int_eq(unlink(h.place.path), 0);
	for (unsigned i = 10; i < 1000 && !there; i++) {
		ck_assert_uint_eq(count_known(&h, i, i + 1), 1);
		there = g_file_test(h.place.path, G_FILE_TEST_EXISTS);
		g_usleep(20000);
	}
	ck_assert(there);
	host_free(&h);
}
END_TEST

/* In place: the file is mapped. */
static void
spoil_answers(struct host *h)
{
	g_autofree char *data = NULL;
	char *at;
	gsize size;
	int fd = open(h->place.path, O_WRONLY | O_CLOEXEC), n = 0;

	ck_assert(g_file_get_contents(h->place.path, &data, &size, NULL));
	for (at = data; (at = memmem(at, size - (gsize)(at - data),
				     "UserMailbox", 11)) != NULL;
	     at++, n++)
		ck_assert_int_eq(pwrite(fd, "X", 1, at - data), 1);
	ck_assert_int_gt(n, 0);
	close(fd);
}

START_TEST(test_damaged_in_use)
{
	g_autofree char *aside = NULL;
	struct host h;

	host_make(&h);
	aside = g_strconcat(h.place.path, ".damaged", NULL);
	learn(&h, "a@test.org", "a@test.org");
	host_open(&h, true);
	h.source.entry = people_mailbox("new@test.org", "");
	spoil_answers(&h);
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "new@test.org source 0");
	while (!g_file_test(aside, G_FILE_TEST_EXISTS))
		g_usleep(10000);
	host_close(&h);
	learn(&h, "b@test.org", "b@test.org");
	away(&h, false);
	ck_assert_str_eq(people_find(h.directory, "b@test.org"), "b@test.org");
	host_free(&h);
}
END_TEST

/* ---- the status --------------------------------------------------------- */

START_TEST(test_status)
{
	struct ph_directory_status status;
	struct host h;
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;

	host_make(&h);
	path = g_build_filename(h.place.dir, "directory.status", NULL);
	learn(&h, "a@test.org", "a@test.org");
	host_open(&h, true);
	ck_assert(ph_directory_status_read(path, &status));
	ck_assert(!status.connected);
	host_close(&h);
	now += 300;
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	(void)people_find(h.directory, "a@test.org");
	do {
		g_usleep(10000);
		ck_assert(ph_directory_status_read(path, &status));
	} while (!status.connected);
	ck_assert_str_eq(status.reason, "");
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_ptr_nonnull(strstr(text, "\"entries\": 1"));
	h.source.error = PH_ERR_TEMP;
	(void)people_find(h.directory, "b@test.org");
	do {
		g_usleep(10000);
		ck_assert(ph_directory_status_read(path, &status));
	} while (status.connected);
	ck_assert_str_eq(status.reason, "b@test.org: away");
	ck_assert_int_eq(status.since, now);
	host_free(&h);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/directory/answers_keeper");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, test_small, 0, 3);
	tcase_add_test(tc, test_made_smaller);
	tcase_add_test(tc, test_map_made_smaller);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_killed);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_removed);
	tcase_add_test(tc, test_damaged_in_use);
	tcase_add_test(tc, test_status);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
