#include "lib/directory/directory_cache.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* A back end that can be told what to answer, and counts. */
struct source {
	struct ph_object *entry; /* NULL: nobody */
	enum ph_err_kind error;	 /* NONE: it answers */
	unsigned asked;
};

static int64_t now;

static int64_t
read_clock(void)
{
	return now;
}

static int
source_find(void *self, const char *address, struct ph_object **entry_r,
	    struct ph_found *found_r, struct ph_err *err)
{
	struct source *source = self;

	(void)found_r;
	source->asked++;
	if (source->error != PH_ERR_NONE)
		return ph_err_set(err, source->error, "%s: away", address);
	if (source->entry != NULL)
		*entry_r = ph_object_ref(source->entry);
	return source->entry != NULL;
}

static int
source_walk(void *self, const struct ph_object *group, ph_directory_each *each,
	    void *arg, struct ph_err *err)
{
	struct source *source = self;

	source->asked++;
	if (source->error != PH_ERR_NONE)
		return ph_err_set(err, source->error, "away");
	return each(group != NULL ? group : source->entry, arg, err);
}

static void
source_close(void *self)
{
	struct source *source = self;

	ph_object_unref(&source->entry);
}

static const struct ph_directory_ops source_ops = {
    .name = "source",
    .find = source_find,
    .walk = source_walk,
    .close = source_close,
};

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
	ck_assert_uint_eq(source.asked, 2);
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

UNIT_MAIN("lib/directory/directory_cache", test_found, test_walk, test_changed,
	  test_nobody, test_stale, test_ambiguous, test_bounded,
	  test_nothing_is_kept, test_large)
