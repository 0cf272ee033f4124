#include "tests/unit/lib/match/pattern_rows.h"
#include "tests/unit/lib/match/prefilter.h"

/* ---- random texts ---- */

static const char *const text_pieces[] = {
    "a",
    "b",
    "K",
    "s",
    "z",
    "A",
    "5",
    "0",
    " ",
    "\t",
    "\n",
    "\r\n",
    "_",
    "-",
    ".",
    ",",
    "\"",
    "(",
    "]",
    "foo",
    "ж",
    "В",
    "É",
    "ς",
    "Σ",
    "ı",
    "日",
    "\xe2\x84\xaa",
    "\xc5\xbf",
    "\xe2\x80\x8d",
    "\xc2\xa0",
    "\xcc\x81",
    "\xd9\xa3",
    "\xc2\xbd",
    "\xf0\x9f\x98\x80",
    "\xf0\x9d\x90\x80",
};

/* Some characters are left out, doubled, replaced, or change case. */
static char *
mutate(GRand *random, const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		switch (g_rand_int_range(random, 0, 16)) {
		case 0:
			continue;
		case 1:
			g_string_append(out, pick(random, text_pieces,
						  G_N_ELEMENTS(text_pieces)));
			break;
		case 2:
			g_string_append_unichar(out, c);
			break;
		case 3:
			c = g_unichar_toupper(c);
			break;
		case 4:
			c = g_unichar_tolower(c);
			break;
		default:
			break;
		}
		g_string_append_unichar(out, c);
	}
	if (g_rand_boolean(random))
		g_string_prepend(
		    out, pick(random, text_pieces, G_N_ELEMENTS(text_pieces)));
	if (g_rand_boolean(random))
		g_string_append(
		    out, pick(random, text_pieces, G_N_ELEMENTS(text_pieces)));
	return g_string_free(out, FALSE);
}

/* ---- tests ---- */

static void
check_row(GRand *random, const struct pattern_row *row,
	  struct ph_pattern *pattern, unsigned *found)
{
	struct prefilter f;

	prefilter_open(&f, ph_pattern_prefilter(pattern));
	for (size_t i = 0; i < G_N_ELEMENTS(pattern_rows); i++)
		check_text(pattern, &f, pattern_rows[i].text, found);
	for (int i = 0; i < 40; i++) {
		g_autofree char *text = mutate(random, row->text);

		check_text(pattern, &f, text, found);
	}
	prefilter_close(&f);
}

START_TEST(test_rows)
{
	GRand *random = g_rand_new_with_seed(1);
	unsigned found = 0, without = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(pattern_rows); i++) {
		struct ph_pattern *pattern;

		ck_assert_int_eq(ph_pattern_compile(pattern_rows[i].pattern, 0,
						    &pattern, NULL),
				 0);
		if (ph_pattern_prefilter(pattern) == NULL)
			without++;
		else
			check_row(random, &pattern_rows[i], pattern, &found);
		ph_pattern_unref(&pattern);
	}
	g_rand_free(random);
	/* Or the test would prove nothing. */
	ck_assert_uint_gt(found, 4000);
	ck_assert_uint_lt(without, G_N_ELEMENTS(pattern_rows) / 2);
}
END_TEST

static const char *const pattern_pieces[] = {
    "a",
    "b",
    "K",
    "s",
    "ж",
    "5",
    "B",
    " ",
    ".",
    "*",
    "+",
    "?",
    "{2}",
    "{1,3}",
    "{0,40}",
    "{2,}",
    "{",
    "}",
    "(",
    "(",
    ")",
    ")",
    "|",
    "^",
    "$",
    "[",
    "]",
    "[^",
    "-",
    "\\",
    "\\w",
    "\\W",
    "\\d",
    "\\D",
    "\\s",
    "\\S",
    "\\b",
    "\\B",
    "\\1",
    "\\p{L}",
    "\\P{Lu}",
    "\\p{Nd}",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?>",
    "(?<n>",
    "\\k<n>",
    "(?(1)",
    "(?i)",
    "(?-i)",
    "(?s:",
    "(?m)",
    "(?x)",
    "(?n)",
    "#",
    "(?#",
    "a-z",
    "-[",
    "&&",
    "[:alpha:",
    ":",
    "=",
    "!",
    "<",
    ">",
    "'",
    ",",
    "(?(a)",
    "\\x41",
    "\\u0436",
    "\\101",
    "\\.",
    "\\Z",
    "\\A",
    "\\z",
    "[a-f]",
    "[^s]",
    "(?P<",
    "\\Q",
    "\\E",
    "\\h",
    "[\\w-[a]]",
    "\xf0\x9f\x98\x80",
    "\n",
    "ſ",
    "\\p{IsGreek}",
    "%s",
};

static void
check_random(GRand *random, const struct ph_pattern *pattern, unsigned *found)
{
	struct prefilter f;

	prefilter_open(&f, ph_pattern_prefilter(pattern));
	for (int i = 0; i < 40; i++) {
		g_autofree char *text = pick_some(
		    random, text_pieces, G_N_ELEMENTS(text_pieces), 11);

		check_text(pattern, &f, text, found);
	}
	prefilter_close(&f);
}

static void
check_error(const char *text, const struct ph_err *err)
{
	guint64 offset = 0;
	char *end = NULL;

	ck_assert_int_eq(err->kind, PH_ERR_PERM);
	ck_assert_msg(g_str_has_prefix(err->text, "at offset "), "%s: %s", text,
		      err->text);
	offset = g_ascii_strtoull(err->text + strlen("at offset "), &end, 10);
	ck_assert_msg(*end == ':' && offset <= (guint64)g_utf8_strlen(text, -1),
		      "%s: %s", text, err->text);
}

/* Whatever is typed is taken or refused with a place. */
START_TEST(test_random)
{
	GRand *random = g_rand_new_with_seed(2);
	unsigned found = 0, taken = 0;

	for (int i = 0; i < 4000; i++) {
		g_autofree char *text = pick_some(
		    random, pattern_pieces, G_N_ELEMENTS(pattern_pieces), 11);
		struct ph_err err = PH_ERR_INIT;
		struct ph_pattern *pattern;

		if (ph_pattern_compile(text,
				       i % 16 == 0 ? PH_PATTERN_LEGACY : 0,
				       &pattern, &err) < 0) {
			check_error(text, &err);
			continue;
		}
		taken++;
		if (ph_pattern_prefilter(pattern) != NULL)
			check_random(random, pattern, &found);
		ph_pattern_unref(&pattern);
	}
	g_rand_free(random);
	ck_assert_uint_gt(taken, 500);
	ck_assert_uint_gt(found, 300);
}
END_TEST

/* Letters that have two cases, of all of Unicode. */
static GArray *
cased_letters(void)
{
	GArray *all = g_array_new(FALSE, FALSE, sizeof(gunichar));

	for (gunichar c = 1; c < 0x110000; c++)
		if (g_unichar_validate(c) &&
		    (g_unichar_toupper(c) != c || g_unichar_tolower(c) != c ||
		     c == 0x345))
			g_array_append_val(all, c);
	return all;
}

/* Each letter, and each a range around it, against all others: does Hyperscan
 * fold what PCRE2 folds, or is the expression wide enough? */
static void
check_letter(const GArray *letters, gunichar c, bool range, unsigned *found)
{
	g_autofree char *text =
	    range ? g_strdup_printf("[\\u%04x-\\u%04x]", c, c + 1)
		  : g_strdup_printf("\\u%04x", c);
	struct ph_pattern *pattern;
	struct prefilter f;

	ck_assert_int_eq(ph_pattern_compile(text, 0, &pattern, NULL), 0);
	if (ph_pattern_prefilter(pattern) == NULL) {
		ph_pattern_unref(&pattern);
		return;
	}
	prefilter_open(&f, ph_pattern_prefilter(pattern));
	for (size_t i = 0; i < letters->len; i++) {
		char letter[7] = "";

		g_unichar_to_utf8(g_array_index(letters, gunichar, i), letter);
		check_text(pattern, &f, letter, found);
	}
	prefilter_close(&f);
	ph_pattern_unref(&pattern);
}

START_TEST(test_case)
{
	GArray *letters = cased_letters();
	unsigned found = 0;

	for (size_t i = 0; i < letters->len; i++) {
		gunichar c = g_array_index(letters, gunichar, i);

		if (c > 0xfffe)
			break;
		check_letter(letters, c, false, &found);
		if (i % 8 == 0)
			check_letter(letters, c, true, &found);
	}
	g_array_unref(letters);
	ck_assert_uint_gt(found, 3000);
}
END_TEST

START_TEST(test_case_of_famous_letters)
{
	static const struct {
		const char *pattern, *text;
	} rows[] = {
	    {"k", "\xe2\x84\xaa"},
	    {"\xe2\x84\xaa", "K"},
	    {"s", "ſ"},
	    {"ſ", "S"},
	    {"σ", "ς"},
	    {"ς", "Σ"},
	    {"å", "\xe2\x84\xab"},
	    {"µ", "Μ"},
	    {"ω", "\xe2\x84\xa6"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_pattern *pattern;
		struct prefilter f;
		unsigned found = 0;

		ck_assert_int_eq(
		    ph_pattern_compile(rows[i].pattern, 0, &pattern, NULL), 0);
		prefilter_open(&f, ph_pattern_prefilter(pattern));
		check_text(pattern, &f, rows[i].text, &found);
		ck_assert_msg(found == 1, "%s %s", rows[i].pattern,
			      rows[i].text);
		prefilter_close(&f);
		ph_pattern_unref(&pattern);
	}
}
END_TEST

/* Nothing is gained by what every text has. */
START_TEST(test_none)
{
	static const char *const without[] = {
	    "",	     ".*",    ".+",	 "a*",	      "a?|b",	 "\\b",
	    "^$",    "\\w+",  "\\S",	 "[^a]",      "(a|)",	 "(?!a)",
	    "(?=a)", "[a-z]", "a{0}",	 "(?(?=a)b)", "(?:)*x?", "\\D{5}",
	    "(?s).", "a|.",   "(a)?\\1",
	};
	static const char *const with[] = {
	    "a",       "\\d{4}", "(?=a)b",  "a|b",   "a.*",	 "(?<=x)y",
	    "\\ba\\b", "(a)\\1", "[aeiou]", "\\w+@", "(?:a|b)+", "ж",
	};
	struct ph_pattern *pattern;

	for (size_t i = 0; i < G_N_ELEMENTS(without); i++) {
		ck_assert_int_eq(
		    ph_pattern_compile(without[i], 0, &pattern, NULL), 0);
		ck_assert_msg(ph_pattern_prefilter(pattern) == NULL, "%s: %s",
			      without[i], ph_pattern_prefilter(pattern));
		ph_pattern_unref(&pattern);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(with); i++) {
		ck_assert_int_eq(ph_pattern_compile(with[i], 0, &pattern, NULL),
				 0);
		ck_assert_msg(ph_pattern_prefilter(pattern) != NULL, "%s",
			      with[i]);
		ph_pattern_unref(&pattern);
	}
}
END_TEST

START_TEST(test_factors)
{
	static const struct {
		const char *pattern, *factor;
	} rows[] = {
	    {"Invoice\\s+number", "invoice"},
	    {"\\bdraft\\b", "draft"},
	    {"(con)fident(ial)?", "confident"},
	    {"a(?:bcd)ef\\d+", "abcdef"},
	    {"lookask", NULL},
	    {"one|two", NULL},
	    {"(one|two)three", "three"},
	    {"abc", NULL},
	    {"(abcdef)*xy", NULL},
	    {"abcdef?gh", "abcde"},
	    {"x{2}abcd", "abcd"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_pattern *p = NULL;

		ck_assert_int_eq(
		    ph_pattern_compile(rows[i].pattern, 0, &p, NULL), 0);
		ck_assert_msg(g_strcmp0(ph_pattern_factor(p), rows[i].factor) ==
				  0,
			      "%s: %s", rows[i].pattern, ph_pattern_factor(p));
		ph_pattern_unref(&p);
	}
}
END_TEST

UNIT_MAIN("lib/match/pattern_prefilter", test_rows, test_random, test_case,
	  test_case_of_famous_letters, test_none, test_factors)
