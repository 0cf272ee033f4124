#include "tests/unit/lib/match/matcher.h"

/* ---- terms and matching without a database ------------------------------ */

START_TEST(test_terms)
{
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;

	ck_assert_uint_eq(add_word(terms, "Foo"), 0);
	ck_assert_uint_eq(add_pattern(terms, "foo"), 1);
	ck_assert_uint_eq(add_word(terms, "FOO"), 0);
	ck_assert_uint_eq(add_pattern(terms, "foo"), 1);
	ck_assert_uint_eq(add_word(terms, "bar"), 2);
	ck_assert_uint_eq(ph_terms_count(terms), 3);
	m = ph_matcher_new(terms, NULL, NULL);
	ck_assert_uint_eq(ph_matcher_count(m), 3);
	/* Words need no database. */
	ck_assert_uint_eq(ph_matcher_pending(m), 1);
	ck_assert_str_eq(ph_matcher_word(m, 0), "foo");
	ck_assert_ptr_null(ph_matcher_word(m, 1));
	ck_assert_ptr_null(ph_matcher_pattern(m, 2));
	ck_assert_str_eq(ph_pattern_text(ph_matcher_pattern(m, 1)), "foo");
	ph_matcher_unref(&m);
	ck_assert_ptr_null(m);
	ph_matcher_unref(&m);
}
END_TEST

START_TEST(test_no_compiler)
{
	struct ph_match_compiler *idle = start(NULL, NULL);
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;
	struct ph_hits hits;

	add_word(terms, "stra\u00dfe");
	add_word(terms, "two words");
	add_word(terms, "!!!");
	m = ph_matcher_new(terms, NULL, idle);
	ph_match_compiler_stop(&idle);
	ck_assert_uint_eq(ph_matcher_pending(m), 1);
	ph_matcher_scan(m, "Die STRASSE.", 12, &hits);
	ck_assert_uint_eq(hits.n, 1);
	ck_assert(ph_hits_has(&hits, 0));
	ck_assert(!ph_hits_has(&hits, 1));
	ph_hits_clear(&hits);
	ph_matcher_scan(m, "", 0, &hits);
	ck_assert_uint_eq(hits.n, 0);
	ck_assert(!ph_hits_has(&hits, 0));
	ph_hits_clear(&hits);
	check_scan(m, "two words, twowords");
	check_scan(m, "two  words");
	check_scan(m, "two wo!!rds!!!");
	ph_matcher_unref(&m);
	terms = ph_terms_new();
	m = ph_matcher_new(terms, NULL, NULL);
	check_scan(m, "anything");
	check_scan(m, "");
	ph_matcher_unref(&m);
}
END_TEST

/* ---- the property ------------------------------------------------------- */

static char *
random_word(GRand *rand)
{
	static const char *const parts[] = {
	    "a", "b",	   "ab", "\u043a", "\u0301", "\u00df", "-",	 " ",
	    "1", "\u4e2d", "A",	 "S",	   "z9",     "\u2013", "\u20ac",
	};
	GString *word = g_string_new("");
	int n = g_rand_int_range(rand, 1, 5);

	for (int i = 0; i < n; i++)
		g_string_append(
		    word,
		    parts[g_rand_int_range(rand, 0, G_N_ELEMENTS(parts))]);
	return g_string_free(word, FALSE);
}

static char *
random_text(GRand *rand)
{
	GString *text = g_string_new("");
	int n = g_rand_int_range(rand, 0, 40);

	for (int i = 0; i < n; i++) {
		g_autofree char *word = random_word(rand);

		g_string_append(text, word);
		if (g_rand_int_range(rand, 0, 3) == 0)
			g_string_append(text, " ");
	}
	return g_string_free(text, FALSE);
}

/* Among them some that have no prefilter, that match the empty text, and that
 * Hyperscan refuses. */
static const char *const patterns[] = {"ab+",
				       "^a",
				       "b$",
				       "\\w1",
				       "a.b",
				       ".*",
				       "^\\s*$",
				       "x*",
				       "^$",
				       "\u043a-",
				       "(a|b)(?=1)",
				       "\\bab\\b",
				       "s{2}",
				       "[ab]{3,900}",
				       "\u00df",
				       "(a)\\1",
				       "a{1,3000}b{1,3000}",
				       "\\d\\d\\d"};

static struct ph_terms *
random_terms(GRand *rand, int words)
{
	struct ph_terms *terms = ph_terms_new();

	for (int i = 0; i < words; i++) {
		g_autofree char *word = random_word(rand);

		add_word(terms, word);
		if (i < 200 && g_rand_int_range(rand, 0, 8) == 0)
			add_pattern(terms,
				    patterns[g_rand_int_range(
					rand, 0, G_N_ELEMENTS(patterns))]);
	}
	return terms;
}

static void
check_texts(struct ph_matcher *m, GRand *rand, int n)
{
	check_scan(m, "");
	for (int i = 0; i < n; i++) {
		g_autofree char *text = random_text(rand);

		check_scan(m, text);
	}
}

/* Without databases, with those of the child and of this process, after taking
 * over, and while some terms are compiled and some not. */
START_TEST(test_random)
{
	GRand *rand = g_rand_new_with_seed(2010);
	struct ph_match_compiler *compiler = start(NULL, itself);
	struct ph_matcher *m = NULL;

	for (int round = 0; round < 12; round++) {
		struct ph_matcher *next =
		    ph_matcher_new(random_terms(rand, round % 3 * 150 + 5), m,
				   round % 4 == 3 ? NULL : compiler);

		check_texts(next, rand, 20);
		if (round % 4 != 3)
			wait_until_compiled(next);
		check_texts(next, rand, 60);
		ph_matcher_unref(&m);
		m = next;
	}
	ph_match_compiler_stop(&compiler);
	check_texts(m, rand, 20);
	ph_matcher_unref(&m);
	g_rand_free(rand);
}
END_TEST

/* Words in texts of some length, with runs of letters that are long. */
START_TEST(test_long_texts)
{
	static const char *const letters[] = {"a", "z", "0", "9", "\u00e9"};
	GRand *rand = g_rand_new_with_seed(64);

	for (int round = 0; round < 60; round++) {
		struct ph_matcher *m =
		    ph_matcher_new(random_terms(rand, 60), NULL, NULL);

		for (int i = 0; i < 40; i++) {
			g_autofree char *text = random_text(rand);
			g_autofree char *more = random_text(rand);
			GString *all = g_string_new(text);
			int at = g_rand_int_range(rand, 0, 5);

			for (int n = g_rand_int_range(rand, 0, 140); n > 0; n--)
				g_string_append(all, letters[at]);
			g_string_append(all, more);
			check_scan(m, all->str);
			g_string_free(all, TRUE);
		}
		ph_matcher_unref(&m);
	}
	g_rand_free(rand);
}
END_TEST

/* Each ASCII character inside a word, and at its sides, at each place of a
 * block. */
START_TEST(test_ascii)
{
	static const char word[] = "a0m9z";
	struct ph_terms *terms = ph_terms_new();
	struct ph_matcher *m;

	add_word(terms, word);
	add_word(terms, "9");
	m = ph_matcher_new(terms, NULL, NULL);
	for (int c = 1; c < 0x80; c++)
		for (int at = 0; at < 140; at++) {
			g_autofree char *before = g_strnfill((gsize)at, '.');
			g_autofree char *text = g_strdup_printf(
			    "%s%s%c%s%cx", before, word, c, word, c);

			check_scan(m, text);
		}
	ph_matcher_unref(&m);
}
END_TEST

MATCHER_MAIN("lib/match/matcher", test_terms, test_no_compiler, test_random,
	     test_long_texts, test_ascii)
