#include "lib/extract/extract_private.h"
#include "lib/message/charset.h"
#include "tests/unit/unit.h"

#include <string.h>

#define OUTLOOK "tests/files/documents/outlook-1251.msg"

/* Decoded as each of them; none is unknown to iconv. */
static char *
decode(const char *charset, const char *bytes)
{
	bool bad = false;
	const struct ph_charset_options options = {
	    .charset = charset,
	    .limit = 100,
	    .bad_r = &bad,
	};
	size_t size;
	char *text = ph_charset_decode(bytes, strlen(bytes), &options, &size);

	ck_assert_msg(!bad, "%s", charset);
	return text;
}

/* Text in ASCII is read whatever code page a document says it has. */
START_TEST(test_ascii)
{
	static const char ascii[] = "Az 09 +AGE- ~{!}@[x]";
	unsigned n = 0;

	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		const char *charset = ph_extract_codepage(number);
		g_autofree char *text = NULL;

		if (charset == NULL)
			continue;
		text = decode(charset, ascii);
		if (strcmp(charset, "johab") != 0)
			ck_assert_msg(strcmp(text, ascii) == 0, "%u", number);
		ck_assert_ptr_eq(ph_extract_codepage_of_mail(number), charset);
		n++;
	}
	ck_assert_uint_gt(n, 50);
}
END_TEST

START_TEST(test_of_mail)
{
	static const struct {
		unsigned number;
		const char *bytes, *text;
	} rows[] = {
	    {65000, "+BB8-", "П"},
	    {50221, "\x1b$B$\"\x1b(B", "あ"},
	    {1200, "ab", "扡"},
	    {1201, "ab", "慢"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = NULL;

		ck_assert_ptr_null(ph_extract_codepage(rows[i].number));
		text = decode(ph_extract_codepage_of_mail(rows[i].number),
			      rows[i].bytes);
		ck_assert_str_eq(text, rows[i].text);
	}
	ck_assert_ptr_null(ph_extract_codepage_of_mail(1));
}
END_TEST

static void
check_text(const char *name, const void *data, size_t size, bool damaged,
	   const char *text)
{
	const struct ph_extract_source source = {
	    .type = "application/octet-stream",
	    .name = name,
	    .data = data,
	    .size = size,
	};
	struct ph_extract_result result = PH_EXTRACT_RESULT_INIT;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_extract(&source, NULL, &result, &err) == 1, "%s",
		      err.text);
	ck_assert_msg(strstr(result.text->str, text) != NULL, "%s: %s", text,
		      result.text->str);
	ck_assert(result.damaged == damaged);
	ph_extract_clear(&result);
}

/* What shifts is not what a reader shows. */
START_TEST(test_rtf)
{
	static const struct {
		const char *word, *bytes, *text;
	} rows[] = {
	    {"ansicpg1251", "\\'cf", "П"},   {"ansicpg20866", "\\'f0", "П"},
	    {"ansicpg855", "\\'dd", "П"},    {"ansicpg28595", "\\'bf", "П"},
	    {"mac", "\\'8e", "é"},	     {"ansicpg65000", "+AGE-", "+AGE-"},
	    {"ansicpg1200", "abcd", "abcd"}, {"ansicpg1", "\\'e9", "é"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *rtf = g_strdup_printf(
		    "{\\rtf1\\ansi\\%s %s}", rows[i].word, rows[i].bytes);

		check_text("a.rtf", rtf, strlen(rtf), false, rows[i].text);
	}
}
END_TEST

/* The same message, said to be in other code pages. */
START_TEST(test_outlook)
{
	static const char property[] = {0x03, 0x00, (char)0xfd, 0x3f};
	static const struct {
		unsigned number;
		bool damaged;
		const char *text;
	} rows[] = {
	    {1251, false, "Привет"},   {10000, false, "Ë‚ÂÚ"},
	    {10007, false, "ѕр"},      {28592, false, "Ď"},
	    {1, true, "\xef\xbf\xbd"},
	};
	g_autofree char *data = NULL;
	unsigned char *at;
	size_t size;

	ck_assert(g_file_get_contents(OUTLOOK, &data, &size, NULL));
	at = memmem(data, size, property, sizeof property);
	ck_assert_ptr_nonnull(at);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		at[8] = (unsigned char)rows[i].number;
		at[9] = (unsigned char)(rows[i].number >> 8);
		check_text("a.msg", data, size, rows[i].damaged, rows[i].text);
	}
}
END_TEST

UNIT_MAIN("lib/extract/codepage", test_ascii, test_of_mail, test_rtf,
	  test_outlook)
