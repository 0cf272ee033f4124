#include "lib/match/pattern.h"
#include "tests/unit/unit.h"

#include <string.h>

#define FOREVER UINT32_MAX

static const struct {
	const char *text;
	bool known;
	struct ph_pattern_digits digits;
} rows[] = {
    {"7", true, {1, 1, 1}},
    {"[0-9]{3}-[0-9]{2}", true, {1, 6, 5}},
    {"[A-Z]{2} ?[0-9]+", true, {4, FOREVER, 1}},
    {"(?<![0-9])[a-c]?[0-9]{4,6}(?![0-9])", true, {2, 7, 4}},
    {"(?=[A-Z]{0,3}[0-9])[A-Z0-9]{5}", true, {4, 5, 0}},
    {"a(?:b[0-9]|cd[0-9]{2})", true, {4, 5, 1}},
    /* Matches without a digit, or one that is not ASCII. */
    {"a|[0-9]", false, {0, 0, 0}},
    {"[0-9]*a", false, {0, 0, 0}},
    {"\\d{4}", false, {0, 0, 0}},
    {"[^a-z]", false, {0, 0, 0}},
    {"[0-9a]{9}", false, {0, 0, 0}},
    {".*[0-9]", false, {0, 0, 0}},
    {"(?![0-9])x", false, {0, 0, 0}},
    {"(a)\\1", false, {0, 0, 0}},
};

START_TEST(test_digits)
{
	struct ph_pattern *pattern;
	struct ph_pattern_digits is;
	struct ph_err err = PH_ERR_INIT;
	bool known;

	ck_assert_msg(ph_pattern_compile(rows[_i].text, 0, &pattern, &err) == 0,
		      "%s", err.text);
	known = ph_pattern_digits(pattern, &is);
	ck_assert_msg(known == rows[_i].known, "%s", rows[_i].text);
	if (known) {
		ck_assert_uint_eq(is.within, rows[_i].digits.within);
		ck_assert_uint_eq(is.length, rows[_i].digits.length);
		ck_assert_uint_eq(is.digits, rows[_i].digits.digits);
	}
	ph_pattern_unref(&pattern);
}
END_TEST

START_TEST(test_from)
{
	static const char text[] = "12 34 56";
	struct ph_pattern *pattern;
	int64_t left = INT64_C(1000000000);
	size_t start, end;

	ck_assert_int_eq(
	    ph_pattern_compile("\\b[0-9]{2}\\b", 0, &pattern, NULL), 0);
	ck_assert_int_eq(ph_pattern_match_from(pattern, text, 8, 0, SIZE_MAX,
					       &left, &start, &end, NULL),
			 1);
	ck_assert_uint_eq(start, 0);
	/* What stands before "from" is seen: there is no word's beginning. */
	ck_assert_int_eq(ph_pattern_match_from(pattern, text, 8, 1, SIZE_MAX,
					       &left, &start, &end, NULL),
			 1);
	ck_assert_uint_eq(start, 3);
	ck_assert_uint_eq(end, 5);
	ck_assert_int_eq(ph_pattern_match_from(pattern, text, 8, 4, 5, &left,
					       &start, &end, NULL),
			 0);
	ck_assert_int_eq(ph_pattern_match_from(pattern, text, 8, 4, 6, &left,
					       &start, &end, NULL),
			 1);
	ck_assert_uint_eq(start, 6);
	ck_assert_int_eq(ph_pattern_match_from(pattern, text, 8, 8, SIZE_MAX,
					       &left, &start, &end, NULL),
			 0);
	ph_pattern_unref(&pattern);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lib/match/pattern_digit");
	TCase *t = tcase_create("digits");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, test_digits, 0, G_N_ELEMENTS(rows));
	tcase_add_test(t, test_from);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
