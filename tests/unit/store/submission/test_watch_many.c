#include "store/submission/watch_private.h"
#include "tests/unit/store/submission/office.h"

#include <sched.h>
#include <sys/inotify.h>

static void
make_at(int dir, const char *name)
{
	ck_assert_int_eq(mkdirat(dir, name, 0700), 0);
}

/* Mailboxes with Outboxes, beside nuno's. */
static void
make_mailboxes(const struct lab *lab, int n)
{
	g_autofree char *path =
	    g_build_filename(lab->path, "db1", "example.com", NULL);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(dir, 0);
	for (int i = 0; i < n; i++) {
		static const char *const folders[] = {
		    "", "/.Outbox", "/.Outbox/new", "/.Outbox/cur"};

		for (size_t k = 0; k < G_N_ELEMENTS(folders); k++) {
			char name[64];

			g_snprintf(name, sizeof(name), "u%05d%s", i,
				   folders[k]);
			make_at(dir, name);
		}
	}
	close(dir);
}

/* What was there at the start is sent, and then what only the kernel can tell
 * of. */
START_TEST(test_many)
{
	struct office office;

	in_memory();
	office_open(&office, NULL);
	make_outbox(&office.lab);
	make_mailboxes(&office.lab, 50000);
	move_in(&office.lab, "new", "1.a");
	office_start(&office, HOUR);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	move_in(&office.lab, "new", "2.a");
	wait_for(&office.lab, "out0 work0 state0 sent2 drafts0 in0");
	office_close(&office);
}
END_TEST

/* While all are polled again and again, as fast as they can be. */
START_TEST(test_polled_all_the_time)
{
	struct office office;

	in_memory();
	office_open(&office, NULL);
	make_outbox(&office.lab);
	make_mailboxes(&office.lab, 5000);
	office_start(&office, 100);
	for (guint i = 1; i <= 5; i++) {
		g_autofree char *name = g_strdup_printf("%u.a", i);
		g_autofree char *where =
		    g_strdup_printf("out0 work0 state0 sent%u drafts0 in0", i);

		move_in(&office.lab, "new", name);
		wait_for(&office.lab, where);
	}
	office_close(&office);
}
END_TEST

/* ---- the kernel's limit ------------------------------------------------ */

static bool
write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good =
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Of a user name space of our own, in which we are root. */
static bool
limit_watches(int limit)
{
	g_autofree char *map = g_strdup_printf("0 %u 1", (unsigned)geteuid());
	g_autofree char *text = g_strdup_printf("%d", limit);

	return unshare(CLONE_NEWUSER) == 0 &&
	       write_proc("/proc/self/uid_map", map) &&
	       write_proc("/proc/sys/user/max_inotify_watches", text);
}

/* Which directories this process watches, by the kernel's word: inodes in
 * hexadecimal. */
static GHashTable *
watched_inodes(void)
{
	GHashTable *inodes =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (int fd = 3; fd < 100; fd++) {
		g_autofree char *path =
		    g_strdup_printf("/proc/self/fdinfo/%d", fd);
		g_autofree char *text = NULL;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			continue;
		for (char *p = text; (p = strstr(p, "inotify wd:")) != NULL;) {
			p = strstr(p, "ino:") + strlen("ino:");
			g_hash_table_add(inodes, g_strndup(p, strcspn(p, " ")));
		}
	}
	return inodes;
}

static guint
count_watched(void)
{
	g_autoptr(GHashTable) inodes = watched_inodes();

	return g_hash_table_size(inodes);
}

static bool
is_watched(const struct lab *lab)
{
	g_autoptr(GHashTable) inodes = watched_inodes();
	g_autofree char *path = lab_folder(lab, ".Outbox/new");
	g_autofree char *inode = NULL;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	inode = g_strdup_printf("%lx", (unsigned long)st.st_ino);
	return g_hash_table_contains(inodes, inode);
}

/* Nobody's mail is forgotten, and who sends takes the place of who does not. */
START_TEST(test_limit)
{
	struct office office;

	if (!limit_watches(50)) {
		printf("no user name space: the limit is not tested\n");
		return;
	}
	in_memory();
	office_open(&office, NULL);
	make_mailboxes(&office.lab, 300);
	office_start(&office, 200);
	while (count_watched() < 50)
		g_usleep(2000);
	make_outbox(&office.lab);
	ck_assert(!is_watched(&office.lab));
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	ck_assert(is_watched(&office.lab));
	ck_assert_uint_le(count_watched(), 50);
	move_in(&office.lab, "cur", "2.a:2,S");
	wait_for(&office.lab, "out0 work0 state0 sent2 drafts0 in0");
	office_close(&office);
}
END_TEST

/* ---- lost events ------------------------------------------------------- */

/* As if its Outbox had last changed long ago. */
static void
age(const struct ph_watch_box *w)
{
	static const char *const parts[] = {"new", "cur"};
	const struct timespec then[] = {{1000, 0}, {1000, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
		    g_build_filename(w->path, parts[i], NULL);

		/* nuno may have none. */
		if (g_file_test(path, G_FILE_TEST_EXISTS))
			ck_assert_int_eq(utimensat(AT_FDCWD, path, then, 0), 0);
	}
}

/* A watch without its thread, that has looked at everything. */
static void
watch_fill(struct ph_watch *watch, struct lab *lab)
{
	watch->submission = &lab->submission;
	watch->rescan = HOUR;
	watch->inotify = -1;
	watch->boxes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     ph_watch_box_free);
	watch->by_wd = g_hash_table_new(NULL, NULL);
	watch->due = g_hash_table_new(NULL, NULL);
	watch->order = g_ptr_array_new();
	watch->polled = 1000;
	ph_watch_walk(watch, lab->snapshot);
	for (guint i = 0; i < watch->order->len; i++) {
		struct ph_watch_box *w = watch->order->pdata[i];

		age(w);
		ph_watch_stamp(w);
		ph_watch_due(watch, w, INT64_MAX);
	}
}

static void
watch_clear(struct ph_watch *watch)
{
	g_hash_table_unref(watch->boxes);
	g_hash_table_unref(watch->by_wd);
	g_hash_table_unref(watch->due);
	g_ptr_array_unref(watch->order);
}

/* The kernel says that there was more than it could keep: every Outbox that
 * changed is due, and no other one. */
START_TEST(test_overflow)
{
	struct inotify_event overflow = {-1, IN_Q_OVERFLOW, 0, 0};
	struct ph_watch watch = {0};
	struct office office;
	struct ph_watch_box *w;
	int ends[2];

	in_memory();
	office_open(&office, NULL);
	make_outbox(&office.lab);
	make_mailboxes(&office.lab, 5000);
	watch_fill(&watch, &office.lab);
	ck_assert_uint_eq(watch.order->len, 5001);
	move_in(&office.lab, "cur", "1.a:2,S");
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	watch.inotify = ends[0];
	ck_assert_int_eq(write(ends[1], &overflow, sizeof(overflow)),
			 (ssize_t)sizeof(overflow));
	ck_assert(ph_watch_read(&watch));
	do
		ph_watch_poll(&watch, 1000);
	while (watch.lost);
	ck_assert_uint_eq(g_hash_table_size(watch.due), 1);
	w = g_hash_table_lookup(watch.boxes, "DB1/example.com/nuno");
	ck_assert(g_hash_table_contains(watch.due, w));
	close(ends[0]);
	close(ends[1]);
	watch_clear(&watch);
	fake_close(&office.fake);
	lab_close(&office.lab);
}
END_TEST

/* Each mailbox is polled once in a rescan, whatever the pace of the calls. */
START_TEST(test_poll_all)
{
	static const int64_t steps[] = {1, 7, 500, HOUR};

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct ph_watch watch = {0};
		struct office office;
		int64_t now = 1000;

		in_memory();
		office_open(&office, NULL);
		make_mailboxes(&office.lab, 500);
		watch_fill(&watch, &office.lab);
		watch.rescan = 3000;
		make_outbox(&office.lab);
		while (now < 4000)
			ph_watch_poll(&watch, now += steps[i]);
		ck_assert_uint_eq(g_hash_table_size(watch.due), 1);
		watch_clear(&watch);
		fake_close(&office.fake);
		lab_close(&office.lab);
	}
}
END_TEST

UNIT_MAIN("store/submission/watch_many", test_many, test_polled_all_the_time,
	  test_overflow, test_poll_all, test_limit)
