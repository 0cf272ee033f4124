#ifndef SUBMISSION_OFFICE_H
#define SUBMISSION_OFFICE_H

#include "lib/base/clock.h"
#include "store/submission/queue.h"
#include "store/submission/watch.h"
#include "tests/unit/store/submission/lab.h"

/* Everything but the daemon: real directories, the kernel's events. */
struct office {
	struct fake fake;
	struct lab lab;
	struct ph_queue *queue;
	struct ph_watch *watch;
};

static inline void
office_open(struct office *office, const struct fake_rule *rules)
{
	fake_open(&office->fake, rules);
	lab_open(&office->lab, &office->fake);
}

static inline void
office_start(struct office *office, int64_t rescan)
{
	struct ph_err err = PH_ERR_INIT;

	office->queue = ph_queue_new(4, lab_run_item, &office->lab);
	ck_assert_int_eq(ph_watch_start(&office->lab.submission, office->queue,
					rescan, &office->watch, &err),
			 0);
}

static inline void
office_stop(struct office *office)
{
	ph_watch_stop(&office->watch);
	ck_assert(ph_queue_stop(&office->queue, 10000));
}

static inline void
office_close(struct office *office)
{
	office_stop(office);
	fake_close(&office->fake);
	lab_close(&office->lab);
}

/* Waits until everything is where it should be; the test's time limit ends it.
 */
static inline void
wait_for(const struct lab *lab, const char *where)
{
	int64_t end = ph_clock_mono() + 40000;

	for (;;) {
		g_autofree char *now = lab_where(lab);

		if (strcmp(now, where) == 0)
			return;
		ck_assert_msg(ph_clock_mono() < end, "%s, not %s", now, where);
		g_usleep(2000);
	}
}

#define MESSAGE "From: nuno@example.com\nTo: mota@example.com\n\nx\n"
#define HOUR 3600000

/* As a Maildir's writers do. */
static inline void
move_in(const struct lab *lab, const char *part, const char *name)
{
	g_autofree char *to =
	    g_build_filename(lab->box, ".Outbox", part, name, NULL);
	g_autofree char *from = g_build_filename(lab->box, "tmp.file", NULL);

	ck_assert(g_file_set_contents(from, MESSAGE, -1, NULL));
	ck_assert_int_eq(rename(from, to), 0);
}

static inline void
make_outbox(const struct lab *lab)
{
	static const char *const parts[] = {"tmp", "new", "cur"};

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
		    g_build_filename(lab->box, ".Outbox", parts[i], NULL);

		ck_assert_int_eq(g_mkdir_with_parents(path, 0700), 0);
	}
}

#endif
