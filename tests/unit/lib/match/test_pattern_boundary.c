#include "tests/unit/lib/match/prefilter.h"

/* What is made of \b: by PCRE2's expression, where it stands beside what is
 * certainly a word, and by the prefilter. */

static struct ph_pattern *
compile(const char *text)
{
	struct ph_pattern *pattern = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_pattern_compile(text, 0, &pattern, &err) == 0,
		      "%s: %s", text, err.text);
	return pattern;
}

/* Does it let nothing through that has no match? And all that has. */
START_TEST(test_narrow)
{
	static const struct {
		const char *pattern, *text;
		bool hit;
	} rows[] = {
	    {"\\bdraft(?:ed|s)?\\b", "a draft", true},
	    {"\\bdraft(?:ed|s)?\\b", "drafts, and", true},
	    {"\\bdraft(?:ed|s)?\\b", "Drafted\n", true},
	    {"\\bdraft(?:ed|s)?\\b", "drafts\u00a0x", true},
	    {"\\bdraft(?:ed|s)?\\b", "draft\xc5\xbf", true},
	    {"\\bdraft(?:ed|s)?\\b", "drafty", false},
	    {"\\bdraft(?:ed|s)?\\b", "drafteds", false},
	    {"\\bdraft(?:ed|s)?\\b", "adraft", false},
	    {"\\bdraft\\d*\\b", "draft12x draft_", false},
	    {"\\bdraft\\d*\\b", "draft12", true},
	    {"\\bklass\\b", "klass", true},
	    {"\\bklass\\b", "\xe2\x84\xaalass", true},
	    {"\\bklass\\b", "a klass.", true},
	    {"\\bklass\\b", "klasse", false},
	    {"\\bklass\\b", "oklass", false},
	    {"\\b\u00e9t\u00e9\\b", "l'\u00c9T\u00c9!", true},
	    {"\\b\u00e9t\u00e9\\b", "\u00e9t\u00e9s", false},
	    {"\\b(?:up|down)[ck]?\\b", "x-upk", true},
	    {"\\b(?:up|down)[ck]?\\b", "cup updo", false},
	    {"(?:one\\b|two)\\b", "one-two", true},
	    {"(?:one\\b|two)\\b", "ones", false},
	    {"one\\b\\b", "one", true},
	    {"(?:ones\\b)?two", "xtwox", true},
	    {"(?:ones\\b ?){2}", "ones ones", true},
	    {"ones\\b(?=!)", "ones!", true},
	    {"ones\\b$", "ones\n", true},
	    {"\\b\\bsix", "six", true},
	    {"\\bsix\\b|seven", "sevens", true},
	    {"\\bsix\\b|seven", "sixs", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_pattern *pattern = compile(rows[i].pattern);
		struct prefilter f;

		prefilter_open(&f, ph_pattern_prefilter(pattern));
		ck_assert_msg(prefilter_hits(&f, rows[i].text) == rows[i].hit,
			      "%s (%s) in \"%s\"", rows[i].pattern,
			      ph_pattern_prefilter(pattern), rows[i].text);
		ck_assert_msg(ph_pattern_match(pattern, rows[i].text,
					       strlen(rows[i].text), NULL, NULL,
					       NULL) == rows[i].hit,
			      "%s in \"%s\"", rows[i].pattern, rows[i].text);
		prefilter_close(&f);
		ph_pattern_unref(&pattern);
	}
}
END_TEST

static const char *const pattern_pieces[] = {
    "\\b", "\\b", "\\b", "\\b",	  "a",	    "a",     "s",    "k",
    "_",   "5",	  " ",	 "-",	  "\u00e9", "(?:",   "(",    ")",
    ")",   ")?",  ")?",	 ")*",	  "|",	    "?",     "*",    "{2}",
    "\\w", "\\d", "\\B", ".",	  "[as]",   "[a-k]", "[^a]", "(?=",
    "$",   "^",	  "as",	 "(?-i)", "(?>",
};
static const char *const text_pieces[] = {
    "a",
    "s",
    "K",
    "_",
    "5",
    " ",
    "-",
    "A",
    "\u00e9",
    "-",
    "\xe2\x84\xaa",
    "\xc5\xbf",
    "\xe2\x80\x8d",
    "\xcc\x81",
    "a",
    "s",
    " ",
    "\n",
};

/* The same without a thought of what stands beside it. */
static char *
spell_out(const char *pattern)
{
#define SIDE "[\\w\\u200c\\u200d]"
	g_auto(GStrv) parts = g_strsplit(pattern, "\\b", -1);

	return g_strjoinv(
	    "(?:(?<=" SIDE ")(?!" SIDE ")|(?<!" SIDE ")(?=" SIDE "))", parts);
#undef SIDE
}

static bool
matches(const struct ph_pattern *pattern, const char *text, size_t *start_r,
	size_t *end_r)
{
	*start_r = *end_r = 0;
	return ph_pattern_match(pattern, text, strlen(text), start_r, end_r,
				NULL) == 1;
}

static void
check_same(const struct ph_pattern *pattern, const struct ph_pattern *spelt,
	   const char *text)
{
	size_t start, end, other_start, other_end;

	ck_assert_msg(matches(pattern, text, &start, &end) ==
			      matches(spelt, text, &other_start, &other_end) &&
			  start == other_start && end == other_end,
		      "%s in \"%s\"", ph_pattern_text(pattern), text);
}

static void
check_pattern(GRand *random, const struct ph_pattern *pattern, unsigned *found)
{
	g_autofree char *spelling = spell_out(ph_pattern_text(pattern));
	bool has = ph_pattern_prefilter(pattern) != NULL;
	struct ph_pattern *spelt = compile(spelling);
	struct prefilter f;

	if (has)
		prefilter_try(&f, ph_pattern_prefilter(pattern));
	for (int i = 0; i < 60; i++) {
		g_autofree char *text = pick_some(random, text_pieces,
						  G_N_ELEMENTS(text_pieces), 8);

		check_same(pattern, spelt, text);
		if (has)
			check_text(pattern, &f, text, found);
	}
	if (has)
		prefilter_close(&f);
	ph_pattern_unref(&spelt);
}

START_TEST(test_random)
{
	GRand *random = g_rand_new_with_seed(3);
	unsigned found = 0, taken = 0;

	for (int i = 0; i < 12000; i++) {
		g_autofree char *text = pick_some(
		    random, pattern_pieces, G_N_ELEMENTS(pattern_pieces), 9);
		struct ph_pattern *pattern;

		if (strstr(text, "\\b") == NULL ||
		    ph_pattern_compile(text, 0, &pattern, NULL) < 0)
			continue;
		taken++;
		check_pattern(random, pattern, &found);
		ph_pattern_unref(&pattern);
	}
	g_rand_free(random);
	ck_assert_uint_gt(taken, 1000);
	ck_assert_uint_gt(found, 3000);
}
END_TEST

UNIT_MAIN("lib/match/pattern_boundary", test_narrow, test_random)
