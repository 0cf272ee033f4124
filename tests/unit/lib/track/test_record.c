#include "lib/track/record.h"

#include "tests/unit/unit.h"

#include <string.h>

/* The line that real servers write, column for column. */
static const char fields[] =
    "date-time,client-ip,client-hostname,server-ip,server-hostname,"
    "source-context,connector-id,source,event-id,internal-message-id,"
    "message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,"
    "message-subject,sender-address,return-path,message-info,directionality,"
    "tenant-id,original-client-ip,original-server-ip,custom-data,"
    "transport-traffic-type,log-id,schema-version";

START_TEST(columns_are_exchange_s)
{
	g_auto(GStrv) names = g_strsplit(fields, ",", 0);

	ck_assert_uint_eq(g_strv_length(names), PH_COLUMNS);
	for (int i = 0; i < PH_COLUMNS; i++) {
		ck_assert_str_eq(ph_track_columns[i].name, names[i]);
		ck_assert_str_ne(ph_track_columns[i].help, "");
		ck_assert_int_eq(ph_track_column_find(names[i]), i);
		ck_assert_int_eq(
		    ph_track_column_find(ph_track_columns[i].property), i);
	}
	ck_assert_int_eq(ph_track_column_find("TIMESTAMP"), PH_COL_DATE_TIME);
	ck_assert_int_eq(ph_track_column_find("recipients"),
			 PH_COL_RECIPIENT_ADDRESS);
	ck_assert_int_eq(ph_track_column_find("subject"), -1);
	ck_assert_int_eq(ph_track_column_find(""), -1);
}
END_TEST

START_TEST(set_get_append)
{
	struct ph_track_record r = {{NULL}};

	ck_assert_str_eq(ph_track_get(&r, PH_COL_SOURCE), "");
	ph_track_set(&r, PH_COL_SOURCE, "SMTP");
	ph_track_set(&r, PH_COL_SOURCE, ph_track_get(&r, PH_COL_SOURCE));
	ck_assert_str_eq(ph_track_get(&r, PH_COL_SOURCE), "SMTP");
	ph_track_set(&r, PH_COL_SOURCE, "");
	ck_assert_ptr_null(r.value[PH_COL_SOURCE]);
	ph_track_setf(&r, PH_COL_TOTAL_BYTES, "%d", 42);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_TOTAL_BYTES), "42");
	ph_track_append(&r, PH_COL_RECIPIENT_STATUS, "");
	ph_track_append(&r, PH_COL_RECIPIENT_STATUS, "250 ok");
	ph_track_append(&r, PH_COL_RECIPIENT_STATUS, "");
	ck_assert_str_eq(ph_track_get(&r, PH_COL_RECIPIENT_STATUS), ";250 ok;");
	ph_track_clear(&r);
	for (int i = 0; i < PH_COLUMNS; i++)
		ck_assert_ptr_null(r.value[i]);
}
END_TEST

/* What stands in the file for a subject, and what is read back. */
static const struct {
	const char *value, *written, *read;
} quoting[] = {
    {"plain", "plain", "plain"},
    {"a,b", "\"a,b\"", "a,b"},
    {"say \"x\"", "\"say \"\"x\"\"\"", "say \"x\""},
    {"\"", "\"\"\"\"", "\""},
    {"\",\"", "\"\"\",\"\"\"", "\",\""},
    {"semi;colon", "semi;colon", "semi;colon"},
    {" blanks ", " blanks ", " blanks "},
    {"two\r\nlines", "two  lines", "two  lines"},
    {"a\n\"b", "\"a \"\"b\"", "a \"b"},
    {"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
    {"bad\xff", "bad\xef\xbf\xbd", "bad\xef\xbf\xbd"},
};

START_TEST(quoting_table)
{
	for (size_t i = 0; i < G_N_ELEMENTS(quoting); i++) {
		struct ph_track_record r = {{NULL}}, back;
		g_autofree char *line = NULL, *expected = NULL;

		ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, quoting[i].value);
		ph_track_set(&r, PH_COL_RETURN_PATH, "<>");
		line = ph_track_format(&r);
		expected = g_strconcat(",,,,,,,,,,,,,,,,,,", quoting[i].written,
				       ",,<>,,,,,,,,,", NULL);
		ck_assert_str_eq(line, expected);
		ck_assert_int_eq(ph_track_parse(line, &back, NULL), 0);
		ck_assert_str_eq(ph_track_get(&back, PH_COL_MESSAGE_SUBJECT),
				 quoting[i].read);
		ck_assert_str_eq(ph_track_get(&back, PH_COL_RETURN_PATH), "<>");
		ck_assert_ptr_null(back.value[PH_COL_SENDER_ADDRESS]);
		ph_track_clear(&r);
		ph_track_clear(&back);
	}
}
END_TEST

START_TEST(all_columns_round_trip)
{
	struct ph_track_record r = {{NULL}}, back;
	g_autofree char *line = NULL, *again = NULL;

	for (int i = 0; i < PH_COLUMNS; i++)
		ph_track_setf(&r, (enum ph_column)i, "\"%d\",", i);
	line = ph_track_format(&r);
	ck_assert_int_eq(ph_track_parse(line, &back, NULL), 0);
	for (int i = 0; i < PH_COLUMNS; i++)
		ck_assert_str_eq(back.value[i], r.value[i]);
	again = ph_track_format(&back);
	ck_assert_str_eq(again, line);
	ph_track_clear(&r);
	ph_track_clear(&back);
}
END_TEST

static const char real_line[] =
    "2022-09-19T15:02:29.450Z,10.0.0.11,MBX1.contoso.com,10.0.0.11,MBX1,"
    "\"MDB:1, Mailbox:2, said \"\"x\"\"\",,STOREDRIVER,RECEIVE,438,"
    "<a@contoso.com>,6a638d20-1e63-493a-80a2-08da9a4ff8da,bob@contoso.com,To,"
    "3750,1,,,Hello,alice@contoso.com,alice@contoso.com,04I: ,Originating,,"
    "10.0.0.50,10.0.0.11,S:DeliveryPriority=Normal,Email,3333,15.01.2375.007";

START_TEST(real_line_parses)
{
	struct ph_track_record r;

	ck_assert_int_eq(ph_track_parse(real_line, &r, NULL), 0);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_SOURCE_CONTEXT),
			 "MDB:1, Mailbox:2, said \"x\"");
	ck_assert_str_eq(ph_track_get(&r, PH_COL_EVENT_ID), "RECEIVE");
	ck_assert_str_eq(ph_track_get(&r, PH_COL_MESSAGE_INFO), "04I: ");
	ck_assert_str_eq(ph_track_get(&r, PH_COL_SCHEMA_VERSION),
			 "15.01.2375.007");
	ph_track_clear(&r);
}
END_TEST

/* A line cut anywhere is a shorter row, or refused where a quote is open. */
START_TEST(cut_everywhere)
{
	unsigned quotes = 0;

	for (size_t n = 0; n <= strlen(real_line); n++) {
		g_autofree char *cut = g_strndup(real_line, n);
		struct ph_err err = PH_ERR_INIT;
		struct ph_track_record r;
		int rc = ph_track_parse(cut, &r, &err);

		if (n > 0 && cut[n - 1] == '"')
			quotes++;
		ck_assert_msg(rc == (quotes % 2 == 1 ? -1 : 0),
			      "cut at %zu: %d: %s", n, rc, cut);
		if (rc == 0)
			ph_track_clear(&r);
		else
			ck_assert_int_eq(err.kind, PH_ERR_PERM);
	}
}
END_TEST

static const struct {
	const char *line;
	int rc;
} odd_lines[] = {
    {"", 0},
    {",", 0},
    {",,,,,,,,,,,,,,,,,,,,,,,,,,,,,", 0},   /* 30 columns */
    {",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", -1}, /* 31 */
    {"\"", -1},
    {"\"\"", 0},
    {"\"\"\"", -1},
    {"\"a\"b", -1},
    {"\"a\" ,b", -1},
    {"a\"b", -1},
    {"a,\"b", -1},
    {"a,\"b\nc\",d", 0},
};

START_TEST(odd_lines_parse)
{
	for (size_t i = 0; i < G_N_ELEMENTS(odd_lines); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_track_record r;
		int rc = ph_track_parse(odd_lines[i].line, &r, &err);

		ck_assert_msg(rc == odd_lines[i].rc, "%s: %d",
			      odd_lines[i].line, rc);
		if (rc == 0)
			ph_track_clear(&r);
		else
			ck_assert_str_ne(err.text, "");
	}
}
END_TEST

UNIT_MAIN("lib/track/record", columns_are_exchange_s, set_get_append,
	  quoting_table, all_columns_round_trip, real_line_parses,
	  cut_everywhere, odd_lines_parse)
