#include "lib/track/lines.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *dir, *path;
static int writer;

static void
set_up(void)
{
	dir = unit_mkdir();
	path = g_build_filename(dir, "file", NULL);
	writer = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	ck_assert_int_ge(writer, 0);
}

static void
tear_down(void)
{
	close(writer);
	g_clear_pointer(&path, g_free);
	unit_rmdir(&dir);
}

static void
put(const char *text, size_t size)
{
	ck_assert_int_eq(write(writer, text, size), (ssize_t)size);
}

START_TEST(a_missing_file_is_no_error)
{
	struct ph_lines *lines = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_lines_open("/nonexistent/x", 0, &lines, &err), 0);
	ck_assert_ptr_null(lines);
	ck_assert_int_eq(ph_lines_open("/etc/passwd/x", 0, &lines, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
}
END_TEST

/* The same three lines, written byte by byte: each is returned once, when its
 * line end is there and not before. */
START_TEST(byte_by_byte)
{
	static const char text[] = "one\r\n\ntw\ro\n";
	static const char *const expected[] = {"one", "", "tw\ro"};
	static const int64_t starts[] = {0, 5, 6};
	struct ph_lines *lines = NULL;
	struct ph_line line;
	size_t n = 0;

	set_up();
	ck_assert_int_eq(ph_lines_open(path, 0, &lines, NULL), 1);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		int rc;

		put(text + i, 1);
		rc = ph_lines_next(lines, &line, NULL);
		ck_assert_int_eq(rc, text[i] == '\n');
		if (rc == 0)
			continue;
		ck_assert_str_eq(line.text, expected[n]);
		ck_assert_uint_eq(line.size, strlen(expected[n]));
		ck_assert_int_eq(line.start, starts[n]);
		ck_assert_int_eq(line.end, (int64_t)i + 1);
		ck_assert_int_eq(ph_lines_offset(lines), (int64_t)i + 1);
		n++;
	}
	ck_assert_uint_eq(n, G_N_ELEMENTS(expected));
	ph_lines_close(&lines);
	tear_down();
}
END_TEST

START_TEST(from_an_offset)
{
	struct ph_lines *lines = NULL;
	struct ph_line line;

	set_up();
	put("first\nse\0ond\npart", 17);
	ck_assert_int_eq(ph_lines_open(path, 6, &lines, NULL), 1);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 1);
	ck_assert_str_eq(line.text, "se?ond");
	ck_assert_int_eq(line.start, 6);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 0);
	ck_assert_int_eq(ph_lines_offset(lines), 13);
	ph_lines_close(&lines);
	tear_down();
}
END_TEST

/* At the limit a line is returned, beyond it skipped, and the next one is
 * found. */
START_TEST(long_lines)
{
	static char big[PH_LINES_LIMIT * 2];
	struct ph_lines *lines = NULL;
	struct ph_line line;

	set_up();
	memset(big, 'x', PH_LINES_LIMIT * 2);
	put(big, PH_LINES_LIMIT);
	put("\n", 1);
	put(big, PH_LINES_LIMIT * 2);
	ck_assert_int_eq(ph_lines_open(path, 0, &lines, NULL), 1);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 1);
	ck_assert_uint_eq(line.size, PH_LINES_LIMIT);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 0);
	ck_assert_int_eq(ph_lines_offset(lines), PH_LINES_LIMIT + 1);
	put("\nafter\n", 7);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 1);
	ck_assert_ptr_null(line.text);
	ck_assert_int_eq(line.start, PH_LINES_LIMIT + 1);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 1);
	ck_assert_str_eq(line.text, "after");
	ck_assert_int_eq(line.start, PH_LINES_LIMIT * INT64_C(3) + 2);
	ck_assert_int_eq(ph_lines_next(lines, &line, NULL), 0);
	ph_lines_close(&lines);
	tear_down();
}
END_TEST

UNIT_MAIN("lib/track/lines", a_missing_file_is_no_error, byte_by_byte,
	  from_an_offset, long_lines)
