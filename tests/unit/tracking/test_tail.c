#include "tracking/tail.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir, *path;
static struct ph_tail *tail;

static void
set_up(void)
{
	dir = unit_mkdir();
	path = g_build_filename(dir, "mail.log", NULL);
	tail = ph_tail_new(path);
}

static void
tear_down(void)
{
	ph_tail_free(&tail);
	g_clear_pointer(&path, g_free);
	unit_rmdir(&dir);
}

static void
append_to(const char *name, const char *text)
{
	g_autofree char *file = g_build_filename(dir, name, NULL);
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void
append(const char *text)
{
	append_to("mail.log", text);
}

static void
move(const char *from, const char *to)
{
	g_autofree char *a = g_build_filename(dir, from, NULL);
	g_autofree char *b = g_build_filename(dir, to, NULL);

	ck_assert_int_eq(g_rename(a, b), 0);
}

/* mtime of a file, as if written so many seconds ago. */
static void
age(const char *name, int seconds)
{
	g_autofree char *file = g_build_filename(dir, name, NULL);
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
}

/* What can be read now, with '|' behind each line and '*' before one that was
 * done. */
static char *
drain(void)
{
	GString *all = g_string_new(NULL);
	struct ph_err err = PH_ERR_INIT;
	struct ph_tail_line line;
	int rc;

	while ((rc = ph_tail_next(tail, &line, &err)) > 0)
		g_string_append_printf(all, "%s%s|", line.done ? "*" : "",
				       line.text);
	ck_assert_msg(rc == 0, "%s", err.text);
	return g_string_free(all, FALSE);
}

#define ck_drain(expected)                       \
	do {                                     \
		g_autofree char *got = drain();  \
		ck_assert_str_eq(got, expected); \
	} while (0)

/* As a daemon that was killed: a new tail with what was saved. */
static void
restart(const int64_t *unfinished, size_t n)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();

	ph_tail_save(tail, keys, unfinished, n);
	ph_tail_free(&tail);
	tail = ph_tail_new(path);
	ph_tail_load(tail, keys);
}

START_TEST(grows)
{
	set_up();
	ck_drain("");
	append("one\ntw");
	ck_drain("one|");
	ck_drain("");
	append("o\n");
	ck_drain("two|");
	tear_down();
}
END_TEST

/* The log daemon goes on with the renamed file for a while. */
START_TEST(rotation_by_rename)
{
	uint64_t generation;

	set_up();
	append("one\n");
	ck_drain("one|");
	generation = ph_tail_generation(tail);
	move("mail.log", "mail.log.1");
	append_to("mail.log.1", "two\n");
	ck_drain("two|");
	append(""); /* created, still empty */
	append_to("mail.log.1", "three\n");
	ck_drain("three|");
	ck_assert_uint_eq(ph_tail_generation(tail), generation);
	append_to("mail.log.1", "four\n");
	age("mail.log.1", 1);
	append("five\n");
	ck_drain("four|five|");
	ck_assert_uint_ne(ph_tail_generation(tail), generation);
	move("mail.log", "mail.log.1");
	age("mail.log.1", 1);
	append("six\n");
	ck_drain("six|");
	tear_down();
}
END_TEST

START_TEST(truncation)
{
	set_up();
	append("one\ntwo\n");
	ck_drain("one|two|");
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_drain("");
	append("three\n");
	ck_drain("three|");
	/* Truncated and grown beyond where we were before we looked. */
	ck_assert_int_eq(truncate(path, 0), 0);
	append("another first line\n");
	ck_drain("another first line|");
	tear_down();
}
END_TEST

START_TEST(goes_on_after_restart)
{
	const int64_t unfinished[] = {4, 14};

	set_up();
	append("one\ntwo\nthree\nfour\n");
	ck_drain("one|two|three|four|");
	append("five\n");
	restart(NULL, 0);
	ck_drain("five|");
	restart(unfinished, 2);
	ck_drain("two|*three|four|*five|");
	append("six\n");
	ck_drain("six|");
	tear_down();
}
END_TEST

START_TEST(rotated_while_away)
{
	set_up();
	append("one\n");
	ck_drain("one|");
	append("two\n");
	restart(NULL, 0);
	move("mail.log", "mail.log.2");
	append_to("mail.log.1", "three\n");
	append_to("mail.log.0.gz", "compressed\n");
	append("four\n");
	age("mail.log.2", 20);
	age("mail.log.1", 10);
	ck_drain("two|three|four|");
	tear_down();
}
END_TEST

/* The file is compressed by now: go on with what came after it. */
START_TEST(gone_while_away)
{
	set_up();
	append("one\n");
	ck_drain("one|");
	restart(NULL, 0);
	ck_assert_int_eq(g_unlink(path), 0);
	append_to("mail.log.1", "old\n");
	age("mail.log.1", 100);
	append("new\n");
	age("mail.log", -5);
	ck_drain("new|");
	tear_down();
}
END_TEST

/* An inode number is used again for another file. */
START_TEST(another_file_under_the_inode)
{
	int fd;

	set_up();
	append("one\ntwo\n");
	ck_drain("one|two|");
	restart(NULL, 0);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "eno\nowt\nmore\n", 13, 0), 13);
	close(fd);
	age("mail.log", -5);
	ck_drain("eno|owt|more|");
	tear_down();
}
END_TEST

START_TEST(damaged_position)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();

	set_up();
	append("one\n");
	g_key_file_set_string(keys, "maillog", "offset", "garbage");
	g_key_file_set_string(keys, "maillog", "mark_size", "99999");
	ph_tail_load(tail, keys);
	ck_drain("one|");
	tear_down();
}
END_TEST

START_TEST(unreadable)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_tail_line line;
	struct ph_tail *bad = ph_tail_new("/etc/passwd/mail.log");

	ck_assert_int_eq(ph_tail_next(bad, &line, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ph_tail_free(&bad);
}
END_TEST

UNIT_MAIN("tracking/tail", grows, rotation_by_rename, truncation,
	  goes_on_after_restart, rotated_while_away, gone_while_away,
	  another_file_under_the_inode, damaged_position, unreadable)
