#include "lib/match/pattern.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct ph_pattern *
compile(const char *text, unsigned flags)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_pattern *pattern;

	ck_assert_msg(ph_pattern_compile(text, flags, &pattern, &err) == 0,
		      "%s: %s", text, err.text);
	return pattern;
}

START_TEST(test_life)
{
	struct ph_pattern *pattern = compile("a\\d", PH_PATTERN_LEGACY);
	struct ph_pattern *other = ph_pattern_ref(pattern);

	ck_assert_str_eq(ph_pattern_text(pattern), "a\\d");
	ck_assert_uint_eq(ph_pattern_flags(pattern), PH_PATTERN_LEGACY);
	ph_pattern_unref(&pattern);
	ck_assert_ptr_null(pattern);
	ck_assert_int_eq(ph_pattern_match(other, "xa5", 3, NULL, NULL, NULL),
			 1);
	ph_pattern_unref(&other);
	ph_pattern_unref(&other);
}
END_TEST

START_TEST(test_refused)
{
	struct ph_pattern *pattern = (struct ph_pattern *)&pattern;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_pattern_compile("(", 0, &pattern, &err), -1);
	ck_assert_ptr_null(pattern);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_int_eq(ph_pattern_check("(", 0, NULL), -1);
	ck_assert_int_eq(ph_pattern_check("()", 0, NULL), 0);
	ck_assert_int_eq(ph_pattern_check("?", PH_PATTERN_LEGACY, NULL), 0);
}
END_TEST

/* The leftmost, in bytes; and only so much of the text as was said. */
START_TEST(test_offsets)
{
	static const char text[] = "жж foo foo";
	struct ph_pattern *pattern = compile("f(o)\\1", 0);
	size_t start = 99, end = 99;

	ck_assert_int_eq(
	    ph_pattern_match(pattern, text, strlen(text), &start, &end, NULL),
	    1);
	ck_assert_uint_eq(start, 5);
	ck_assert_uint_eq(end, 8);
	start = 99;
	ck_assert_int_eq(ph_pattern_match(pattern, text, 7, &start, NULL, NULL),
			 0);
	ck_assert_uint_eq(start, 99);
	ck_assert_int_eq(ph_pattern_match(pattern, "", 0, NULL, NULL, NULL), 0);
	ck_assert_int_eq(
	    ph_pattern_match(pattern, "\0foo", 4, &start, NULL, NULL), 1);
	ck_assert_uint_eq(start, 1);
	ph_pattern_unref(&pattern);
}
END_TEST

/* As few as possible, or as many. */
START_TEST(test_greed)
{
	struct ph_pattern *lazy = compile("a{2,}?", 0);
	struct ph_pattern *greedy = compile("a{2,}", 0);
	size_t end = 0;

	ck_assert_int_eq(ph_pattern_match(lazy, "aaaa", 4, NULL, &end, NULL),
			 1);
	ck_assert_uint_eq(end, 2);
	ck_assert_int_eq(ph_pattern_match(greedy, "aaaa", 4, NULL, &end, NULL),
			 1);
	ck_assert_uint_eq(end, 4);
	ph_pattern_unref(&lazy);
	ph_pattern_unref(&greedy);
}
END_TEST

static char *
repeat(const char *piece, size_t n, const char *end)
{
	GString *all = g_string_new(NULL);

	while (n-- > 0)
		g_string_append(all, piece);
	g_string_append(all, end);
	return g_string_free(all, FALSE);
}

/* Exponential backtracking ends, and says for which pattern. */
START_TEST(test_match_limit)
{
	static const struct {
		const char *pattern, *piece, *end;
	} rows[] = {
	    {"(a+)+$", "a", "!"},
	    {"(a|aa)+$", "a", "!"},
	    {"^(?:a?){40}a{40}b", "a", "b"},
	    {"(?:\\w+\\s?)+:", "a", "!:"},
	    {"^(.*?,){20}P", ",", "QP"},
	    /* Few steps, but long ones. */
	    {"(\\w+)\\w*\\1z", "a", " z"},
	    {"\\d*\\d*\\d*\\d*z", "1", " z"},
	    {"(?=.*1)(?=.*2)\\w*\\w*\\w*q", "a", " 12q"},
	    {"a.*c\\d", "a", "c"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
		    repeat(rows[i].piece, 50000, rows[i].end);
		struct ph_pattern *pattern = compile(rows[i].pattern, 0);
		struct ph_err err = PH_ERR_INIT;
		int rc = ph_pattern_match(pattern, text, strlen(text), NULL,
					  NULL, &err);

		ck_assert_msg(rc == -1, "%s: %d", rows[i].pattern, rc);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(strstr(err.text, rows[i].pattern) != NULL &&
				  strstr(err.text, "match limit") != NULL,
			      "%s", err.text);
		ph_pattern_unref(&pattern);
	}
}
END_TEST

/* More than fits the stack that JIT is lent. */
/* Many matches take no more than what they have together; who does not
 * backtrack takes nothing of it. */
START_TEST(test_time_of_many)
{
	static const int64_t all = INT64_C(100) * 1000 * 1000;
	struct ph_pattern *bad = compile("(a+)+$", 0);
	g_autofree char *text = repeat("a", 60, "!");
	struct ph_err err = PH_ERR_INIT;
	int64_t left = all;

	ck_assert_int_eq(
	    ph_pattern_match_within(bad, "b", 1, &left, NULL, NULL, &err), 0);
	ck_assert_int_eq(
	    ph_pattern_match_within(bad, "ba", 2, &left, NULL, NULL, &err), 1);
	ck_assert_int_eq(left, all);
	while (left > 0)
		ck_assert_int_eq(ph_pattern_match_within(bad, text,
							 strlen(text), &left,
							 NULL, NULL, &err),
				 -1);
	/* Not even what would be found at once. */
	ck_assert_int_eq(
	    ph_pattern_match_within(bad, "a", 1, &left, NULL, NULL, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "match limit"));
	ck_assert_int_eq(ph_pattern_match(bad, "a", 1, NULL, NULL, &err), 1);
	ph_pattern_unref(&bad);
}
END_TEST

START_TEST(test_long_text)
{
	g_autofree char *text = repeat("ab", 50000, "");
	struct ph_pattern *pattern = compile("^(?:a|b)*$", 0);
	struct ph_pattern *kept = compile("^(?:(a)|b)*\\1?$", 0);
	struct ph_err err = PH_ERR_INIT;
	size_t end = 0;

	ck_assert_msg(ph_pattern_match(pattern, text, strlen(text), NULL, &end,
				       &err) == 1,
		      "%s", err.text);
	ck_assert_uint_eq(end, 100000);
	ck_assert_msg(
	    ph_pattern_match(kept, text, strlen(text), NULL, &end, &err) == 1,
	    "%s", err.text);
	text[99999] = 'c';
	ck_assert_int_eq(
	    ph_pattern_match(pattern, text, strlen(text), NULL, NULL, &err), 0);
	ph_pattern_unref(&pattern);
	ph_pattern_unref(&kept);
}
END_TEST

static void *
match_often(void *data)
{
	size_t n = 0;

	for (int i = 0; i < 2000; i++)
		n += ph_pattern_match(data, "the quick brown fox", 19, NULL,
				      NULL, NULL) == 1;
	return GSIZE_TO_POINTER(n);
}

START_TEST(test_threads)
{
	struct ph_pattern *pattern = compile("\\b(\\w)\\w+\\s.*FOX$", 0);
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("match", match_often, pattern);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		ck_assert_uint_eq(GPOINTER_TO_SIZE(g_thread_join(threads[i])),
				  2000);
	ph_pattern_unref(&pattern);
}
END_TEST

UNIT_MAIN("lib/match/pattern", test_life, test_refused, test_offsets,
	  test_greed, test_match_limit, test_time_of_many, test_long_text,
	  test_threads)
