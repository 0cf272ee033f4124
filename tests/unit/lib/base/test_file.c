#include "lib/base/file.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define SIZE ((size_t)4 << 20)

static void
nothing(int number)
{
	(void)number;
}

/* Signals all the time, none of which restarts a call. */
static void
disturb(void)
{
	const struct itimerval often = {{0, 500}, {0, 500}};
	struct sigaction action = {.sa_handler = nothing};

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static gpointer
read_slowly(gpointer p)
{
	const int fd = GPOINTER_TO_INT(p);
	char *got = g_malloc(SIZE + 1);
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (size_t i = 0; i < 20; i++) {
		g_usleep(1000);
		ck_assert_int_eq(read(fd, got + i, 1), 1);
	}
	ck_assert_int_eq(ph_file_read(fd, got + 20, SIZE + 1 - 20), SIZE - 20);
	return got;
}

/* Through a pipe, which takes little at a time. */
START_TEST(test_all_of_it)
{
	g_autofree char *data = g_malloc(SIZE);
	g_autofree char *got = NULL;
	GThread *reader;
	int ends[2];

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7 + i / 4099);
	ck_assert_int_eq(pipe(ends), 0);
	reader = g_thread_new("reader", read_slowly, GINT_TO_POINTER(ends[0]));
	disturb();
	ck_assert_int_eq(ph_file_write(ends[1], data, SIZE), 0);
	close(ends[1]);
	got = g_thread_join(reader);
	ck_assert(memcmp(got, data, SIZE) == 0);
	close(ends[0]);
}
END_TEST

START_TEST(test_reading_is_bounded)
{
	char buffer[10];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	memset(buffer, 'x', sizeof buffer);
	ck_assert_int_eq(ph_file_read(fd, buffer, 9), 9);
	ck_assert_int_eq(buffer[8], 0);
	ck_assert_int_eq(buffer[9], 'x');
	close(fd);
	ck_assert_int_eq(ph_file_read(fd, buffer, 9), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(test_disk_full)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(ph_file_write(fd, "", 0), 0);
	ck_assert_int_eq(ph_file_write(fd, "x", 1), -1);
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}
END_TEST

START_TEST(test_sync_entry)
{
	char *root = unit_mkdir();
	g_autofree char *file = g_build_filename(root, "file", NULL);
	g_autofree char *below = g_build_filename(file, "none", NULL);

	/* The entry is what counts, not the file. */
	ck_assert_int_eq(ph_file_sync_entry(file), 0);
	ck_assert(g_file_set_contents(file, "x", 1, NULL));
	ck_assert_int_eq(ph_file_sync_entry(file), 0);
	ck_assert_int_eq(ph_file_sync_entry(below), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	unit_rmdir(&root);
}
END_TEST

static size_t
count(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	size_t n = 0;

	while (g_dir_read_name(dir) != NULL)
		n++;
	g_dir_close(dir);
	return n;
}

START_TEST(test_named_late)
{
	char *root = unit_mkdir();
	g_autofree char *path = g_build_filename(root, "a", NULL);
	g_autofree char *text = NULL;
	int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = ph_file_unnamed(dir);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ph_file_write(fd, "x", 1), 0);
	ck_assert_uint_eq(count(root), 0);
	ck_assert_int_eq(ph_file_name(fd, dir, "a"), 0);
	ck_assert_int_eq(ph_file_name(fd, dir, "b"), 0);
	ck_assert_int_eq(ph_file_name(fd, dir, "a"), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_uint_eq(count(root), 2);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, "x");
	ck_assert_int_eq(unlinkat(dir, "a", 0), 0);
	ck_assert_int_eq(unlinkat(dir, "b", 0), 0);
	ck_assert_int_eq(ph_file_name(fd, dir, "a"), -1);
	ck_assert_int_eq(errno, ENOENT);
	close(fd);
	close(dir);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("lib/base/file", test_all_of_it, test_reading_is_bounded,
	  test_disk_full, test_sync_entry, test_named_late)
