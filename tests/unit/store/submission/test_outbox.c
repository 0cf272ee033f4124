#include "store/submission/box_private.h"
#include "store/submission/outbox.h"
#include "tests/unit/store/submission/office.h"

/* Looks without a watch; what is taken is counted, and left where it is. */
struct looker {
	struct office office;
	struct ph_outbox *outbox;
	struct ph_box *box;
	gint taken; /* atomic */
	gint hangs; /* atomic: what is of other mailboxes */
};

static int64_t
count_taken(void *context, const struct ph_box_name *name, const char *part,
	    const char *file)
{
	struct looker *looker = context;

	(void)part;
	(void)file;
	while (strcmp(name->local, "nuno") != 0 &&
	       g_atomic_int_get(&looker->hangs))
		g_usleep(1000);
	g_atomic_int_inc(&looker->taken);
	return 0;
}

static void
looker_open(struct looker *looker)
{
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	struct lab *lab = &looker->office.lab;

	looker->taken = looker->hangs = 0;
	office_open(&looker->office, NULL);
	make_outbox(lab);
	looker->office.watch = NULL;
	looker->office.queue = ph_queue_new(2, count_taken, looker);
	looker->outbox = ph_outbox_new(name);
	ck_assert_int_eq(ph_box_open(lab->path, name, &looker->box, NULL), 1);
	ph_box_name_free(&name);
}

static void
looker_close(struct looker *looker)
{
	ph_box_close(&looker->box);
	ph_outbox_free(&looker->outbox);
	office_close(&looker->office);
}

/* How many were taken so far. */
static int
look(struct looker *looker)
{
	int64_t again;
	bool holds;

	ck_assert_int_eq(ph_outbox_look(looker->outbox, looker->box,
					looker->office.queue, &again, &holds,
					NULL),
			 1);
	while (!ph_queue_idle(looker->office.queue))
		g_usleep(1000);
	return g_atomic_int_get(&looker->taken);
}

/* The kernel told of it once; then somebody writes to it again. */
START_TEST(test_written_again)
{
	g_autofree char *path = NULL;
	struct looker looker;
	int fd;

	looker_open(&looker);
	move_in(&looker.office.lab, "new", "1.a");
	ck_assert_int_eq(look(&looker), 0);
	ph_outbox_settled(looker.outbox, "new", "1.a");
	ck_assert_int_eq(look(&looker), 1);
	ck_assert_int_eq(look(&looker), 2);
	path = g_build_filename(looker.office.lab.box, ".Outbox/new/1.a", NULL);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(fd, MESSAGE, 10), 10);
	ck_assert_int_eq(look(&looker), 2);
	ck_assert_int_eq(look(&looker), 2);
	close(fd);
	ph_outbox_settled(looker.outbox, "new", "1.a");
	ck_assert_int_eq(look(&looker), 3);
	looker_close(&looker);
}
END_TEST

/* The clock was set back, or the file comes from where it is late: nobody
 * waits until then. */
START_TEST(test_time_to_come)
{
	const struct timespec then[] = {{4102444800, 0}, {4102444800, 0}};
	g_autofree char *path = NULL;
	struct looker looker;
	int64_t end;

	looker_open(&looker);
	move_in(&looker.office.lab, "new", "1.a");
	path = g_build_filename(looker.office.lab.box, ".Outbox/new/1.a", NULL);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, then, 0), 0);
	ck_assert_int_eq(look(&looker), 0);
	ck_assert_int_eq(look(&looker), 0);
	end = ph_clock_mono() + 20000;
	while (look(&looker) == 0) {
		ck_assert_int_lt(ph_clock_mono(), end);
		g_usleep(50000);
	}
	looker_close(&looker);
}
END_TEST

/* What its owner has taken back is forgotten, whatever becomes of the mail of
 * others meanwhile. */
START_TEST(test_taken_back)
{
	struct ph_box_name *other =
	    ph_box_name_new("DB1", "example.com", "many");
	struct looker looker;
	int64_t again;
	bool holds;

	looker_open(&looker);
	looker.hangs = 1;
	ck_assert_int_eq(ph_box_work(looker.box, true, NULL), 1);
	ck_assert_int_eq(ph_box_save(looker.box, "1.a", "x", NULL), 0);
	ck_assert_int_eq(
	    ph_queue_offer(looker.office.queue, other, "new", "2.a"), 0);
	ck_assert_int_eq(ph_outbox_look(looker.outbox, looker.box,
					looker.office.queue, &again, &holds,
					NULL),
			 1);
	ck_assert(!holds);
	ck_assert_uint_eq(
	    lab_count(&looker.office.lab, ".posthub-submission/state"), 0);
	g_atomic_int_set(&looker.hangs, 0);
	ph_box_name_free(&other);
	looker_close(&looker);
}
END_TEST

UNIT_MAIN("store/submission/outbox", test_written_again, test_time_to_come,
	  test_taken_back)
