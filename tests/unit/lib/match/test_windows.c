#include "lib/match/windows.h"
#include "tests/unit/unit.h"

#include <string.h>

#define LIMIT 1000

static struct ph_pattern *
compile(const char *text)
{
	struct ph_pattern *pattern;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_pattern_compile(text, 0, &pattern, &err) == 0,
		      "%s: %s", text, err.text);
	return pattern;
}

/* "0 5 ": where the pattern may begin. */
static char *
list(const struct ph_places *places, size_t pattern)
{
	GString *out = g_string_new(NULL);
	guint i = 0;
	size_t at;

	while (ph_places_next(places, pattern, &i, &at))
		g_string_append_printf(out, "%zu ", at);
	return g_string_free(out, FALSE);
}

static char *
scan_one(const struct ph_pattern *pattern, const char *text)
{
	struct ph_windows *windows = ph_windows_new(&pattern, 1);
	struct ph_places places;
	char *found;

	ph_places_init(&places, windows, LIMIT);
	ph_places_want(&places, 0);
	ph_windows_scan(windows, text, strlen(text), 0, SIZE_MAX, &places);
	ck_assert_uint_eq(places.end, SIZE_MAX);
	found = list(&places, 0);
	ph_places_clear(&places);
	ph_windows_free(&windows);
	return found;
}

static const struct {
	const char *pattern, *text, *places;
} rows[] = {
    {"[0-9]{3}", "12 123 1234", "3 7 8 "},
    /* What stands before and behind it. */
    {"(?<![0-9])[0-9]{3}(?![0-9])", "12 123 1234", "3 "},
    {"(?<![0-9a-z_])[0-9]+", "12x3 _4 5", "0 8 "},
    {"(?-i)(?<![a-z])[0-9]", "a1 B2", "4 "},
    {"(?<![0-9][-.])[0-9]", "1.2 x.3 4-5", "0 6 8 "},
    {"(?<!a|[0-9][-.])[0-9]", "a1 1.2", "3 "},
    {"7(?!8|9)", "78 79 70 7", "6 9 "},
    {"7(?!8|9)$", "7", "0 "},
    /* What is not certain lets everything through. */
    {"(?<![^0-9])7", " 7", "1 "},
    {"(?<!abc)7", "abc7", "3 "},
    {"(?:(?<!a)|b)7", "a7 b7", "1 3 4 "},
    {"7(?!8)?", "78", "0 "},
    {"7(?!89)", "789", "0 "},
    /* Alternatives, repeats, groups. */
    {"a7|[0-9]{2}-", "a7 12- 12 b7", "0 3 7 "},
    {"(?:a|bb)?7x", "bb7x a7x 7x 7y", "0 1 2 5 6 9 "},
    {"[0-9]{2,4}x", "1x 12x 12345x", "3 7 8 9 10 "},
    {"([0-9])-\\1", "1-1 1-2 1.1", "0 4 "},
    {"([0-9]a?){5}", "1a2a34a5 1a2", "0 2 "},
    {"(?:[0-9]{0,3}){3}7b", "7b 1c 127b", "0 6 7 8 "},
    /* Case, and what is k and s only without it. */
    {"(?i)k7",
     "k7 K7 \xe2\x84\xaa"
     "7",
     "0 3 6 "},
    {"(?i)[r-t]7",
     "s7 \xc5\xbf"
     "7",
     "0 3 "},
    {"(?-i)k7",
     "k7 K7 \xe2\x84\xaa"
     "7",
     "0 "},
    {"(?-i)\xc3\xa9"
     "7",
     "\xc3\xa9"
     "7 e7",
     "0 "},
    {"\xc3\xa9"
     "7-x",
     "\xc3\xa9"
     "7-x",
     "0 "},
    {"[^a]7",
     "a7 b7 \xc3\xa9"
     "7",
     "3 5 6 "},
    /* At the end of the text. */
    {"[0-9]{4}", "123", ""},
    {"[0-9]{3,4}", "123", "0 "},
};

START_TEST(test_places)
{
	struct ph_pattern *pattern = compile(rows[_i].pattern);
	g_autofree char *found = scan_one(pattern, rows[_i].text);

	ck_assert_msg(strcmp(found, rows[_i].places) == 0,
		      "\"%s\" in \"%s\": %s", rows[_i].pattern, rows[_i].text,
		      found);
	ph_pattern_unref(&pattern);
}
END_TEST

static char *
random_text(GRand *rand)
{
	static const char *const pieces[] = {
	    "0",       "1",  "7",  "8",	       "a",
	    "b",       "k",  "S",  "x",	       "_",
	    "-",       ".",  " ",  "/",	       "\n",
	    "12",      "78", "7x", "\xc3\xa9", "\xe2\x84\xaa",
	    "\xc5\xbf"};
	GString *text = g_string_new(NULL);

	for (int n = g_rand_int_range(rand, 0, 60); n > 0; n--)
		g_string_append(text,
				pieces[g_rand_int_range(
				    rand, 0, (gint32)G_N_ELEMENTS(pieces))]);
	return g_string_free(text, FALSE);
}

static bool
has(const struct ph_places *places, size_t pattern, size_t wanted)
{
	guint i = 0;
	size_t at;

	while (ph_places_next(places, pattern, &i, &at))
		if (at == wanted)
			return true;
	return false;
}

/* Wherever a pattern matches, its window is open; and a search at that place
 * says what a search from there on does. */
static void
check_text(const struct ph_windows *windows,
	   const struct ph_pattern *const *patterns, size_t n, const char *text)
{
	const size_t size = strlen(text);
	struct ph_places places;

	ph_places_init(&places, windows, LIMIT);
	for (size_t i = 0; i < n; i++)
		ph_places_want(&places, i);
	ph_windows_scan(windows, text, size, 0, SIZE_MAX, &places);
	for (size_t i = 0; i < n; i++) {
		struct ph_pattern_search *search =
		    ph_pattern_search_new(patterns[i], text, size);

		for (const char *p = text; *p != '\0';
		     p = g_utf8_next_char(p)) {
			const size_t at = (size_t)(p - text);
			int64_t left = INT64_MAX;
			size_t start, end, its_end;
			int r = ph_pattern_match_from(patterns[i], text, size,
						      at, at, &left, &start,
						      &end, NULL);

			ck_assert_int_eq(ph_pattern_search_at(search, at, &left,
							      &its_end, NULL),
					 r);
			if (r == 0)
				continue;
			ck_assert_uint_eq(its_end, end);
			ck_assert_msg(has(&places, i, at), "%s at %zu of %s",
				      ph_pattern_text(patterns[i]), at, text);
		}
		ph_pattern_search_free(&search);
	}
	ph_places_clear(&places);
}

/* All at once, in more than a word. */
#define COPIES 3

START_TEST(test_never_hides)
{
	struct ph_pattern *patterns[COPIES * G_N_ELEMENTS(rows)];
	const size_t n = G_N_ELEMENTS(patterns);
	GRand *rand = g_rand_new_with_seed(1);
	struct ph_windows *windows;

	for (size_t i = 0; i < n; i++)
		patterns[i] = compile(rows[i % G_N_ELEMENTS(rows)].pattern);
	windows = ph_windows_new((const struct ph_pattern *const *)patterns, n);
	for (int i = 0; i < 20; i++) {
		g_autofree char *text = random_text(rand);

		check_text(windows, (const struct ph_pattern *const *)patterns,
			   n, text);
	}
	ph_windows_free(&windows);
	for (size_t i = 0; i < n; i++)
		ph_pattern_unref(&patterns[i]);
	g_rand_free(rand);
}
END_TEST

/* What came before the limit is whole, and it is known where that ends. */
START_TEST(test_limit)
{
	static const char text[] = "1 2 3 4 5";
	struct ph_pattern *pattern = compile("[0-9]");
	const struct ph_pattern *const one = pattern;
	struct ph_windows *windows = ph_windows_new(&one, 1);
	struct ph_places places;
	g_autofree char *found = NULL;

	ck_assert_uint_eq(ph_windows_within(windows), 1);
	ph_places_init(&places, windows, 2);
	ph_places_want(&places, 0);
	ph_windows_scan(windows, text, strlen(text), 1, 2, &places);
	ck_assert_uint_eq(places.end, SIZE_MAX);
	ph_windows_scan(windows, text, strlen(text), 3, 8, &places);
	ck_assert_uint_eq(places.end, 6);
	ph_windows_scan(windows, text, strlen(text), 8, 8, &places);
	ck_assert_uint_eq(places.end, 6);
	found = list(&places, 0);
	ck_assert_str_eq(found, "2 4 ");
	ph_places_clear(&places);
	ph_windows_free(&windows);
	ph_pattern_unref(&pattern);
}
END_TEST

/* Only what is wanted. */
START_TEST(test_wanted)
{
	static const char text[] = "1 22";
	struct ph_pattern *patterns[] = {compile("[0-9]"), compile("[0-9]{2}")};
	struct ph_windows *windows =
	    ph_windows_new((const struct ph_pattern *const *)patterns, 2);
	struct ph_places places;
	g_autofree char *first = NULL, *second = NULL;

	ph_places_init(&places, windows, LIMIT);
	ph_places_want(&places, 1);
	ck_assert(!ph_places_wants(&places, 0));
	ck_assert(ph_places_wants(&places, 1));
	ph_windows_scan(windows, text, strlen(text), 0, SIZE_MAX, &places);
	first = list(&places, 0);
	second = list(&places, 1);
	ck_assert_str_eq(first, "");
	ck_assert_str_eq(second, "2 ");
	ph_places_clear(&places);
	ph_windows_free(&windows);
	ph_pattern_unref(&patterns[0]);
	ph_pattern_unref(&patterns[1]);
}
END_TEST

/* Repeats in repeats are walked for a while, not for ever. */
START_TEST(test_deep)
{
	g_autoptr(GString) text = g_string_new("a?");
	struct ph_pattern *pattern;
	g_autofree char *found = NULL;

	for (int i = 0; i < 40; i++) {
		g_string_prepend(text, "(?:");
		g_string_append(text, "a?)*");
	}
	g_string_prepend(text, "7");
	pattern = compile(text->str);
	found = scan_one(pattern, "7");
	ck_assert_str_eq(found, "0 ");
	ph_pattern_unref(&pattern);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/match/windows");
	TCase *t = tcase_create("windows");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, test_places, 0, G_N_ELEMENTS(rows));
	tcase_add_test(t, test_never_hides);
	tcase_add_test(t, test_limit);
	tcase_add_test(t, test_wanted);
	tcase_add_test(t, test_deep);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
