#include "lib/directory/directory_cache.h"
#include "tests/unit/lib/directory/many.h"
#include "tests/unit/lib/directory/source.h"

#include <stdlib.h>

static int64_t now;

static int64_t
read_clock(void)
{
	return now;
}

static struct ph_directory *
open_cache(struct source *source, int64_t size)
{
	const struct ph_cache_limits limits = {.positive_ttl = 300,
					       .negative_ttl = 60,
					       .stale_ttl = 1000,
					       .size = size};

	now = 5000;
	return ph_directory_cached(ph_directory_new(&source_ops, source),
				   &limits, read_clock);
}

START_TEST(test_found)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "A@test.org"), "a@test.org");
	now += 299;
	ck_assert_str_eq(people_find(d, "a@TEST.org"), "a@test.org");
	ck_assert_uint_eq(source.asked, 1);
	now += 1;
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ck_assert_uint_eq(source.asked, 2);
	/* Counted from the last answer. */
	now += 299;
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ck_assert_uint_eq(source.asked, 2);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_walk)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_walk(d, NULL), "a@test.org");
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ck_assert_uint_eq(source.walked, 1);
	ck_assert_uint_eq(source.asked, 1);
	/* A part of the answers is no walk. */
	source.error = PH_ERR_TEMP;
	ck_assert_str_eq(people_walk(d, NULL), "temporary");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_changed)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "x@test.org"), "a@test.org");
	ph_object_unref(&source.entry);
	now += 300;
	ck_assert_str_eq(people_find(d, "x@test.org"), "-");
	/* An outage does not bring back what was gone. */
	now += 60;
	source.error = PH_ERR_TEMP;
	ck_assert_str_eq(people_find(d, "x@test.org"), "temporary");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_nobody)
{
	struct source source = {.entry = NULL};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "a@test.org"), "-");
	now += 59;
	ck_assert_str_eq(people_find(d, "a@test.org"), "-");
	ck_assert_uint_eq(source.asked, 1);
	now += 1;
	source.error = PH_ERR_TEMP;
	ck_assert_str_eq(people_find(d, "a@test.org"), "temporary");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_stale)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	source.error = PH_ERR_TEMP;
	now += 300;
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ck_assert_str_eq(people_find(d, "b@test.org"), "temporary");
	now += 699;
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	now += 1;
	ck_assert_str_eq(people_find(d, "a@test.org"), "temporary");
	source.error = PH_ERR_NONE;
	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	ph_directory_close(&d);
}
END_TEST

/* Two entries claim it now: that is an answer, and the old one is wrong. */
START_TEST(test_ambiguous)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "a@test.org"), "a@test.org");
	source.error = PH_ERR_PERM;
	now += 300;
	ck_assert_str_eq(people_find(d, "a@test.org"), "permanent");
	ck_assert_str_eq(people_find(d, "a@test.org"), "permanent");
	ck_assert_uint_eq(source.asked, 3);
	ph_directory_close(&d);
}
END_TEST

static void
ask_many(struct ph_directory *d, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		g_autofree char *address = g_strdup_printf("%u@test.org", i);

		ck_assert_str_eq(people_find(d, address), "a@test.org");
	}
}

START_TEST(test_bounded)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 65536);

	ask_many(d, 0, 1000);
	ck_assert_uint_eq(source.asked, 1000);
	/* The last ones are there, the first are not. */
	ask_many(d, 980, 1000);
	ck_assert_uint_eq(source.asked, 1000);
	ask_many(d, 0, 1);
	ck_assert_uint_eq(source.asked, 1001);
	/* What is used stays. */
	for (unsigned i = 1; i < 200; i++) {
		ask_many(d, 0, 1);
		ask_many(d, i, i + 1);
	}
	ck_assert_uint_eq(source.asked, 1200);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_nothing_is_kept)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 0);

	ask_many(d, 0, 2);
	ask_many(d, 0, 2);
	ck_assert_uint_eq(source.asked, 4);
	ph_directory_close(&d);
}
END_TEST

/* An entry larger than the whole cache leaves the others where they are. */
START_TEST(test_large)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct ph_directory *d = open_cache(&source, 32768);
	g_autofree char *text = g_strnfill(20000, 'x');
	g_autofree char *more = g_strconcat("|Notes=", text, NULL);

	ask_many(d, 0, 1);
	ph_object_unref(&source.entry);
	source.entry = people_mailbox("a@test.org", more);
	ask_many(d, 1, 2);
	ask_many(d, 1, 2);
	ck_assert_uint_eq(source.asked, 3);
	ask_many(d, 0, 1);
	ck_assert_uint_eq(source.asked, 3);
	ph_directory_close(&d);
}
END_TEST

/* ---- in front of a cache that lasts longer ------------------------------ */

START_TEST(test_age)
{
	struct source source = {.entry = people_mailbox("a@test.org", ""),
				.found = {"far", 100, false}};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(source_told(d, "a@test.org"), "a@test.org far 100");
	now += 199;
	ck_assert_str_eq(source_told(d, "a@test.org"), "a@test.org far 299");
	ck_assert_uint_eq(source.asked, 1);
	now += 1;
	ck_assert_str_eq(source_told(d, "a@test.org"), "a@test.org far 100");
	ck_assert_uint_eq(source.asked, 2);
	/* Away, and nobody further in knows: this one's is 900 old. */
	source.error = PH_ERR_TEMP;
	now += 800;
	ck_assert_str_eq(source_told(d, "a@test.org"),
			 "a@test.org far 900 stale");
	now += 100;
	ck_assert_str_eq(source_told(d, "a@test.org"), "temporary");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_stale_is_not_kept)
{
	struct source source = {.entry = people_mailbox("a@test.org", ""),
				.found = {"far", 600, true}};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(source_told(d, "a@test.org"),
			 "a@test.org far 600 stale");
	source.found = (struct ph_found){"far", 0, false};
	ck_assert_str_eq(source_told(d, "a@test.org"), "a@test.org far 0");
	ck_assert_uint_eq(source.asked, 2);
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_the_newer_of_two_stale_ones)
{
	struct source source = {.entry = people_mailbox("old@test.org", "")};
	struct ph_object *old = ph_object_ref(source.entry);
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ph_object_unref(&source.entry);
	source.entry = people_mailbox("new@test.org", "");
	ck_assert_str_eq(people_find(d, "a@test.org"), "new@test.org");
	ph_object_unref(&source.entry);
	source.entry = old;
	source.found = (struct ph_found){"far", 500, true};
	now += 400;
	ck_assert_str_eq(source_told(d, "a@test.org"),
			 "new@test.org source 400 stale");
	source.found.age = 300;
	ck_assert_str_eq(source_told(d, "a@test.org"),
			 "old@test.org far 300 stale");
	ph_directory_close(&d);
}
END_TEST

/* Somebody is gone since: the older answer does not bring it back. */
START_TEST(test_nobody_since)
{
	struct source source = {.entry = NULL};
	struct ph_directory *d = open_cache(&source, 1 << 20);

	ck_assert_str_eq(people_find(d, "a@test.org"), "-");
	source.entry = people_mailbox("a@test.org", "");
	source.found = (struct ph_found){"far", 500, true};
	now += 100;
	ck_assert_str_eq(source_told(d, "a@test.org"), "temporary");
	ph_directory_close(&d);
}
END_TEST

/* ---- many at once ------------------------------------------------------- */

/* The source, which *source_r and *counts_r are of, behind a cache. */
static struct ph_directory *
open_many(struct source *source, int64_t size, struct many **counts_r)
{
	const struct ph_cache_limits limits = {.positive_ttl = 300,
					       .negative_ttl = 60,
					       .stale_ttl = 1000,
					       .size = size};

	now = 5000;
	return ph_directory_cached(
	    many_over(ph_directory_new(&source_ops, source), counts_r), &limits,
	    read_clock);
}

static void
check_many(struct ph_directory *d, const char *addresses, const char *want)
{
	g_autofree char *told = many_told(d, addresses);

	ck_assert_str_eq(told, want);
}

START_TEST(test_many)
{
	struct source source = {.entry = people_mailbox("a@test.org", "")};
	struct many *counts;
	struct ph_directory *d = open_many(&source, 1 << 20, &counts);

	check_many(d, "1@test.org 2@test.org 1@test.org",
		   "a@test.org a@test.org a@test.org");
	ck_assert_uint_eq(counts->at_once, 1);
	/* They serve as single ones do, and the reverse. */
	ck_assert_str_eq(people_find(d, "2@test.org"), "a@test.org");
	ck_assert_str_eq(people_find(d, "3@test.org"), "a@test.org");
	ck_assert_uint_eq(counts->alone, 1);
	check_many(d, "1@test.org 2@test.org 3@test.org",
		   "a@test.org a@test.org a@test.org");
	ck_assert_uint_eq(counts->at_once + counts->alone, 2);
	/* Only what is not known is asked for, and nobody is known as nobody.
	 */
	ph_object_unref(&source.entry);
	check_many(d, "4@test.org 1@test.org 5@TEST.org", "- a@test.org -");
	ck_assert_uint_eq(counts->at_once, 2);
	ck_assert_str_eq(people_find(d, "5@test.org"), "-");
	ck_assert_uint_eq(counts->alone, 1);
	/* Away: the one goes on, the other may be somebody by now. */
	source.error = PH_ERR_TEMP;
	now += 300;
	check_many(d, "1@test.org 4@test.org 6@test.org",
		   "a@test.org temporary temporary");
	source.error = PH_ERR_PERM;
	check_many(d, "1@test.org 4@test.org", "permanent permanent");
	ph_directory_close(&d);
}
END_TEST

START_TEST(test_many_without_room)
{
	static const int64_t sizes[] = {0, 4096};

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct source source = {.entry =
					    people_mailbox("a@test.org", "")};
		struct many *counts;
		struct ph_directory *d = open_many(&source, sizes[i], &counts);

		for (unsigned k = 0; k < 2; k++)
			check_many(d,
				   "1@test.org 2@test.org 3@test.org "
				   "4@test.org 5@test.org",
				   "a@test.org a@test.org a@test.org "
				   "a@test.org a@test.org");
		ck_assert_uint_eq(counts->at_once, 2);
		ph_directory_close(&d);
	}
}
END_TEST

START_TEST(test_excluded)
{
	static const char *const groups[] = {"g@test.org", "h@test.org", NULL};
	static const char *const one[] = {"A@test.org", NULL};
	static const char *const two[] = {"a@test.org", "b@test.org", NULL};
	struct source source = {.entry = NULL};
	struct many *counts;
	struct ph_directory *d = open_many(&source, 1 << 20, &counts);

	ck_assert_int_eq(ph_directory_excludes(d, groups, one, NULL), 0);
	counts->excludes = -1;
	ck_assert_int_eq(ph_directory_excludes(d, groups, one, NULL), -1);
	counts->excludes = 1;
	ck_assert_int_eq(ph_directory_excludes(d, groups, one, NULL), 1);
	counts->excludes = 0;
	/* Only that he is not in it is remembered, and not for long. */
	ck_assert_uint_eq(counts->excluded, 3);
	ck_assert_int_eq(ph_directory_excludes(d, groups, one, NULL), 1);
	ck_assert_int_eq(ph_directory_excludes(d, groups, two, NULL), 0);
	ck_assert_int_eq(ph_directory_excludes(d, groups + 1, one, NULL), 0);
	ck_assert_uint_eq(counts->excluded, 5);
	now += 60;
	ck_assert_int_eq(ph_directory_excludes(d, groups, one, NULL), 0);
	ph_directory_close(&d);
}
END_TEST

UNIT_MAIN("lib/directory/directory_cache", test_found, test_walk, test_changed,
	  test_nobody, test_stale, test_ambiguous, test_bounded,
	  test_nothing_is_kept, test_large, test_age, test_stale_is_not_kept,
	  test_the_newer_of_two_stale_ones, test_nobody_since, test_many,
	  test_many_without_room, test_excluded)
