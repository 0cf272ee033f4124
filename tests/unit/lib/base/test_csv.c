#include "lib/base/csv.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

/* "1:a|b 2:c", or "1!what is wrong". */
static char *
dump(const char *text, size_t size, size_t step)
{
	struct ph_csv *csv = ph_csv_new();
	GString *out = g_string_new(NULL);

	for (size_t at = 0;; at += step) {
		const GPtrArray *fields;
		struct ph_err err = PH_ERR_INIT;
		size_t line;
		int r;

		if (at < size)
			ph_csv_feed(csv, text + at, MIN(step, size - at));
		else
			ph_csv_end(csv);
		while ((r = ph_csv_next(csv, &fields, &line, &err)) != 0) {
			g_string_append_printf(out, "%s%zu%c",
					       out->len > 0 ? " " : "", line,
					       r < 0 ? '!' : ':');
			if (r < 0)
				g_string_append(out, err.text);
			for (guint i = 0; r > 0 && i < fields->len; i++)
				g_string_append_printf(
				    out, "%s%s", i > 0 ? "|" : "",
				    (char *)fields->pdata[i]);
		}
		if (at >= size)
			break;
	}
	ph_csv_free(&csv);
	ck_assert_ptr_null(csv);
	return g_string_free(out, FALSE);
}

#define BAD(what) "the row " what "; expected RFC 4180"

static const struct {
	const char *text, *rows;
} rows[] = {
    {"", ""},
    {"a", "1:a"},
    {"a\n", "1:a"},
    {"a,b\r\nc,d\r\n", "1:a|b 2:c|d"},
    {"a,,b,\n", "1:a||b|"},
    {",\n", "1:|"},
    {"\n\r\na\n\n", "3:a"},
    {"\xef\xbb\xbf"
     "a,b\n",
     "1:a|b"},
    {"\"a,b\",\"c\"\"d\"\n", "1:a,b|c\"d"},
    {"\"\"\"odd local\"\"@x.test\",b", "1:\"odd local\"@x.test|b"},
    {"\"a\nb\",c\nd\n", "1:a\nb|c 3:d"},
    {"\"\"\n", "1:"},
    {"a\"b,c\n", "1:a\"b|c"},
    {" a , b \n", "1: a | b "},
    {"a\rb\n", "1:a\rb"},
    {"\"a\"b,c\nd\n", "1!" BAD("has something between the closing quote and "
			       "the comma") " 2:d"},
    {"a\n\"b\nc\n", "1:a 2!" BAD("has quotes that are not closed")},
    {"a\n\xe9t\xe9\nb\n", "1:a 2!" BAD("is not UTF-8") " 3:b"},
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		for (size_t step = 1; step < 30; step++) {
			g_autofree char *got =
			    dump(rows[i].text, strlen(rows[i].text), step);

			ck_assert_msg(strcmp(got, rows[i].rows) == 0,
				      "%s by %zu: %s, not %s", rows[i].text,
				      step, got, rows[i].rows);
		}
}
END_TEST

START_TEST(test_nul)
{
	g_autofree char *got = dump("a\0b,c\nd\n", 8, 3);

	ck_assert_str_eq(got, "1!" BAD("holds a NUL byte") " 2:d");
}
END_TEST

START_TEST(test_long)
{
	const size_t over = PH_CSV_ROW_LIMIT + 1;
	g_autofree char *filled = g_strnfill(over, 'x');
	g_autofree char *text = g_strconcat(filled, "\nd\n", NULL);
	g_autofree char *got = NULL, *whole = NULL;

	got = dump(text, over + 3, 65536);
	ck_assert_str_eq(got, "1!" BAD("is longer than 32 MB") " 2:d");
	text[over - 1] = '\n';
	whole = dump(text, over, 65536);
	ck_assert_uint_eq(strlen(whole), over - 1 + 2);
}
END_TEST

UNIT_MAIN("lib/base/csv", test_rows, test_nul, test_long)
