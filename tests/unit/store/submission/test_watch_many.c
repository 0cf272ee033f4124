#include "tests/unit/store/submission/watch_lab.h"
#include "tests/unit/thread.h"

#include <sys/inotify.h>

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

/* Nobody's mail is forgotten, and who sends takes the place of who does not. */
START_TEST(test_limit)
{
	struct office office;

	if (!limit_inotify("watches", 50)) {
		printf("no user name space: the limit is not tested\n");
		return;
	}
	in_memory();
	office_open(&office, NULL);
	make_mailboxes(&office.lab, 300);
	office_start(&office, 200);
	UNIT_WAIT(count_watched() >= 50);
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

static guint
count_lines(const char *log, const char *what)
{
	g_autofree char *text = NULL;
	guint n = 0;

	fflush(stderr);
	ck_assert(g_file_get_contents(log, &text, NULL, NULL));
	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* There are more by and by: they are used, and when all have theirs the log
 * says so, once. Then there are too few again. */
START_TEST(test_limit_is_raised)
{
	g_autofree char *log = NULL;
	struct office office;

	if (!limit_inotify("watches", 50)) {
		printf("no user name space: the limit is not tested\n");
		return;
	}
	in_memory();
	office_open(&office, NULL);
	log = g_build_filename(office.lab.path, ".stderr", NULL);
	ck_assert_ptr_nonnull(freopen(log, "w", stderr));
	make_mailboxes(&office.lab, 300);
	make_outbox(&office.lab);
	office_start(&office, 100);
	UNIT_WAIT(count_watched() >= 50);
	ck_assert(set_limit("watches", 200));
	UNIT_WAIT(count_watched() >= 200);
	ck_assert_uint_eq(count_lines(log, "all Outboxes are watched now"), 0);
	ck_assert(set_limit("watches", 2000));
	UNIT_WAIT(count_lines(log, "all Outboxes are watched now") > 0);
	/* With the store, a database and a domain. */
	ck_assert_uint_eq(count_watched(), 2 * 301 + 3);
	ck_assert_uint_eq(count_lines(log, "cannot watch all"), 1);
	ck_assert(set_limit("watches", 605));
	make_mailbox(&office.lab, "one.more");
	UNIT_WAIT(count_lines(log, "cannot watch all") != 1);
	ck_assert_uint_eq(count_lines(log, "all Outboxes are watched now"), 1);
	office_close(&office);
}
END_TEST

/* As where other programs have all instances of inotify. */
START_TEST(test_no_inotify_at_first)
{
	g_autofree char *log = NULL;
	struct office office;

	if (!limit_inotify("instances", 0)) {
		printf("no user name space: the limit is not tested\n");
		return;
	}
	office_open(&office, NULL);
	log = g_build_filename(office.lab.path, ".stderr", NULL);
	ck_assert_ptr_nonnull(freopen(log, "w", stderr));
	make_outbox(&office.lab);
	office_start(&office, 100);
	move_in(&office.lab, "new", "1.a");
	wait_for(&office.lab, "out0 work0 state0 sent1 drafts0 in0");
	ck_assert(!is_watched(&office.lab));
	ck_assert(set_limit("instances", 1));
	UNIT_WAIT(count_lines(log, "all Outboxes are watched now") > 0);
	ck_assert(is_watched(&office.lab));
	move_in(&office.lab, "new", "2.a");
	wait_for(&office.lab, "out0 work0 state0 sent2 drafts0 in0");
	ck_assert_uint_eq(count_lines(log, "no inotify"), 1);
	ck_assert_uint_eq(count_lines(log, "cannot watch all"), 0);
	office_close(&office);
}
END_TEST

/* ---- lost events ------------------------------------------------------- */

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
	  test_overflow, test_poll_all, test_limit, test_limit_is_raised,
	  test_no_inotify_at_first)
