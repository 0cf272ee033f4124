#include "lib/message/headers.h"
#include "tests/unit/unit.h"

#include <string.h>

struct decode_case {
	const char *raw;
	const char *text;
};

static void
check_cases(const struct decode_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		g_autofree char *text = ph_header_decode(cases[i].raw);

		ck_assert_msg(strcmp(text, cases[i].text) == 0,
			      "\"%s\": \"%s\" is not \"%s\"", cases[i].raw,
			      text, cases[i].text);
	}
}

/* RFC 2047 section 8 has most of these. */
START_TEST(test_words)
{
	static const struct decode_case cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"=?UTF-8?Q?caf=C3=A9?=", "café"},
	    {"=?utf-8?b?Y2Fmw6k=?=", "café"},
	    {"=?ISO-8859-1?Q?a?=", "a"},
	    {"=?ISO-8859-1?Q?a?= b", "a b"},
	    {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
	    {"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"},
	    {"=?ISO-8859-1?Q?a_b?=", "a b"},
	    {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
	    {"=?iso-8859-1?q?Andr=E9?= Pirard", "André Pirard"},
	    {"=?koi8-r?B?8NLJ18XU?=", "Привет"},
	    {"=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"},
	    {"=?utf-8*en?Q?=41?=", "A"},
	    {"=?iso-2022-jp?B?GyRCJTUlcyVXJWsbKEI=?=", "サンプル"},
	    /* Names that senders use, and what they mean by others. */
	    {"=?x-sjis?B?lOmWpw==?=", "秘密"},
	    {"=?ks_c_5601-1987?B?uvG50A==?=", "비밀"},
	    {"=?unicode-1-1-utf-7?Q?+AHM-ecret?=", "secret"},
	    {"=?iso-8859-1?Q?=93secret=94?=", "“secret”"},
	    {"=?us-ascii?Q?caf=C3=A9?=", "café"},
	    /* A character cut at the end of a word. */
	    {"=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "café"},
	    {"=?gb2312?Q?=C4?= =?gb2312?Q?=E3?=", "你"},
	    /* As mail clients do: inside a word, with blanks, no padding. */
	    {"x=?utf-8?Q?y?=z", "xyz"},
	    {"=?utf-8?Q?top secret?=", "top secret"},
	    {"=?utf-8?B?Y2Fmw6k?=", "café"},
	};

	check_cases(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_not_words)
{
	static const struct decode_case cases[] = {
	    {"=?", "=?"},
	    {"=?utf-8", "=?utf-8"},
	    {"=?utf-8?Q", "=?utf-8?Q"},
	    {"=?utf-8?Q?", "=?utf-8?Q?"},
	    {"=?utf-8?Q?abc", "=?utf-8?Q?abc"},
	    {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
	    {"=??Q?abc?=", "=??Q?abc?="},
	    {"=? =?utf-8?Q?a?=", "=? a"},
	    {"=?utf-8?Q?"
	     "?=",
	     ""},
	    {"=?utf-8?Q?a=4?=", "a=4"},
	    {"=?utf-8?Q?a=zz?=", "a=zz"},
	};

	check_cases(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_bad_bytes)
{
	static const struct decode_case cases[] = {
	    {"caf\xc3\xa9", "café"},
	    {"caf\xe9", "caf\xef\xbf\xbd"},
	    {"=?utf-8?Q?caf=E9?=", "caf\xef\xbf\xbd"},
	    /* Cut in a multi-byte charset. */
	    {"=?gb2312?Q?=C4?=", "\xef\xbf\xbd"},
	    {"=?gb2312?Q?=FF=FFa?=", "\xef\xbf\xbd\xef\xbf\xbd"
				     "a"},
	    /* A charset that nobody knows: what is ASCII can be read. */
	    {"=?x-nobody?Q?secret=E9?=", "secret\xef\xbf\xbd"},
	    {"=?utf-8?Q?a=00b=0D=0Ac?=", "a\xef\xbf\xbd"
					 "b c"},
	    {"a\x01\x7f\tb", "a   b"},
	};

	check_cases(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_folds)
{
	static const struct decode_case cases[] = {
	    {"one\r\n two", "one two"},
	    {"one\n\ttwo", "one two"},
	    {"  one", "one"},
	    {"one\r\ntwo", "one two"},
	};

	check_cases(cases, G_N_ELEMENTS(cases));
}
END_TEST

static char *
repeat(const char *piece, size_t size)
{
	GString *text = g_string_sized_new(size);

	while (text->len < size)
		g_string_append(text, piece);
	return g_string_free(text, FALSE);
}

/* Each of these takes square time in a careless decoder, more than the test
 * may last. */
START_TEST(test_large)
{
	static const char *const pieces[] = {
	    "=?a?Q?", "=?", "?=", "=?utf-8?Q?a?= ", "a ", "=?utf-8?B?YQ==?=\n ",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autofree char *raw = repeat(pieces[i], (size_t)5 << 20);
		g_autofree char *text = ph_header_decode(raw);

		ck_assert(g_utf8_validate(text, -1, NULL));
	}
}
END_TEST

START_TEST(test_cut)
{
	const char *whole = "a =?utf-8?Q?caf=C3=A9?= =?koi8-r?B?8NLJ18XU?= \xc3"
			    "\xa9\r\n b";

	for (size_t i = 0; i <= strlen(whole); i++) {
		g_autofree char *raw = g_strndup(whole, i);
		g_autofree char *text = ph_header_decode(raw);

		ck_assert(g_utf8_validate(text, -1, NULL));
		ck_assert_ptr_null(strpbrk(text, "\r\n\t"));
	}
}
END_TEST

START_TEST(test_encode)
{
	static const char *const texts[] = {
	    "",
	    "plain",
	    "café",
	    "Привет, это тема, которой мало одной строки",
	    "a =?utf-8?Q?b?= c",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *raw = ph_header_encode(texts[i]);
		g_autofree char *text = ph_header_decode(raw);
		g_auto(GStrv) lines = g_strsplit(raw, "\n", -1);

		ck_assert_str_eq(text, texts[i]);
		ck_assert(g_str_is_ascii(raw));
		for (char **l = lines; *l != NULL; l++)
			ck_assert_uint_le(strlen(*l), 76);
	}
}
END_TEST

/* No line above RFC 5322's 998 bytes. */
START_TEST(test_encode_long)
{
	g_autofree char *text = repeat("abcdefghi ", 5000);
	g_autofree char *raw = ph_header_encode(text);
	g_autofree char *back = ph_header_decode(raw);
	g_auto(GStrv) lines = g_strsplit(raw, "\n", -1);

	ck_assert_str_eq(back, text);
	for (char **l = lines; *l != NULL; l++)
		ck_assert_uint_le(strlen(*l), 76);
}
END_TEST

UNIT_MAIN("lib/message/decode", test_words, test_not_words, test_bad_bytes,
	  test_folds, test_large, test_cut, test_encode, test_encode_long)
