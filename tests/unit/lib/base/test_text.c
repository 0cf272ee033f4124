#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/base/uuid.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <string.h>

START_TEST(test_bool)
{
	static const struct {
		const char *text;
		int want; /* -1: refused */
	} cases[] = {{"true", 1}, {"$False", 0}, {"1", 1},
		     {"no", 0},	  {" YES ", 1},	 {"", -1},
		     {"2", -1},	  {"tru", -1},	 {"$yes", -1}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_err err = PH_ERR_INIT;
		bool value = false;
		int rc = ph_parse_bool(cases[i].text, &value, &err);

		ck_assert_int_eq(rc < 0 ? -1 : value, cases[i].want);
		ck_assert_int_eq(err.kind, rc < 0 ? PH_ERR_PERM : PH_ERR_NONE);
	}
}
END_TEST

#define BAD INT64_MIN

START_TEST(test_numbers)
{
	static const struct {
		int (*parse)(const char *, int64_t *, struct ph_err *);
		const char *text;
		int64_t want;
	} cases[] = {
	    {ph_parse_int, "12", 12},
	    {ph_parse_int, " -3 ", -3},
	    {ph_parse_int, "", BAD},
	    {ph_parse_int, "1x", BAD},
	    {ph_parse_int, "99999999999999999999", BAD},
	    {ph_parse_size, "1024", 1024},
	    {ph_parse_size, "10MB", 10485760},
	    {ph_parse_size, "150 KB", 153600},
	    {ph_parse_size, "1.5kb", 1536},
	    {ph_parse_size, "2 TB", INT64_C(2199023255552)},
	    {ph_parse_size, "Unlimited", INT64_MAX},
	    {ph_parse_size, "-1", BAD},
	    {ph_parse_size, "10 MiB", BAD},
	    {ph_parse_size, "99999999TB", BAD},
	    {ph_parse_size, "nan", BAD},
	    {ph_parse_size, "", BAD},
	    {ph_parse_span, "300", 300000},
	    {ph_parse_span, "250ms", 250},
	    {ph_parse_span, "5m", 300000},
	    {ph_parse_span, "2 h", 7200000},
	    {ph_parse_span, "7d", 604800000},
	    {ph_parse_span, "00:05:00", 300000},
	    {ph_parse_span, "1.02:00:00", 93600000},
	    {ph_parse_span, "00:61:00", BAD},
	    {ph_parse_span, "00:05:00x", BAD},
	    {ph_parse_span, "5 weeks", BAD},
	    {ph_parse_span, "", BAD},
	    {ph_parse_date, "1970-01-02", 86400000},
	    {ph_parse_date, "1970-01-01T00:01", 60000},
	    {ph_parse_date, "1970-01-01T00:00:01Z", 1000},
	    {ph_parse_date, "1970-01-01T01:00:00+01:00", 0},
	    {ph_parse_date, "1970-01-01T00:00:00.250Z", 250},
	    {ph_parse_date, "11/11/2012", BAD},
	    {ph_parse_date, "", BAD},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_err err = PH_ERR_INIT;
		int64_t value = 0;

		if (cases[i].parse(cases[i].text, &value, &err) < 0)
			value = BAD;
		ck_assert_msg(value == cases[i].want, "\"%s\": got %" PRId64,
			      cases[i].text, value);
		ck_assert_int_eq(err.kind,
				 value == BAD ? PH_ERR_PERM : PH_ERR_NONE);
	}
}
END_TEST

START_TEST(test_number_format)
{
	char buffer[PH_NUMBER_TEXT];

	ck_assert_str_eq(ph_format_number(0, buffer), "0");
	ck_assert_str_eq(ph_format_number(10, buffer), "10");
	ck_assert_str_eq(ph_format_number(25, buffer), "25");
	ck_assert_str_eq(ph_format_number(UINT64_MAX, buffer),
			 "18446744073709551615");
}
END_TEST

START_TEST(test_date_format)
{
	char text[PH_DATE_TEXT];

	ph_format_date(1353585600250, text, sizeof text);
	ck_assert_str_eq(text, "2012-11-22T12:00:00.250Z");
}
END_TEST

/* A list and its elements joined by '|'; NULL: refused. */
static const struct {
	const char *text, *want, *formatted;
} lists[] = {
    {"a,b", "a|b", "a,b"},
    {" a , b ", "a|b", "a,b"},
    {"", "", ""},
    {",,a,", "a", "a"},
    {"\"a,b\",c", "a,b|c", "\"a,b\",c"},
    {"\"say \"\"hi\"\"\"", "say \"hi\"", "\"say \"\"hi\"\"\""},
    {"[\"a\",\"b c\"]", "a|b c", "a,b c"},
    {"[\" a\"]", " a", "\" a\""},
    {"\"[x]\"", "[x]", "\"[x]\""},
    {"\"open", NULL, NULL},
    {"\"a\"b", NULL, NULL},
    {"[1]", NULL, NULL},
    {"[\"a\"", NULL, NULL},
};

START_TEST(test_list)
{
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		struct ph_err err = PH_ERR_INIT;
		g_auto(GStrv) list = NULL;
		g_autofree char *joined = NULL, *formatted = NULL;
		int rc = ph_parse_list(lists[i].text, &list, &err);

		ck_assert_msg((rc == 0) == (lists[i].want != NULL), "%s: %s",
			      lists[i].text, err.text);
		if (rc < 0)
			continue;
		joined = g_strjoinv("|", list);
		ck_assert_str_eq(joined, lists[i].want);
		formatted = ph_format_list((const char *const *)list);
		ck_assert_str_eq(formatted, lists[i].formatted);
	}
}
END_TEST

START_TEST(test_endpoint)
{
	static const struct {
		const char *text, *host;
		int port; /* 0: UNIX; -1: refused */
	} cases[] = {
	    {"mbx1.example:475", "mbx1.example", 475},
	    {"127.0.0.1:25", "127.0.0.1", 25},
	    {"[::1]:25", "::1", 25},
	    {"inet:h:1", "h", 1},
	    {"unix:/run/x.sock", "/run/x.sock", 0},
	    {"/run/x.sock", "/run/x.sock", 0},
	    {"unix:x.sock", "", -1},
	    {"::1:25", "", -1},
	    {"h:0", "", -1},
	    {"h:65536", "", -1},
	    {"h:", "", -1},
	    {":25", "", -1},
	    {"h", "", -1},
	    {"a b:25", "", -1},
	    {"a,b:25", "", -1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_endpoint e;
		int rc = ph_parse_endpoint(cases[i].text, &e, &err);

		ck_assert_msg((rc < 0) == (cases[i].port < 0), "%s: %s",
			      cases[i].text, err.text);
		if (rc < 0)
			continue;
		ck_assert_str_eq(e.host, cases[i].host);
		ck_assert_int_eq(e.port, cases[i].port);
		ck_assert_int_eq(e.unix_socket, cases[i].port == 0);
	}
}
END_TEST

START_TEST(test_address)
{
	static const struct {
		const char *address, *local, *domain; /* NULL: none */
	} cases[] = {
	    {"nuno@letsexchange.com", "nuno", "letsexchange.com"},
	    {"\"a@b\"@x.example", "\"a@b\"", "x.example"},
	    {"a@b@c", "a@b", "c"},
	    {"\"a\\\"@\"@d", "\"a\\\"@\"", "d"},
	    {"@x", NULL, NULL},
	    {"x@", NULL, NULL},
	    {"nobody", NULL, NULL},
	    {"\"open@x", NULL, NULL},
	    {"a\n@x", NULL, NULL},
	    {"a@x y", NULL, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *local = NULL, *domain = NULL;
		int rc = ph_split_address(cases[i].address, &local, &domain);

		ck_assert_msg(rc == (cases[i].local != NULL), "%s",
			      cases[i].address);
		ck_assert_pstr_eq(local, cases[i].local);
		ck_assert_pstr_eq(domain, cases[i].domain);
	}
}
END_TEST

START_TEST(test_fold)
{
	g_autofree char *ascii = ph_fold("Nuno@LetsExchange.com");
	g_autofree char *greek = ph_fold("ΣΊΣΥΦΟΣ@x");
	g_autofree char *latin1 = ph_fold("J\xfcrgen@X");

	ck_assert_str_eq(ascii, "nuno@letsexchange.com");
	ck_assert_str_eq(greek, "σίσυφοσ@x");
	ck_assert_str_eq(latin1, "j\xfcrgen@x");
}
END_TEST

START_TEST(test_uuid)
{
	static const uint8_t digest[16] = {0, 1, 2, 3, 4, 5, 0xff, 7, 0xff};
	char text[PH_UUID_TEXT], other[PH_UUID_TEXT];

	ph_uuid_from_digest(digest, text);
	ck_assert_str_eq(text, "00010203-0405-8f07-bf00-000000000000");
	ph_uuid_random(text);
	ph_uuid_random(other);
	ck_assert_str_ne(text, other);
	ck_assert(ph_uuid_valid(text));
	ck_assert_int_eq(text[14], '4');
	ck_assert(!ph_uuid_valid("00010203-0405-8f07-bf00-00000000000"));
	ck_assert(!ph_uuid_valid("00010203-0405-8f07-bf00-0000000000000"));
	ck_assert(!ph_uuid_valid("0001020304058f07-bf00-000000000000--"));
	ck_assert(!ph_uuid_valid("g0010203-0405-8f07-bf00-000000000000"));
}
END_TEST

START_TEST(test_err)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *longer = g_strnfill(2 * PH_ERR_TEXT, 'x');

	ck_assert_int_eq(ph_err_set(&err, PH_ERR_TEMP, "a\r\nb"), -1);
	ck_assert_str_eq(err.text, "a??b");
	ck_assert_int_eq(ph_err_wrap(&err, "reading %d", 7), -1);
	ck_assert_str_eq(err.text, "reading 7: a??b");
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_err_wrap(&err, "%s", longer);
	ck_assert_uint_eq(strlen(err.text), PH_ERR_TEXT - 1);
	ck_assert_int_eq(ph_err_set(NULL, PH_ERR_TEMP, "x"), -1);
	/* Cut inside a two-byte character. */
	longer[PH_ERR_TEXT - 2] = '\xc3';
	longer[PH_ERR_TEXT - 1] = '\xbc';
	ph_err_set(&err, PH_ERR_PERM, "%s", longer);
	ck_assert(g_utf8_validate(err.text, -1, NULL));
}
END_TEST

START_TEST(test_mail_date)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	    {0, "Thu, 1 Jan 1970 00:00:00 +0000"},
	    {INT64_C(1352628000999), "Sun, 11 Nov 2012 10:00:00 +0000"},
	    {INT64_C(1709251199000), "Thu, 29 Feb 2024 23:59:59 +0000"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char text[PH_MAIL_DATE];

		ph_format_mail_date(rows[i].ms, text, sizeof(text));
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(test_hex_byte)
{
	static const struct {
		const char *text;
		int byte;
	} rows[] = {
	    {"00", 0}, {"7F", 0x7f}, {"ff", 0xff}, {"A0b", 0xa0}, {"", -1},
	    {"0", -1}, {"g0", -1},   {"0g", -1},   {" 0", -1},	  {"-1", -1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_int_eq(ph_hex_byte(rows[i].text), rows[i].byte);
}
END_TEST

UNIT_MAIN("lib/base/text", test_bool, test_numbers, test_number_format,
	  test_date_format, test_list, test_endpoint, test_address, test_fold,
	  test_uuid, test_err, test_mail_date, test_hex_byte)
