#include "lib/base/clock.h"
#include "tracking/collect.h"
#include "tracking/received.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define P "Nov 21 22:50:52 mbx1 postfix-MBX1/"

static char *dir, *maillog, *rows_dir, *position;
static struct ph_track_log *log_;
static struct ph_collect *collect;
static int64_t now;

static bool
peer(void *context, const char *host, char **fqdn_r)
{
	(void)context;
	*fqdn_r = g_strconcat(host, ".letsexchange.com", NULL);
	return strcmp(host, "mbx2") == 0;
}

static void
start(void)
{
	struct ph_track_options log_options = {
	    .directory = rows_dir,
	    .prefix = "MSGTRK",
	    .server = "MBX1",
	    .max_file_size = 1 << 20,
	    .subjects = true,
	};
	struct ph_collect_options options = {
	    .maillog = maillog,
	    .directory = rows_dir,
	    .position = position,
	    .server = "MBX1",
	    .address = "",
	    .queue_timeout = 3600000,
	    .peer = peer,
	};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_track_log_open(&log_options, &log_, &err), 0);
	options.log = log_;
	ck_assert_msg(ph_collect_new(&options, &collect, &err) == 0, "%s",
		      err.text);
}

static void
stop(void)
{
	ph_collect_free(&collect);
	ph_track_log_close(&log_);
}

static void
set_up(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	dir = unit_mkdir();
	maillog = g_build_filename(dir, "mail.log", NULL);
	rows_dir = g_build_filename(dir, "rows", NULL);
	position = g_build_filename(dir, "tracking.position", NULL);
	now = ph_clock_mono();
	start();
}

static void
tear_down(void)
{
	stop();
	g_free(maillog);
	g_free(rows_dir);
	g_free(position);
	unit_rmdir(&dir);
}

static void
append(const char *text)
{
	int fd = open(maillog, O_WRONLY | O_APPEND | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Reads all there is; two seconds pass. */
static void
run(void)
{
	struct ph_err err = PH_ERR_INIT;
	int rc;

	for (int i = 0; i < 2; i++) {
		now += 2000;
		do {
			rc = ph_collect_run(collect, now, &err);
			ck_assert_msg(rc >= 0, "%s", err.text);
		} while (rc > 0);
	}
}

static bool
add_row(struct ph_track_record *r, void *context)
{
	g_string_append_printf(context, "%s:%s:%s:%s|",
			       ph_track_get(r, PH_COL_EVENT_ID),
			       ph_track_get(r, PH_COL_RECIPIENT_ADDRESS),
			       ph_track_get(r, PH_COL_MESSAGE_ID),
			       ph_track_get(r, PH_COL_MESSAGE_SUBJECT));
	return true;
}

#define ck_rows(expected)                                                     \
	do {                                                                  \
		g_autoptr(GString) got = g_string_new(NULL);                  \
		uint64_t bad;                                                 \
		ck_assert_int_eq(                                             \
		    ph_track_log_read(rows_dir, 0, add_row, got, &bad, NULL), \
		    0);                                                       \
		ck_assert_str_eq(got->str, expected);                         \
		ck_assert_uint_eq(bad, 0);                                    \
	} while (0)

/* As posthub-transport does. */
static void
receive(const char *queue_id, const char *subject)
{
	struct ph_track_record r = {{NULL}};

	ph_track_set(&r, PH_COL_SOURCE, "SMTP");
	ph_track_set(&r, PH_COL_EVENT_ID, "RECEIVE");
	ph_track_set(&r, PH_COL_MESSAGE_ID, "<id@x>");
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, subject);
	ph_track_set(&r, PH_COL_RECIPIENT_ADDRESS, "mota@x");
	ph_track_setf(&r, PH_COL_CUSTOM_DATA, "S:QueueId=%s;S:X=y", queue_id);
	ck_assert_int_eq(ph_track_log_write(log_, &r, NULL), 0);
	ph_track_clear(&r);
}

#define ACTIVE(qid) \
	P "qmgr[1]: " qid ": from=<nuno@x>, size=3, nrcpt=1 (queue active)\n"
#define SENT(qid, rcpt)                                                        \
	P "ph-hub/smtp[2]: " qid ": to=<" rcpt ">, relay=mbx2[192.0.2.2]:25, " \
	  "delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n"
#define DEFERRED(qid, rcpt)                                               \
	P "ph-hub/smtp[2]: " qid ": to=<" rcpt ">, relay=none, delay=1, " \
	  "delays=0/0/0/0, dsn=4.0.0, status=deferred (no)\n"
#define REMOVED(qid) P "qmgr[1]: " qid ": removed\n"

START_TEST(one_message)
{
	set_up();
	run();
	receive("AAAAAA", "Testing, \"Mail\" Flow");
	append(ACTIVE("AAAAAA") SENT("AAAAAA", "mota@x") REMOVED("AAAAAA"));
	run();
	ck_rows("RECEIVE:mota@x:<id@x>:Testing, \"Mail\" Flow|"
		"SEND:mota@x:<id@x>:Testing, \"Mail\" Flow|");
	tear_down();
}
END_TEST

/* Stopped in the middle of a transaction: its row is written once and whole,
 * with what the RECEIVE row of before said. */
START_TEST(stopped_inside_a_transaction)
{
	set_up();
	run();
	receive("AAAAAA", "S");
	append(ACTIVE("AAAAAA") DEFERRED("AAAAAA", "z@x")
		   SENT("AAAAAA", "a@x"));
	ck_assert_int_eq(ph_collect_run(collect, now + 1, NULL), 0);
	ck_assert(ph_collect_pending(collect));
	stop();
	append(SENT("AAAAAA", "b@x") REMOVED("AAAAAA"));
	start();
	run();
	ck_assert(!ph_collect_pending(collect));
	ck_rows("RECEIVE:mota@x:<id@x>:S|DEFER:z@x:<id@x>:S|"
		"SEND:a@x;b@x:<id@x>:S|");
	tear_down();
}
END_TEST

/* Killed after rows were written and before the position was: the old
 * position is used again, and no row is there twice. */
START_TEST(killed_before_the_position)
{
	g_autofree char *old = NULL;
	gsize size;

	set_up();
	append(DEFERRED("AAAAAA", "a@x"));
	run();
	ck_assert(g_file_get_contents(position, &old, &size, NULL));
	append(DEFERRED("AAAAAA", "b@x") SENT("AAAAAA", "c@x")
		   SENT("AAAAAA", "d@x") REMOVED("AAAAAA"));
	run();
	stop();
	ck_assert(g_file_set_contents(position, old, (gssize)size, NULL));
	append(DEFERRED("BBBBBB", "e@x"));
	start();
	run();
	ck_rows("DEFER:a@x::|DEFER:b@x::|SEND:c@x;d@x::|DEFER:e@x::|");
	tear_down();
}
END_TEST

/* Rows wait for their directory, in order. */
START_TEST(directory_away)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *away = NULL;

	set_up();
	run();
	away = g_strconcat(rows_dir, ".away", NULL);
	ck_assert_int_eq(g_rename(rows_dir, away), 0);
	append(DEFERRED("AAAAAA", "a@x") DEFERRED("AAAAAA", "b@x"));
	for (int i = 0; i < 3; i++) {
		now += 2000;
		ck_assert_int_eq(ph_collect_run(collect, now, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	}
	ck_assert_int_eq(g_rename(away, rows_dir), 0);
	run();
	ck_rows("DEFER:a@x::|DEFER:b@x::|");
	tear_down();
}
END_TEST

START_TEST(rotation_ends_transactions)
{
	g_autofree char *old = NULL;

	set_up();
	old = g_strconcat(maillog, ".1", NULL);
	append(SENT("AAAAAA", "a@x"));
	ck_assert_int_eq(ph_collect_run(collect, now, NULL), 0);
	ck_rows("");
	ck_assert_int_eq(g_rename(maillog, old), 0);
	append(SENT("AAAAAA", "b@x"));
	ck_assert_int_eq(ph_collect_run(collect, now, NULL), 0);
	ck_rows("SEND:a@x::|");
	tear_down();
}
END_TEST

/* The log is read again from its beginning, but rows are not doubled. */
START_TEST(damaged_position)
{
	set_up();
	append(DEFERRED("AAAAAA", "a@x"));
	run();
	stop();
	ck_assert(g_file_set_contents(position, "garbage\n", -1, NULL));
	append(DEFERRED("AAAAAA", "b@x"));
	start();
	run();
	ck_rows("DEFER:a@x::|DEFER:b@x::|");
	tear_down();
}
END_TEST

START_TEST(unreadable_position)
{
	struct ph_collect_options options = {
	    .maillog = "/nonexistent",
	    .directory = "/nonexistent",
	    .position = "/etc/passwd/position",
	    .server = "MBX1",
	    .address = "",
	};
	struct ph_collect *bad = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_collect_new(&options, &bad, &err), -1);
	ck_assert_ptr_null(bad);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "/etc/passwd/position"));
}
END_TEST

static void
count(void *context, const char *queue_id, struct ph_track_record *record)
{
	g_string_append_printf(context, "%s=%s|", queue_id,
			       ph_track_get(record, PH_COL_MESSAGE_SUBJECT));
}

/* Only this server's RECEIVE rows, each once, over a change of files; found
 * again by queue id: the newest, and no other that begins like it. */
START_TEST(received_rows)
{
	struct ph_received *received;
	struct ph_track_record r = {{NULL}};
	g_autoptr(GString) got = g_string_new(NULL);
	g_autoptr(GKeyFile) keys = g_key_file_new();

	set_up();
	receive("AAAAAA", "before");
	received = ph_received_new(rows_dir);
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	receive("AAAAAAB", "one");
	ph_track_set(&r, PH_COL_EVENT_ID, "SEND");
	ph_track_set(&r, PH_COL_SOURCE, "SMTP");
	ph_track_set(&r, PH_COL_CUSTOM_DATA, "S:QueueId=AAAAAA");
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, ",RECEIVE,");
	ck_assert_int_eq(ph_track_log_write(log_, &r, NULL), 0);
	ph_track_clear(&r);
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	ck_assert_str_eq(got->str, "AAAAAAB=one|");
	ph_received_save(received, keys);
	ph_received_free(&received);

	receive("CCCCCC", "two");
	receive("AAAAAAB", "newest");
	received = ph_received_new(rows_dir);
	ph_received_load(received, keys);
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	ck_assert_str_eq(got->str, "AAAAAAB=one|CCCCCC=two|AAAAAAB=newest|");
	ck_assert_int_eq(ph_received_find(received, "AAAAAA", &r, NULL), 1);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_MESSAGE_SUBJECT), "before");
	ph_track_clear(&r);
	ck_assert_int_eq(ph_received_find(received, "AAAAAAB", &r, NULL), 1);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_MESSAGE_SUBJECT), "newest");
	ph_track_clear(&r);
	ck_assert_int_eq(ph_received_find(received, "AAAAA", &r, NULL), 0);
	ph_received_free(&received);
	tear_down();
}
END_TEST

/* The first file of all comes after the beginning: nothing in it is old. */
START_TEST(received_rows_of_the_first_file)
{
	struct ph_received *received;
	g_autoptr(GString) got = g_string_new(NULL);

	set_up();
	received = ph_received_new(rows_dir);
	ck_assert_int_eq(ph_received_begin(received, NULL), 0);
	receive("AAAAAA", "first");
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	ck_assert_str_eq(got->str, "AAAAAA=first|");
	ph_received_free(&received);
	tear_down();
}
END_TEST

static void
write_made(const char *source, const char *event, const char *queue_id)
{
	struct ph_track_record r = {{NULL}};

	ph_track_set(&r, PH_COL_SOURCE, source);
	ph_track_set(&r, PH_COL_EVENT_ID, event);
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, event);
	ph_track_setf(&r, PH_COL_CUSTOM_DATA, "S:QueueId=%s", queue_id);
	ck_assert_int_eq(ph_track_log_write(log_, &r, NULL), 0);
	ph_track_clear(&r);
}

/* Rows of what was made of a message tell of a queue id as well; other events
 * of these sources do not. */
START_TEST(made_rows)
{
	g_autoptr(GString) got = g_string_new(NULL);
	struct ph_received *received;
	struct ph_track_record r;

	set_up();
	received = ph_received_new(rows_dir);
	ck_assert_int_eq(ph_received_begin(received, NULL), 0);
	write_made("ROUTING", "TRANSFER", "TTT");
	write_made("DSN", "DSN", "DDD");
	write_made("ROUTING", "EXPAND", "XXX");
	write_made("ROUTING", "DSN", "XXX");
	write_made("STOREDRIVER", "RECEIVE", "XXX");
	ck_assert_int_eq(ph_received_poll(received, count, got, NULL), 0);
	ck_assert_str_eq(got->str, "TTT=TRANSFER|DDD=DSN|");
	ck_assert_int_eq(ph_received_find(received, "TTT", &r, NULL), 1);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_EVENT_ID), "TRANSFER");
	ph_track_clear(&r);
	ck_assert_int_eq(ph_received_find(received, "DDD", &r, NULL), 1);
	ph_track_clear(&r);
	ck_assert_int_eq(ph_received_find(received, "XXX", &r, NULL), 0);
	ph_received_free(&received);
	tear_down();
}
END_TEST

UNIT_MAIN("tracking/collect", made_rows, received_rows_of_the_first_file,
	  one_message, stopped_inside_a_transaction, killed_before_the_position,
	  directory_away, rotation_ends_transactions, damaged_position,
	  unreadable_position, received_rows)
