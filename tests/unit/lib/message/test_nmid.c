#include "lib/message/nmid.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *const fields[][2] = {
    {"Received", "from a by b"},
    {"Message-ID", "<1@example.test>"},
    {"Date", "Sat, 21 Nov 2026 10:00:00 +0000"},
    {"From", "Nuno <nuno@example.test>"},
    {"To", "mota@example.test,\n\tx@example.test"},
    {"Subject", "Hello"},
};

/* One message; field "skip" is left out, "change" gets another value. */
static void
make(const char *path, const char *skip, const char *change, const char *body,
     size_t piece, char text_r[PH_UUID_TEXT])
{
	struct ph_nmid *nmid = ph_nmid_new();
	struct ph_headers *h = ph_headers_new();
	size_t size = strlen(body);

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (g_strcmp0(fields[i][0], skip) != 0)
			ph_headers_add(h, fields[i][0],
				       g_strcmp0(fields[i][0], change) == 0
					   ? "other"
					   : fields[i][1]);
	for (size_t i = 0; i < size; i += piece)
		ph_nmid_body(nmid, body + i, MIN(piece, size - i));
	ph_nmid_finish(nmid, path, h, text_r);
	ph_headers_free(&h);
	ph_nmid_free(&nmid);
}

/*
 * The form is written in records that outlive a version, so it must not
 * change; the value was computed by a script from the description in nmid.c.
 */
START_TEST(test_known)
{
	char id[PH_UUID_TEXT];

	make("nuno@example.test", NULL, NULL, "one\r\ntwo\r\n", 1000, id);
	ck_assert_str_eq(id, "18112576-0e68-8fef-b913-4b694adb9206");
}
END_TEST

START_TEST(test_line_ends)
{
	static const char *const bodies[] = {"one\r\ntwo\r\n", "one\ntwo\n",
					     "one\r\ntwo\n"};
	char first[PH_UUID_TEXT], id[PH_UUID_TEXT];

	make("a@b", NULL, NULL, bodies[0], 1000, first);
	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++)
		for (size_t piece = 1; piece < 12; piece++) {
			make("a@b", NULL, NULL, bodies[i], piece, id);
			ck_assert_str_eq(id, first);
		}
}
END_TEST

START_TEST(test_differs)
{
	static const char *const told[] = {"Message-ID", "Date", "From", "To",
					   "Subject"};
	char first[PH_UUID_TEXT], id[PH_UUID_TEXT];

	make("a@b", NULL, NULL, "body", 1000, first);
	for (size_t i = 0; i < G_N_ELEMENTS(told); i++) {
		make("a@b", NULL, told[i], "body", 1000, id);
		ck_assert_str_ne(id, first);
	}
	make("c@d", NULL, NULL, "body", 1000, id);
	ck_assert_str_ne(id, first);
	make("a@b", NULL, NULL, "Body", 1000, id);
	ck_assert_str_ne(id, first);
	make("a@b", NULL, NULL, "", 1000, id);
	ck_assert_str_ne(id, first);
	/* Another trace is the same message. */
	make("a@b", NULL, "Received", "body", 1000, id);
	ck_assert_str_eq(id, first);
}
END_TEST

START_TEST(test_random)
{
	static const char *const needed[] = {"Message-ID", "Date"};
	char one[PH_UUID_TEXT], two[PH_UUID_TEXT];

	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
		make("a@b", needed[i], NULL, "body", 1000, one);
		make("a@b", needed[i], NULL, "body", 1000, two);
		ck_assert(ph_uuid_valid(one));
		ck_assert_str_ne(one, two);
	}
}
END_TEST

/* "ab" + "c" and "a" + "bc" must not look alike. */
START_TEST(test_fields_apart)
{
	char id[2][PH_UUID_TEXT];

	for (int i = 0; i < 2; i++) {
		struct ph_nmid *nmid = ph_nmid_new();
		struct ph_headers *h = ph_headers_new();

		ph_headers_add(h, "Message-ID", "<1>");
		ph_headers_add(h, "Date", "now");
		ph_headers_add(h, i == 0 ? "To" : "Cc", "x@y.test");
		ph_nmid_finish(nmid, "a@b", h, id[i]);
		ph_headers_free(&h);
		ph_nmid_free(&nmid);
	}
	ck_assert_str_ne(id[0], id[1]);
}
END_TEST

UNIT_MAIN("lib/message/nmid", test_known, test_line_ends, test_differs,
	  test_random, test_fields_apart)
