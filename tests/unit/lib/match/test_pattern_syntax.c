#include "lib/match/pattern.h"
#include "tests/unit/lib/match/pattern_rows.h"
#include "tests/unit/unit.h"

#include <string.h>

/* 1, 0, or -1 with the error in err. */
static int
match(const char *pattern, unsigned flags, const char *text, struct ph_err *err)
{
	struct ph_pattern *compiled;
	int rc;

	if (ph_pattern_compile(pattern, flags, &compiled, err) < 0)
		return -1;
	rc = ph_pattern_match(compiled, text, strlen(text), NULL, NULL, err);
	ph_pattern_unref(&compiled);
	return rc;
}

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(pattern_rows); i++) {
		const struct pattern_row *row = &pattern_rows[i];
		struct ph_err err = PH_ERR_INIT;
		int rc = match(row->pattern, 0, row->text, &err);

		ck_assert_msg(rc == row->match, "%s on %s: %d, not %d; %s",
			      row->pattern, row->text, rc, row->match,
			      err.text);
	}
}
END_TEST

START_TEST(test_legacy)
{
	static const struct pattern_row rows[] = {
	    {"a.c", "abc", 0},
	    {"a.c", "A.C", 1},
	    {"a+b?[c]{2}", "a+b?[c]{2}", 1},
	    {"ab*c", "abbbc", 1},
	    {"ab*c", "ac", 1},
	    {"(ab)*c", "ababc", 1},
	    {"^(ab)*c$", "abac", 0},
	    {"^a|b$", "xb", 1},
	    {"^(a|b)$", "xb", 0},
	    {"a|", "z", 1},
	    {"\\d\\d\\d-\\d", "tel 123-4", 1},
	    {"\\D", "123", 0},
	    {"\\s\\S", "x y", 1},
	    {"^\\w$", "ж", 1},
	    {"^\\w$", "_", 0},
	    {"^\\W$", "_", 1},
	    {"^\\w*$", "a1ж", 1},
	    {"\\*\\(\\)\\\\\\^\\$\\|", "*()\\^$|", 1},
	    {"\\.", ".", 1},
	    {"(?:a)", "?:a", 1},
	    {"a#b c", "a#b c", 1},
	    {"", "", 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		int rc = match(rows[i].pattern, PH_PATTERN_LEGACY, rows[i].text,
			       &err);

		ck_assert_msg(rc == rows[i].match, "%s on %s: %d; %s",
			      rows[i].pattern, rows[i].text, rc, err.text);
	}
}
END_TEST

struct error_row {
	const char *pattern;
	size_t offset;
	const char *reason;
};

static void
check_error(const struct error_row *row, unsigned flags)
{
	g_autofree char *at = g_strdup_printf("at offset %zu: ", row->offset);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_pattern_check(row->pattern, flags, &err) == -1,
		      "%s was taken", row->pattern);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(g_str_has_prefix(err.text, at) &&
			  strstr(err.text, row->reason) != NULL,
		      "%s: \"%s\", not \"%s...%s\"", row->pattern, err.text, at,
		      row->reason);
}

static const struct error_row errors[] = {
    /* What .NET refuses, too. */
    {"*a", 0, "follows nothing"},
    {"a|*", 2, "follows nothing"},
    {"(?i)*", 4, "follows nothing"},
    {"{2}", 0, "follows nothing"},
    {"(+a)", 1, "follows nothing"},
    {"(*ACCEPT)", 1, "follows nothing"},
    {"(?)", 0, "not known to .NET"},
    {"a**", 2, "follows a quantifier"},
    {"a++", 2, "follows a quantifier"},
    {"a?+", 2, "follows a quantifier"},
    {"a{2}{3}", 4, "follows a quantifier"},
    {"a+?+", 3, "follows a quantifier"},
    {"a{3,2}", 1, "reversed"},
    {"a{99999999999}", 2, "too large"},
    {"a{70000}", 1, "65535"},
    {"a{1,70000}", 1, "65535"},
    {"(a", 0, "no end"},
    {"a(b(c)", 1, "no end"},
    {"a)", 1, "closes nothing"},
    {"жж)", 2, "closes nothing"},
    {"[a", 0, "no end"},
    {"x[]", 1, "no end"},
    {"x[^]", 1, "no end"},
    {"[z-a]", 3, "reversed"},
    {"[a-\\d]", 3, "cannot end a range"},
    {"[a-z-[b]c]", 8, "not the last"},
    {"a\\", 1, "stands at the end"},
    {"[\\", 1, "stands at the end"},
    {"\\Qa\\E", 0, "\"\\Q\" is not known"},
    {"\\K", 0, "not known"},
    {"\\h", 0, "not known"},
    {"\\H", 0, "not known"},
    {"\\R", 0, "not known"},
    {"\\N", 0, "not known"},
    {"\\X", 0, "not known"},
    {"\\C", 0, "not known"},
    {"\\o{101}", 0, "not known"},
    {"\\g{1}", 0, "not known"},
    {"\\_", 0, "not known"},
    {"\\ж", 0, "\"\\ж\" is not known"},
    {"[\\Q]", 1, "not known"},
    {"[\\8]", 1, "not known"},
    {"\\x{41}", 2, "hexadecimal"},
    {"\\x4", 3, "hexadecimal"},
    {"\\u12", 4, "hexadecimal"},
    {"\\c1", 2, "control"},
    {"\\1", 0, "no group"},
    {"(a)\\2", 3, "no group \"2\""},
    {"(?:a)\\1", 5, "no group"},
    {"\\80", 0, "not known"},
    {"\\k<x>", 0, "no group \"x\""},
    {"\\k{x}", 0, "not valid"},
    {"\\kx", 0, "not valid"},
    {"\\<x>", 0, "no group"},
    {"\\p", 2, "not valid"},
    {"\\pL", 2, "not valid"},
    {"\\p{L", 2, "not valid"},
    {"\\p{^L}", 2, "not valid"},
    {"\\p{Foo}", 2, "\"Foo\" is neither"},
    {"\\p{isGreek}", 2, "\"isGreek\" is neither"},
    {"[\\p{Xan}]", 3, "neither"},
    {"(?P<n>a)", 0, "not known to .NET"},
    {"(?P=n)", 0, "not known to .NET"},
    {"a(?R)", 1, "not known to .NET"},
    {"(a)(?1)", 3, "not known to .NET"},
    {"(a)(?+1)", 3, "not known to .NET"},
    {"(a)(?-1)", 3, "not known to .NET"},
    {"(?&n)", 0, "not known to .NET"},
    {"(?|a|b)", 0, "not known to .NET"},
    {"(?C1)", 0, "not known to .NET"},
    {"(?J)a", 0, "not known to .NET"},
    {"(?^)a", 0, "not known to .NET"},
    {"(?", 0, "not known to .NET"},
    {"(?#a", 0, "the comment has no end"},
    {"(?<0>a)", 3, "whole match"},
    {"(?<1a>a)", 3, "name is not valid"},
    {"(?<a b>a)", 3, "name is not valid"},
    {"(?<>a)", 3, "name is not valid"},
    {"(?<a", 3, "name is not valid"},
    {"(?(1)a|b)", 3, "no group 1"},
    {"(a)(?(1a)b)", 6, "not valid"},
    {"(a)(?(1)b|c|d)", 3, "more than two"},
    {"(?(?#x)a)", 2, "cannot be a condition"},
    {"(?(?<n>x)a)", 2, "cannot be a condition"},
    {"(?(?i)a)", 2, "cannot be a condition"},
    /* What .NET takes and we do not. */
    {"a\\G", 1, "\\G"},
    {"(?<a>x)(?<b-a>y)", 7, "balancing"},
    {"(?<a>x)(?<-a>y)", 7, "balancing"},
    {"(?<a>x)(?<a>y)", 7, "two groups \"a\""},
    {"(?<1>x)(y)", 7, "two groups with the number 1"},
    {"(x)(?<1>y)", 3, "two groups with the number 1"},
    {"x(?<=a+)b", 1, "variable-length lookbehind"},
    {"(?<!a?)b", 0, "variable-length lookbehind"},
    {"(?<=x(?:a|bc))b", 0, "variable-length lookbehind"},
    {"(a)(?<=\\1)", 7, "back-reference in a lookbehind"},
    {"(a)?(?<=(?(1)b))", 8, "conditional group in a lookbehind"},
    {"\\uD83D", 2, "surrogate"},
    {"\\uDE00x", 2, "surrogate"},
    {"[\\uD800-\\uDFFF]", 3, "surrogate"},
    {"\\p{Cs}", 2, "surrogate"},
    {"[[:alpha:]]", 1, "POSIX"},
    {"[a[:^digit:]]", 2, "POSIX"},
    /* PCRE2's own limits, with our place. */
    {"ж((?:a{1000}){1000}){1000}", 5, "too large"},
};

START_TEST(test_errors)
{
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
		check_error(&errors[i], 0);
}
END_TEST

START_TEST(test_legacy_errors)
{
	static const struct error_row rows[] = {
	    {"*", 0, "repeat"},
	    {"a**", 2, "repeat"},
	    {"(*a)", 1, "repeat"},
	    {"a|*", 2, "repeat"},
	    {"(a", 0, "no end"},
	    {"жa)", 2, "closes nothing"},
	    {"a\\", 1, "at the end"},
	    {"\\b", 0, "not known to legacy"},
	    {"(a)\\1", 3, "not known to legacy"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_error(&rows[i], PH_PATTERN_LEGACY);
}
END_TEST

static char *
repeat(const char *text, size_t n)
{
	GString *all = g_string_new(NULL);

	while (n-- > 0)
		g_string_append(all, text);
	return g_string_free(all, FALSE);
}

/* At the limit, and one over. */
START_TEST(test_limits)
{
	g_autofree char *longest = repeat("a", PH_PATTERN_LIMIT);
	g_autofree char *longer = repeat("a", PH_PATTERN_LIMIT + 1);
	g_autofree char *open = repeat("(", 100), *close = repeat(")", 100);
	g_autofree char *deepest = g_strconcat(open, "a", close, NULL);
	g_autofree char *deeper = g_strconcat("(", deepest, ")", NULL);
	g_autofree char *classes = repeat("[a-", 200);
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_pattern_check(longest, 0, &err), 0);
	ck_assert_int_eq(ph_pattern_check(longer, 0, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
	for (unsigned flags = 0; flags <= PH_PATTERN_LEGACY; flags++) {
		ck_assert_int_eq(ph_pattern_check(deepest, flags, &err), 0);
		ck_assert_int_eq(ph_pattern_check(deeper, flags, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text, "too deeply"));
	}
	ck_assert_int_eq(ph_pattern_check(classes, 0, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too deeply"));
	ck_assert_int_eq(ph_pattern_check("a\xff", 0, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "UTF-8"));
}
END_TEST

UNIT_MAIN("lib/match/pattern_syntax", test_rows, test_legacy, test_errors,
	  test_legacy_errors, test_limits)
