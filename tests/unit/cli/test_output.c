#include "cli/output.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

static const char *const columns[] = {"Name", "Value", NULL};

START_TEST(test_text)
{
	struct ph_table *table = ph_table_new(columns);
	g_autofree char *text = NULL, *empty = NULL;

	empty = ph_table_text(table);
	ck_assert_str_eq(empty, "Name  Value\n");
	ph_table_add(table, (const char *[]){"a", "one  two"});
	ph_table_add(table, (const char *[]){"longer name", NULL});
	ph_table_add(table, (const char *[]){"ümläut", "x"});
	ck_assert_uint_eq(ph_table_rows(table), 3);
	text = ph_table_text(table);
	/* Columns are as wide as characters, not bytes, make them. */
	ck_assert_str_eq(text, "Name         Value\n"
			       "a            one  two\n"
			       "longer name  -\n"
			       "ümläut       x\n");
	ph_table_free(&table);
	ck_assert_ptr_null(table);
	ph_table_free(&table);
}
END_TEST

/* What came out of a mail or out of Redis cannot command the terminal, nor
 * make a second line. */
START_TEST(test_hostile)
{
	struct ph_table *table = ph_table_new(columns);
	g_autofree char *text = NULL;

	ph_table_add(table,
		     (const char *[]){"\033[2Ja\nb\tc\r", "x\x9b\xff\x01y"});
	text = ph_table_text(table);
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_null(strchr(text, '\x01'));
	ck_assert(g_utf8_validate(text, -1, NULL));
	ck_assert_ptr_nonnull(strstr(text, "\n?[2Ja b c  "));
	ck_assert_ptr_null(strchr(strchr(text, '\n') + 1 +
				      strcspn(strchr(text, '\n') + 1, "\n") + 1,
				  '\n'));
	ph_table_free(&table);
}
END_TEST

START_TEST(test_json)
{
	struct ph_table *table = ph_table_new(columns);
	json_t *json;

	ph_table_add(table, (const char *[]){"a", "1"});
	ph_table_add(table, (const char *[]){"b\xff", NULL});
	json = ph_table_json(table);
	ck_assert_uint_eq(json_array_size(json), 2);
	ck_assert_str_eq(json_string_value(
			     json_object_get(json_array_get(json, 0), "Value")),
			 "1");
	/* Bytes that are not UTF-8 do not lose the row. */
	ck_assert_str_eq(
	    json_string_value(json_object_get(json_array_get(json, 1), "Name")),
	    "b\xef\xbf\xbd");
	ck_assert_str_eq(json_string_value(
			     json_object_get(json_array_get(json, 1), "Value")),
			 "");
	json_decref(json);
	ph_table_free(&table);
}
END_TEST

START_TEST(test_shorten)
{
	static const struct {
		const char *text;
		size_t limit;
		const char *want;
	} rows[] = {
	    {"", 3, ""},	 {"abc", 3, "abc"},    {"abcd", 3, "ab…"},
	    {"äöüß", 4, "äöüß"}, {"äöüß!", 4, "äöü…"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *got = ph_shorten(rows[i].text, rows[i].limit);

		ck_assert_str_eq(got, rows[i].want);
	}
}
END_TEST

/* What the pages print, from a file in the place of standard output. */
static char *
print_pages(const char *const *const *pages)
{
	struct ph_table *table = ph_table_new(columns);
	g_autofree char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "out", NULL);
	const int saved = dup(STDOUT_FILENO);
	char *text = NULL;

	fflush(stdout);
	ck_assert_ptr_nonnull(freopen(path, "w", stdout));
	for (; *pages; pages++) {
		ph_table_add(table, *pages);
		ph_table_page(table, !pages[1]);
	}
	fflush(stdout);
	ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
	close(saved);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ph_table_free(&table);
	unit_rmdir(&dir);
	return text;
}

START_TEST(test_pages)
{
	const char *const one[] = {"a", "1"}, *const two[] = {"longer", "2"},
			  *const three[] = {"b", "3"};
	const char *const *const pages[] = {one, two, three, NULL};
	const char *const *const single[] = {two, NULL};
	g_autofree char *text = print_pages(pages);
	g_autofree char *alone = print_pages(single);

	ck_assert_str_eq(text, "Name  Value\na     1\nlonger  2\nb       3\n");
	ck_assert_str_eq(alone, "Name    Value\nlonger  2\n");
}
END_TEST

UNIT_MAIN("cli/output", test_text, test_hostile, test_json, test_shorten,
	  test_pages)
