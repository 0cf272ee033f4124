#include "lib/match/fold.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <string.h>

/* The text that the folded word stands for, which must be there once. */
static void
check_place(const char *text, const char *word, const char *expected)
{
	struct ph_folded folded;
	size_t start, end, at;
	g_autofree char *is = NULL;

	ph_folded_init(&folded, text, strlen(text));
	at =
	    ph_match_find_word(folded.text, folded.size, 0, word, strlen(word));
	ck_assert_msg(at != SIZE_MAX, "no \"%s\"", word);
	ph_folded_place(&folded, at, strlen(word), &start, &end);
	is = g_strndup(text + start, end - start);
	ck_assert_str_eq(is, expected);
	ph_folded_clear(&folded);
}

static void
check_same(const char *text)
{
	struct ph_folded folded;
	g_autofree char *whole = ph_match_fold(text, strlen(text), NULL);

	ph_folded_init(&folded, text, strlen(text));
	ck_assert_str_eq(folded.text, whole);
	ck_assert_uint_eq(folded.size, strlen(whole));
	ph_folded_clear(&folded);
}

START_TEST(test_place)
{
	check_place("a Number", "number", "Number");
	check_place("Number", "number", "Number");
	check_place("die STRASSE da", "strasse", "STRASSE");
	check_place("die Stra\303\237e da", "strasse", "Stra\303\237e");
	check_place("a  Card \r\n\t Number", "card number",
		    "Card \r\n\t Number");
	/* u and a combining diaeresis */
	check_place("ein Fu\314\210hrerschein da", "f\303\274hrerschein",
		    "Fu\314\210hrerschein");
	/* full-width letters */
	check_place("\357\274\246\357\274\251\357\274\256 1", "fin",
		    "\357\274\246\357\274\251\357\274\256");
}
END_TEST

/* Fillers of every length, so that each way of cutting is met. */
START_TEST(test_cuts)
{
	static const char *const fillers[] = {
	    "a",	"a b ",	     "  ",
	    "\321\217", "\321\217 ", "\347\225\252",
	    "\302\240", "e\314\201", "\340\244\206\340\244\247\340\244\276",
	    "\r\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++)
		for (int n = 0; n < 300; n += 7) {
			g_autoptr(GString) text = g_string_new(NULL);

			for (int k = 0; k < n; k++)
				g_string_append(text, fillers[i]);
			g_string_append(text, "- Social  Security -");
			for (int k = 0; k < n; k++)
				g_string_append(text, fillers[i]);
			check_same(text->str);
			check_place(text->str, "social security",
				    "Social  Security");
		}
}
END_TEST

/* Longer than a piece may be, and nothing in it may begin one. */
START_TEST(test_no_cut)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i < 5000; i++)
		g_string_append(text, "\314\201\314\247");
	g_string_append(text, " Social Security");
	for (int i = 0; i < 20000; i++)
		g_string_append_c(text, '\n');
	g_string_append(text, "x");
	check_place(text->str, "social security", "Social Security");
}
END_TEST

START_TEST(test_blanks)
{
	g_autoptr(GString) text = g_string_new("Card");

	for (int i = 0; i < 20000; i++)
		g_string_append_c(text, ' ');
	g_string_append(text, "Number");
	check_same(text->str);
	check_place(text->str, "card number", text->str);
}
END_TEST

START_TEST(test_empty)
{
	struct ph_folded folded;
	size_t start = 1, end = 1;

	ph_folded_init(&folded, "", 0);
	ck_assert_str_eq(folded.text, "");
	ph_folded_place(&folded, 0, 0, &start, &end);
	ck_assert_uint_eq(start, 0);
	ck_assert_uint_eq(end, 0);
	ph_folded_clear(&folded);
}
END_TEST

UNIT_MAIN("lib/match/folded", test_place, test_cuts, test_no_cut, test_blanks,
	  test_empty)
