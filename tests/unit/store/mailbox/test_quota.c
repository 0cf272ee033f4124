#include "store/mailbox/quota.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

struct scene {
	char *root;
	int mailbox;
};

static void
scene_open(struct scene *scene)
{
	static const char *const parts[] = {"new", "cur", ".Junk", ".Junk/new",
					    ".Junk/cur"};

	scene->root = unit_mkdir();
	scene->mailbox = open(scene->root, O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
		ck_assert_int_eq(mkdirat(scene->mailbox, parts[i], 0700), 0);
}

static void
scene_close(struct scene *scene)
{
	close(scene->mailbox);
	unit_rmdir(&scene->root);
}

static void
put(struct scene *scene, const char *name, size_t size)
{
	g_autofree char *path = g_build_filename(scene->root, name, NULL);
	g_autofree char *text = g_strnfill(size, 'x');

	ck_assert(g_file_set_contents(path, text, (gssize)size, NULL));
}

static void
set_file(struct scene *scene, const char *text)
{
	g_autofree char *path =
	    g_build_filename(scene->root, "maildirsize", NULL);

	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

/* "" if there is none; g_free. */
static char *
get_file(struct scene *scene)
{
	g_autofree char *path =
	    g_build_filename(scene->root, "maildirsize", NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text
							    : g_strdup("");
}

static void
expect_file(struct scene *scene, const char *text)
{
	g_autofree char *got = get_file(scene);

	ck_assert_str_eq(got, text);
}

static int
take_of(struct scene *scene, const struct ph_quota_limits *limits, int64_t size,
	struct ph_quota *used_r)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_quota_take(scene->mailbox, limits, size, &ph_perms_self,
			      used_r, &err);

	ck_assert_msg(r >= 0 || err.kind == PH_ERR_TEMP, "%s", err.text);
	return r;
}

static int
take(struct scene *scene, int64_t bytes, int64_t size)
{
	const struct ph_quota_limits limits = {.receive = bytes};
	struct ph_quota used;

	return take_of(scene, &limits, size, &used);
}

START_TEST(test_no_quota)
{
	struct scene scene;

	scene_open(&scene);
	ck_assert_int_eq(take(&scene, 0, 1000), 1);
	expect_file(&scene, "");
	scene_close(&scene);
}
END_TEST

/* Everything in new and cur counts, by the size in the name or the file's;
 * what is being written, what is hidden and what is no folder does not. */
START_TEST(test_counted)
{
	struct scene scene;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=100", 1);
	put(&scene, "cur/2.a.h,S=20:2,S", 1);
	put(&scene, "cur/3.a.h:2,ST", 7);
	put(&scene, ".Junk/new/4.a.h,N=x,S=1000,W=1010", 1);
	put(&scene, ".Junk/cur/5.a.h,S=1x", 3);
	put(&scene, "new/.hidden", 500);
	put(&scene, "other", 500);
	ck_assert_int_eq(take(&scene, 10000, 5), 1);
	expect_file(&scene, "10000S\n1130 5\n5 1\n");
	ph_quota_give(scene.mailbox, 5);
	expect_file(&scene, "10000S\n1130 5\n5 1\n-5 -1\n");
	scene_close(&scene);
}
END_TEST

START_TEST(test_reached_exactly)
{
	struct scene scene;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	ck_assert_int_eq(take(&scene, 100, 11), 0);
	ck_assert_int_eq(take(&scene, 100, 10), 1);
	put(&scene, "new/2.a.h,S=10", 10);
	ck_assert_int_eq(take(&scene, 100, 1), 0);
	ck_assert_int_eq(take(&scene, 100, 0), 1);
	ck_assert_int_eq(take(&scene, 9, 10), 0);
	/* The directory's limit was lifted; then it says nothing any more. */
	ck_assert_int_eq(take(&scene, INT64_MAX, 1000), 1);
	ck_assert_int_eq(take(&scene, 0, 1000), 1);
	ck_assert_int_eq(take(&scene, 100, 1), 0);
	scene_close(&scene);
}
END_TEST

/* "Full" from many lines, or from an old file, is counted once more; from a
 * fresh one it is believed, or each message would have all counted. */
START_TEST(test_doubted)
{
	struct scene scene;
	const struct utimbuf old = {time(NULL) - 1000, time(NULL) - 1000};
	g_autofree char *path = NULL;

	scene_open(&scene);
	path = g_build_filename(scene.root, "maildirsize", NULL);
	set_file(&scene, "100S\n50 1\n50 1\n");
	ck_assert_int_eq(take(&scene, 100, 10), 1);
	expect_file(&scene, "100S\n0 0\n10 1\n");
	set_file(&scene, "100S\n100 2\n");
	ck_assert_int_eq(take(&scene, 100, 10), 0);
	expect_file(&scene, "100S\n100 2\n");
	ck_assert_int_eq(utime(path, &old), 0);
	ck_assert_int_eq(take(&scene, 100, 10), 1);
	scene_close(&scene);
}
END_TEST

/* The directory's quota is written; without one the file's own counts. */
START_TEST(test_whose_limit)
{
	struct scene scene;

	scene_open(&scene);
	set_file(&scene, "1000S,3C\n10 1\n");
	ck_assert_int_eq(take(&scene, 0, 990), 1);
	ck_assert_int_eq(take(&scene, 500, 10), 1);
	expect_file(&scene, "500S,3C\n0 0\n10 1\n");
	set_file(&scene, "1000S,3C\n10 3\n");
	ck_assert_int_eq(take(&scene, 0, 1), 0);
	set_file(&scene, "0S\n10 3\n");
	ck_assert_int_eq(take(&scene, 0, 1 << 30), 1);
	scene_close(&scene);
}
END_TEST

/* A quota that the directory does not name any more is none, whatever somebody
 * else has made of the file meanwhile, but for the limit. */
START_TEST(test_no_longer_named)
{
	static const char *const files[] = {"", "100S\n0 0\n",
					    "100S,3C\n9 1\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		struct scene scene;

		scene_open(&scene);
		ck_assert_int_eq(take(&scene, 100, 90), 1);
		put(&scene, "new/1.a", 90);
		ck_assert_int_eq(take(&scene, 100, 20), 0);
		if (*files[i])
			set_file(&scene, files[i]);
		ck_assert_int_eq(take(&scene, 0, 20), 1);
		ck_assert_int_eq(take(&scene, 0, 1000), 1);
		/* Named anew, and by somebody else. */
		ck_assert_int_eq(take(&scene, 100, 20), 0);
		set_file(&scene, "99S\n90 1\n");
		ck_assert_int_eq(take(&scene, 0, 20), 0);
		scene_close(&scene);
	}
}
END_TEST

/* As Courier writes it: padded. */
START_TEST(test_padded)
{
	struct scene scene;
	struct ph_quota limit, used;

	scene_open(&scene);
	set_file(&scene, "1000S\n         5   1\n   -2  0     \n");
	ck_assert_int_eq(ph_quota_read(scene.mailbox, &limit, &used), 1);
	ck_assert_int_eq(limit.bytes, 1000);
	ck_assert_int_eq(used.bytes, 3);
	ck_assert_int_eq(used.messages, 1);
	scene_close(&scene);
}
END_TEST

static const char *const damaged[] = {
    "",
    "100S",
    "100S\n",
    "100S\nx\n",
    "100S\n5\n",
    "100S\n-5 -1\n",
    "100S\n5 1 x\n",
    "\n",
    "100S\n5 1\n\n",
    "100S\n9223372036854775807 1\n1 1\n",
};

START_TEST(test_damaged)
{
	struct scene scene;
	struct ph_quota limit, used;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
		set_file(&scene, damaged[i]);
		ck_assert_msg(ph_quota_read(scene.mailbox, &limit, &used) == 0,
			      "%zu", i);
		ck_assert_msg(take(&scene, 100, 10) == 1, "%zu", i);
		expect_file(&scene, "100S\n90 1\n10 1\n");
	}
	scene_close(&scene);
}
END_TEST

/* A line that a crash cut off is not there. */
START_TEST(test_cut_off)
{
	struct scene scene;
	struct ph_quota limit, used;

	scene_open(&scene);
	set_file(&scene, "100S\n5 1\n7 ");
	ck_assert_int_eq(ph_quota_read(scene.mailbox, &limit, &used), 1);
	ck_assert_int_eq(used.bytes, 5);
	scene_close(&scene);
}
END_TEST

START_TEST(test_grown_long)
{
	struct scene scene;
	g_autoptr(GString) text = g_string_new("9000S\n");
	g_autofree char *after = NULL;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	while (text->len < 5120)
		g_string_append(text, "1 1\n");
	set_file(&scene, text->str);
	ck_assert_int_eq(take(&scene, 9000, 10), 1);
	after = get_file(&scene);
	ck_assert_str_eq(after, "9000S\n90 1\n10 1\n");
	scene_close(&scene);
}
END_TEST

/* NUL bytes are what a file system may leave after a crash. */
START_TEST(test_holes)
{
	struct scene scene;
	g_autofree char *path = NULL;

	scene_open(&scene);
	path = g_build_filename(scene.root, "maildirsize", NULL);
	ck_assert(g_file_set_contents(path, "100S\n5 1\n\0\0\0\n", 13, NULL));
	ck_assert_int_eq(take(&scene, 100, 10), 1);
	expect_file(&scene, "100S\n0 0\n10 1\n");
	scene_close(&scene);
}
END_TEST

START_TEST(test_in_the_way)
{
	struct scene scene;

	scene_open(&scene);
	ck_assert_int_eq(symlinkat("/etc/passwd", scene.mailbox, "maildirsize"),
			 0);
	ck_assert_int_eq(take(&scene, 100, 10), -1);
	ck_assert_int_eq(unlinkat(scene.mailbox, "maildirsize", 0), 0);
	ck_assert_int_eq(mkdirat(scene.mailbox, "maildirsize", 0700), 0);
	ck_assert_int_eq(take(&scene, 100, 10), -1);
	scene_close(&scene);
}
END_TEST

/* ---- above ------------------------------------------------------------- */

/* Who wants to know a size has the mailbox counted without a quota, too. */
START_TEST(test_counted_for_notice)
{
	struct scene scene;
	struct ph_quota used;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	ck_assert_int_eq(
	    take_of(&scene, &(struct ph_quota_limits){.warning = INT64_MAX}, 10,
		    &used),
	    1);
	expect_file(&scene, "");
	ck_assert_int_eq(
	    take_of(&scene, &(struct ph_quota_limits){.warning = 5}, 10, &used),
	    1);
	ck_assert_int_eq(used.bytes, 100);
	ck_assert_int_eq(used.messages, 2);
	expect_file(&scene, "0S\n90 1\n10 1\n");
	ph_quota_put(scene.mailbox, 7);
	expect_file(&scene, "0S\n90 1\n10 1\n7 1\n");
	scene_close(&scene);
}
END_TEST

START_TEST(test_notable)
{
	static const struct {
		struct ph_quota_limits limits;
		int64_t least;
	} rows[] = {
	    {{0, 0, 0}, INT64_MAX},  {{10, 0, 0}, INT64_MAX},
	    {{10, 9, 0}, 9},	     {{10, 9, 8}, 8},
	    {{10, 8, 9}, 8},	     {{10, 0, 9}, 9},
	    {{10, INT64_MAX, 9}, 9}, {{10, INT64_MAX, INT64_MAX}, INT64_MAX},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert_msg(ph_quota_notable(&rows[i].limits) ==
				  rows[i].least,
			      "%zu", i);
}
END_TEST

static int
above(struct scene *scene, int64_t bytes, int64_t *used_r)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_quota used = {0, 0};
	int r =
	    ph_quota_above(scene->mailbox, bytes, &ph_perms_self, &used, &err);

	ck_assert_msg(r >= 0 || err.kind == PH_ERR_TEMP, "%s", err.text);
	*used_r = used.bytes;
	return r;
}

START_TEST(test_above)
{
	struct scene scene;
	struct ph_quota sum;
	int64_t used;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	ck_assert_int_eq(above(&scene, 0, &used), 0);
	ck_assert_int_eq(above(&scene, INT64_MAX, &used), 0);
	expect_file(&scene, "");
	ck_assert_int_eq(above(&scene, 90, &used), 0);
	ck_assert_int_eq(above(&scene, 89, &used), 1);
	ck_assert_int_eq(used, 90);
	/* Who only wants to know writes nothing. */
	ck_assert_int_eq(unlinkat(scene.mailbox, "maildirsize", 0), 0);
	ck_assert_int_eq(ph_quota_above(scene.mailbox, 89, NULL, &sum, NULL),
			 1);
	ck_assert_int_eq(sum.bytes, 90);
	expect_file(&scene, "");
	/* Somebody's limits stay. A sum of many lines is doubted. */
	set_file(&scene, "1000S,3C\n10 1\n500 1\n");
	ck_assert_int_eq(above(&scene, 100, &used), 0);
	expect_file(&scene, "1000S,3C\n90 1\n");
	set_file(&scene, "1000S,3C\n510 2\n");
	ck_assert_int_eq(above(&scene, 100, &used), 1);
	ck_assert_int_eq(used, 510);
	ck_assert_int_eq(unlinkat(scene.mailbox, "maildirsize", 0), 0);
	ck_assert_int_eq(mkdirat(scene.mailbox, "maildirsize", 0700), 0);
	ck_assert_int_eq(above(&scene, 100, &used), -1);
	scene_close(&scene);
}
END_TEST

#define NOON ((int64_t)1700000000000)
#define HOURS ((int64_t)3600 * 1000)

static int
tell(struct scene *scene, int64_t bytes, int64_t now)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_quota used;
	int r = ph_quota_tell(scene->mailbox, bytes, now, &ph_perms_self, &used,
			      &err);

	ck_assert_msg(r >= 0 || err.kind == PH_ERR_TEMP, "%s", err.text);
	return r;
}

/* Once a day, while there is a reason; a note of the time to come is of a clock
 * that was wrong. */
START_TEST(test_told_once_a_day)
{
	struct scene scene;

	scene_open(&scene);
	put(&scene, "new/1.a.h,S=90", 90);
	ck_assert_int_eq(tell(&scene, 90, NOON), 0);
	ck_assert_int_eq(tell(&scene, 80, NOON), 1);
	ck_assert_int_eq(tell(&scene, 80, NOON), 0);
	ck_assert_int_eq(tell(&scene, 80, NOON + 23 * HOURS), 0);
	ck_assert_int_eq(tell(&scene, 90, NOON + 25 * HOURS), 0);
	ck_assert_int_eq(tell(&scene, 80, NOON + 25 * HOURS), 1);
	ck_assert_int_eq(tell(&scene, 80, NOON + 26 * HOURS), 0);
	ck_assert_int_eq(tell(&scene, 80, NOON), 1);
	ck_assert_int_eq(unlinkat(scene.mailbox, "posthub-warned", 0), 0);
	ck_assert_int_eq(symlinkat("x", scene.mailbox, "posthub-warned"), 0);
	ck_assert_int_eq(tell(&scene, 80, NOON), -1);
	scene_close(&scene);
}
END_TEST

/* ---- messages that come while they are counted ------------------------- */

struct mover {
	struct scene *scene;
	gint stop; /* atomic */
};

static gpointer
move_about(gpointer p)
{
	struct mover *mover = p;

	while (!g_atomic_int_get(&mover->stop)) {
		mkdirat(mover->scene->mailbox, "new/moved", 0700);
		unlinkat(mover->scene->mailbox, "new/moved", AT_REMOVEDIR);
	}
	return NULL;
}

/* The sum is not kept; the limits, which only the file knows, are. */
START_TEST(test_limits_stay)
{
	struct scene scene;
	struct mover mover = {&scene, 0};
	GThread *thread;

	scene_open(&scene);
	for (int i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("cur/%d.a.h,S=1", i);

		put(&scene, name, 1);
	}
	thread = g_thread_new("mover", move_about, &mover);
	for (int i = 0; i < 200; i++) {
		g_autofree char *after = NULL;

		set_file(&scene, "5000S,999C\n5000 10\n0 0\n");
		ck_assert_int_eq(take(&scene, 0, 10), 1);
		after = get_file(&scene);
		ck_assert_msg(g_str_has_prefix(after, "5000S,999C\n"), "%s",
			      after);
		ck_assert_msg(g_str_has_suffix(after, "\n10 1\n"), "%s", after);
	}
	g_atomic_int_set(&mover.stop, 1);
	g_thread_join(thread);
	scene_close(&scene);
}
END_TEST

static const char *unreadable; /* the end of a directory's path; NULL: none */

/* In place of the C library's. */
struct dirent *
readdir(DIR *dir)
{
	struct dirent *(*real)(DIR *) =
	    (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", dirfd(dir));
	g_autofree char *path = g_file_read_link(link, NULL);

	if (unreadable && g_str_has_suffix(path, unreadable)) {
		errno = EIO;
		return NULL;
	}
	errno = 0;
	return real(dir);
}

/* A part of what is there is no sum of it. */
START_TEST(test_cannot_be_counted)
{
	const struct ph_quota_limits limits = {.receive = 100};
	g_autofree char *root = NULL;
	struct scene scene;
	struct ph_quota used;
	struct ph_err err = PH_ERR_INIT;

	scene_open(&scene);
	root = g_path_get_basename(scene.root);
	put(&scene, ".Junk/cur/1.a", 90);
	for (int i = 0; i < 2; i++) {
		unreadable = i == 0 ? root : "/.Junk/cur";
		ck_assert_int_eq(ph_quota_take(scene.mailbox, &limits, 20,
					       &ph_perms_self, &used, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		expect_file(&scene, "");
	}
	unreadable = NULL;
	ck_assert_int_eq(ph_quota_take(scene.mailbox, &limits, 20,
				       &ph_perms_self, &used, &err),
			 0);
	scene_close(&scene);
}
END_TEST

static int shut; /* the error of whoever opens .Junk; 0: none */

/* In place of the C library's. */
int
openat(int dir, const char *path, int flags, ...)
{
	int (*real)(int, const char *, int, ...) =
	    (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if (shut && strcmp(path, ".Junk") == 0) {
		errno = shut;
		return -1;
	}
	return real(dir, path, flags, mode);
}

/* Nor is one without a folder that is there. */
START_TEST(test_folder_cannot_be_opened)
{
	static const struct {
		int error, room;
	} rows[] = {{EMFILE, -1}, {ENFILE, -1}, {EIO, -1},
		    {ENOENT, 1},  {EACCES, 1},	{0, 0}};
	const struct ph_quota_limits limits = {.receive = 100};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct scene scene;
		struct ph_quota used;
		struct ph_err err = PH_ERR_INIT;

		scene_open(&scene);
		put(&scene, ".Junk/cur/1.a", 90);
		shut = rows[i].error;
		ck_assert_int_eq(ph_quota_take(scene.mailbox, &limits, 20,
					       &ph_perms_self, &used, &err),
				 rows[i].room);
		if (rows[i].room < 0)
			expect_file(&scene, "");
		shut = 0;
		scene_close(&scene);
	}
}
END_TEST

UNIT_MAIN("store/mailbox/quota", test_cannot_be_counted,
	  test_folder_cannot_be_opened, test_counted_for_notice, test_notable,
	  test_above, test_told_once_a_day, test_limits_stay, test_no_quota,
	  test_counted, test_reached_exactly, test_doubted, test_whose_limit,
	  test_no_longer_named, test_padded, test_damaged, test_cut_off,
	  test_grown_long, test_holes, test_in_the_way)
