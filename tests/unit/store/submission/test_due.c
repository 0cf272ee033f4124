#include "store/submission/due.h"
#include "tests/unit/unit.h"

#define NOON ((int64_t)1352635200000) /* 2012-11-11 12:00:00 UTC */

START_TEST(test_dates)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: no date */
	} dates[] = {
	    {"Sun, 11 Nov 2012 12:00:00 +0000", NOON},
	    {"11 Nov 2012 12:00:00 +0000", NOON},
	    {" 11 nov 12 12:00 GMT (noon)", NOON},
	    {"Sun, 11 Nov 2012 14:30:00 +0230", NOON},
	    {"Sun, 11 Nov 2012 07:00:00 EST", NOON},
	    {"Sun, 11 Nov 2012 07:00:00 -0500", NOON},
	    {"Sun, 11 Nov 2012 12:00:00 X", NOON},
	    {"Sun, 11 Nov 2012 12:00:00", NOON},
	    {"11 Nov 1969 12:00:00 +0000", -4363200000},
	    {"", -1},
	    {"tomorrow", -1},
	    {"2012-11-11T12:00:00Z", -1},
	    {"Sun, 32 Nov 2012 12:00:00 +0000", -1},
	    {"Sun, 31 Nov 2012 12:00:00 +0000", -1},
	    {"Sun, 11 Nov 2012 24:00:00 +0000", -1},
	    {"Sun, 11 Nov 2012 12:60:00 +0000", -1},
	    {"Sun, 11 Nov 2012 12:00: +0000", -1},
	    {"Sun, 11 Nix 2012 12:00:00 +0000", -1},
	    {"Sun, 11 Nov 2012 12:00:00 +00", -1},
	    {"Sun, 11 Nov 2012 12:00:00 +00000", -1},
	    {"Sun, 11 Nov 2012 12:00:00 +0060", -1},
	    {"Sun, 11 Nov 2012 12:00:00 7", -1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
		int64_t ms = 0;
		int r = ph_due_parse(dates[i].text, &ms, NULL);

		ck_assert_msg(r == (dates[i].ms == -1 ? -1 : 0), "%s",
			      dates[i].text);
		ck_assert_msg(r < 0 || ms == dates[i].ms,
			      "%s: %" G_GINT64_FORMAT, dates[i].text, ms);
	}
}
END_TEST

START_TEST(test_field)
{
	struct ph_headers *headers = ph_headers_new();
	struct ph_err err = PH_ERR_INIT;
	int64_t ms = 7;

	ck_assert_int_eq(ph_due_find(headers, &ms, &err), 1);
	ck_assert_int_eq(ms, 0);
	ph_headers_add(headers, "deferred-delivery",
		       "Sun, 11 Nov 2012\n 12:00:00 +0000");
	ck_assert_int_eq(ph_due_find(headers, &ms, &err), 1);
	ck_assert_int_eq(ms, NOON);
	ph_headers_replace(headers, 0, "soon");
	ck_assert_int_eq(ph_due_find(headers, &ms, &err), 0);
	ck_assert_str_eq(err.text,
			 "its Deferred-Delivery: \"soon\" is no date");
	ph_headers_free(&headers);
}
END_TEST

UNIT_MAIN("store/submission/due", test_dates, test_field)
