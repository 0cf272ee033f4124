#include "tests/unit/store/submission/watch_lab.h"

#include <sys/resource.h>

/* So many more files can be opened. A free descriptor is one that is given: a
 * thread that waits in accept has one, too. What the limit was. */
static struct rlimit
limit_files(int spare)
{
	int fds[4];
	struct rlimit old, now;

	ck_assert_int_lt(spare, 4);
	for (int i = 0; i <= spare; i++)
		fds[i] = dup(STDERR_FILENO);
	for (int i = 0; i <= spare; i++)
		close(fds[i]);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	now = old;
	now.rlim_cur = (rlim_t)fds[spare];
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
	return old;
}

/* The store, a database and a domain are open at once: where one cannot be
 * opened, nobody knows what is in it. */
START_TEST(test_no_descriptors)
{
	struct ph_watch watch = {0};
	struct office office;

	in_memory();
	office_open(&office, NULL);
	make_outbox(&office.lab);
	make_mailboxes(&office.lab, 3);
	watch_fill(&watch, &office.lab);
	for (int spare = 0; spare <= 3; spare++) {
		struct rlimit old = limit_files(spare);
		int r = ph_watch_walk(&watch, office.lab.snapshot);

		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		ck_assert_int_eq(r, spare < 3 ? -1 : 0);
		ck_assert_uint_eq(g_hash_table_size(watch.boxes), 4);
		ck_assert_uint_eq(watch.order->len, 4);
	}
	watch_clear(&watch);
	fake_close(&office.fake);
	lab_close(&office.lab);
}
END_TEST

static void
remove_mailbox(const struct lab *lab, const char *name)
{
	static const char *const folders[] = {"/.Outbox/new", "/.Outbox/cur",
					      "/.Outbox", ""};

	for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_strdup_printf(
		    "%s/db1/example.com/%s%s", lab->path, name, folders[i]);

		ck_assert_int_eq(rmdir(path), 0);
	}
}

/* What is not there is forgotten, and so is what is active elsewhere, though
 * nothing can be read there. */
START_TEST(test_gone)
{
	struct ph_watch watch = {0};
	struct office office;
	struct ph_snapshot *moved;
	struct rlimit old;

	in_memory();
	office_open(&office, NULL);
	make_mailboxes(&office.lab, 3);
	watch_fill(&watch, &office.lab);
	remove_mailbox(&office.lab, "u00001");
	ck_assert_int_eq(ph_watch_walk(&watch, office.lab.snapshot), 0);
	ck_assert_uint_eq(g_hash_table_size(watch.boxes), 3);
	moved = lab_snapshot(office.fake.port, "MBX2");
	old = limit_files(1);
	ph_watch_walk(&watch, moved);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(g_hash_table_size(watch.boxes), 0);
	ck_assert_uint_eq(watch.order->len, 0);
	ph_snapshot_unref(&moved);
	watch_clear(&watch);
	fake_close(&office.fake);
	lab_close(&office.lab);
}
END_TEST

/* An Outbox that cannot be opened now is no missing one: it is looked at
 * again, or it would have no watch. */
START_TEST(test_put_without_descriptors)
{
	struct ph_watch watch = {0};
	struct office office;
	struct ph_watch_box *w;
	struct ph_box *box;
	struct rlimit old;
	bool put;

	in_memory();
	office_open(&office, NULL);
	make_outbox(&office.lab);
	watch_fill(&watch, &office.lab);
	w = watch.order->pdata[0];
	ck_assert_int_eq(
	    ph_box_open(office.lab.path, ph_outbox_name(w->outbox), &box, NULL),
	    1);
	ck_assert(ph_watch_put(&watch, w, box));
	old = limit_files(0);
	put = ph_watch_put(&watch, w, box);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert(!put);
	ph_box_close(&box);
	watch_clear(&watch);
	fake_close(&office.fake);
	lab_close(&office.lab);
}
END_TEST

UNIT_MAIN("store/submission/watch_walk", test_no_descriptors, test_gone,
	  test_put_without_descriptors)
