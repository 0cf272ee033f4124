#include "tests/unit/store/submission/imap_office.h"

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

/* Who has sent keeps the session, and who never did is polled, however often
 * all of them are looked at. */
START_TEST(test_who_listens)
{
	struct world world;
	guint nuno, ana;

	world_open(&world, NULL);
	world_start(&world, 20, 2);
	save(&world, FAKE_NUNO);
	save(&world, ANA);
	wait_count(&world, "Sent", 2);
	/* It has no session, so both others have. */
	wait_heard(&world, MANY ": login", logins(&world, MANY) + 3);
	nuno = logins(&world, FAKE_NUNO);
	ana = logins(&world, ANA);
	wait_heard(&world, MANY ": login", logins(&world, MANY) + 20);
	ck_assert_uint_eq(logins(&world, FAKE_NUNO), nuno);
	ck_assert_uint_eq(logins(&world, ANA), ana);
	world_close(&world);
}
END_TEST

/* One session: it goes to who sends, from one to the other. */
START_TEST(test_session_moves)
{
	static const char *const users[] = {FAKE_NUNO, ANA, MANY};
	struct world world;

	world_open(&world, NULL);
	world_start(&world, 20, 1);
	for (guint i = 0; i < 6; i++) {
		const char *other = users[(i + 1) % 3];
		g_autofree char *polled = g_strconcat(other, ": login", NULL);
		guint before;

		save(&world, users[i % 3]);
		wait_count(&world, "Sent", i + 1);
		wait_heard(&world, polled, logins(&world, other) + 3);
		before = logins(&world, users[i % 3]);
		wait_heard(&world, polled, logins(&world, other) + 5);
		ck_assert_uint_eq(logins(&world, users[i % 3]), before);
	}
	world_close(&world);
}
END_TEST

/* What waits in an Outbox for its time does not use it. */
START_TEST(test_who_waits)
{
	static const char later[] =
	    "From: " FAKE_NUNO "\r\nDeferred-Delivery: Thu, 1 Jan 2150 "
	    "10:00:00 +0000" TO_MOTA;
	struct world world;
	guint ana;

	world_open(&world, NULL);
	fake_imap_add(&world.imap, "Outbox", later, strlen(later), "");
	world_start(&world, 20, 1);
	wait_heard(&world, "-FLAGS.SILENT ($PosthubClaimed)", 1);
	save(&world, ANA);
	wait_count(&world, "Sent", 1);
	wait_heard(&world, FAKE_NUNO ": login", logins(&world, FAKE_NUNO) + 3);
	ana = logins(&world, ANA);
	wait_heard(&world, FAKE_NUNO ": login", logins(&world, FAKE_NUNO) + 20);
	ck_assert_uint_eq(logins(&world, ANA), ana);
	world_close(&world);
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

/* ---- what messages wait for --------------------------------------------- */

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

UNIT_MAIN("store/submission/watch_imap", test_told, test_polled,
	  test_who_listens, test_session_moves, test_who_waits,
	  test_told_at_once, test_searches, test_health, test_change,
	  test_other_database)
