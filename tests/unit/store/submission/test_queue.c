#include "store/submission/queue.h"
#include "tests/unit/unit.h"

/* Work that waits until the test lets it go on, then answers as told. */
struct gate {
	GMutex mutex;
	GCond cond;
	int entered, allowed;
	int inside, most; /* now, and at once */
	int64_t answer;
	GString *order; /* "l1 m1 ", as they were entered; NULL is fine */
};

static int64_t
pass(void *context, const struct ph_box_name *name, const char *part,
     const char *file)
{
	struct gate *gate = context;
	int64_t answer;

	(void)part;
	g_mutex_lock(&gate->mutex);
	if (gate->order != NULL)
		g_string_append_printf(gate->order, "%s%s ", name->local, file);
	gate->entered++;
	gate->inside++;
	gate->most = MAX(gate->most, gate->inside);
	g_cond_broadcast(&gate->cond);
	while (gate->allowed == 0)
		g_cond_wait(&gate->cond, &gate->mutex);
	gate->allowed--;
	gate->inside--;
	answer = gate->answer;
	g_mutex_unlock(&gate->mutex);
	return answer;
}

static void
wait_entered(struct gate *gate, int n)
{
	g_mutex_lock(&gate->mutex);
	while (gate->entered < n)
		g_cond_wait(&gate->cond, &gate->mutex);
	g_mutex_unlock(&gate->mutex);
}

static void
allow(struct gate *gate, int n)
{
	g_mutex_lock(&gate->mutex);
	gate->allowed += n;
	g_cond_broadcast(&gate->cond);
	g_mutex_unlock(&gate->mutex);
}

static void
wait_idle(struct ph_queue *queue)
{
	while (!ph_queue_idle(queue))
		g_thread_yield();
}

START_TEST(test_queue)
{
	struct gate gate = {.answer = 60000};
	struct ph_queue *queue = ph_queue_new(2, pass, &gate);
	struct ph_box_name *name = ph_box_name_new("DB1", "d", "l");
	struct ph_box_name *other = ph_box_name_new("DB1", "d", "m");
	int64_t wait;

	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "a"), 0);
	wait_entered(&gate, 1);
	/* The same message, whatever its flags; not the same of others. */
	ck_assert_int_gt(ph_queue_offer(queue, name, "cur", "a:2,S"), 0);
	ck_assert_int_eq(ph_queue_offer(queue, other, "new", "a"), 0);
	wait_entered(&gate, 2);
	/* No third thread: accepted, and waits for one. */
	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "b"), 0);
	ck_assert_int_eq(gate.entered, 2);
	allow(&gate, 3);
	wait_idle(queue);
	ck_assert_int_eq(gate.entered, 3);
	/* All of them wait for their minute, until something changes. */
	wait = ph_queue_offer(queue, name, "new", "a");
	ck_assert_msg(wait > 50000 && wait <= 60000, "%d", (int)wait);
	ph_queue_tidy(queue);
	ck_assert_int_gt(ph_queue_offer(queue, name, "new", "a"), 50000);
	ph_queue_hurry(queue);
	gate.answer = -1;
	allow(&gate, 1);
	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "a"), 0);
	wait_idle(queue);
	/* Finished: one that comes again is another. */
	allow(&gate, 1);
	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "a"), 0);
	ck_assert(ph_queue_stop(&queue, 10000));
	ck_assert_ptr_null(queue);
	ph_box_name_free(&name);
	ph_box_name_free(&other);
}
END_TEST

START_TEST(test_stop_late)
{
	struct gate gate = {.answer = -1};
	struct ph_queue *queue = ph_queue_new(1, pass, &gate);
	struct ph_box_name *name = ph_box_name_new("DB1", "d", "l");

	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "a"), 0);
	wait_entered(&gate, 1);
	/* What waits for a thread is not begun any more. */
	ck_assert_int_eq(ph_queue_offer(queue, name, "new", "b"), 0);
	ck_assert(!ph_queue_stop(&queue, 1));
	ck_assert_int_gt(ph_queue_offer(queue, name, "new", "c"), 0);
	allow(&gate, 1);
	ck_assert(ph_queue_stop(&queue, 10000));
	ck_assert_int_eq(gate.entered, 1);
	ph_box_name_free(&name);
}
END_TEST

static void
offer(struct ph_queue *queue, const char *local, const char *file)
{
	struct ph_box_name *name = ph_box_name_new("DB1", "d", local);

	ck_assert_int_eq(ph_queue_offer(queue, name, "new", file), 0);
	ph_box_name_free(&name);
}

/* A full Outbox: the others have their turn after each message. */
START_TEST(test_turns)
{
	static const char *const files[] = {"1", "2", "3", "4"};
	struct gate gate = {.answer = -1, .order = g_string_new(NULL)};
	struct ph_queue *queue = ph_queue_new(1, pass, &gate);

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		offer(queue, "l", files[i]);
	wait_entered(&gate, 1);
	offer(queue, "m", "1");
	offer(queue, "n", "1");
	offer(queue, "m", "2");
	allow(&gate, 100);
	wait_idle(queue);
	ck_assert_str_eq(gate.order->str, "l1 m1 n1 l2 m2 l3 l4 ");
	ck_assert(ph_queue_stop(&queue, 10000));
	g_string_free(gate.order, TRUE);
}
END_TEST

/* How many messages of a mailbox were entered. */
static int
entered_of(struct gate *gate, char local)
{
	int n = 0;

	g_mutex_lock(&gate->mutex);
	for (const char *p = gate->order->str; *p != '\0'; p++)
		n += *p == local;
	g_mutex_unlock(&gate->mutex);
	return n;
}

/* Until all of them but one ended, whose answer was to wait for a minute. */
static void
wait_for_one(struct ph_queue *queue, const char *const (*offered)[2], int n)
{
	int ended = 0;

	while (ended < n - 1) {
		g_thread_yield();
		ended = 0;
		for (int i = 0; i < n; i++) {
			struct ph_box_name *name =
			    ph_box_name_new("DB1", "d", offered[i][0]);

			ended += ph_queue_offer(queue, name, "new",
						offered[i][1]) > 30000;
			ph_box_name_free(&name);
		}
	}
}

/* A mailbox that hangs has half of the threads, though its turn comes before
 * that of those who have the others; and then come more of them, and fewer. */
START_TEST(test_share_and_size)
{
	static const char *const offered[][2] = {
	    {"l", "1"}, {"l", "2"}, {"l", "3"}, {"l", "4"}, {"m", "1"},
	    {"n", "1"}, {"o", "1"}, {"p", "1"}, {"l", "5"}, {"l", "6"}};
	struct gate gate = {.answer = 60000, .order = g_string_new(NULL)};
	struct ph_queue *queue = ph_queue_new(4, pass, &gate);

	for (size_t i = 0; i < G_N_ELEMENTS(offered); i++)
		if (*offered[i][0] == 'l')
			offer(queue, "l", offered[i][1]);
	wait_entered(&gate, 2);
	offer(queue, "m", "1");
	offer(queue, "n", "1");
	wait_entered(&gate, 4);
	ck_assert_int_eq(entered_of(&gate, 'l'), 2);
	ph_queue_resize(queue, 8);
	wait_entered(&gate, 6);
	offer(queue, "o", "1");
	offer(queue, "p", "1");
	wait_entered(&gate, 8);
	ck_assert_int_eq(entered_of(&gate, 'l'), 4);
	/* The last of the eight has the one thread that is left, and then
	 * those that wait have it, one after the other. */
	offer(queue, "q", "1");
	offer(queue, "r", "1");
	ph_queue_resize(queue, 1);
	allow(&gate, 7);
	wait_for_one(queue, offered, 8);
	g_mutex_lock(&gate.mutex);
	gate.most = gate.inside;
	g_mutex_unlock(&gate.mutex);
	allow(&gate, 100);
	wait_idle(queue);
	ck_assert_int_eq(gate.entered, 12);
	ck_assert_int_eq(gate.most, 1);
	ck_assert(ph_queue_stop(&queue, 10000));
	g_string_free(gate.order, TRUE);
}
END_TEST

UNIT_MAIN("store/submission/queue", test_queue, test_stop_late, test_turns,
	  test_share_and_size)
