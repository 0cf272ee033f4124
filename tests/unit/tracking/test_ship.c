#include "tracking/ship.h"

#include "lib/track/log.h"
#include "tests/unit/lib/state/redis_fixture.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/syscall.h>

static struct fixture redis;
static char *rows_dir, *position;
static struct ph_track_log *log_, *log_md;
static struct ph_ship *ship;
static int64_t stream_size;

static void
open_ship(void)
{
	struct ph_ship_options options = {
	    .directory = rows_dir,
	    .position = position,
	    .server = "MBX1",
	    .redis = redis.admin,
	    .stream_size = stream_size,
	    .stream_age = 3600000,
	};

	ship = ph_ship_new(&options);
}

static struct ph_track_log *
open_log(const char *prefix)
{
	struct ph_track_options options = {
	    .directory = rows_dir,
	    .prefix = prefix,
	    .server = "MBX1",
	    .max_file_size = 65536,
	    .subjects = true,
	};
	struct ph_track_log *log = NULL;

	ck_assert_int_eq(ph_track_log_open(&options, &log, NULL), 0);
	return log;
}

static void
set_up(void)
{
	stream_size = 1 << 20;
	fixture_start(&redis);
	rows_dir = g_build_filename(redis.dir, "rows", NULL);
	position = g_build_filename(redis.dir, "tracking.shipped", NULL);
	log_ = open_log("MSGTRK");
	log_md = open_log("MSGTRKMD");
	open_ship();
}

static void
tear_down(void)
{
	ph_ship_free(&ship);
	ph_track_log_close(&log_);
	ph_track_log_close(&log_md);
	g_free(rows_dir);
	g_free(position);
	fixture_stop(&redis);
}

static void
write_row(struct ph_track_log *log, const char *message_id)
{
	struct ph_track_record r = {{NULL}};

	ph_track_set(&r, PH_COL_DATE_TIME, "2026-11-21T22:50:52.123Z");
	ph_track_set(&r, PH_COL_EVENT_ID, "SEND");
	ph_track_set(&r, PH_COL_MESSAGE_ID, message_id);
	ph_track_set(&r, PH_COL_RECIPIENT_ADDRESS, "Mota@x;b@x");
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, "Testing, \"Mail\" Flow");
	ck_assert_int_eq(ph_track_log_write(log, &r, NULL), 0);
	ph_track_clear(&r);
}

/* Until nothing is left. */
static int
run(struct ph_err *err)
{
	int rc;

	do
		rc = ph_ship_run(ship, err);
	while (rc > 0);
	return rc;
}

/* Message ids in the stream, with blanks between. */
static char *
shipped(void)
{
	GString *all = g_string_new(NULL);
	struct ph_reply *reply = NULL;

	ck_assert_int_eq(ph_redis_call(redis.admin, &reply, NULL, "XRANGE",
				       "posthub:track", "-", "+", NULL),
			 0);
	for (size_t i = 0; i < ph_reply_count(reply); i++) {
		const struct ph_reply *fields =
		    ph_reply_at(ph_reply_at(reply, i), 1);
		struct ph_track_record r;

		ck_assert_uint_eq(ph_reply_count(fields), 4);
		ck_assert_str_eq(ph_reply_text(ph_reply_at(fields, 0), NULL),
				 "row");
		ck_assert_str_eq(ph_reply_text(ph_reply_at(fields, 2), NULL),
				 "server");
		ck_assert_str_eq(ph_reply_text(ph_reply_at(fields, 3), NULL),
				 "MBX1");
		ck_assert_int_eq(
		    ph_track_parse(ph_reply_text(ph_reply_at(fields, 1), NULL),
				   &r, NULL),
		    0);
		ck_assert_str_eq(ph_track_get(&r, PH_COL_MESSAGE_SUBJECT),
				 "Testing, \"Mail\" Flow");
		g_string_append_printf(all, "%s%s", i > 0 ? " " : "",
				       ph_track_get(&r, PH_COL_MESSAGE_ID));
		ph_track_clear(&r);
	}
	ph_reply_free(&reply);
	return g_string_free(all, FALSE);
}

#define ck_shipped(expected)                      \
	do {                                      \
		g_autofree char *got = shipped(); \
		ck_assert_str_eq(got, expected);  \
	} while (0)

START_TEST(all_files_once)
{
	set_up();
	ck_assert_int_eq(run(NULL), 0);
	write_row(log_, "<1@x>");
	write_row(log_md, "<2@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x>");
	ck_assert_int_eq(run(NULL), 0);
	write_row(log_, "<3@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x> <3@x>");
	/* The position was saved. */
	ph_ship_free(&ship);
	write_row(log_md, "<4@x>");
	open_ship();
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x> <3@x> <4@x>");
	tear_down();
}
END_TEST

START_TEST(index_keys)
{
	static const char *const keys[] = {
	    "posthub:trackix:message-id:<m@x>:20261121",
	    "posthub:trackix:recipient:mota@x:20261121",
	    "posthub:trackix:recipient:b@x:20261121",
	};

	set_up();
	/* Somebody made one of them something else: the event goes on. */
	fixture_do(&redis, "SET posthub:trackix:recipient:b@x:20261121 x");
	write_row(log_, "<M@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<M@x>");
	for (size_t i = 0; i < 2; i++) {
		g_autofree char *count = g_strdup_printf(
		    "ZCOUNT %s 1795301452123 1795301452123", keys[i]);
		g_autofree char *ttl = g_strdup_printf("PTTL %s", keys[i]);

		ck_assert_int_eq(fixture_do(&redis, count), 1);
		ck_assert_int_gt(fixture_do(&redis, ttl), 3500000);
		ck_assert_int_le(fixture_do(&redis, ttl), 3600000);
	}
	tear_down();
}
END_TEST

/* Away: rows wait in the files, in order. Back and empty: what was sent before
 * is not sent again. */
START_TEST(outage)
{
	struct ph_err err = PH_ERR_INIT;

	set_up();
	write_row(log_, "<1@x>");
	ck_assert_int_eq(run(NULL), 0);
	fixture_kill(&redis);
	for (int i = 2; i < 5; i++) {
		g_autofree char *id = g_strdup_printf("<%d@x>", i);

		write_row(log_, id);
		ck_assert_int_eq(run(&err), -1);
		ck_assert_int_ne(err.kind, PH_ERR_PERM);
	}
	fixture_run(&redis);
	UNIT_WAIT(run(NULL) == 0);
	ck_shipped("<2@x> <3@x> <4@x>");
	tear_down();
}
END_TEST

/* Killed before the position was saved: sent again rather than not at all. */
START_TEST(killed)
{
	g_autofree char *old = NULL;
	gsize size;

	set_up();
	write_row(log_, "<1@x>");
	ck_assert_int_eq(run(NULL), 0);
	ph_ship_free(&ship);
	ck_assert(g_file_get_contents(position, &old, &size, NULL));
	open_ship();
	write_row(log_, "<2@x>");
	ck_assert_int_eq(run(NULL), 0);
	ph_ship_free(&ship);
	ck_assert(g_file_set_contents(position, old, (gssize)size, NULL));
	open_ship();
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x> <2@x>");
	tear_down();
}
END_TEST

/* An error reply is no reason to lose rows. */
START_TEST(refused)
{
	struct ph_err err = PH_ERR_INIT;

	set_up();
	fixture_do(&redis, "SET posthub:track x");
	write_row(log_, "<1@x>");
	ck_assert_int_eq(run(&err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "posthub:track: WRONGTYPE"));
	fixture_do(&redis, "DEL posthub:track");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x>");
	tear_down();
}
END_TEST

static char *
only_file(void)
{
	g_autoptr(GDir) dir = g_dir_open(rows_dir, 0, NULL);

	return g_build_filename(rows_dir, g_dir_read_name(dir), NULL);
}

static void
append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(odd_rows)
{
	g_autofree char *path = NULL;

	set_up();
	write_row(log_, "<1@x>");
	path = only_file();
	append(path,
	       "2026,\"torn\r\n\r\n2026-11-21T22:50:52.123Z,,,,,,,,,,<2@x>"
	       ",,,,,,,,\"Testing, \"\"Mail\"\" Flow\"");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x>");
	append(path, "\r\n");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x>");
	tear_down();
}
END_TEST

START_TEST(many_rows_and_the_cap)
{
	g_autoptr(GString) expected = g_string_new(NULL);

	set_up();
	for (int i = 0; i < 700; i++) { /* several files and batches */
		g_autofree char *id = g_strdup_printf("<%d@x>", i);

		write_row(log_, id);
		g_string_append_printf(expected, "%s%s", i > 0 ? " " : "", id);
	}
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped(expected->str);
	ph_ship_free(&ship);
	stream_size = 60400;
	open_ship();
	write_row(log_, "<last@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_assert_int_ge(fixture_do(&redis, "XLEN posthub:track"), 100);
	ck_assert_int_lt(fixture_do(&redis, "XLEN posthub:track"), 300);
	tear_down();
}
END_TEST

/* By age: the stream had events of another time. */
START_TEST(old_events_go)
{
	set_up();
	for (int i = 1; i <= 150; i++) {
		g_autofree char *add =
		    g_strdup_printf("XADD posthub:track %d-0 row x", i);

		fixture_do(&redis, add);
	}
	write_row(log_, "<1@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_assert_int_lt(fixture_do(&redis, "XLEN posthub:track"), 150);
	tear_down();
}
END_TEST

static int failing; /* which of the next reads does; 0: none */

/* In place of the C library's. */
ssize_t
pread(int fd, void *data, size_t size, off_t at)
{
	if (failing > 0 && --failing == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, data, size, at);
}

/* What was read before is sent with what comes after. */
START_TEST(read_fails)
{
	struct ph_err err = PH_ERR_INIT;

	set_up();
	write_row(log_, "<1@x>");
	write_row(log_, "<2@x>");
	failing = 2;
	ck_assert_int_eq(run(&err), -1);
	ck_assert_msg(strstr(err.text, g_strerror(EIO)) != NULL, "%s",
		      err.text);
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x>");
	write_row(log_, "<3@x>");
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x> <3@x>");
	tear_down();
}
END_TEST

/* A file that cannot be read keeps no other from Redis. */
START_TEST(cannot_be_read)
{
	g_autofree char *first = NULL;
	struct ph_err err = PH_ERR_INIT;

	set_up();
	first = g_build_filename(rows_dir, "MSGTRK2020010100-1.LOG", NULL);
	ck_assert_int_eq(g_mkdir(first, 0700), 0);
	write_row(log_, "<1@x>");
	ck_assert_int_eq(run(&err), -1);
	ck_assert_msg(strstr(err.text, first) != NULL, "%s", err.text);
	ck_shipped("<1@x>");
	write_row(log_md, "<2@x>");
	ck_assert_int_eq(run(NULL), -1);
	ck_shipped("<1@x> <2@x>");
	ck_assert_int_eq(g_rmdir(first), 0);
	ck_assert_int_eq(run(NULL), 0);
	ck_shipped("<1@x> <2@x>");
	tear_down();
}
END_TEST

UNIT_MAIN("tracking/ship", all_files_once, index_keys, outage, killed, refused,
	  odd_rows, many_rows_and_the_cap, old_events_go, read_fails,
	  cannot_be_read)
