#include "lib/match/fold.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

/* Runs of white space become one blank: as the definition says it. */
static size_t
join_spaces(uint8_t *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		bool space = g_ascii_isspace(text[i]) || text[i] == '\v';

		if (space && n > 0 && text[n - 1] == ' ')
			continue;
		text[n++] = space ? ' ' : text[i];
	}
	return n;
}

/* White space that NFKC leaves as it is. */
static bool
is_gap(gunichar c)
{
	return c >= 0x80 && uc_is_property_white_space(c) &&
	       uc_decomposition(c, (int[1]){0},
				(ucs4_t[UC_DECOMPOSITION_MAX_LENGTH]){0}) < 0;
}

static GString *
leave_seen(const char *text, size_t size)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; p < text + size; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (!uc_is_property_default_ignorable_code_point(c))
			g_string_append_unichar(out, is_gap(c) ? ' ' : c);
	}
	return out;
}

/* What libunistring makes of all that is seen of the text is the definition. */
static void
check_text(const char *text, size_t size)
{
	size_t expected_size = 0;
	size_t got_size = 0;
	g_autoptr(GString) seen = leave_seen(text, size);
	uint8_t *expected =
	    u8_casefold((const uint8_t *)seen->str, seen->len, NULL,
			UNINORM_NFKC, NULL, &expected_size);
	char *got = ph_match_fold(text, size, &got_size);

	ck_assert(expected != NULL || seen->len == 0);
	expected_size = join_spaces(expected, expected_size);
	if (got_size != expected_size ||
	    (got_size > 0 && memcmp(got, expected, got_size) != 0)) {
		g_autofree char *in = g_strndup(text, size);
		g_autofree char *is = g_strescape(got, NULL);

		ck_abort_msg("\"%s\" folds to \"%s\"", in, is);
	}
	ck_assert_int_eq(got[got_size], '\0');
	free(expected);
	g_free(got);
}

static void
check_same(const char *a, const char *b)
{
	g_autofree char *folded_a = ph_match_fold(a, strlen(a), NULL);
	g_autofree char *folded_b = ph_match_fold(b, strlen(b), NULL);

	ck_assert_str_eq(folded_a, folded_b);
}

START_TEST(test_known)
{
	size_t size = 1;
	g_autofree char *empty = ph_match_fold("x", 0, &size);
	g_autofree char *ascii = ph_match_fold("Hello, World [Z]@{`", 19, NULL);

	ck_assert_uint_eq(size, 0);
	ck_assert_str_eq(empty, "");
	ck_assert_str_eq(ascii, "hello, world [z]@{`");
	check_same("top \t\r\n secret", "top secret");
	check_same("a\u00a0b\u2003c", "a b c");
	check_same("STRASSE", "straße");
	check_same("caf\u00e9", "CAFE\u0301");
	check_same("ΣΊΣΥΦΟΣ", "σίσυφος");
	check_same("\uff26\uff35\uff2c\uff2c", "full");
	check_same("\u212a", "k");
	check_same("\ufb01n", "FIN");
	check_same("Ёлка Й", "е\u0308лка й");
	check_same("\ud55c", "\u1112\u1161\u11ab");
	check_same("\ud558\u11ab", "\ud55c");
	check_same("a\u0345", "A\u03b9");
	check_same("se\u00adc\u200br\u2060e\ufefft", "secret");
	check_same("\u200e\u202esecret\u202c", "SECRET");
	check_same("e\u034f\u0301", "é");
	check_same("\u200b", "");
	check_same("top\u2028secret\u2029plan", "top secret plan");
	check_same("a\xc2\x85 \u1680\u0301b", "a  \u0301b");
}
END_TEST

/* Every character, with neighbours before and behind it that join or move, and
 * so much plain text between that each is a stretch of its own. */
START_TEST(test_every_character)
{
	static const char *const before[] = {"",       "a",	 "\u0301",
					     "\u1100", "\uac00", "\u09c7"};
	static const char *const behind[] = {"",       "b",	 "\u0301",
					     "\u0327", "\u0345", "\u1161",
					     "\u11a8", "\u09be", "\u03a3"};

	for (gunichar c = 1; c < 0xe0200; c++) {
		GString *text = g_string_new("");

		if (c == 0xd800)
			c = 0xe000;
		if (c == 0x32400)
			c = 0xe0000;
		for (size_t i = 0; i < G_N_ELEMENTS(behind); i++) {
			g_string_append(text,
					before[(i + c) % G_N_ELEMENTS(before)]);
			g_string_append_unichar(text, c);
			g_string_append(text, behind[i]);
			g_string_append(text, " Sixteen and a few more ");
		}
		check_text(text->str, text->len);
		g_string_free(text, TRUE);
	}
}
END_TEST

static gunichar
random_character(GRand *rand)
{
	static const gunichar odd[] = {
	    0x0301, 0x0327, 0x0308, 0x0345,  0x05b0,  0x0323,  0x1100, 0x1112,
	    0x1161, 0x1175, 0x11a8, 0x11c2,  0xac00,  0xac01,  0xd7a3, 0xfb01,
	    0xfb03, 0x00df, 0x1e9e, 0x03a3,  0x03c2,  0x03c3,  0x0130, 0x0131,
	    0x212a, 0x212b, 0x2126, 0x1f600, 0x1f468, 0x200d,  0xfe0f, 0xff21,
	    0xff41, 0x0149, 0x1f80, 0x1fb3,  0x1fbc,  0x0390,  0x3099, 0x304b,
	    0xff76, 0xff9e, 0x09c7, 0x09be,  0x0344,  0xfdfa,  0x00a0, 0x2026,
	    0x0e33, 0x0f73, 0xa64b, 0x1c88,  0x10400, 0x1d400, 0x00bd, 0x3231};
	gunichar c;

	switch (g_rand_int_range(rand, 0, 8)) {
	case 0:
		return (gunichar)g_rand_int_range(rand, 1, 0x80);
	case 1:
		return (gunichar)g_rand_int_range(rand, 'A', 'Z');
	case 2:
		return (gunichar)g_rand_int_range(rand, 0xa0, 0x530);
	case 3:
		return (gunichar)g_rand_int_range(rand, 0x4e00, 0x9fff);
	case 4:
		return (gunichar)g_rand_int_range(rand, 0x300, 0x370);
	case 5:
		c = (gunichar)g_rand_int_range(rand, 0xa0, 0x32000);
		return c >= 0xd800 && c < 0xe000 ? ' ' : c;
	default:
		return odd[g_rand_int_range(rand, 0, G_N_ELEMENTS(odd))];
	}
}

/* Mostly one kind for a while, so that all ways through the text are taken. */
START_TEST(test_random)
{
	GRand *rand = g_rand_new_with_seed(20071);

	for (int round = 0; round < 20000; round++) {
		GString *text = g_string_new("");
		int n = g_rand_int_range(rand, 1, 12);

		for (int i = 0; i < n; i++) {
			gunichar c = random_character(rand);
			int times = g_rand_int_range(rand, 0, 8) == 0
					? g_rand_int_range(rand, 2, 90)
					: 1;

			for (int j = 0; j < times; j++)
				g_string_append_unichar(text, c);
		}
		check_text(text->str, text->len);
		g_string_free(text, TRUE);
	}
	g_rand_free(rand);
}
END_TEST

/* Not promised to mean anything, but it ends within the text. */
START_TEST(test_not_utf8)
{
	static const char *const texts[] = {
	    "\xff",	    "a\xc3",	     "\xe2\x82",    "\xf0\x9f\x98",
	    "\x80\x80\x80", "\xc3z\xcc\x81", "\xed\xa0\x80"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		size_t size = strlen(texts[i]);
		char *copy = g_memdup2(texts[i], size);
		char *folded = ph_match_fold(copy, size, NULL);

		ck_assert_ptr_nonnull(folded);
		ph_match_delimited(copy, size, size / 2, 0);
		g_free(folded);
		g_free(copy);
	}
}
END_TEST

static size_t
find(const char *text, const char *word)
{
	return ph_match_find_word(text, strlen(text), 0, word, strlen(word));
}

START_TEST(test_find_word)
{
	ck_assert_uint_eq(find("", "a"), SIZE_MAX);
	ck_assert_uint_eq(find("a", ""), SIZE_MAX);
	ck_assert_uint_eq(find("a", "a"), 0);
	ck_assert_uint_eq(find("cat concat cat", "cat"), 0);
	ck_assert_uint_eq(find("cats concat (cat)", "cat"), 13);
	ck_assert_uint_eq(find("cat1 1cat", "cat"), SIZE_MAX);
	ck_assert_uint_eq(find("cat_s", "cat"), 0);
	ck_assert_uint_eq(find("\u043a\u043e\u0442\u044b \u043a\u043e\u0442",
			       "\u043a\u043e\u0442"),
			  9);
	ck_assert_uint_eq(find("cat\u0301", "cat"), SIZE_MAX);
	ck_assert_uint_eq(find("\u0301cat", "cat"), SIZE_MAX);
	ck_assert_uint_eq(find("\u2014cat\u2014", "cat"), 3);
	ck_assert_uint_eq(find("\u0660cat", "cat"), SIZE_MAX);
	ck_assert_uint_eq(find("aaa aa", "aa"), 4);
	ck_assert_uint_eq(find("a -a- b", "-a-"), 2);
	ck_assert_uint_eq(ph_match_find_word("a a", 3, 1, "a", 1), 2);
	ck_assert_uint_eq(ph_match_find_word("a a", 3, 3, "a", 1), SIZE_MAX);
	/* What lies behind the end is not looked at. */
	ck_assert_uint_eq(ph_match_find_word("cats", 3, 0, "cat", 3), 0);
}
END_TEST

UNIT_MAIN("lib/match/fold", test_known, test_every_character, test_random,
	  test_not_utf8, test_find_word)
