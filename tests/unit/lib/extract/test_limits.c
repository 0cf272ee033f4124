#include "lib/extract/extract.h"
#include "tests/unit/unit.h"

#include <string.h>

/* One below, at and above each limit; bytes that are made to be much. */

static struct ph_extract_result result;

static int
extract(const char *name, const char *data, size_t size,
	const struct ph_extract_limits *limits)
{
	struct ph_extract_source source = {
	    .type = "application/octet-stream",
	    .name = name,
	    .data = data,
	    .size = size,
	};

	return ph_extract(&source, limits, &result, NULL);
}

static int
extract_file(const char *name, const struct ph_extract_limits *limits)
{
	g_autofree char *path =
	    g_build_filename("tests/files/documents", name, NULL);
	g_autofree char *data = NULL;
	size_t size;

	ck_assert(g_file_get_contents(path, &data, &size, NULL));
	return extract(name, data, size, limits);
}

START_TEST(test_text)
{
	static const char text[] = "0123456789";
	static const struct {
		size_t limit;
		size_t size;
		bool truncated;
	} cases[] = {{9, 9, true}, {10, 10, false}, {11, 10, false}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_extract_limits limits = {.text = cases[i].limit};

		ck_assert_int_eq(extract("a.txt", text, 10, &limits), 1);
		ck_assert_uint_eq(result.text->len, cases[i].size);
		ck_assert_int_eq(result.truncated, cases[i].truncated);
		ck_assert(!result.limit);
		ph_extract_clear(&result);
	}
}
END_TEST

/* A character is whole or not there. */
START_TEST(test_text_character)
{
	struct ph_extract_limits limits = {.text = 3};

	ck_assert_int_eq(extract("a.txt", "ab\xc3\xa9", 4, &limits), 1);
	ck_assert_str_eq(result.text->str, "ab");
	ck_assert(result.truncated);
	ph_extract_clear(&result);
	ck_assert_int_eq(extract("a.xml", "<a>ab\xc3\xa9</a>", 11, &limits), 1);
	ck_assert_str_eq(result.text->str, "ab");
	ck_assert(result.truncated);
	ph_extract_clear(&result);
}
END_TEST

/* Each kind stops: the begin of the text is there, and no more than asked. */
START_TEST(test_text_of_each)
{
	static const char *const names[] = {
	    "text.docx", "text.odt",   "text.fodt",  "text.doc",
	    "text.rtf",	 "text.html",  "text.pdf",   "table.xlsx",
	    "table.xls", "table.ods",  "slides.ppt", "slides.pptx",
	    "table.csv", "record.xml",
	};
	struct ph_extract_limits limits = {.text = 16};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		ck_assert_int_eq(extract_file(names[i], &limits), 1);
		ck_assert_msg(result.truncated, "%s", names[i]);
		ck_assert_msg(result.text->len > 8 && result.text->len <= 16,
			      "%s: %s", names[i], result.text->str);
		ph_extract_clear(&result);
	}
}
END_TEST

/* 4 MB out of a few kB: read with room for them, not without. */
START_TEST(test_unpacked)
{
	struct ph_extract_limits limits = {.unpacked = 1000000};

	ck_assert_int_eq(extract_file("word-bomb.docx", &limits), 1);
	ck_assert(result.limit);
	ck_assert_uint_eq(result.text->len, 0);
	ph_extract_clear(&result);
	limits.unpacked = 5000000;
	ck_assert_int_eq(extract_file("word-bomb.docx", &limits), 1);
	ck_assert(!result.limit);
	ck_assert_uint_gt(result.text->len, 0);
	ph_extract_clear(&result);
}
END_TEST

START_TEST(test_entries)
{
	struct ph_extract_limits limits = {.entries = 3};

	ck_assert_int_eq(extract_file("word-runs.docx", &limits), 1);
	ck_assert(!result.limit);
	ph_extract_clear(&result);
	limits.entries = 2;
	ck_assert_int_eq(extract_file("word-runs.docx", &limits), 1);
	ck_assert(result.limit);
	ph_extract_clear(&result);
}
END_TEST

/* Eleven streams and storages of the message itself, ten of its attachments,
 * four and three of the message in it: each counts once, however often it is
 * looked at. */
START_TEST(test_entries_of_a_message)
{
	struct ph_extract_limits limits = {.entries = 28};

	ck_assert_int_eq(extract_file("outlook.msg", &limits), 1);
	ck_assert(!result.limit);
	ck_assert_uint_eq(result.files->len, 4);
	ph_extract_clear(&result);
	limits.entries = 27;
	ck_assert_int_eq(extract_file("outlook.msg", &limits), 1);
	ck_assert(result.limit);
	ph_extract_clear(&result);
}
END_TEST

/* As many as may be are read, and the rest is not. */
START_TEST(test_entries_beyond)
{
	struct ph_extract_limits limits = {.entries = 11};

	ck_assert_int_eq(extract_file("outlook.msg", &limits), 1);
	ck_assert(result.limit);
	ck_assert_ptr_nonnull(strstr(result.text->str, "terbium"));
	ck_assert_ptr_nonnull(strstr(result.text->str, "holmium"));
	ck_assert_ptr_null(strstr(result.text->str, "lutetium"));
	ph_extract_clear(&result);
}
END_TEST

START_TEST(test_depth)
{
	static const char xml[] = "<a><b><c>three</c></b></a>";
	static const char rtf[] = "{\\rtf1 a{b{c}}}";
	struct ph_extract_limits limits = {.depth = 3};

	ck_assert_int_eq(extract("a.xml", xml, sizeof(xml) - 1, &limits), 1);
	ck_assert(!result.limit && strstr(result.text->str, "three") != NULL);
	ph_extract_clear(&result);
	limits.depth = 2;
	ck_assert_int_eq(extract("a.xml", xml, sizeof(xml) - 1, &limits), 1);
	ck_assert(result.limit && strstr(result.text->str, "three") == NULL);
	ph_extract_clear(&result);
	limits.depth = 4;
	ck_assert_int_eq(extract("a", rtf, sizeof(rtf) - 1, &limits), 1);
	ck_assert(!result.limit);
	ph_extract_clear(&result);
	limits.depth = 3;
	ck_assert_int_eq(extract("a", rtf, sizeof(rtf) - 1, &limits), 1);
	ck_assert(result.limit);
	ph_extract_clear(&result);
}
END_TEST

#define MANY ((size_t)50 * 1024 * 1024)

/* 50 MB of one tag, never closed and closed: neither takes square time, which
 * would be longer than the test may run. */
START_TEST(test_one_tag)
{
	GString *html = g_string_sized_new(MANY + 100);

	g_string_append(html, "<p>before</p><a href='");
	while (html->len < MANY)
		g_string_append(html, "0123456789 x=\"y\" ");
	ck_assert_int_eq(extract("a.html", html->str, html->len, NULL), 1);
	ck_assert(g_str_has_prefix(result.text->str, "before"));
	ph_extract_clear(&result);
	g_string_append(html, "'\">behind");
	ck_assert_int_eq(extract("a.html", html->str, html->len, NULL), 1);
	ck_assert(g_str_has_prefix(result.text->str, "before"));
	ph_extract_clear(&result);
	g_string_free(html, TRUE);
}
END_TEST

START_TEST(test_one_xml_tag)
{
	GString *xml = g_string_sized_new(MANY + 100);

	g_string_append(xml, "<a b='");
	while (xml->len < MANY)
		g_string_append(xml, "0123456789");
	g_string_append(xml, "'>text</a>");
	ck_assert_int_eq(extract("a.xml", xml->str, xml->len, NULL), 1);
	ck_assert(result.damaged || result.truncated);
	ph_extract_clear(&result);
	g_string_free(xml, TRUE);
}
END_TEST

START_TEST(test_nothing)
{
	static const char *const names[] = {
	    "a.txt", "a.docx", "a.odt", "a.doc",  "a.rtf", "a.html",
	    "a.xml", "a.fodt", "a.xls", "a.json", "a"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		ck_assert_int_ge(extract(names[i], NULL, 0, NULL), 0);
		ck_assert_str_eq(result.text->str, "");
		ph_extract_clear(&result);
	}
	ck_assert_int_eq(extract("a.pdf", NULL, 0, NULL), -1);
	ph_extract_clear(&result);
}
END_TEST

/* Every row is reached by something, says what it is and is read by something.
 */
START_TEST(test_rows)
{
	for (size_t i = 0; i < ph_extract_kinds_count; i++) {
		const struct ph_extract_kind *kind = &ph_extract_kinds[i];

		ck_assert(kind->name[0] != '\0' && kind->help[0] != '\0');
		ck_assert(kind->types[0] != NULL);
		ck_assert(kind->suffixes[0] != NULL);
		ck_assert(kind->read != NULL);
		for (const char *const *t = kind->types; *t != NULL; t++) {
			g_autofree char *lower = g_ascii_strdown(*t, -1);

			ck_assert_str_eq(*t, lower);
		}
	}
}
END_TEST

UNIT_MAIN("lib/extract/limits", test_text, test_text_character,
	  test_text_of_each, test_unpacked, test_entries,
	  test_entries_of_a_message, test_entries_beyond, test_depth,
	  test_one_tag, test_one_xml_tag, test_nothing, test_rows)
