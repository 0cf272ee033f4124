#include "lib/classify/check.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Public test numbers and specimens, and the same with one character changed,
 * or what only looks right. */
static const struct {
	const char *check, *good, *bad;
} numbers[] = {
    {"aba", "021000021", "021000022"},
    {"aba", "0210-0002-1", "130000000"},
    {"au-medicare", "2951234571", "2951234581"},
    {"au-tfn", "123 456 782", "123 456 783"},
    {"be", "85.07.30-033.28", "85.07.30-033.29"},
    {"be", "17.07.30-033.84", "17.07.30-033.85"},
    {"br-cnpj", "16.727.230/0001-97", "16.727.230/0001-98"},
    {"br-cpf", "390.533.447-05", "111.111.111-11"},
    {"br-rg", "24.678.131-2", "24.678.131-4"},
    {"cl", "76.086.428-5", "76.086.428-K"},
    {"cz", "710319/2745", "710319/2746"},
    {"de-licence", "B072RRE2I55", "B072RRE2I65"},
    {"de-passport", "C01X00T478", "C01X00T479"},
    {"dea", "AB1234563", "AB1234564"},
    {"dk", "211062-5629", "211062-5620"},
    {"es", "28/12345678/40", "28/12345678/41"},
    {"fi", "131052-308T", "131052-308U"},
    {"fr", "2951099126111 93", "2951099126111 94"},
    {"hk", "A123456(3)", "A123456(4)"},
    {"iban", "GB82 WEST 1234 5698 7654 32", "GB83 WEST 1234 5698 7654 32"},
    {"ie", "6433435F", "6433435E"},
    {"ie", "6433435OA", "6433435FA"},
    {"iso-11-10", "33392005961", "33392005962"},
    {"iso-11-2", "11010519491231002X", "110105194912310021"},
    {"kr", "971013-9019902", "971013-9019903"},
    {"luhn", "4111 1111 1111 1111", "4111 1111 1111 1112"},
    {"luhn-10", "19811228-9874", "19811228-9875"},
    {"nl", "111222333", "111222334"},
    {"no", "15108695088", "15108695089"},
    {"nz", "ZZZ0016", "ZZZ0017"},
    {"nz", "JBX3656", "JBI3656"},
    {"pl-id", "ABA300000", "ABA300001"},
    {"pl-passport", "ZS0000177", "ZS0000178"},
    {"pl-pesel", "44051401359", "44051401358"},
    {"sg", "S1234567D", "S1234567E"},
    {"tw", "A123456789", "A123456788"},
    {"uk-nhs", "943 476 5919", "943 476 5918"},
    {"verhoeff", "2341 2341 2346", "2341 2341 2347"},
};

static bool
passes(const char *check, const char *number)
{
	const struct ph_check *row = ph_check_find(check);

	ck_assert_msg(row != NULL, "%s", check);
	return ph_check_passes(row, number, strlen(number));
}

START_TEST(test_numbers)
{
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		ck_assert_msg(passes(numbers[i].check, numbers[i].good),
			      "%s: %s", numbers[i].check, numbers[i].good);
		ck_assert_msg(!passes(numbers[i].check, numbers[i].bad),
			      "%s: %s", numbers[i].check, numbers[i].bad);
	}
}
END_TEST

/* Every row is asked above, has help, and is in order. */
START_TEST(test_complete)
{
	for (const struct ph_check *c = ph_checks; c->name != NULL; c++) {
		bool found = false;

		for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
			found |= strcmp(numbers[i].check, c->name) == 0;
		ck_assert_msg(found, "%s is not tested", c->name);
		ck_assert_msg(*c->help != '\0', "%s", c->name);
		ck_assert_msg(c == ph_checks || strcmp(c[-1].name, c->name) < 0,
			      "%s is not in order", c->name);
	}
	ck_assert_ptr_null(ph_check_find("magic"));
}
END_TEST

/* Whatever a pattern may hand to it. */
START_TEST(test_any_text)
{
	static const char *const texts[] = {
	    "",
	    "-",
	    "0",
	    "A",
	    "9",
	    "ZZ",
	    "00000000000",
	    "A0",
	    "0X",
	    "-A",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	    "K",
	    "\303\274",
	    "1234567890123456789012345678901234567890123456789012345678901234",
	    ("1234567890123456789012345678901234567890123456789012345678901234"
	     "5")};
	g_autoptr(GString) letters = g_string_new(NULL);

	for (const struct ph_check *c = ph_checks; c->name != NULL; c++) {
		for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
			ph_check_passes(c, texts[i], strlen(texts[i]));
		ck_assert(!passes(c->name, "000000000"));
		ck_assert(!passes(c->name, texts[G_N_ELEMENTS(texts) - 1]));
		g_string_truncate(letters, 0);
		for (int n = 0; n < 40; n++) {
			g_string_append_c(letters, (char)('A' + n % 26));
			ph_check_passes(c, letters->str, letters->len);
		}
	}
}
END_TEST

UNIT_MAIN("lib/classify/check", test_numbers, test_complete, test_any_text)
