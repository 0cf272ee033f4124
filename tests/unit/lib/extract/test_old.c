#include "lib/extract/extract_private.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * What no program at hand writes any more: streams of Word 6, Excel 5 and
 * PowerPoint, put together as their specifications say.
 */
static struct ph_extract_result result;
static struct ph_extract_source source = {.type = ""};
static struct ph_extract_job job;
static GByteArray *bytes;

static void
begin(void)
{
	job = (struct ph_extract_job){
	    .source = &source,
	    .limits = {.text = 1000, .unpacked = 100000, .depth = 9},
	    .result = &result,
	};
	ck_assert_int_eq(ph_extract(&source, NULL, &result, NULL), 0);
	bytes = g_byte_array_new();
}

static void
end(const char *text)
{
	ck_assert_str_eq(result.text->str, text);
	ph_extract_clear(&result);
	g_byte_array_unref(bytes);
}

static struct ph_bytes
all(void)
{
	return (struct ph_bytes){bytes->data, bytes->len};
}

static void
add(const void *data, size_t size)
{
	g_byte_array_append(bytes, data, (guint)size);
}

static void
add_number(uint32_t number, size_t width)
{
	for (size_t i = 0; i < width; i++) {
		guint8 byte = (guint8)(number >> (8 * i));

		add(&byte, 1);
	}
}

static void
set_number(size_t at, uint32_t number, size_t width)
{
	for (size_t i = 0; i < width; i++)
		bytes->data[at + i] = (guint8)(number >> (8 * i));
}

/* ---- Word --------------------------------------------------------------- */

#define FIB 0x200

static void
begin_word(uint16_t ident, uint16_t version)
{
	begin();
	g_byte_array_set_size(bytes, FIB);
	memset(bytes->data, 0, FIB);
	set_number(0, ident, 2);
	set_number(2, version, 2);
}

/* 101 is Word 6; 0x419 is Russian. */
START_TEST(test_word6)
{
	static const char text[] = "\xcf\xf0\xe8\xe2\xe5\xf2\rcell\x07";

	begin_word(0xa5dc, 101);
	set_number(6, 0x419, 2);
	set_number(24, FIB, 4);
	set_number(28, FIB + sizeof(text) - 1, 4);
	add(text, sizeof(text) - 1);
	ph_extract_word(&job, all(), (struct ph_bytes){NULL, 0});
	ck_assert(!result.damaged);
	end("Привет\ncell\t\n");
}
END_TEST

START_TEST(test_word_encrypted)
{
	begin_word(0xa5ec, 0xc1);
	set_number(10, 0x0100, 2);
	ph_extract_word(&job, all(), (struct ph_bytes){NULL, 0});
	ck_assert(result.is_protected);
	end("");
}
END_TEST

/* One piece of two bytes a character, one of one byte, in windows-1252; "99"
 * says of which piece the end is. */
START_TEST(test_word_pieces)
{
	static const unsigned char wide[] = {'w', 0, 0x1e, 0x04, 'd', 0};
	static const char narrow[] = "\x93q\x94\r";
	GByteArray *document;
	size_t clx;

	begin_word(0xa5ec, 0xc1);
	add(wide, sizeof(wide));
	add(narrow, sizeof(narrow) - 1);
	document = bytes;
	bytes = g_byte_array_new();
	add_number(0x01, 1); /* a Prc, to be gone past */
	add_number(3, 2);
	add("xyz", 3);
	add_number(0x02, 1);
	add_number(3 * 4 + 2 * 8, 4);
	for (unsigned position = 0; position <= 7; position += 3 + position / 3)
		add_number(position, 4);
	add_number(0, 2);
	add_number(FIB, 4);
	add_number(0, 2);
	add_number(0, 2);
	add_number((FIB + sizeof(wide)) * 2 | 0x40000000, 4);
	add_number(0, 2);
	clx = bytes->len;
	for (size_t i = 0; i < 4; i++)
		document->data[0x1a6 + i] = (guint8)(clx >> (8 * i));
	ph_extract_word(&job, (struct ph_bytes){document->data, document->len},
			all());
	ck_assert(!result.damaged);
	g_byte_array_unref(document);
	end("wОd“q”\n");
}
END_TEST

/* ---- Excel -------------------------------------------------------------- */

static size_t record;

static void
begin_record(uint32_t type)
{
	add_number(type, 2);
	record = bytes->len;
	add_number(0, 2);
}

static void
end_record(void)
{
	set_number(record, (uint32_t)(bytes->len - record - 2), 2);
}

static void
add_bof(uint32_t version)
{
	begin_record(0x0809);
	add_number(version, 2);
	add_number(0x10, 2);
	end_record();
}

/* Row, column, format. */
static void
begin_cell(uint32_t type, uint32_t row, uint32_t column)
{
	begin_record(type);
	add_number(row, 2);
	add_number(column, 2);
	add_number(0, 2);
}

/* The first string goes on in another record, with wider characters. */
START_TEST(test_excel_strings)
{
	static const unsigned char rest[] = {0x3a, 0x04, '!', 0};

	begin();
	add_bof(0x0600);
	begin_record(0x00fc);
	add_number(2, 4);
	add_number(2, 4);
	add_number(5, 2);
	add_number(0, 1);
	add("abc", 3);
	end_record();
	begin_record(0x003c);
	add_number(1, 1);
	add(rest, sizeof(rest));
	add_number(4, 2);
	add_number(0x08, 1); /* one run of format behind it */
	add_number(1, 2);
	add("rich", 4);
	add_number(0x55555555, 4);
	end_record();
	for (uint32_t i = 0; i < 2; i++) {
		begin_cell(0x00fd, 0, i);
		add_number(i, 4);
		end_record();
	}
	ph_extract_excel(&job, all());
	ck_assert(!result.damaged);
	end("abcк!\trich\n");
}
END_TEST

/* A table of strings that is cut off where another record follows: that is none
 * of its strings. */
START_TEST(test_excel_strings_cut)
{
	begin();
	add_bof(0x0600);
	begin_record(0x00fc);
	add_number(2, 4);
	add_number(2, 4);
	add_number(9, 2);
	add_number(0, 1);
	add("abc", 3);
	end_record();
	for (uint32_t i = 0; i < 3; i++) {
		begin_cell(0x00fd, 0, i);
		add_number(i, 4);
		end_record();
	}
	ph_extract_excel(&job, all());
	/* Cells stand apart, empty ones too. */
	end("abc\t\n");
}
END_TEST

/* 30 bits: an integer, its hundredth, a double's high bits. */
START_TEST(test_excel_numbers)
{
	static const struct {
		uint32_t rk;
		const char *text;
	} cases[] = {
	    {(uint32_t)1234 << 2 | 2, "1234\n"},
	    {(uint32_t)1234 << 2 | 3, "12.34\n"},
	    {(uint32_t)-5 << 2 | 2, "-5\n"},
	    {0x3ff80000, "1.5\n"},
	    {0x40590001, "1\n"}, /* 100 */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		begin();
		add_bof(0x0600);
		begin_cell(0x027e, 0, 0);
		add_number(cases[i].rk, 4);
		end_record();
		ph_extract_excel(&job, all());
		end(cases[i].text);
	}
}
END_TEST

START_TEST(test_excel_rows)
{
	begin();
	add_bof(0x0600);
	begin_record(0x00bd);
	add_number(7, 2);
	add_number(0, 2);
	for (uint32_t i = 1; i <= 2; i++) {
		add_number(0, 2);
		add_number(i << 2 | 2, 4);
	}
	add_number(1, 2);
	end_record();
	begin_cell(0x027e, 8, 0);
	add_number(3 << 2 | 2, 4);
	end_record();
	ph_extract_excel(&job, all());
	end("1\t2\n3\n");
}
END_TEST

/* Excel 5: bytes of a code page, notes and headers with them. */
START_TEST(test_excel5)
{
	begin();
	add_bof(0x0500);
	begin_record(0x0042);
	add_number(1251, 2);
	end_record();
	begin_cell(0x0204, 0, 0);
	add_number(3, 2);
	add("\xe4\xe0!", 3);
	end_record();
	begin_record(0x0014);
	add_number(9, 1);
	add("&C&12Head", 9);
	end_record();
	begin_cell(0x001c, 0, 0);
	add("note", 4);
	end_record();
	ph_extract_excel(&job, all());
	end("да!\nHead\nnote\n");
}
END_TEST

START_TEST(test_excel_codepages)
{
	static const struct {
		unsigned codepage;
		const char *bytes, *text;
		bool damaged;
	} rows[] = {
	    {10000, "\x8e", "é\n", false}, {32768, "\x8e", "é\n", false},
	    {32769, "\xe9", "é\n", false}, {367, "\xe9", "é\n", false},
	    {1200, "\xe9", "é\n", false},  {0, "\xe9", "é\n", false},
	    {708, "\xc7", "ا\n", false},   {1, "a", "a\n", true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin();
		add_bof(0x0500);
		begin_record(0x0042);
		add_number(rows[i].codepage, 2);
		end_record();
		begin_cell(0x0204, 0, 0);
		add_number(1, 2);
		add(rows[i].bytes, 1);
		end_record();
		ph_extract_excel(&job, all());
		ck_assert_msg(result.damaged == rows[i].damaged, "%u",
			      rows[i].codepage);
		end(rows[i].text);
	}
}
END_TEST

START_TEST(test_excel_encrypted)
{
	begin();
	add_bof(0x0600);
	begin_record(0x002f);
	add_number(1, 2);
	end_record();
	begin_cell(0x0204, 0, 0);
	add_number(4, 2);
	add_number(0, 1);
	add("\x12\x34\x56\x78", 4);
	end_record();
	ph_extract_excel(&job, all());
	ck_assert(result.is_protected);
	end("");
}
END_TEST

/* ---- PowerPoint --------------------------------------------------------- */

static void
add_atom(uint32_t version, uint32_t type, const void *data, size_t size)
{
	add_number(version, 2);
	add_number(type, 2);
	add_number((uint32_t)size, 4);
	add(data, size);
}

START_TEST(test_powerpoint)
{
	static const char wide[] = "\x1e\x04\x0d\0n\0";
	static const char tag[] = "_\0_\0_\0P\0P\0T\0\x31\0";

	begin();
	add_atom(0x0f, 1000, NULL, 0); /* a container, entered */
	add_atom(0, 0x0fa8, "Bytes\x0bof \xe9", 10);
	add_atom(0, 1234, "other", 5);
	add_atom(0, 0x0fa0, wide, sizeof(wide) - 1);
	add_atom(0, 0x0fba, tag, sizeof(tag) - 1);
	ph_extract_powerpoint(&job, all());
	ck_assert(!result.damaged);
	end("Bytes\nof é\nО\nn\n");
}
END_TEST

/* An atom that is longer than the stream. */
START_TEST(test_powerpoint_cut)
{
	begin();
	add_atom(0, 0x0fa8, "whole", 5);
	set_number(4, 500, 4);
	ph_extract_powerpoint(&job, all());
	ck_assert(result.damaged);
	end("whole\n");
}
END_TEST

UNIT_MAIN("lib/extract/old", test_word6, test_word_encrypted, test_word_pieces,
	  test_excel_strings, test_excel_strings_cut, test_excel_numbers,
	  test_excel_rows, test_excel5, test_excel_codepages,
	  test_excel_encrypted, test_powerpoint, test_powerpoint_cut)
