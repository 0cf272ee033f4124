#include "lib/directory/directory_shared.h"
#include "lib/directory/status.h"
#include "tests/unit/lib/directory/place.h"
#include "tests/unit/lib/directory/source.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>

#define START INT64_C(1000000)
#define KB INT64_C(1024)

static int64_t now;

static int64_t
read_clock(void)
{
	return now;
}

/* One host: its file, the writer's directory and a reader's, which never share
 * a process but for a test: the reader is opened after the writer is closed. */
struct host {
	struct place place;
	struct source source;
	struct ph_directory *directory;
	const char *origin;
	int64_t size, map_size;
};

static void
host_make(struct host *h)
{
	*h = (struct host){
	    .origin = "here", .size = INT64_C(1) << 20, .map_size = MAP_SIZE};
	now = START;
	place_make(&h->place);
}

static void
host_open(struct host *h, bool writer)
{
	g_autofree char *status =
	    g_build_filename(h->place.dir, "directory.status", NULL);
	const struct ph_shared_settings settings = {
	    .path = h->place.path,
	    .map_size = h->map_size,
	    .limits = {.positive_ttl = 300,
		       .negative_ttl = 60,
		       .stale_ttl = 1000,
		       .size = h->size},
	    .origin = h->origin,
	    .writer = writer,
	    .status = status,
	    .clock = read_clock,
	};

	h->directory = ph_directory_shared(
	    ph_directory_new(&source_ops, &h->source), &settings);
}

/* The source goes with it. */
static void
host_close(struct host *h)
{
	ph_directory_close(&h->directory);
	h->source = (struct source){0};
}

static void
host_free(struct host *h)
{
	host_close(h);
	place_free(&h->place);
}

/* A writer that learns these, and ends. */
static void
learn(struct host *h, const char *address, const char *name)
{
	host_open(h, true);
	h->source.entry = name != NULL ? people_mailbox(name, "") : NULL;
	(void)people_find(h->directory, address);
	host_close(h);
}

static void
away(struct host *h, bool writer)
{
	host_open(h, writer);
	h->source.error = PH_ERR_TEMP;
}

/* ---- lifetimes ---------------------------------------------------------- */

START_TEST(test_fresh)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	learn(&h, "b@test.org", NULL);
	now += 59;
	away(&h, _i == 0);
	ck_assert_str_eq(source_told(h.directory, "A@test.org"),
			 "a@test.org source 59");
	ck_assert_str_eq(source_told(h.directory, "b@test.org"), "- source 59");
	now = START + 299;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "a@test.org source 299");
	ck_assert_uint_eq(h.source.asked, 0);
	host_free(&h);
}
END_TEST

START_TEST(test_asked_again)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	learn(&h, "b@test.org", NULL);
	host_open(&h, _i == 0);
	h.source.entry = people_mailbox("new@test.org", "");
	now = START + 60;
	ck_assert_str_eq(source_told(h.directory, "b@test.org"),
			 "new@test.org source 0");
	now = START + 300;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "new@test.org source 0");
	ck_assert_uint_eq(h.source.asked, 2);
	host_free(&h);
}
END_TEST

START_TEST(test_stale)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	learn(&h, "b@test.org", NULL);
	away(&h, _i == 0);
	now = START + 999;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "a@test.org source 999 stale");
	ck_assert_str_eq(source_told(h.directory, "b@test.org"), TEMP);
	ck_assert_str_eq(source_told(h.directory, "c@test.org"), TEMP);
	now += 1;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"), TEMP);
	host_free(&h);
}
END_TEST

/* Two entries claim it now: that is an answer, and the old one is wrong. */
START_TEST(test_ambiguous)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	host_open(&h, _i == 0);
	h.source.error = PH_ERR_PERM;
	now = START + 300;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"), PERM);
	host_free(&h);
}
END_TEST

START_TEST(test_from_the_future)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	learn(&h, "b@test.org", NULL);
	away(&h, _i == 0);
	now = START - 1;
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "a@test.org source 0 stale");
	ck_assert_str_eq(source_told(h.directory, "b@test.org"), TEMP);
	h.source.error = PH_ERR_NONE;
	h.source.entry = people_mailbox("new@test.org", "");
	ck_assert_str_eq(source_told(h.directory, "a@test.org"),
			 "new@test.org source 0");
	host_free(&h);
}
END_TEST

static int
stop(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	(void)arg;
	return ph_err_set(err, PH_ERR_PERM, "%s", ph_object_name(entry));
}

START_TEST(test_walked_through)
{
	struct ph_err err = PH_ERR_INIT;
	struct host h;

	host_make(&h);
	host_open(&h, _i == 0);
	h.source.entry = people_mailbox("a@test.org", "");
	ck_assert_int_eq(ph_directory_walk(h.directory, NULL, stop, NULL, &err),
			 -1);
	ck_assert_str_eq(err.text, "a@test.org");
	ck_assert_uint_eq(h.source.walked, 1);
	host_free(&h);
}
END_TEST

/* ---- who may use what --------------------------------------------------- */

START_TEST(test_another_source)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	h.origin = "there";
	away(&h, false);
	ck_assert_str_eq(source_told(h.directory, "a@test.org"), TEMP);
	host_close(&h);
	away(&h, true);
	ck_assert_str_eq(source_told(h.directory, "a@test.org"), TEMP);
	host_close(&h);
	/* And they are gone for good. */
	h.origin = "here";
	away(&h, true);
	ck_assert_str_eq(source_told(h.directory, "a@test.org"), TEMP);
	host_free(&h);
}
END_TEST

/* Before any answer: a reader asks for itself, and makes no file. */
START_TEST(test_reader_alone)
{
	struct host h;

	host_make(&h);
	host_open(&h, false);
	h.source.entry = people_mailbox("a@test.org", "");
	ck_assert_str_eq(people_find(h.directory, "a@test.org"), "a@test.org");
	ck_assert_str_eq(people_find(h.directory, "a@test.org"), "a@test.org");
	ck_assert_uint_eq(h.source.asked, 2);
	ck_assert(!g_file_test(h.place.path, G_FILE_TEST_EXISTS));
	host_free(&h);
}
END_TEST

/* ---- what can be wrong with the file ------------------------------------ */

static void
cut_file(struct host *h)
{
	ck_assert_int_eq(truncate(h->place.path, 5000), 0);
}

static void
fill_with_noise(struct host *h)
{
	g_autofree char *noise = g_strnfill(100000, 'x');

	ck_assert(g_file_set_contents(h->place.path, noise, 100000, NULL));
}

static void
put_entries(struct host *h)
{
	ck_assert_int_eq(unlink(h->place.path), 0);
	place_open(&h->place);
	put(&h->place, "a@test.org", "");
	complete(&h->place);
	place_close(&h->place);
}

static void
put_directory(struct host *h)
{
	ck_assert_int_eq(unlink(h->place.path), 0);
	ck_assert_int_eq(g_mkdir(h->place.path, 0700), 0);
}

static void (*const troubles[])(struct host *h) = {cut_file, fill_with_noise,
						   put_entries, put_directory};

START_TEST(test_trouble)
{
	struct host h;

	host_make(&h);
	learn(&h, "a@test.org", "a@test.org");
	troubles[_i](&h);
	for (int writer = 0; writer < 2; writer++) {
		host_open(&h, writer != 0);
		h.source.entry = people_mailbox("new@test.org", "");
		ck_assert_str_eq(source_told(h.directory, "a@test.org"),
				 "new@test.org source 0");
		host_close(&h);
	}
	away(&h, false);
	ck_assert_str_eq(people_find(h.directory, "a@test.org"),
			 troubles[_i] == put_directory ? TEMP : "new@test.org");
	host_free(&h);
}
END_TEST

static size_t
count_known(struct host *h, unsigned from, unsigned to)
{
	size_t known = 0;

	for (unsigned i = from; i < to; i++) {
		g_autofree char *address = g_strdup_printf("%u@test.org", i);

		known += strcmp(people_find(h->directory, address), TEMP) != 0;
	}
	return known;
}

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
write_until_killed(struct place *p)
{
	struct host h = {.place = *p,
			 .origin = "here",
			 .size = INT64_C(8) << 20,
			 .map_size = MAP_SIZE};

	now = START;
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	for (unsigned i = 0;; i++)
		(void)count_known(&h, i % 20000, i % 20000 + 1);
}

START_TEST(test_killed)
{
	g_autofree char *aside = NULL;
	struct host h;

	host_make(&h);
	for (unsigned round = 1; round < 6; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_until_killed(&h.place);
		}
		g_usleep(150000 + 37000 * round);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		/* Whole: a reader looks through it, and nothing was lost that
		 * was written before. */
		away(&h, false);
		ck_assert_uint_gt(count_known(&h, 0, 100), 0);
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
	ck_assert_uint_gt(count_known(&h, 0, 2000), 1000);
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
	Suite *s = suite_create("lib/directory/directory_shared");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	/* As the writer, and as a reader. */
	tcase_add_loop_test(tc, test_fresh, 0, 2);
	tcase_add_loop_test(tc, test_asked_again, 0, 2);
	tcase_add_loop_test(tc, test_stale, 0, 2);
	tcase_add_loop_test(tc, test_ambiguous, 0, 2);
	tcase_add_loop_test(tc, test_from_the_future, 0, 2);
	tcase_add_loop_test(tc, test_walked_through, 0, 2);
	tcase_add_test(tc, test_another_source);
	tcase_add_test(tc, test_reader_alone);
	tcase_add_loop_test(tc, test_trouble, 0, G_N_ELEMENTS(troubles));
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
