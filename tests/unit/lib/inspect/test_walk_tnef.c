#include "tests/unit/lib/inspect/files.h"

/* RTF in winmail.dat (MS-OXTNEF), packed (MS-OXRTFCP). */

static void
add(GByteArray *out, const void *bytes, size_t size)
{
	g_byte_array_append(out, bytes, (guint)size);
}

static void
add_number(GByteArray *out, uint32_t number, size_t bytes)
{
	number = GUINT32_TO_LE(number);
	add(out, &number, bytes);
}

static void
add_attribute(GByteArray *out, uint32_t id, const GByteArray *data)
{
	uint32_t sum = 0;

	add_number(out, 1, 1);
	add_number(out, id, 4);
	add_number(out, data->len, 4);
	add(out, data->data, data->len);
	for (guint i = 0; i < data->len; i++)
		sum += data->data[i];
	add_number(out, sum & 0xffff, 2);
}

static GByteArray *
make_tnef(const void *rtf, size_t size)
{
	g_autoptr(GByteArray) version = g_byte_array_new();
	g_autoptr(GByteArray) properties = g_byte_array_new();
	GByteArray *out = g_byte_array_new();

	add_number(version, 0x00010000, 4);
	add_number(properties, 1, 4);
	add_number(properties, 0x10090102, 4);
	add_number(properties, 1, 4);
	add_number(properties, (uint32_t)size, 4);
	add(properties, rtf, size);
	add_number(properties, 0, (4 - size % 4) % 4);
	add_number(out, 0x223e9f78, 4);
	add_number(out, 1, 2);
	add_attribute(out, 0x00089006, version);
	add_attribute(out, 0x00069003, properties);
	return out;
}

#define HELLO                                      \
	"\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 " \
	"bw\x05\xb0ld}\x0a\x80\x0f\xa0"

static const struct {
	const char *rtf;
	size_t size;
	const char *text; /* NULL: it cannot be read */
} rows[] = {
#define ROW(rtf, text)                         \
	{                                      \
		(rtf), sizeof(rtf) - 1, (text) \
	}
    /* The first example of MS-OXRTFCP. */
    ROW("\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7" HELLO, "hello world\n"),
    ROW("\x19\0\0\0\x0d\0\0\0MELA\0\0\0\0{\\rtf1 plain}", "plain\n"),
    /* Longer than it is. */
    ROW("\x19\0\0\0\xff\xff\xff\xffMELA\0\0\0\0{\\rtf1 plain}", "plain\n"),
    /* More than can be packed into so few bytes. */
    ROW("\x2d\0\0\0\xff\xff\xff\x7fLZFu\xf1\xc5\xc7\xa7" HELLO, NULL),
    ROW("\x2d\0\0\0\xff\xff\xff\xffLZFu\xf1\xc5\xc7\xa7" HELLO, NULL),
    ROW("\x2d\0\0\0\x2b\0\0\0LZFu", NULL),
#undef ROW
};

START_TEST(test_rtf)
{
	g_autoptr(GByteArray) bytes = make_tnef(rows[_i].rtf, rows[_i].size);
	g_autoptr(GPtrArray) found = look_bytes("winmail.dat", bytes, NULL);
	const struct ph_walked *file = file_at(found, "winmail.dat");

	ck_assert_str_eq(file->type, "application/vnd.ms-tnef");
	if (rows[_i].text == NULL) {
		ck_assert_uint_eq(file->flags, PH_WALKED_DAMAGED);
		return;
	}
	ck_assert_uint_eq(file->flags, 0);
	file = file_at(found, "winmail.dat/message.rtf");
	ck_assert_str_eq(file->text, rows[_i].text);
	ck_assert_uint_eq(file->flags, 0);
}
END_TEST

/* What it unpacks to is taken from the limit before it is unpacked. */
START_TEST(test_limit)
{
	const struct ph_walk_limits limits = {.size = 42};
	g_autoptr(GByteArray) bytes = make_tnef(rows[0].rtf, rows[0].size);
	g_autoptr(GPtrArray) found = look_bytes("winmail.dat", bytes, &limits);

	ck_assert_uint_eq(found->len, 1);
	ck_assert_uint_eq(file_at(found, "winmail.dat")->flags,
			  PH_WALKED_LIMIT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lib/inspect/walk_tnef");
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, test_rtf, 0, G_N_ELEMENTS(rows));
	tcase_add_test(tc, test_limit);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
