#include "tracking/join.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795305600000) /* 2026-11-22T00:00:00Z */
#define NMID "a1b2c3d4-1e63-493a-80a2-08da9a4ff8da"
#define P "Nov 21 22:50:52 mbx1 postfix-MBX1/"

static struct ph_join *join;
static GPtrArray *rows;	    /* texts, see format_row */
static GPtrArray *log_ids;  /* of rows */
static GHashTable *waiting; /* RECEIVE rows to be polled: queue id -> line */
static GHashTable *earlier; /* RECEIVE rows to be searched for */
static unsigned polls, finds;
static int64_t offset;

static bool
peer(void *context, const char *host, char **fqdn_r)
{
	(void)context;
	if (strcmp(host, "127.0.0.1") != 0 && strcmp(host, "mbx2") != 0)
		return false;
	*fqdn_r = g_strdup("MBX2.letsexchange.com");
	return true;
}

static int
find(void *context, const char *queue_id, struct ph_track_record *record_r)
{
	const char *line = g_hash_table_lookup(earlier, queue_id);

	(void)context;
	finds++;
	if (!line)
		return 0;
	ck_assert_int_eq(ph_track_parse(line, record_r, NULL), 0);
	return 1;
}

static void
poll_rows(void *context)
{
	GHashTableIter iter;
	gpointer queue_id, line;

	(void)context;
	polls++;
	g_hash_table_iter_init(&iter, waiting);
	while (g_hash_table_iter_next(&iter, &queue_id, &line)) {
		struct ph_track_record record;

		ck_assert_int_eq(ph_track_parse(line, &record, NULL), 0);
		ph_join_received(join, queue_id, &record);
		ph_track_clear(&record);
	}
	g_hash_table_remove_all(waiting);
}

static void
take_row(void *context, struct ph_track_record *r)
{
	static const enum ph_column shown[] = {
	    PH_COL_DATE_TIME,
	    PH_COL_CLIENT_HOSTNAME,
	    PH_COL_SERVER_HOSTNAME,
	    PH_COL_CONNECTOR_ID,
	    PH_COL_SOURCE,
	    PH_COL_EVENT_ID,
	    PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_RECIPIENT_STATUS,
	    PH_COL_RECIPIENT_COUNT,
	    PH_COL_MESSAGE_ID,
	    PH_COL_SENDER_ADDRESS,
	    PH_COL_TOTAL_BYTES,
	};
	GString *text = g_string_new(NULL);

	(void)context;
	for (size_t i = 0; i < G_N_ELEMENTS(shown); i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "|" : "",
				       ph_track_get(r, shown[i]));
	g_ptr_array_add(rows, g_string_free(text, FALSE));
	g_ptr_array_add(log_ids, g_strdup(ph_track_get(r, PH_COL_LOG_ID)));
}

static void
set_up(size_t queue_ids)
{
	struct ph_join_options options = {
	    .server = "MBX1",
	    .address = "127.0.1.1",
	    .queue_ids = queue_ids,
	    .queue_timeout = 3600000,
	    .peer = peer,
	    .find = find,
	    .poll = poll_rows,
	    .row = take_row,
	};

	setenv("TZ", "UTC0", 1);
	tzset();
	join = ph_join_new(&options);
	rows = g_ptr_array_new_with_free_func(g_free);
	log_ids = g_ptr_array_new_with_free_func(g_free);
	waiting =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	earlier =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	polls = finds = 0;
	offset = 0;
}

static void
tear_down(void)
{
	ph_join_free(&join);
	g_ptr_array_unref(rows);
	g_ptr_array_unref(log_ids);
	g_hash_table_unref(waiting);
	g_hash_table_unref(earlier);
}

static void
feed_as(const char *text, bool done)
{
	g_autofree char *line = g_strdup(text);
	struct ph_join_origin origin = {.offset = offset, .done = done};
	struct ph_maillog m;

	ck_assert_msg(ph_maillog_parse(line, NOW, &m) == 1, "%s", text);
	ph_join_log_id("MBX1", offset, text, origin.log_id);
	ph_join_line(join, &m, &origin);
	offset += (int64_t)strlen(text) + 1;
}

static void
feed(const char *text)
{
	feed_as(text, false);
}

static const char *
row(guint i)
{
	ck_assert_uint_lt(i, rows->len);
	return g_ptr_array_index(rows, i);
}

static char *
received_line(const char *queue_id)
{
	struct ph_track_record r = {{NULL}};
	char *line;

	ph_track_set(&r, PH_COL_DATE_TIME, "2026-11-21T22:50:51.900Z");
	ph_track_set(&r, PH_COL_SOURCE, "SMTP");
	ph_track_set(&r, PH_COL_EVENT_ID, "RECEIVE");
	ph_track_set(&r, PH_COL_INTERNAL_MESSAGE_ID, "77");
	ph_track_set(&r, PH_COL_MESSAGE_ID, "<received@x>");
	ph_track_set(&r, PH_COL_NETWORK_MESSAGE_ID, NMID);
	ph_track_set(&r, PH_COL_RECIPIENT_ADDRESS, "a@x;b@x");
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, "Testing Mail Flow");
	ph_track_set(&r, PH_COL_SENDER_ADDRESS, "header@x");
	ph_track_set(&r, PH_COL_RETURN_PATH, "envelope@x");
	ph_track_set(&r, PH_COL_TOTAL_BYTES, "300");
	ph_track_setf(&r, PH_COL_CUSTOM_DATA, "S:QueueId=%s", queue_id);
	line = ph_track_format(&r);
	ph_track_clear(&r);
	return line;
}

#define TO(rcpt, text)                                     \
	P "ph-mailbox/lmtp[8724]: 0F41AA721D2: to=<" rcpt  \
	  ">, relay=127.0.0.1[127.0.0.1]:475, delay=1.2, " \
	  "delays=0.01/0.01/0/1.25, dsn=2.2.0, status=sent (" text ")"

/* Real lines of one message to three mailboxes. */
START_TEST(one_row_a_transaction)
{
	set_up(100);
	feed(P "cleanup[8723]: 0F41AA721D2: message-id=<m@x>");
	feed(P "qmgr[8715]: 0F41AA721D2: from=<nuno@x>, size=352, nrcpt=3 "
	       "(queue active)");
	feed(TO("a1@a.test", "250 2.2.0 Ok; one"));
	feed(TO("a2@a.test", "250 2.2.0 Ok; two"));
	feed(TO("a3@a.test", "250 2.2.0 Ok"));
	ck_assert_uint_eq(rows->len, 0);
	feed(P "qmgr[8715]: 0F41AA721D2: removed");
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_str_eq(row(0),
			 "2026-11-21T22:50:50.750Z|MBX1|MBX2.letsexchange.com|"
			 "Intra-Organization SMTP Send Connector|SMTP|SEND|"
			 "a1@a.test;a2@a.test;a3@a.test|"
			 "250 2.2.0 Ok, one;250 2.2.0 Ok, two;250 2.2.0 Ok|3|"
			 "<m@x>|nuno@x|352");
	tear_down();
}
END_TEST

/* The RECEIVE row knows more than the log. */
START_TEST(joined_with_received)
{
	set_up(100);
	g_hash_table_insert(waiting, g_strdup("0F41AA721D2"),
			    received_line("0F41AA721D2"));
	feed(P "cleanup[8723]: 0F41AA721D2: message-id=<m@x>");
	feed(P "qmgr[8715]: 0F41AA721D2: from=<nuno@x>, size=352, nrcpt=3 "
	       "(queue active)");
	feed(TO("a1@a.test", "250 2.2.0 Ok"));
	ph_join_flush(join);
	ck_assert_ptr_nonnull(
	    strstr(row(0), "|a1@a.test|250 2.2.0 Ok|1|<received@x>|header@x|"
			   "352"));
	/* Not 50.750: nothing is sent before it was received. */
	ck_assert(g_str_has_prefix(row(0), "2026-11-21T22:50:51.900Z|"));
	ck_assert_uint_eq(polls, 1);
	ck_assert_uint_eq(finds, 0);
	tear_down();
}
END_TEST

/* After a restart the log's first lines of the message are gone. */
START_TEST(joined_with_earlier)
{
	set_up(100);
	g_hash_table_insert(earlier, g_strdup("0F41AA721D2"),
			    received_line("0F41AA721D2"));
	feed(TO("a1@a.test", "250 2.2.0 Ok"));
	feed(P "ph-hub/smtp[1]: 0F41AA721D2: to=<z@x>, relay=none, delay=1, "
	       "delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	ph_join_flush(join);
	ck_assert_ptr_nonnull(strstr(row(0), "|<received@x>|header@x|300"));
	ck_assert_ptr_nonnull(strstr(row(1), "|<received@x>|header@x|300"));
	ck_assert_uint_eq(finds, 1);
	/* What is not there is searched for once. */
	feed(P "error[1]: BBBBBB: to=<z@x>, relay=none, delay=1, "
	       "delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	feed(P "error[1]: BBBBBB: to=<z@x>, relay=none, delay=1, "
	       "delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	ck_assert_uint_eq(finds, 2);
	tear_down();
}
END_TEST

#define SMTP(pid, qid, rcpt, text)                                          \
	P "smtp[" pid "]: " qid ": to=<" rcpt ">, relay=mx[192.0.2.1]:25, " \
	  "delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (" text ")"

/* Interleaved transactions of one message, and what ends one. */
START_TEST(transactions_apart)
{
	set_up(100);
	feed(SMTP("1", "AAAAAA", "a@x", "250 queued as 1"));
	feed(SMTP("2", "AAAAAA", "b@x", "250 queued as 2"));
	feed(SMTP("1", "AAAAAA", "c@x", "250 queued as 1"));
	feed(SMTP("1", "BBBBBB", "x@x", "250 queued as 1"));
	/* The same process and server, but another reply: the next 50. */
	feed(SMTP("1", "AAAAAA", "d@x", "250 queued as 3"));
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_ptr_nonnull(strstr(row(0), "|a@x;c@x|"));
	ck_assert_ptr_nonnull(strstr(row(0), "|mx||SMTP|SEND|"));
	feed(P "qmgr[8715]: AAAAAA: removed");
	ck_assert_uint_eq(rows->len, 3);
	ck_assert_ptr_nonnull(strstr(row(1), "|b@x|"));
	ck_assert_ptr_nonnull(strstr(row(2), "|d@x|"));
	ph_join_flush(join);
	ck_assert_ptr_nonnull(strstr(row(3), "|x@x|"));
	tear_down();
}
END_TEST

START_TEST(a_second_of_quiet)
{
	g_autoptr(GArray) open = NULL;
	g_autoptr(GArray) none = NULL;

	set_up(100);
	ph_join_tick(join, 5000);
	feed(SMTP("1", "AAAAAA", "a@x", "250 ok"));
	ph_join_tick(join, 5900);
	feed(SMTP("1", "AAAAAA", "b@x", "250 ok"));
	ph_join_tick(join, 6899);
	ck_assert_uint_eq(rows->len, 0);
	open = ph_join_unfinished(join);
	ck_assert_uint_eq(open->len, 2);
	ck_assert_int_eq(g_array_index(open, int64_t, 0), 0);
	ck_assert_int_gt(g_array_index(open, int64_t, 1), 0);
	ph_join_tick(join, 6900);
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_ptr_nonnull(strstr(row(0), "|a@x;b@x|"));
	none = ph_join_unfinished(join);
	ck_assert_uint_eq(none->len, 0);
	tear_down();
}
END_TEST

/* Line of a delivery -> source, event. */
static const struct {
	const char *line, *expected;
} events[] = {
    {P "ph-fork/lmtp[1]: AAAAAA: to=<t@fork.posthub.invalid>, "
       "relay=mbx1[posthub/fork.sock], delay=0.01, delays=0/0.01/0/0, "
       "dsn=2.2.0, status=sent (250 2.2.0 Ok)",
     NULL}, /* TRANSFER is the fork service's to write */
    {P "lmtp[8564]: AAAAAA: to=<list@exp.test>, "
       "relay=mbx1.letsexchange.com[posthub/expand.sock], delay=0.01, "
       "delays=0/0.01/0/0, dsn=2.2.0, status=sent (250 2.2.0 Ok)",
     NULL}, /* and so is EXPAND the expansion service's */
    {P "lmtp[8564]: AAAAAA: to=<list@exp.test>, "
       "relay=mbx1.letsexchange.com[posthub/expand.sock], delay=0.01, "
       "delays=0/0.01/0/0, dsn=4.3.0, status=deferred (later)",
     "2026-11-21T22:50:52.000Z|MBX1|||ROUTING|DEFER|list@exp.test|later|1"},
    {P "ph-fork/lmtp[1]: AAAAAA: to=<t@fork.posthub.invalid>, relay=none, "
       "delay=0.01, delays=0/0.01/0/0, dsn=4.4.1, status=deferred (down)",
     "2026-11-21T22:50:52.000Z|MBX1|||ROUTING|DEFER|t@fork.posthub.invalid|"
     "down|1"},
    {P "ph-hub/smtp[8567]: AAAAAA: to=<d@defer.test>, "
       "relay=127.0.0.1[127.0.0.1]:10527, delay=0.01, delays=0/0/0/0, "
       "dsn=5.3.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 500 no)",
     "2026-11-21T22:50:52.000Z|MBX1|MBX2.letsexchange.com|"
     "Intra-Organization SMTP Send Connector|SMTP|FAIL|d@defer.test|"
     "host 127.0.0.1[127.0.0.1] said: 500 no|1"},
    {P "error[1]: AAAAAA: to=<r@x>, relay=none, delay=0, delays=0/0/0/0, "
       "dsn=4.4.4, status=deferred (no route known)",
     "2026-11-21T22:50:52.000Z|MBX1|||ROUTING|DEFER|r@x|no route known|1"},
    {P "ph-mailbox/lmtp[1]: AAAAAA: to=<\"quo ted\"@a.test>, "
       "relay=mbx2[192.0.2.7]:475, delay=0, delays=0/0/0/0, dsn=2.0.0, "
       "status=sent (250 ok)",
     "2026-11-21T22:50:52.000Z|MBX1|MBX2.letsexchange.com|"
     "Intra-Organization SMTP Send Connector|SMTP|SEND|\"quo ted\"@a.test|"
     "250 ok|1"},
    /* Nobody took it over: no row. */
    {P "discard[1]: AAAAAA: to=<r@x>, relay=none, delay=0, delays=0/0/0/0, "
       "dsn=2.0.0, status=sent (x)",
     NULL},
};

START_TEST(delivery_events)
{
	for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
		set_up(100);
		feed(events[i].line);
		ph_join_flush(join);
		ck_assert_uint_eq(rows->len, events[i].expected ? 1 : 0);
		if (events[i].expected)
			ck_assert_msg(
			    g_str_has_prefix(row(0), events[i].expected), "%s",
			    row(0));
		tear_down();
	}
}
END_TEST

/* Real lines: deferred, expired, bounced to the sender. */
START_TEST(expired_and_reported)
{
	set_up(100);
	feed(P "cleanup[8723]: 1921EA721D2: message-id=<m@x>");
	feed(P "qmgr[8715]: 1921EA721D2: from=<nuno@x>, size=372, nrcpt=2 "
	       "(queue active)");
	feed(P "ph-hub/smtp[8727]: 1921EA721D2: to=<d@x>, relay=none, "
	       "delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	feed(P "ph-hub/smtp[8727]: 1921EA721D2: to=<c@x>, relay=none, "
	       "delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	feed(P "ph-hub/smtp[8727]: 1921EA721D2: to=<b@x>, relay=none, "
	       "delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (no)");
	feed(SMTP("1", "1921EA721D2", "b@x", "250 ok"));
	feed(P "qmgr[8715]: 1921EA721D2: from=<nuno@x>, status=force-expired, "
	       "returned to sender");
	feed(P "cleanup[8723]: 5B2EFA721D8: message-id=<dsn@mbx1>");
	feed(P "qmgr[8715]: 5B2EFA721D8: from=<>, size=2491, nrcpt=1 "
	       "(queue active)");
	feed(P "bounce[8728]: 1921EA721D2: sender non-delivery notification: "
	       "5B2EFA721D8");
	ck_assert_uint_eq(rows->len, 6);
	ck_assert_ptr_nonnull(strstr(row(3), "|SEND|b@x|"));
	ck_assert_str_eq(row(4),
			 "2026-11-21T22:50:52.000Z|MBX1|||QUEUE|FAIL|c@x;d@x|"
			 "550 4.4.7 QUEUE.Expired, message expired;"
			 "550 4.4.7 QUEUE.Expired, message expired|2|<m@x>|"
			 "nuno@x|372");
	ck_assert_str_eq(row(5), "2026-11-21T22:50:52.000Z|MBX1|||DSN|DSN|"
				 "nuno@x||1|<dsn@mbx1>|<>|2491");
	tear_down();
}
END_TEST

/* Lines that were finished before a restart only tell about the message. */
START_TEST(done_lines_write_nothing)
{
	set_up(100);
	feed_as(P "cleanup[8723]: 0F41AA721D2: message-id=<m@x>", true);
	feed_as(TO("a1@a.test", "250 2.2.0 Ok"), true);
	feed_as(P "ph-hub/smtp[1]: 0F41AA721D2: to=<d@x>, relay=none, "
		  "delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (no)",
		true);
	feed_as(P "bounce[1]: 0F41AA721D2: sender delay notification: DDDDDD",
		true);
	feed(TO("a2@a.test", "250 2.2.0 Ok"));
	ph_join_flush(join);
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_ptr_nonnull(strstr(row(0), "|SEND|a2@a.test|"));
	ck_assert_ptr_nonnull(strstr(row(0), "|<m@x>|"));
	tear_down();
}
END_TEST

START_TEST(log_ids_are_of_the_line)
{
	char a[PH_UUID_TEXT], b[PH_UUID_TEXT];
	const char *first;

	set_up(100);
	feed(TO("a1@a.test", "250 2.2.0 Ok"));
	ph_join_flush(join);
	first = g_ptr_array_index(log_ids, 0);
	ck_assert(ph_uuid_valid(first));
	ph_join_log_id("MBX1", 0, TO("a1@a.test", "250 2.2.0 Ok"), a);
	ck_assert_str_eq(a, first);
	ph_join_log_id("MBX2", 0, TO("a1@a.test", "250 2.2.0 Ok"), b);
	ck_assert_str_ne(a, b);
	ph_join_log_id("MBX1", 1, TO("a1@a.test", "250 2.2.0 Ok"), b);
	ck_assert_str_ne(a, b);
	tear_down();
}
END_TEST

static void
receive(const char *queue_id)
{
	g_autofree char *line = received_line(queue_id);
	struct ph_track_record record;

	ck_assert_int_eq(ph_track_parse(line, &record, NULL), 0);
	ph_join_received(join, queue_id, &record);
	ph_track_clear(&record);
}

/* Accepted by the milter, but the queue file never came to be. Only the log's
 * own time counts: without lines nothing fails. */
START_TEST(never_queued)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();

	set_up(100);
	receive("AAAAAA");
	receive("BBBBBB");
	receive("CCCCCC");
	feed(P "qmgr[1]: BBBBBB: from=<a@x>, size=1, nrcpt=1 (queue active)");
	feed("Nov 21 23:50:51 h postfix/qmgr[1]: DDDDDD: removed");
	ph_join_tick(join, INT64_MAX / 2);
	ck_assert_uint_eq(rows->len, 0);
	ph_join_save(join, keys);
	ck_assert(g_key_file_has_key(keys, "waiting", "AAAAAA", NULL));
	ck_assert(!g_key_file_has_key(keys, "waiting", "BBBBBB", NULL));
	feed(P "cleanup[1]: CCCCCC: milter-hold: END-OF-MESSAGE from x[1]: "
	       "milter triggers HOLD action; from=<a@b> to=<c@d>");
	feed("Nov 21 23:50:53 h postfix/qmgr[1]: DDDDDD: removed");
	ph_join_tick(join, INT64_MAX / 2);
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_ptr_nonnull(strstr(row(0), "|QUEUE|FAIL|a@x;b@x|451 4.3.0 "));
	ck_assert_ptr_nonnull(strstr(row(0), "|2|<received@x>|header@x|300"));
	tear_down();
}
END_TEST

static void
receive_copy(const char *source, const char *event)
{
	struct ph_track_record record = {{NULL}};

	ph_track_set(&record, PH_COL_DATE_TIME, "2026-11-21T22:50:51.000Z");
	ph_track_set(&record, PH_COL_SOURCE, source);
	ph_track_set(&record, PH_COL_EVENT_ID, event);
	ph_track_set(&record, PH_COL_SENDER_ADDRESS, "header@x");
	ph_track_set(&record, PH_COL_MESSAGE_ID, "<copy@x>");
	ph_join_received(join, "AAAAAA", &record);
	ph_track_clear(&record);
}

/* A copy or a report of ours: described by its row; it was in the queue, and
 * may have left it, before that row was read. */
START_TEST(made_here)
{
	static const char *const made[][2] = {{"ROUTING", "TRANSFER"},
					      {"DSN", "DSN"}};

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
		set_up(100);
		receive_copy(made[i][0], made[i][1]);
		feed("Nov 21 23:59:59 h postfix/qmgr[1]: DDDDDD: removed");
		ph_join_tick(join, INT64_MAX / 2);
		ck_assert_uint_eq(rows->len, 0);
		feed(SMTP("1", "AAAAAA", "a1@a.test", "250 ok"));
		ph_join_flush(join);
		ck_assert_uint_eq(rows->len, 1);
		ck_assert_ptr_nonnull(strstr(row(0), "|SEND|a1@a.test|"));
		ck_assert_ptr_nonnull(strstr(row(0), "|<copy@x>|header@x|"));
		tear_down();
	}
}
END_TEST

/* It is known after a restart that AAAAAA is waited for. */
START_TEST(never_queued_after_restart)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();

	set_up(100);
	receive("AAAAAA");
	ph_join_save(join, keys);
	tear_down();
	set_up(100);
	g_hash_table_insert(earlier, g_strdup("AAAAAA"),
			    received_line("AAAAAA"));
	ph_join_load(join, keys);
	feed("Nov 21 23:50:53 h postfix/qmgr[1]: DDDDDD: removed");
	ph_join_tick(join, 0);
	ck_assert_uint_eq(rows->len, 1);
	ck_assert_ptr_nonnull(strstr(row(0), "|QUEUE|FAIL|a@x;b@x|451 4.3.0 "));
	tear_down();
}
END_TEST

/* Memory is bounded: the queue id used least recently is forgotten. */
START_TEST(bounded)
{
	set_up(3);
	receive("AAAAAA");
	for (int i = 0; i < 4; i++) {
		g_autofree char *line = g_strdup_printf(
		    P "cleanup[1]: BBBBB%d: message-id=<%d@x>", i, i);

		feed(line);
	}
	feed(SMTP("1", "BBBBB3", "b@x", "250 ok"));
	feed(SMTP("1", "BBBBB0", "b@x", "250 ok"));
	feed("Nov 21 23:59:59 h postfix/qmgr[1]: DDDDDD: removed");
	ph_join_tick(join, 0);
	ph_join_flush(join);
	ck_assert_uint_eq(rows->len, 2);
	ck_assert_ptr_nonnull(strstr(row(0), "|<3@x>|"));
	ck_assert_ptr_null(strstr(row(1), "|<0@x>|"));
	tear_down();
}
END_TEST

UNIT_MAIN("tracking/join", one_row_a_transaction, joined_with_received,
	  joined_with_earlier, transactions_apart, a_second_of_quiet,
	  delivery_events, expired_and_reported, done_lines_write_nothing,
	  log_ids_are_of_the_line, never_queued, never_queued_after_restart,
	  bounded, made_here)
