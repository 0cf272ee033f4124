#include "tests/unit/lib/directory/many.h"
#include "tests/unit/lib/directory/shared.h"

#include <glib/gstdio.h>
#include <stdlib.h>

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

/* ---- many at once ------------------------------------------------------- */

static void
check_many(struct host *h, const char *addresses, const char *want)
{
	g_autofree char *told = many_told(h->directory, addresses);

	ck_assert_str_eq(told, want);
}

START_TEST(test_many)
{
	struct host h;

	host_make(&h);
	host_open(&h, true);
	h.source.entry = people_mailbox("a@test.org", "");
	check_many(&h, "1@test.org 2@test.org", "a@test.org a@test.org");
	ph_object_unref(&h.source.entry);
	check_many(&h, "3@test.org 4@test.org", "- -");
	host_close(&h);
	/* Another one asks for what is not there. */
	host_open(&h, _i == 0);
	check_many(&h, "2@test.org 5@test.org 3@test.org 1@test.org",
		   "a@test.org - - a@test.org");
	ck_assert_uint_eq(h.source.asked, 1);
	host_close(&h);
	away(&h, _i == 0);
	now = START + 300;
	check_many(&h, "1@test.org 3@test.org 6@test.org",
		   "a@test.org temporary temporary");
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
	tcase_add_loop_test(tc, test_many, 0, 2);
	tcase_add_test(tc, test_another_source);
	tcase_add_test(tc, test_reader_alone);
	tcase_add_loop_test(tc, test_trouble, 0, G_N_ELEMENTS(troubles));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
