#include "lib/base/clock.h"
#include "tests/unit/store/submission/watch_lab.h"

#include <utime.h>

/* Starts, and returns when the first walk has ended: what another mailbox, in
 * the last database, held before it has been taken. */
static void
office_start_and_walk(struct office *office)
{
	static const char text[] = "From: ana@a.example\nTo: b@x.example\n\n";
	g_autofree char *dir =
	    g_build_filename(office->lab.path, "db3", "a.example", "ana",
			     ".Outbox", "new", NULL);
	g_autofree char *file = g_build_filename(dir, "1.b", NULL);
	int64_t end = ph_clock_mono() + 20000;

	ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
	ck_assert(g_file_set_contents(file, text, -1, NULL));
	office_start(office, HOUR);
	while (g_file_test(file, G_FILE_TEST_EXISTS)) {
		ck_assert_int_lt(ph_clock_mono(), end);
		g_usleep(2000);
	}
}

/* The rescan is an hour away: only the kernel can have told. */
START_TEST(test_moved_in)
{
	struct office office;

	office_open(&office, NULL);
	make_outbox(&office.lab);
	office_start(&office, HOUR);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	move_in(&office.lab, "cur", "2.a:2,S");
	wait_for(&office.lab, "out0 work0 state0 sent2 drafts0 in0");
	office_close(&office);
}
END_TEST

/* There before the start, and claimed by a process that died. */
START_TEST(test_found_at_start)
{
	struct office office;
	g_autofree char *items = NULL, *item = NULL;

	office_open(&office, NULL);
	make_outbox(&office.lab);
	move_in(&office.lab, "new", "1.a");
	items = lab_folder(&office.lab, ".posthub-submission/items");
	item = g_build_filename(items, "2.a", NULL);
	g_mkdir_with_parents(items, 0700);
	ck_assert(g_file_set_contents(item, MESSAGE, -1, NULL));
	office_start(&office, HOUR);
	wait_for(&office.lab, "out0 work0 state0 sent2 drafts0 in0");
	office_close(&office);
}
END_TEST

START_TEST(test_new_outbox)
{
	struct office office;

	office_open(&office, NULL);
	office_start(&office, HOUR);
	make_outbox(&office.lab);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	office_close(&office);
}
END_TEST

/* A whole mailbox, of a domain that was there, or was not either. */
START_TEST(test_new_mailbox)
{
	for (int level = 1; level <= 3; level++) {
		struct office office;
		g_autofree char *path = NULL;

		office_open(&office, NULL);
		path = g_strdup(office.lab.box);
		for (int i = 0; i < level; i++) {
			char *above = g_path_get_dirname(path);

			ck_assert_int_eq(g_rmdir(path), 0);
			g_free(path);
			path = above;
		}
		office_start_and_walk(&office);
		make_outbox(&office.lab);
		move_in(&office.lab, "new", "1.a");
		wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
		office_close(&office);
	}
}
END_TEST

/* Written in place: taken when its writer closes it, and then whole. */
START_TEST(test_written_in_place)
{
	struct office office;
	g_autofree char *path = NULL, *sent = NULL;
	int64_t end;
	int fd;

	office_open(&office, NULL);
	make_outbox(&office.lab);
	office_start(&office, 100);
	path = g_build_filename(office.lab.box, ".Outbox", "new", "1.a", NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, MESSAGE, 10), 10);
	/* Many looks at it, each soon after a change. */
	for (end = ph_clock_mono() + 2500; ph_clock_mono() < end;) {
		g_autofree char *where = lab_where(&office.lab);

		ck_assert_str_eq(where, "out1 work0 state0 sent0 drafts0 in0");
		ck_assert_int_eq(futimens(fd, NULL), 0);
		g_usleep(20000);
	}
	ck_assert_int_eq(write(fd, MESSAGE + 10, strlen(MESSAGE) - 10),
			 (ssize_t)strlen(MESSAGE) - 10);
	close(fd);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	sent = lab_content(&office.lab, ".Sent/cur");
	ck_assert(g_str_has_suffix(sent, MESSAGE));
	office_close(&office);
}
END_TEST

/* Nothing is told of a file that comes by link: two looks. */
START_TEST(test_quiet_file)
{
	struct office office;
	g_autofree char *from = NULL, *to = NULL;
	struct utimbuf long_ago = {1, 1};

	office_open(&office, NULL);
	make_outbox(&office.lab);
	office_start(&office, 100);
	from = g_build_filename(office.lab.box, "file", NULL);
	to = g_build_filename(office.lab.box, ".Outbox", "new", "1.a", NULL);
	ck_assert(g_file_set_contents(from, MESSAGE, -1, NULL));
	ck_assert_int_eq(utime(from, &long_ago), 0);
	ck_assert_int_eq(link(from, to), 0);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	office_close(&office);
}
END_TEST

/* The message waits; a change of the organisation tries it at once. */
START_TEST(test_change)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct office office;
	struct ph_snapshot *old, *next;

	office_open(&office, down);
	office.lab.submission.retry_min = HOUR;
	make_outbox(&office.lab);
	office_start(&office, HOUR);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out1 work0 state1 sent0 drafts0 in0");
	while (!ph_queue_idle(office.queue))
		g_thread_yield();
	office.fake.rules = NULL;
	next = lab_snapshot(office.fake.port, "MBX1");
	old = g_atomic_pointer_get(&office.lab.snapshot);
	g_atomic_pointer_set(&office.lab.snapshot, next);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	office_close(&office);
	ph_snapshot_unref(&old);
}
END_TEST

/* No server is asked while none has a heartbeat, and at once when one has. */
START_TEST(test_health)
{
	struct office office;

	office_open(&office, NULL);
	office.lab.submission.retry_min = HOUR;
	office.lab.down = 1;
	make_outbox(&office.lab);
	office_start(&office, HOUR);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out1 work0 state1 sent0 drafts0 in0");
	while (!ph_queue_idle(office.queue))
		g_thread_yield();
	ck_assert_uint_eq(office.fake.connections, 0);
	g_atomic_int_set(&office.lab.down, 0);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	office_close(&office);
}
END_TEST

/* Taken back by its owner: nothing of it remains. */
START_TEST(test_taken_back)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct office office;
	g_autofree char *path = NULL;

	office_open(&office, down);
	office.lab.submission.retry_min = HOUR;
	make_outbox(&office.lab);
	office_start(&office, 100);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out1 work0 state1 sent0 drafts0 in0");
	path = g_build_filename(office.lab.box, ".Outbox", "new", "1.a", NULL);
	ck_assert_int_eq(unlink(path), 0);
	wait_for(&office.lab, "out0 work0 state0 sent0 drafts0 in0");
	office_close(&office);
}
END_TEST

/* Of a database that is active elsewhere nothing is touched, until it comes. */
START_TEST(test_other_database)
{
	struct office office;
	struct ph_snapshot *old, *next;

	office_open(&office, NULL);
	ph_snapshot_unref(&office.lab.snapshot);
	office.lab.snapshot = lab_snapshot(office.fake.port, "MBX2");
	make_outbox(&office.lab);
	move_in(&office.lab, "new", "1.a");
	office_start(&office, 100);
	next = lab_snapshot(office.fake.port, "MBX1");
	old = g_atomic_pointer_get(&office.lab.snapshot);
	g_atomic_pointer_set(&office.lab.snapshot, next);
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	office_close(&office);
	ph_snapshot_unref(&old);
}
END_TEST

/* One has it, the other is put off: the message stays among the claimed, where
 * nothing moves that the kernel could tell of. */
START_TEST(test_rest_is_tried_again)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<elsewhere@", "451 4.3.0 later"}, {0, NULL, NULL}};
	static const char text[] = "From: nuno@example.com\n"
				   "To: mota@example.com, "
				   "elsewhere@example.com\n\nx\n";
	struct office office;
	g_autofree char *from = NULL, *to = NULL;

	office_open(&office, later);
	/* Longer together than a folder that has just changed is polled. */
	office.lab.submission.retry_min = 700;
	office.lab.submission.retry_max = 700;
	make_outbox(&office.lab);
	office_start(&office, HOUR);
	from = g_build_filename(office.lab.box, "tmp.file", NULL);
	to = g_build_filename(office.lab.box, ".Outbox", "new", "1.a", NULL);
	ck_assert(g_file_set_contents(from, text, -1, NULL));
	ck_assert_int_eq(rename(from, to), 0);
	wait_for(&office.lab, "out0 work1 state1 sent0 drafts0 in0");
	while (office.fake.connections < 6)
		g_thread_yield();
	office.fake.rules = NULL;
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	ck_assert_uint_eq(office.fake.mails->len, 2);
	office_close(&office);
}
END_TEST

/* The mailbox is elsewhere just when the next try is due, and comes back as it
 * was: nothing tells of what is among the claimed. */
START_TEST(test_away_for_a_moment)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<elsewhere@", "451 4.3.0 later"}, {0, NULL, NULL}};
	static const char text[] = "From: nuno@example.com\n"
				   "To: mota@example.com, "
				   "elsewhere@example.com\n\nx\n";
	g_autofree char *away = NULL;
	struct ph_watch watch = {0};
	struct ph_watch_box *w;
	struct office office;

	office_open(&office, later);
	make_outbox(&office.lab);
	lab_put(&office.lab, "new", "1.a", text, strlen(text));
	ck_assert_int_eq(lab_run(&office.lab), 5000);
	watch_fill(&watch, &office.lab);
	w = watch.order->pdata[0];
	away = g_strconcat(office.lab.box, ".away", NULL);
	ck_assert_int_eq(rename(office.lab.box, away), 0);
	ph_watch_look(&watch, w, 1000);
	ck_assert_int_eq(rename(away, office.lab.box), 0);
	watch.rescan = 1000;
	ck_assert(ph_watch_poll(&watch, 2000));
	ck_assert_int_eq(w->due, 2000);
	watch_clear(&watch);
	fake_close(&office.fake);
	lab_close(&office.lab);
}
END_TEST

UNIT_MAIN("store/submission/watch", test_moved_in, test_found_at_start,
	  test_new_outbox, test_new_mailbox, test_written_in_place,
	  test_quiet_file, test_change, test_health, test_taken_back,
	  test_other_database, test_rest_is_tried_again, test_away_for_a_moment)
