#include "lib/base/clock.h"
#include "store/submission/queue.h"
#include "store/submission/watch_imap.h"
#include "tests/unit/store/submission/fake_imap.h"

/* Outboxes behind an IMAP server: nuno's and another in DB1, ana's in DB3. */

#define HOUR 3600000
#define ANA "ana@a.example"
#define TO_MOTA "\r\nTo: mota@example.com\r\n\r\nx\r\n"

struct world {
	struct fake fake;
	struct fake_imap imap;
	struct lab lab;
	struct ph_imap_server server;
	struct ph_queue *queue;
	struct ph_watch_imap *watch;
};

static int64_t
run(void *context, const struct ph_box_name *name, const char *part,
    const char *file)
{
	const struct lab *lab = context;

	return ph_item_run(&lab->submission, name, part, file);
}

static void
world_open(struct world *world, const struct fake_rule *rules)
{
	fake_open(&world->fake, rules);
	fake_imap_open(&world->imap);
	world->imap.idle = true;
	lab_open(&world->lab, &world->fake);
	fake_imap_server(&world->imap, &world->server);
	world->lab.submission.imap = &world->server;
	world->lab.submission.retry_min = HOUR;
	world->lab.submission.retry_max = HOUR;
}

static void
world_start(struct world *world, int64_t rescan, int64_t idle)
{
	world->queue = ph_queue_new(4, run, &world->lab);
	world->watch = ph_watch_imap_start(&world->lab.submission, world->queue,
					   rescan, idle);
}

static void
world_close(struct world *world)
{
	ck_assert(ph_watch_imap_stop(&world->watch, 20000));
	ck_assert_ptr_null(world->watch);
	ck_assert(ph_queue_stop(&world->queue, 20000));
	fake_close(&world->fake);
	fake_imap_close(&world->imap);
	lab_close(&world->lab);
}

static void
save(struct world *world, const char *user)
{
	g_autofree char *text = g_strconcat("From: ", user, TO_MOTA, NULL);

	g_mutex_lock(&world->imap.mutex);
	fake_imap_add_for(&world->imap, user, "Outbox", text, strlen(text), "");
	g_mutex_unlock(&world->imap.mutex);
}

static void
set_rules(struct world *world, struct fake_imap_rule *rules)
{
	g_mutex_lock(&world->imap.mutex);
	world->imap.rules = rules;
	g_mutex_unlock(&world->imap.mutex);
}

static void
wait_count(struct world *world, const char *folder, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_count(&world->imap, folder) != n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", folder,
			      fake_imap_count(&world->imap, folder), n);
		g_usleep(2000);
	}
}

static void
wait_heard(struct world *world, const char *text, guint n)
{
	const int64_t end = ph_clock_mono() + 40000;

	while (fake_imap_heard(&world->imap, text) < n) {
		ck_assert_msg(ph_clock_mono() < end, "%s: %u, not %u", text,
			      fake_imap_heard(&world->imap, text), n);
		g_usleep(2000);
	}
}

#define NUNO_IDLES FAKE_NUNO ": IDLE"
#define ANA_IDLES ANA ": IDLE"

/* ---- when all is well --------------------------------------------------- */

/* The poll is an hour away: the server has told, each time. */
START_TEST(test_told)
{
	struct world world;

	world_open(&world, NULL);
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_count(&world, "Sent", 1);
	wait_heard(&world, ANA_IDLES, 1);
	save(&world, ANA);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 3);
	wait_count(&world, "Outbox", 0);
	world_close(&world);
}
END_TEST

/* No IDLE, by the server or by the setting; one session for two. */
START_TEST(test_polled)
{
	for (int way = 0; way < 3; way++) {
		struct world world;

		world_open(&world, NULL);
		world.imap.idle = way > 0;
		world_start(&world, 100, way == 1 ? 0 : 1);
		save(&world, FAKE_NUNO);
		save(&world, ANA);
		wait_count(&world, "Sent", 2);
		save(&world, ANA);
		save(&world, FAKE_NUNO);
		wait_count(&world, "Sent", 4);
		if (way < 2)
			ck_assert_uint_eq(fake_imap_heard(&world.imap, "IDLE"),
					  0);
		world_close(&world);
	}
}
END_TEST

/* What is told right behind the "+" is looked at. */
START_TEST(test_told_at_once)
{
	struct fake_imap_rule rules[] = {
	    {FAKE_NUNO, "IDLE", FAKE_BEHIND, "* 1 EXISTS\r\n", 1},
	    {NULL, NULL, 0, NULL, 0}};
	struct world world;

	world_open(&world, NULL);
	world.imap.rules = rules;
	world_start(&world, HOUR, 10);
	wait_heard(&world, NUNO_IDLES, 2);
	world_close(&world);
}
END_TEST

/* In an empty Outbox nothing is searched for. */
START_TEST(test_searches)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct world world;

	world_open(&world, down);
	world_start(&world, HOUR, 10);
	wait_heard(&world, ": IDLE", 3);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "SELECT"), 3);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "SEARCH"), 0);
	world_close(&world);
}
END_TEST

/* ---- what messages wait for ---------------------------------------------- */

static void
wait_idle(struct world *world)
{
	while (!ph_queue_idle(world->queue))
		g_usleep(1000);
}

/* No Transport server has a heartbeat; when one has, it goes at once. */
START_TEST(test_health)
{
	struct world world;

	world_open(&world, NULL);
	world.lab.down = 1;
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	wait_idle(&world);
	ck_assert_uint_eq(world.fake.connections, 0);
	g_atomic_int_set(&world.lab.down, 0);
	wait_count(&world, "Sent", 1);
	world_close(&world);
}
END_TEST

START_TEST(test_change)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct ph_snapshot *old, *next;
	struct world world;

	world_open(&world, down);
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	wait_idle(&world);
	world.fake.rules = NULL;
	next = lab_snapshot(world.fake.port, "MBX1");
	old = g_atomic_pointer_get(&world.lab.snapshot);
	g_atomic_pointer_set(&world.lab.snapshot, next);
	wait_count(&world, "Sent", 1);
	world_close(&world);
	ph_snapshot_unref(&old);
}
END_TEST

/* Of a database that is active elsewhere nobody logs in, until it comes. */
START_TEST(test_other_database)
{
	struct ph_snapshot *old, *next;
	struct world world;

	world_open(&world, NULL);
	ph_snapshot_unref(&world.lab.snapshot);
	world.lab.snapshot = lab_snapshot(world.fake.port, "MBX2");
	save(&world, FAKE_NUNO);
	world_start(&world, HOUR, 10);
	wait_heard(&world, ANA_IDLES, 1);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, FAKE_NUNO), 0);
	next = lab_snapshot(world.fake.port, "MBX1");
	old = g_atomic_pointer_get(&world.lab.snapshot);
	g_atomic_pointer_set(&world.lab.snapshot, next);
	wait_count(&world, "Sent", 1);
	world_close(&world);
	ph_snapshot_unref(&old);
}
END_TEST

/* ---- when the server has trouble ----------------------------------------- */

/* One mailbox hangs for good, wherever: the other is served, and a stop waits
 * for neither. */
START_TEST(test_one_hangs)
{
	static const char *const places[] = {"SELECT", "IDLE"};

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, places[i], FAKE_HANGS, NULL, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;

		world_open(&world, NULL);
		world.server.timeout = HOUR;
		world.imap.rules = rules;
		world_start(&world, 100, 10);
		wait_heard(&world, i == 0 ? FAKE_NUNO ": SELECT" : NUNO_IDLES,
			   1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			wait_count(&world, "Sent", n);
		}
		world_close(&world);
	}
}
END_TEST

/* It hung until its time was over: it is tried again, and then well. */
START_TEST(test_tried_again)
{
	static const struct {
		const char *command;
		enum fake_imap_how how;
		const char *text;
	} rows[] = {
	    {"SELECT", FAKE_HANGS, NULL},
	    {"SELECT", FAKE_INSTEAD, "NO [SERVERBUG] trouble"},
	    {"UID SEARCH", FAKE_INSTEAD, "NO trouble"},
	    {"login", FAKE_INSTEAD, ""},
	    {"login", FAKE_HANGS, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, rows[i].command, rows[i].how, rows[i].text, 2},
		    {FAKE_NUNO, "LIST", FAKE_FRONT,
		     "* LIST () \"/\" Outbox\r\n", 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;

		world_open(&world, NULL);
		world.server.timeout = world.server.connect_timeout = 1000;
		world.lab.submission.retry_min = 50;
		world.imap.rules = rules;
		save(&world, FAKE_NUNO);
		world_start(&world, HOUR, 10);
		wait_count(&world, "Sent", 1);
		world_close(&world);
	}
}
END_TEST

/* A login that is refused is that mailbox's own trouble. */
START_TEST(test_refused)
{
	struct fake_imap_rule rules[] = {
	    {FAKE_NUNO, "login", FAKE_INSTEAD, "", 0},
	    {NULL, NULL, 0, NULL, 0}};
	struct world world;
	guint before;

	world_open(&world, NULL);
	world_start(&world, 100, 0);
	wait_heard(&world, FAKE_NUNO ": login", 1);
	wait_heard(&world, ANA ": login", 1);
	before = fake_imap_heard(&world.imap, FAKE_NUNO ": login");
	set_rules(&world, rules);
	/* One of them may have been let in before. */
	wait_heard(&world, FAKE_NUNO ": login", before + 1);
	save(&world, ANA);
	wait_count(&world, "Sent", 1);
	save(&world, ANA);
	wait_count(&world, "Sent", 2);
	/* Its next time is an hour away. */
	ck_assert_uint_le(fake_imap_heard(&world.imap, FAKE_NUNO ": login"),
			  before + 2);
	world_close(&world);
}
END_TEST

/* Nobody is let in: one asks for all; whoever has a session is served. */
START_TEST(test_server_is_down)
{
	struct fake_imap_rule rules[] = {
	    {NULL, "AUTHENTICATE", FAKE_INSTEAD, "NO [UNAVAILABLE] later", 0},
	    {NULL, NULL, 0, NULL, 0}};
	struct world world;
	unsigned before;

	world_open(&world, NULL);
	world.lab.submission.retry_min = 50;
	world.lab.submission.retry_max = 50;
	/* Nuno has the only session, ana is polled. */
	save(&world, FAKE_NUNO);
	world_start(&world, 100, 1);
	wait_count(&world, "Sent", 1);
	set_rules(&world, rules);
	save(&world, ANA);
	before = fake_imap_heard(&world.imap, "AUTHENTICATE");
	wait_heard(&world, "AUTHENTICATE", before + 5);
	ck_assert_uint_eq(fake_imap_count(&world.imap, "Sent"), 1);
	set_rules(&world, NULL);
	wait_count(&world, "Sent", 2);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 3);
	world_close(&world);
}
END_TEST

/* All sessions break; new ones come, and hear. */
START_TEST(test_sessions_break)
{
	struct world world;

	world_open(&world, NULL);
	world_start(&world, HOUR, 10);
	wait_heard(&world, NUNO_IDLES, 1);
	wait_heard(&world, ANA_IDLES, 1);
	g_mutex_lock(&world.imap.mutex);
	for (guint i = 0; i < world.imap.fds->len; i++)
		shutdown(g_array_index(world.imap.fds, int, i), SHUT_RDWR);
	g_mutex_unlock(&world.imap.mutex);
	wait_heard(&world, NUNO_IDLES, 2);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 1);
	world_close(&world);
}
END_TEST

UNIT_MAIN("store/submission/watch_imap", test_told, test_polled,
	  test_told_at_once, test_searches, test_health, test_change,
	  test_other_database, test_one_hangs, test_tried_again, test_refused,
	  test_server_is_down, test_sessions_break)
