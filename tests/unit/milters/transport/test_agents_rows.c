#include "lib/fork/plan.h"
#include "tests/unit/milters/transport/forwarders.h"

/* Tracking rows that a message leaves. */

static bool
collect(struct ph_track_record *record, void *context)
{
	GPtrArray *rows = context;
	struct ph_track_record *copy = g_new0(struct ph_track_record, 1);

	for (int c = 0; c < PH_COLUMNS; c++)
		ph_track_set(copy, (enum ph_column)c,
			     ph_track_get(record, (enum ph_column)c));
	g_ptr_array_add(rows, copy);
	return true;
}

static void
free_row(void *row)
{
	ph_track_clear(row);
	g_free(row);
}

/* The rows that a message with that subject leaves, under further rules. */
static GPtrArray *
track_more(const struct ph_client *client, const char *subject,
	   const struct object *more, const char *to)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
	char *directory = unit_mkdir();
	struct ph_track_options options = {.directory = directory,
					   .prefix = "MSGTRK",
					   .server = "MBX2",
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_mail *mail = make_mail(client, subject);
	g_autofree char *plans = g_build_filename(directory, "forks", NULL);
	g_auto(GStrv) recipients = g_strsplit(to, " ", -1);
	struct ph_err err = PH_ERR_INIT;
	uint64_t bad = 0;

	ck_assert_int_eq(ph_track_log_open(&options, &transport.track, &err),
			 0);
	ck_assert_int_eq(ph_plans_open(plans, &transport.plans, &err), 0);
	add_forwarders(mail);
	use_objects(mail, more);
	for (char **r = recipients; *r != NULL; r++)
		ph_mail_add_recipient(mail, *r, NULL);
	(void)run(mail);
	ph_track_rows(&transport, mail);
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, collect, rows, &bad, &err), 0);
	ck_assert_uint_eq(bad, 0);
	ph_track_log_close(&transport.track);
	ph_plans_close(&transport.plans);
	mail_clear(&mail);
	unit_rmdir(&directory);
	return rows;
}

static GPtrArray *
track(const struct ph_client *client, const char *subject)
{
	return track_more(client, subject, NULL, "v@a.test z@b.test");
}

static void
check_row(const GPtrArray *rows, guint i, enum ph_column column,
	  const char *value)
{
	ck_assert_uint_lt(i, rows->len);
	ck_assert_str_eq(ph_track_get(rows->pdata[i], column), value);
}

START_TEST(test_rows_accept)
{
	struct ph_client client = make_client("", "203.0.113.5");
	GPtrArray *rows = track(&client, "hello");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 0, PH_COL_SOURCE, "SMTP");
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "helo.test");
	check_row(rows, 0, PH_COL_SERVER_HOSTNAME, "MBX2");
	check_row(rows, 0, PH_COL_CONNECTOR_ID, "MBX2\\Default MBX2");
	check_row(rows, 0, PH_COL_MESSAGE_ID, "<1@b.test>");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "v@a.test;z@b.test");
	check_row(rows, 0, PH_COL_RECIPIENT_COUNT, "2");
	check_row(rows, 0, PH_COL_TOTAL_BYTES, "100");
	check_row(rows, 0, PH_COL_MESSAGE_SUBJECT, "hello");
	check_row(rows, 0, PH_COL_SENDER_ADDRESS, "x@b.test");
	check_row(rows, 0, PH_COL_RETURN_PATH, "x@b.test");
	check_row(rows, 0, PH_COL_DIRECTIONALITY, "Incoming");
	check_row(rows, 0, PH_COL_ORIGINAL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	check_row(rows, 1, PH_COL_SOURCE, "ROUTING");
	check_row(rows, 1, PH_COL_EVENT_ID, "RESOLVE");
	check_row(rows, 1, PH_COL_CLIENT_HOSTNAME, "MBX2");
	check_row(rows, 1, PH_COL_RECIPIENT_ADDRESS, "u@a.test");
	check_row(rows, 1, PH_COL_RECIPIENT_COUNT, "1");
	check_row(rows, 1, PH_COL_RELATED_RECIPIENT_ADDRESS, "v@a.test");
	check_row(rows, 1, PH_COL_MESSAGE_ID, "<1@b.test>");
	check_row(rows, 2, PH_COL_SOURCE, "AGENT");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_CLIENT_HOSTNAME, "MBX2");
	check_row(rows, 2, PH_COL_SERVER_HOSTNAME, "");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS, "u@a.test;z@b.test");
	check_row(rows, 2, PH_COL_MESSAGE_SUBJECT, "[EXT] hello");
	ck_assert_ptr_nonnull(
	    strstr(ph_track_get(rows->pdata[2], PH_COL_CUSTOM_DATA),
		   "|action=PrependSubject|sev=1|mode=Enforce;S:CompCost="));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_peer)
{
	struct ph_client client = make_client("", "192.0.2.1");
	GPtrArray *rows = track(&client, "hello");

	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "mbx1.a.test");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_reject)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "a secret");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 1, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 2, PH_COL_SOURCE, "AGENT");
	check_row(rows, 2, PH_COL_SOURCE_CONTEXT, "Transport Rule Agent");
	ck_assert(g_str_has_prefix(
	    ph_track_get(rows->pdata[2], PH_COL_RECIPIENT_STATUS),
	    "[{LED=550 5.7.1 TRANSPORT.RULES.RejectMessage;"));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_discard)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "drop it");

	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "c.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 3, PH_COL_EVENT_ID, "DROP");
	check_row(rows, 3, PH_COL_SOURCE, "AGENT");
	check_row(rows, 3, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* One is dropped, another refused, a third gets it: who is refused is told, and
 * his row is written with the report. */
START_TEST(test_rows_parts)
{
	static const struct object more[] = {
	    {"rule",
	     "A",
	     {{"SentTo", "d@b.test"},
	      {"DeleteMessage", "yes"},
	      {"Priority", "0"}}},
	    {"rule",
	     "B",
	     {{"SentTo", "r@b.test"},
	      {"RejectMessageReasonText", "no"},
	      {"Priority", "1"}}},
	    {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows =
	    track_more(&client, "hello", more, "v@a.test d@b.test r@b.test");

	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS,
		  "v@a.test;d@b.test;r@b.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS,
		  "u@a.test;d@b.test;r@b.test");
	check_row(rows, 3, PH_COL_EVENT_ID, "DROP");
	check_row(rows, 3, PH_COL_RECIPIENT_ADDRESS, "d@b.test");
	check_row(rows, 3, PH_COL_SOURCE_CONTEXT, "Transport Rule Agent");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* Nobody is told, so there is a row here and now. */
START_TEST(test_rows_untold)
{
	static const struct object more[] = {
	    {"rule",
	     "B",
	     {{"SentTo", "r@b.test"}, {"RejectMessageReasonText", "no"}}},
	    {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows;

	transport.report_to_strangers = false;
	rows = track_more(&client, "hello", more, "v@a.test r@b.test");
	transport.report_to_strangers = true;
	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 3, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 3, PH_COL_RECIPIENT_ADDRESS, "r@b.test");
	ck_assert(g_str_has_prefix(
	    ph_track_get(rows->pdata[3], PH_COL_RECIPIENT_STATUS),
	    "[{LED=550 5.7.1 TRANSPORT.RULES.RejectMessage;"));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* Each with the address before beside it; who is in a circle has it already. */
START_TEST(test_rows_forward)
{
	static const struct {
		const char *event, *to, *from;
	} expected[] = {
	    {"REDIRECT", "u@a.test", "only@a.test"},
	    {"RESOLVE", "c@out.test", "c@a.test"},
	    {"REDIRECT", "pair2@a.test", "pair1@a.test"},
	    {"DUPLICATEREDIRECT", "pair1@a.test", "pair2@a.test"},
	};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", NULL,
				     "only@a.test c@a.test pair1@a.test");

	ck_assert_uint_eq(rows->len, G_N_ELEMENTS(expected) + 2);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
		check_row(rows, i + 1, PH_COL_SOURCE, "ROUTING");
		check_row(rows, i + 1, PH_COL_EVENT_ID, expected[i].event);
		check_row(rows, i + 1, PH_COL_RECIPIENT_ADDRESS,
			  expected[i].to);
		check_row(rows, i + 1, PH_COL_RELATED_RECIPIENT_ADDRESS,
			  expected[i].from);
	}
	check_row(rows, rows->len - 1, PH_COL_EVENT_ID, "AGENTINFO");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_refused)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", NULL, "closed@a.test");

	ck_assert_uint_eq(rows->len, 1);
	check_row(rows, 0, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 0, PH_COL_SOURCE_CONTEXT, "Resolver");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "closed@a.test");
	check_row(rows, 0, PH_COL_RECIPIENT_STATUS,
		  "550 5.7.1 Sender is not allowed to send to closed@a.test"
		  ": ask its owner to let you in; RESOLVER.RST.NotAuthorized; "
		  "not authorized");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_expand)
{
	static const struct object more[] = {LOOKS_AT_RECIPIENTS, {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", more, "some@a.test");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "some@a.test");
	check_row(rows, 1, PH_COL_EVENT_ID, "EXPAND");
	check_row(rows, 1, PH_COL_SOURCE, "ROUTING");
	check_row(rows, 1, PH_COL_RELATED_RECIPIENT_ADDRESS, "some@a.test");
	check_row(rows, 1, PH_COL_RECIPIENT_ADDRESS, "x@b.test;y@b.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS, "x@b.test;y@b.test");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

UNIT_MAIN("milters/transport/agents_rows", test_rows_accept, test_rows_peer,
	  test_rows_reject, test_rows_discard, test_rows_parts,
	  test_rows_untold, test_rows_forward, test_rows_refused,
	  test_rows_expand)
