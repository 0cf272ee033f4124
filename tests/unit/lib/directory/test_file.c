#include "tests/unit/lib/directory/place.h"

#include <stdlib.h>

START_TEST(test_index)
{
	struct place p;
	size_t txn;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,old@test.org");
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "nobody@test.org"), TEMP);
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, "NUNO@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "n@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "nobody@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, ""), "-");

	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,new@test.org");
	ck_assert_str_eq(people_find(p.directory, "old@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "new@test.org"),
			 "nuno@test.org");
	ck_assert_str_eq(people_find(p.directory, "n@test.org"),
			 "nuno@test.org");

	/* What is the same costs no write. */
	txn = last_txn(&p);
	put(&p, "nuno@test.org", "|EmailAddresses=N@test.org,new@test.org");
	ck_assert_uint_eq(last_txn(&p), txn);

	ck_assert_str_eq(absent(&p, "nuno@test.org"), "");
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "new@test.org"), "-");
	place_free(&p);
}
END_TEST

START_TEST(test_reopened)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	complete(&p);
	place_close(&p);
	place_open(&p);
	ck_assert_str_eq(people_find(p.directory, "nuno@test.org"),
			 "nuno@test.org");
	place_free(&p);
}
END_TEST

START_TEST(test_ambiguous)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "a@test.org", "|EmailAddresses=info@test.org");
	put(&p, "b@test.org", "|EmailAddresses=Info@test.org");
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, "info@test.org"), PERM);
	ck_assert_str_eq(people_find(p.directory, "a@test.org"), "a@test.org");
	absent(&p, "a@test.org");
	ck_assert_str_eq(people_find(p.directory, "info@test.org"),
			 "b@test.org");
	place_free(&p);
}
END_TEST

/* Longer than LMDB's keys, and alike in their first 500 bytes. */
START_TEST(test_long)
{
	g_autofree char *fill = g_strnfill(240, 'x');
	g_autofree char *one =
	    g_strconcat("\xc3\x9c", fill, "1@test.org", NULL);
	g_autofree char *other =
	    g_strconcat("\xc3\xbc", fill, "1@test.org", NULL);
	g_autofree char *two =
	    g_strconcat("\xc3\xbc", fill, "2@test.org", NULL);
	g_autofree char *three =
	    g_strconcat("\xc3\xbc", fill, "3@test.org", NULL);
	g_autofree char *more = g_strconcat("|EmailAddresses=", two, NULL);
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, one, more);
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, other), one);
	ck_assert_str_eq(people_find(p.directory, two), one);
	ck_assert_str_eq(people_find(p.directory, three), "-");
	put(&p, one, "");
	ck_assert_str_eq(people_find(p.directory, two), "-");
	place_free(&p);
}
END_TEST

/* ---- bad values ---------------------------------------------------------- */

START_TEST(test_bad)
{
	struct place p;
	size_t txn;

	place_make(&p);
	place_open(&p);
	put(&p, "good@test.org", "");
	complete(&p);
	bad(&p, "good@test.org");
	bad(&p, "never@test.org");
	ck_assert_uint_eq(errors(&p), 2);
	/* The last good value stays; where there is none, nobody can say. */
	ck_assert_str_eq(people_find(p.directory, "good@test.org"),
			 "good@test.org");
	ck_assert_str_eq(people_find(p.directory, "Never@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "neve@test.org"), "-");
	ck_assert_str_eq(people_find(p.directory, "never@test.or"), "-");

	txn = last_txn(&p);
	bad(&p, "good@test.org");
	ck_assert_uint_eq(last_txn(&p), txn);

	put(&p, "good@test.org", "");
	absent(&p, "never@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	ck_assert_str_eq(people_find(p.directory, "never@test.org"), "-");
	place_free(&p);
}
END_TEST

/* ---- keys that differ in case alone ------------------------------------- */

START_TEST(test_case_first_fill)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "Bob@test.org", "|EmailAddresses=b1@test.org");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	complete(&p);
	/* Whichever came first: the same on every host. */
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"), TEMP);
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"), TEMP);
	ck_assert_uint_eq(errors(&p), 2);

	ck_assert_str_eq(absent(&p, "Bob@test.org"), "bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"), "-");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "BOB@test.org"),
			 "bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"),
			 "bob@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	place_free(&p);
}
END_TEST

START_TEST(test_case_last_good)
{
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "Bob@test.org", "|EmailAddresses=b1@test.org");
	complete(&p);
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(people_find(p.directory, "b2@test.org"), "-");
	ck_assert_uint_eq(errors(&p), 2);
	/* An edit of the older one is not taken over meanwhile. */
	put(&p, "Bob@test.org", "|EmailAddresses=b3@test.org");
	ck_assert_str_eq(people_find(p.directory, "b1@test.org"),
			 "Bob@test.org");
	ck_assert_str_eq(absent(&p, "Bob@test.org"), "bob@test.org");
	put(&p, "bob@test.org", "|EmailAddresses=b2@test.org");
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"),
			 "bob@test.org");
	ck_assert_uint_eq(errors(&p), 0);
	place_free(&p);
}
END_TEST

START_TEST(test_case_one_round)
{
	struct ph_dirwrite *write;
	struct place p;

	place_make(&p);
	place_open(&p);
	complete(&p);
	ph_dirfile_round(p.file);
	write = begin(&p);
	put_in(write, "Bob@test.org", "");
	put_in(write, "bob@test.org", "");
	commit(write);
	ck_assert_str_eq(people_find(p.directory, "bob@test.org"), TEMP);
	ck_assert_uint_eq(errors(&p), 2);
	place_free(&p);
}
END_TEST

START_TEST(test_full)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_dirwrite *write = NULL;
	struct place p;
	int r = 0;

	place_make(&p);
	p.file = ph_dirfile_new(p.path, INT64_C(1) << 20, true);
	ck_assert_int_eq(ph_dirfile_open(p.file, &err), 1);
	p.directory = ph_dirfile_directory(p.file);
	put(&p, "first@test.org", "");
	complete(&p);
	write = begin(&p);
	for (int i = 0; r == 0 && i < 10000; i++) {
		g_autofree char *name = g_strdup_printf("u%d@test.org", i);
		struct ph_object *entry = people_mailbox(name, "");

		r = ph_dirwrite_put(write, entry, &err);
		ph_object_unref(&entry);
	}
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_dirwrite_abort(&write);
	ck_assert(!ph_dirfile_lost(p.file));
	ck_assert_str_eq(people_find(p.directory, "first@test.org"),
			 "first@test.org");
	ck_assert_str_eq(people_find(p.directory, "u0@test.org"), "-");
	place_free(&p);
}
END_TEST

/* ---- threads ------------------------------------------------------------ */

static void *
look_up(void *data)
{
	size_t found = 0;

	for (int i = 0; i < 2000; i++) {
		struct ph_object *entry = NULL;

		if (ph_directory_find(data, "nuno@test.org", &entry, NULL) == 1)
			found++;
		ph_object_unref(&entry);
	}
	return GSIZE_TO_POINTER(found);
}

START_TEST(test_threads)
{
	enum { THREADS = 100 };
	GThread *threads[THREADS];
	struct place p;

	place_make(&p);
	place_open(&p);
	put(&p, "nuno@test.org", "");
	complete(&p);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("look", look_up, p.directory);
	for (int i = 0; i < 20; i++) {
		put(&p, "other@test.org", "|Title=one");
		put(&p, "other@test.org", "|Title=two");
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])),
				  2000);
	place_free(&p);
}
END_TEST

UNIT_MAIN("lib/directory/file", test_index, test_reopened, test_ambiguous,
	  test_long, test_bad, test_case_first_fill, test_case_last_good,
	  test_case_one_round, test_full, test_threads)
