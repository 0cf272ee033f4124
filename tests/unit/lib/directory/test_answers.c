#include "lib/directory/answers.h"
#include "tests/unit/lib/directory/place.h"

#include <stdlib.h>

#define ORIGIN "here"
#define HOUR INT64_C(3600000)
#define KB INT64_C(1024)

struct cache {
	char *dir, *path;
	struct ph_dirfile *file;
};

static void
cache_open(struct cache *c, int64_t map_size)
{
	struct ph_err err = PH_ERR_INIT;

	c->file = ph_answers_new(c->path, map_size, true);
	ck_assert_msg(ph_dirfile_begin(c->file, &err) == 0, "%s", err.text);
}

static struct ph_dirwrite *
cache_begin(struct cache *c)
{
	struct ph_dirwrite *write = NULL;

	ck_assert_int_eq(ph_dirwrite_begin(c->file, &write, NULL), 0);
	return write;
}

static int
claim(struct cache *c, const char *origin)
{
	struct ph_dirwrite *write = cache_begin(c);
	int r = ph_answers_claim(write, origin, NULL);

	commit(write);
	return r;
}

static void
cache_make(struct cache *c)
{
	c->dir = unit_mkdir();
	c->path = g_build_filename(c->dir, "directory", NULL);
	cache_open(c, MAP_SIZE);
	ck_assert_int_eq(claim(c, ORIGIN), 0);
}

static void
cache_free(struct cache *c)
{
	ph_dirfile_unref(&c->file);
	g_free(c->path);
	unit_rmdir(&c->dir);
}

/* name NULL: nobody. */
static void
note_in(struct ph_dirwrite *write, const char *address, const char *name,
	int64_t at)
{
	struct ph_answer answer = {
	    name != NULL ? people_mailbox(name, "") : NULL, at};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_answers_put(write, address, &answer, SIZE_MAX, &err) ==
			  0,
		      "%s", err.text);
	ph_object_unref(&answer.entry);
}

static void
note(struct cache *c, const char *address, const char *name, int64_t at)
{
	struct ph_dirwrite *write = cache_begin(c);

	note_in(write, address, name, at);
	commit(write);
}

/* "name at", "- at", "none" or "temporary". */
static const char *
known(struct ph_dirfile *file, const char *origin, const char *address)
{
	struct ph_answer answer;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *text = NULL;
	int r = ph_answers_find(file, origin, address, &answer, &err);

	if (r < 0)
		return ph_err_kind_name(err.kind);
	if (r == 0)
		return "none";
	text = g_strdup_printf(
	    "%s %" G_GINT64_FORMAT,
	    answer.entry != NULL ? ph_object_name(answer.entry) : "-",
	    answer.at);
	ph_object_unref(&answer.entry);
	return g_intern_string(text);
}

static struct ph_answers_counts
counts(struct cache *c)
{
	struct ph_dirwrite *write = cache_begin(c);
	struct ph_answers_counts counts;

	ck_assert_int_eq(ph_answers_counts(write, &counts, NULL), 0);
	ph_dirwrite_abort(&write);
	return counts;
}

static void
trim(struct cache *c, int64_t bytes, int64_t now, size_t most)
{
	struct ph_dirwrite *write = cache_begin(c);

	ck_assert_int_eq(ph_answers_trim(write, bytes, now, most, NULL), 0);
	commit(write);
}

/* ---- answers ------------------------------------------------------------ */

START_TEST(test_found)
{
	struct cache c;

	cache_make(&c);
	note(&c, "a@test.org", "a@test.org", 5);
	note(&c, "old@test.org", "a@test.org", 6);
	note(&c, "nobody@test.org", NULL, 7);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "a@test.org 5");
	ck_assert_str_eq(known(c.file, ORIGIN, "old@test.org"), "a@test.org 6");
	ck_assert_str_eq(known(c.file, ORIGIN, "nobody@test.org"), "- 7");
	ck_assert_str_eq(known(c.file, ORIGIN, "b@test.org"), "none");
	ck_assert_str_eq(known(c.file, ORIGIN, ""), "none");
	/* The next one takes its place. */
	note(&c, "a@test.org", NULL, 8);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "- 8");
	ck_assert_uint_eq(counts(&c).answers, 3);
	cache_free(&c);
}
END_TEST

START_TEST(test_long)
{
	g_autofree char *fill = g_strnfill(600, 'x');
	g_autofree char *one = g_strconcat(fill, "1@test.org", NULL);
	g_autofree char *two = g_strconcat(fill, "2@test.org", NULL);
	struct cache c;

	cache_make(&c);
	note(&c, one, "a@test.org", 5);
	ck_assert_str_eq(known(c.file, ORIGIN, one), "a@test.org 5");
	ck_assert_str_eq(known(c.file, ORIGIN, two), "none");
	note(&c, two, NULL, 6);
	ck_assert_str_eq(known(c.file, ORIGIN, one), "a@test.org 5");
	cache_free(&c);
}
END_TEST

/* An address that is written like the hash of another is not the other. */
START_TEST(test_hash_is_compared)
{
	g_autofree char *address = g_strnfill(300, 'x');
	g_autoptr(GString) key = g_string_new(NULL);
	struct cache c;

	cache_make(&c);
	ph_dirfile_append_part(key, address);
	note(&c, key->str, "a@test.org", 5);
	ck_assert_str_eq(known(c.file, ORIGIN, key->str), "a@test.org 5");
	ck_assert_str_eq(known(c.file, ORIGIN, address), "none");
	cache_free(&c);
}
END_TEST

START_TEST(test_too_large)
{
	struct ph_answer answer = {people_mailbox("a@test.org", ""), 5};
	struct ph_dirwrite *write;
	struct cache c;

	cache_make(&c);
	write = cache_begin(&c);
	ck_assert_int_eq(ph_answers_put(write, "a@test.org", &answer, 20, NULL),
			 0);
	commit(write);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "none");
	ph_object_unref(&answer.entry);
	cache_free(&c);
}
END_TEST

START_TEST(test_origin)
{
	struct cache c;

	cache_make(&c);
	note(&c, "a@test.org", "a@test.org", 5);
	ck_assert_str_eq(known(c.file, "there", "a@test.org"), "none");
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "a@test.org 5");
	ck_assert_int_eq(claim(&c, "there"), 1);
	ck_assert_str_eq(known(c.file, "there", "a@test.org"), "none");
	ck_assert_int_eq(claim(&c, ORIGIN), 1);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "none");
	ck_assert_uint_eq(counts(&c).answers, 0);
	cache_free(&c);
}
END_TEST

/* ---- room --------------------------------------------------------------- */

START_TEST(test_order)
{
	static const char *const order[] = {"nobody1@test.org",
					    "nobody2@test.org", "far@test.org",
					    "b@test.org", "a@test.org"};
	struct cache c;

	cache_make(&c);
	note(&c, "a@test.org", "a@test.org", HOUR);
	note(&c, "b@test.org", "b@test.org", 5);
	note(&c, "a@test.org", "a@test.org", 7); /* asked again */
	note(&c, "nobody2@test.org", NULL, 9);
	note(&c, "nobody1@test.org", NULL, 8);
	note(&c, "far@test.org", "a@test.org", HOUR);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		ck_assert_str_ne(known(c.file, ORIGIN, order[i]), "none");
		trim(&c, 0, 10, 1);
		ck_assert_msg(strcmp(known(c.file, ORIGIN, order[i]), "none") ==
				  0,
			      "%s", order[i]);
		ck_assert_uint_eq(counts(&c).answers,
				  G_N_ELEMENTS(order) - 1 - i);
	}
	trim(&c, 0, 10, 1);
	cache_free(&c);
}
END_TEST

START_TEST(test_bounded)
{
	const int64_t limit = 256 * KB;
	struct cache c;
	int64_t most = 0;

	cache_make(&c);
	note(&c, "kept@test.org", "kept@test.org", 1);
	for (int i = 0; i < 100; i++) {
		struct ph_dirwrite *write = cache_begin(&c);
		struct ph_answers_counts now;

		for (int j = 0; j < 100; j++) {
			g_autofree char *address =
			    g_strdup_printf("%d@test.org", i * 100 + j);

			note_in(write, address, NULL, i * 100 + j);
			ck_assert_int_eq(
			    ph_answers_trim(write, limit, 10000, 1000, NULL),
			    0);
		}
		ck_assert_int_eq(ph_answers_counts(write, &now, NULL), 0);
		most = MAX(most, now.bytes);
		commit(write);
	}
	ck_assert_int_le(most, limit);
	ck_assert_uint_gt(counts(&c).answers, 500);
	/* Strangers make us note what they like; what is known stays. */
	ck_assert_str_eq(known(c.file, ORIGIN, "kept@test.org"),
			 "kept@test.org 1");
	ck_assert_str_eq(known(c.file, ORIGIN, "9999@test.org"), "- 9999");
	ck_assert_str_eq(known(c.file, ORIGIN, "0@test.org"), "none");
	cache_free(&c);
}
END_TEST

/* ---- what the file is --------------------------------------------------- */

static void
write_some(struct place *p)
{
	struct cache c = {.path = p->path};
	struct ph_dirwrite *write;

	cache_open(&c, MAP_SIZE);
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	write = cache_begin(&c);
	for (int i = 0; i < 2000; i++) {
		g_autofree char *address = g_strdup_printf("%d@test.org", i);

		note_in(write, address, address, 5);
	}
	commit(write);
	ph_dirfile_unref(&c.file);
}

static void
write_entries(struct place *p)
{
	place_open(p);
	put(p, "a@test.org", "");
	complete(p);
	place_close(p);
}

static bool
is_aside(const struct place *p, const char *suffix)
{
	g_autofree char *path = g_strconcat(p->path, suffix, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

START_TEST(test_after_restart)
{
	struct ph_dirfile *reader;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(write_some, &p), 0);
	/* The writer is gone: the reader looks through the file itself. */
	reader = ph_answers_new(p.path, MAP_SIZE, false);
	ck_assert_str_eq(known(reader, ORIGIN, "7@test.org"), "7@test.org 5");
	ck_assert_str_eq(known(reader, "there", "7@test.org"), "none");
	ph_dirfile_unref(&reader);
	place_free(&p);
}
END_TEST

START_TEST(test_no_file)
{
	struct ph_dirfile *reader;
	struct place p;

	place_make(&p);
	reader = ph_answers_new(p.path, MAP_SIZE, false);
	ck_assert_str_eq(known(reader, ORIGIN, "7@test.org"), "none");
	ck_assert(!g_file_test(p.path, G_FILE_TEST_EXISTS));
	ph_dirfile_unref(&reader);
	place_free(&p);
}
END_TEST

START_TEST(test_a_file_of_entries_is_none_of_answers)
{
	struct cache c;
	struct ph_dirfile *reader;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(write_entries, &p), 0);
	reader = ph_answers_new(p.path, MAP_SIZE, false);
	ck_assert_str_eq(known(reader, ORIGIN, "a@test.org"), TEMP);
	ph_dirfile_unref(&reader);
	c.path = p.path;
	cache_open(&c, MAP_SIZE);
	ck_assert(is_aside(&p, ".old"));
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	ck_assert_str_eq(known(c.file, ORIGIN, "a@test.org"), "none");
	ph_dirfile_unref(&c.file);
	place_free(&p);
}
END_TEST

START_TEST(test_a_file_of_answers_is_none_of_entries)
{
	struct ph_directory *reader;
	struct ph_err err = PH_ERR_INIT;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(write_some, &p), 0);
	reader = reader_at(p.path);
	ck_assert_str_eq(people_find(reader, "7@test.org"), TEMP);
	ph_directory_close(&reader);
	p.file = ph_dirfile_new(p.path, MAP_SIZE, true);
	ck_assert_msg(ph_dirfile_begin(p.file, &err) == 0, "%s", err.text);
	ck_assert(is_aside(&p, ".old"));
	p.directory = ph_dirfile_directory(p.file);
	complete(&p);
	ck_assert_str_eq(people_find(p.directory, "7@test.org"), "-");
	place_free(&p);
}
END_TEST

static void
other_version(struct place *p)
{
	struct cache c = {.path = p->path};
	struct ph_dirwrite *write;

	cache_open(&c, MAP_SIZE);
	write = cache_begin(&c);
	ck_assert_int_eq(
	    ph_dirwrite_set_info(write, "version", "answers 0", NULL), 0);
	commit(write);
	ph_dirfile_unref(&c.file);
}

START_TEST(test_version)
{
	struct cache c;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(other_version, &p), 0);
	c.path = p.path;
	cache_open(&c, MAP_SIZE);
	ck_assert(is_aside(&p, ".old"));
	ph_dirfile_unref(&c.file);
	place_free(&p);
}
END_TEST

/* ---- damage ------------------------------------------------------------- */

static void
spoil(const char *path, size_t from, size_t to, bool cut)
{
	g_autofree char *data = NULL;
	gsize size;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	ck_assert_uint_gt(size, 100000);
	for (size_t i = from; i < MIN(to, size); i++)
		data[i] = (char)(i * 7 + i / 251);
	ck_assert(g_file_set_contents(
	    path, data, (gssize)(cut ? size / 2 / 4096 * 4096 : size), NULL));
}

/* One byte of each answer. */
static void
spoil_answers(const char *path)
{
	g_autofree char *data = NULL;
	char *at;
	gsize size;
	int n = 0;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	for (at = data; (at = memmem(at, size - (gsize)(at - data),
				     "UserMailbox", 11)) != NULL;
	     n++)
		*at = 'X';
	ck_assert_int_ge(n, 2000);
	ck_assert(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void
damage(const char *path, int how)
{
	switch (how) {
	case 0:
		spoil(path, 0, 8192, false);
		break;
	case 1:
		spoil(path, 0, 0, true);
		break;
	case 2:
		spoil(path, 12288, 90000, false);
		break;
	default:
		spoil_answers(path);
	}
}

START_TEST(test_damaged)
{
	struct ph_dirfile *reader;
	struct cache c;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(write_some, &p), 0);
	damage(p.path, _i);
	reader = ph_answers_new(p.path, MAP_SIZE, false);
	ck_assert_str_eq(known(reader, ORIGIN, "7@test.org"), TEMP);
	c.path = p.path;
	cache_open(&c, MAP_SIZE);
	ck_assert(is_aside(&p, ".damaged"));
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	ck_assert_str_eq(known(c.file, ORIGIN, "7@test.org"), "none");
	ph_dirfile_unref(&c.file);
	ph_dirfile_unref(&reader);
	place_free(&p);
}
END_TEST

static void
write_one(struct place *p)
{
	struct cache c = {.path = p->path};

	cache_open(&c, MAP_SIZE);
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	note(&c, "7@test.org", "7@test.org", 5);
	ph_dirfile_unref(&c.file);
}

/* A file of a few pages, with each harm at each half a page: whatever is left
 * of it, nobody dies of it, and nothing wrong is found. */
START_TEST(test_damaged_small)
{
	const bool cut = _i % 2 == 0;
	const size_t from = (size_t)(_i / 2) * 2048 + 100;
	g_autofree char *data = NULL;
	const char *said;
	gsize size;
	struct cache c;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(in_child(write_one, &p), 0);
	ck_assert(g_file_get_contents(p.path, &data, &size, NULL));
	for (size_t i = from; i < size; i++)
		data[i] = (char)(i * 7 + i / 251);
	ck_assert(g_file_set_contents(
	    p.path, data, (gssize)(cut ? MIN(from, size) : size), NULL));
	c.path = p.path;
	cache_open(&c, MAP_SIZE);
	ck_assert_int_eq(claim(&c, ORIGIN), 0);
	said = known(c.file, ORIGIN, "7@test.org");
	ck_assert_msg(strcmp(said, "none") == 0 ||
			  strcmp(said, "7@test.org 5") == 0,
		      "%s", said);
	note(&c, "8@test.org", "8@test.org", 5);
	ck_assert_str_eq(known(c.file, ORIGIN, "8@test.org"), "8@test.org 5");
	ph_dirfile_unref(&c.file);
	place_free(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/directory/answers");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, test_found);
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_hash_is_compared);
	tcase_add_test(tc, test_too_large);
	tcase_add_test(tc, test_origin);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_bounded);
	tcase_add_test(tc, test_after_restart);
	tcase_add_test(tc, test_no_file);
	tcase_add_test(tc, test_a_file_of_entries_is_none_of_answers);
	tcase_add_test(tc, test_a_file_of_answers_is_none_of_entries);
	tcase_add_test(tc, test_version);
	tcase_add_loop_test(tc, test_damaged, 0, 4);
	tcase_add_loop_test(tc, test_damaged_small, 0, 32);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
