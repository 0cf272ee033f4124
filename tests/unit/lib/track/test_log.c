#include "lib/track/files.h"
#include "lib/track/log.h"
#include "lib/track/log_private.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#define NOON INT64_C(1795262400000) /* 2026-11-21T12:00:00Z */
#define HOUR INT64_C(3600000)

static char *dir;
static int64_t clock_ms;

static int64_t
test_clock(void)
{
	return clock_ms;
}

static struct ph_track_log *
open_log(const char *prefix, int64_t max_file_size, bool subjects)
{
	struct ph_track_options options = {
	    .directory = dir,
	    .prefix = prefix,
	    .server = "MBX1",
	    .max_file_size = max_file_size,
	    .subjects = subjects,
	};
	struct ph_track_log *log = NULL;

	clock_ms = NOON;
	ck_assert_int_eq(ph_track_log_open(&options, &log, NULL), 0);
	ph_track_log_set_clock(log, test_clock);
	return log;
}

static void
write_row(struct ph_track_log *log, const char *subject)
{
	struct ph_track_record r = {{NULL}};
	struct ph_err err = PH_ERR_INIT;

	ph_track_set(&r, PH_COL_EVENT_ID, "SEND");
	ph_track_set(&r, PH_COL_MESSAGE_SUBJECT, subject);
	ck_assert_msg(ph_track_log_write(log, &r, &err) == 0, "%s", err.text);
	ck_assert_str_eq(ph_track_get(&r, PH_COL_MESSAGE_SUBJECT), subject);
	ck_assert_str_ne(ph_track_get(&r, PH_COL_LOG_ID), "");
	ph_track_clear(&r);
}

static char *
read_text(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
	return text;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names in the directory, sorted, with blanks between. */
static char *
names(void)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while ((name = g_dir_read_name(d)) != NULL)
		g_ptr_array_add(list, g_strdup(name));
	g_ptr_array_sort(list, compare_names);
	g_ptr_array_add(list, NULL);
	return g_strjoinv(" ", (char **)list->pdata);
}

START_TEST(header_and_row)
{
	static const char header[] = "#Software: posthub\r\n#Version: ";
	g_autofree char *text = NULL;
	struct ph_track_log *log;
	char *row;

	dir = unit_mkdir();
	log = open_log("MSGTRKMD", 1 << 20, true);
	write_row(log, "Hello, you");
	text = read_text("MSGTRKMD2026112112-1.LOG");
	ck_assert(g_str_has_prefix(text, header));
	ck_assert_ptr_nonnull(strstr(text,
				     "\r\n#Log-type: Message Tracking Log\r\n"
				     "#Date: 2026-11-21T12:00:00.000Z\r\n"
				     "#Fields: date-time,client-ip,"));
	row = strstr(text, "schema-version\r\n");
	ck_assert_ptr_nonnull(row);
	row += strlen("schema-version\r\n");
	ck_assert(
	    g_str_has_prefix(row, "2026-11-21T12:00:00.000Z,,,,,,,,SEND"));
	ck_assert_ptr_nonnull(strstr(row, ",\"Hello, you\","));
	ck_assert(g_str_has_suffix(row, "\r\n"));
	ck_assert_ptr_eq(strchr(row, '\n'), row + strlen(row) - 1);
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(without_subjects)
{
	g_autofree char *text = NULL;
	struct ph_track_log *log;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 1 << 20, false);
	write_row(log, "Secret");
	text = read_text("MSGTRK2026112112-1.LOG");
	ck_assert_ptr_nonnull(strstr(text, ",SEND,"));
	ck_assert_ptr_null(strstr(text, "Secret"));
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

/* A file is never larger than the limit; the next hour starts at 1. */
START_TEST(next_file_by_size_and_hour)
{
	g_autofree char *list = NULL, *after = NULL;
	struct ph_track_log *log;
	GStatBuf st;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 2000, true);
	for (int i = 0; i < 20; i++)
		write_row(log, "x");
	list = names();
	ck_assert_ptr_nonnull(strstr(list, "MSGTRK2026112112-2.LOG"));
	for (char *p = strtok(list, " "); p; p = strtok(NULL, " ")) {
		g_autofree char *path = g_build_filename(dir, p, NULL);

		ck_assert_int_eq(g_stat(path, &st), 0);
		ck_assert_int_gt(st.st_size, 700);
		ck_assert_int_le(st.st_size, 2000);
	}
	clock_ms += HOUR;
	write_row(log, "x");
	after = names();
	ck_assert_ptr_nonnull(strstr(after, "MSGTRK2026112113-1.LOG"));
	ck_assert_ptr_null(strstr(after, "MSGTRK2026112113-2.LOG"));
	ck_assert_ptr_null(strstr(after, " .")); /* temporary names */
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

/* A restarted daemon goes on with the last file; one removed under it is
 * made again; a row larger than a file is written all the same. */
START_TEST(reopened_removed_oversize)
{
	g_autofree char *big = g_strnfill(3000, 'b');
	g_autofree char *one = NULL, *two = NULL, *three = NULL, *path = NULL;
	struct ph_track_log *log;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 2000, true);
	write_row(log, "first");
	ph_track_log_close(&log);
	log = open_log("MSGTRK", 2000, true);
	write_row(log, "second");
	one = names();
	ck_assert_str_eq(one, "MSGTRK2026112112-1.LOG");
	path = g_build_filename(dir, one, NULL);
	ck_assert_int_eq(g_unlink(path), 0);
	write_row(log, "third");
	two = names();
	ck_assert_str_eq(two, "MSGTRK2026112112-1.LOG");
	write_row(log, big);
	three = names();
	ck_assert_str_eq(three,
			 "MSGTRK2026112112-1.LOG MSGTRK2026112112-2.LOG");
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

struct seen {
	size_t n;
	size_t stop;
	char last[64];
};

static bool
count_row(struct ph_track_record *record, void *context)
{
	struct seen *seen = context;

	seen->n++;
	g_strlcpy(seen->last, ph_track_get(record, PH_COL_MESSAGE_SUBJECT),
		  sizeof seen->last);
	return seen->n != seen->stop;
}

/* A row that a full disk tore costs itself and not the next one. */
START_TEST(torn_row)
{
	g_autofree char *path = NULL;
	struct seen seen = {0};
	struct ph_track_log *log;
	uint64_t bad;
	int fd;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 1 << 20, true);
	write_row(log, "first");
	path = g_build_filename(dir, "MSGTRK2026112112-1.LOG", NULL);
	fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "2026,\"to", 8), 8);
	close(fd);
	write_row(log, "second");
	ck_assert_int_eq(
	    ph_track_log_read(dir, 0, count_row, &seen, &bad, NULL), 0);
	ck_assert_uint_eq(seen.n, 2);
	ck_assert_str_eq(seen.last, "second");
	ck_assert_uint_eq(bad, 1);
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

static void
modify(const char *name, int64_t modified)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct utimbuf times = {modified / 1000, modified / 1000};

	ck_assert_int_eq(utime(path, &times), 0);
}

START_TEST(read_in_order)
{
	struct seen all = {0}, two = {.stop = 2}, recent = {0};
	struct ph_track_log *log;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 1 << 20, true);
	write_row(log, "one");
	clock_ms += HOUR;
	write_row(log, "three");
	ph_track_log_close(&log);
	log = open_log("MSGTRKMS", 1 << 20, true);
	write_row(log, "two");
	ph_track_log_close(&log);
	ck_assert_int_eq(ph_track_log_read(dir, 0, count_row, &all, NULL, NULL),
			 0);
	ck_assert_uint_eq(all.n, 3);
	ck_assert_str_eq(all.last, "three");
	ck_assert_int_eq(ph_track_log_read(dir, 0, count_row, &two, NULL, NULL),
			 0);
	ck_assert_uint_eq(two.n, 2);
	ck_assert_str_eq(two.last, "two");
	modify("MSGTRK2026112112-1.LOG", NOON);
	modify("MSGTRKMS2026112112-1.LOG", NOON + 2 * HOUR);
	modify("MSGTRK2026112113-1.LOG", NOON + 2 * HOUR);
	ck_assert_int_eq(
	    ph_track_log_read(dir, NOON + HOUR, count_row, &recent, NULL, NULL),
	    0);
	ck_assert_uint_eq(recent.n, 2);
	unit_rmdir(&dir);
	ck_assert_int_eq(
	    ph_track_log_read("/nonexistent", 0, count_row, &all, NULL, NULL),
	    0);
}
END_TEST

/* Two processes, one prefix, small files: every row is there once and whole,
 * every file has one header. */
START_TEST(two_processes)
{
	const int rows = 300;
	struct seen seen = {0};
	g_autofree char *list = NULL;
	uint64_t bad = 0;
	pid_t pids[2];

	dir = unit_mkdir();
	for (int p = 0; p < 2; p++) {
		pids[p] = fork();
		ck_assert_int_ge(pids[p], 0);
		if (pids[p] == 0) {
			struct ph_track_log *log =
			    open_log("MSGTRK", 4000, true);

			for (int i = 0; i < rows; i++)
				write_row(log, "a, b");
			ph_track_log_close(&log);
			_exit(0);
		}
	}
	for (int p = 0; p < 2; p++) {
		int status;

		ck_assert_int_eq(waitpid(pids[p], &status, 0), pids[p]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(
	    ph_track_log_read(dir, 0, count_row, &seen, &bad, NULL), 0);
	ck_assert_uint_eq(seen.n, 600);
	ck_assert_uint_eq(bad, 0);
	list = names();
	for (char *p = strtok(list, " "); p; p = strtok(NULL, " ")) {
		g_autofree char *text = read_text(p);

		ck_assert(g_str_has_prefix(text, "#Software"));
		ck_assert_ptr_null(strstr(text + 1, "#Software"));
	}
	unit_rmdir(&dir);
}
END_TEST

static void
make_file(const char *name, size_t size, int64_t modified)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *text = g_strnfill(size, '#');

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	modify(name, modified);
}

START_TEST(expire_by_age_and_size)
{
	g_autofree char *aged = NULL, *sized = NULL, *last = NULL;
	struct ph_track_log *log;

	dir = unit_mkdir();
	log = open_log("MSGTRK", 1 << 20, true);
	make_file("MSGTRK2026112009-2.LOG", 10, NOON - 27 * HOUR);
	make_file("MSGTRK2026112009-10.LOG", 10, NOON - 27 * HOUR);
	make_file("MSGTRK2026112110-1.LOG", 10, NOON - 2 * HOUR);
	make_file("MSGTRK2026112111-1.LOG", 10, NOON - HOUR);
	make_file("MSGTRK2026112112-1.LOG", 10, NOON - 99 * HOUR); /* newest */
	make_file("MSGTRKMD2026111000-1.LOG", 10, NOON - 99 * HOUR);
	make_file("MSGTRKX2026111000-1.LOG", 10, NOON - 99 * HOUR);
	make_file("other", 10, NOON - 99 * HOUR);
	ck_assert_int_eq(ph_track_log_expire(log, 0, 0, NULL), 0);
	ck_assert_int_eq(ph_track_log_expire(log, 24 * HOUR, 0, NULL), 0);
	aged = names();
	ck_assert_str_eq(aged, "MSGTRK2026112110-1.LOG MSGTRK2026112111-1.LOG "
			       "MSGTRK2026112112-1.LOG "
			       "MSGTRKMD2026111000-1.LOG "
			       "MSGTRKX2026111000-1.LOG other");
	ck_assert_int_eq(ph_track_log_expire(log, 0, 20, NULL), 0);
	sized = names();
	ck_assert(g_str_has_prefix(sized, "MSGTRK2026112111-1.LOG "));
	ck_assert_int_eq(ph_track_log_expire(log, 1, 1, NULL), 0);
	last = names();
	ck_assert(g_str_has_prefix(last, "MSGTRK2026112112-1.LOG MSGTRKMD"));
	ph_track_log_close(&log);
	unit_rmdir(&dir);
}
END_TEST

START_TEST(unwritable_directory)
{
	struct ph_track_options options = {.directory = "/proc/nowhere",
					   .prefix = "MSGTRK"};
	struct ph_track_log *log = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_track_log_open(&options, &log, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(strstr(err.text, "/proc/nowhere"));
}
END_TEST

START_TEST(file_names)
{
	static const struct {
		const char *name, *prefix;
		int64_t hour, number;
	} good[] = {
	    {"MSGTRKMS2022091915-1.LOG", "MSGTRKMS", 2022091915, 1},
	    {"MSGTRK2022091915-12.log", "MSGTRK", 2022091915, 12},
	    {"MSGTRKMA20220919-3.LOG", "MSGTRKMA", 2022091900, 3},
	};
	static const char *const bad[] = {
	    "MSGTRK",
	    "MSGTRK2022091915",
	    "MSGTRK2022091915-",
	    "MSGTRK2022091915-.LOG",
	    "MSGTRK2022091915-1",
	    "MSGTRK2022091915-1.LOGx",
	    "MSGTRK2022091915-9999999999.LOG",
	    "MSGTRK202209191-1.LOG",
	    "MSGTRK20220919155-1.LOG",
	    "MSGTRKXX2022091915-1.LOG",
	    ".MSGTRK2022091915-1.LOG",
	    "msgtrk2022091915-1.LOG",
	};
	struct ph_track_file f;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		ck_assert(ph_track_file_parse(good[i].name, &f));
		ck_assert_str_eq(f.prefix, good[i].prefix);
		ck_assert_int_eq(f.hour, good[i].hour);
		ck_assert_int_eq(f.number, good[i].number);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		ck_assert_msg(!ph_track_file_parse(bad[i], &f), "%s", bad[i]);
	ck_assert_int_eq(ph_track_file_hour(NOON), 2026112112);
}
END_TEST

UNIT_MAIN("lib/track/log", header_and_row, without_subjects,
	  next_file_by_size_and_hour, reopened_removed_oversize, torn_row,
	  read_in_order, two_processes, expire_by_age_and_size,
	  unwritable_directory, file_names)
