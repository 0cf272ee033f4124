#ifndef MATCHER_H
#define MATCHER_H

#include "lib/base/clock.h"
#include "lib/match/fold.h"
#include "lib/match/matcher.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Matchers of words and patterns, compilers, and texts to look for words in. */

/* The program of a test is the compiler's child as well: MATCHER_MAIN. */
static const char *const itself[] = {"/proc/self/exe", PH_MATCH_COMPILER_SWITCH,
				     NULL};

static inline uint32_t
add_word(struct ph_terms *terms, const char *word)
{
	g_autofree char *folded = ph_match_fold(word, strlen(word), NULL);

	return ph_terms_add_word(terms, folded);
}

static inline uint32_t
add_pattern(struct ph_terms *terms, const char *text)
{
	struct ph_pattern *pattern;
	struct ph_err err;
	uint32_t number;

	if (ph_pattern_compile(text, 0, &pattern, &err) != 0)
		ck_abort_msg("%s: %s", text, err.text);
	number = ph_terms_add_pattern(terms, pattern);
	ph_pattern_unref(&pattern);
	return number;
}

static inline struct ph_match_compiler *
start(const char *cache_dir, const char *const *child)
{
	const struct ph_match_compiler_options options = {cache_dir, child};

	return ph_match_compiler_start(&options);
}

/* Readiness, with a generous limit. */
static inline void
wait_until_compiled(struct ph_matcher *m)
{
	int64_t limit = ph_clock_mono() + 50000;

	while (ph_matcher_pending(m) > 0) {
		ck_assert_msg(ph_clock_mono() < limit, "%zu terms pending",
			      ph_matcher_pending(m));
		g_usleep(1000);
	}
}

/* A word by the rule's own words: each place, and what stands at its sides. */
static inline bool
has_word(const char *text, const char *word)
{
	size_t size = strlen(word);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar before =
		    p == text ? ' ' : g_utf8_get_char(g_utf8_prev_char(p));
		gunichar after;

		if (strncmp(p, word, size) != 0)
			continue;
		after = g_utf8_get_char(p + size);
		if (!g_unichar_isalnum(before) && !g_unichar_ismark(before) &&
		    !g_unichar_isalnum(after) && !g_unichar_ismark(after))
			return true;
	}
	return false;
}

/* Words exactly, patterns none too few, each hit once. */
static inline void
check_scan(struct ph_matcher *m, const char *text)
{
	g_autofree char *folded = ph_match_fold(text, strlen(text), NULL);
	struct ph_hits hits;
	size_t n = 0;

	ph_matcher_scan(m, text, strlen(text), &hits);
	for (uint32_t i = 0; i < ph_matcher_count(m); i++) {
		const char *word = ph_matcher_word(m, i);

		n += ph_hits_has(&hits, i);
		if (word != NULL)
			ck_assert_msg(ph_hits_has(&hits, i) ==
					  has_word(folded, word),
				      "\"%s\" in \"%s\"", word, text);
		else if (ph_pattern_match(ph_matcher_pattern(m, i), text,
					  strlen(text), NULL, NULL, NULL) == 1)
			ck_assert_msg(ph_hits_has(&hits, i), "\"%s\" in \"%s\"",
				      ph_pattern_text(ph_matcher_pattern(m, i)),
				      text);
	}
	ck_assert_uint_eq(hits.n, n);
	for (size_t i = 0; i < hits.n; i++)
		ck_assert(ph_hits_has(&hits, hits.terms[i]));
	ph_hits_clear(&hits);
	ck_assert_ptr_null(hits.bits);
}

/* ---- words that need a database ----------------------------------------- */

/* A number without letters and digits, so that a database is needed. */
static inline const char *
sign(int number, char buffer[8])
{
	static const char digits[] = "!#$%&*+-/=";

	buffer[0] = '<';
	for (int i = 5; i > 0; i--, number /= 10)
		buffer[i] = digits[number % 10];
	buffer[6] = '>';
	buffer[7] = '\0';
	return buffer;
}

/* As many of them as there are numbers, up to -1; g_free. */
static inline char *
signs(const int *numbers)
{
	GString *text = g_string_new("see");
	char buffer[8];

	for (; *numbers >= 0; numbers++)
		g_string_append_printf(text, " %s,", sign(*numbers, buffer));
	return g_string_free(text, FALSE);
}
#define SIGNS(...) signs((const int[]){__VA_ARGS__, -1})

static inline struct ph_terms *
numbered(int first, int n)
{
	struct ph_terms *terms = ph_terms_new();
	char buffer[8];

	for (int i = first; i < first + n; i++)
		ph_terms_add_word(terms, sign(i, buffer));
	return terms;
}

static inline void
check_signs(struct ph_matcher *m, int a, int b, int c)
{
	g_autofree char *text = SIGNS(a, b, c);

	check_scan(m, text);
}

/* ---- the program ------------------------------------------------------- */

static inline int
matcher_main(int argc, char **argv, const char *suite,
	     const TTest *const *tests, size_t n)
{
	if (argc == 2 && strcmp(argv[1], PH_MATCH_COMPILER_SWITCH) == 0)
		return ph_match_compiler_main();
	return unit_main(suite, tests, n);
}

/* In the place of UNIT_MAIN. */
#define MATCHER_MAIN(suite, ...)                                   \
	int main(int argc, char **argv)                            \
	{                                                          \
		const TTest *const unit_tests[] = {__VA_ARGS__};   \
		return matcher_main(argc, argv, suite, unit_tests, \
				    G_N_ELEMENTS(unit_tests));     \
	}

#endif
