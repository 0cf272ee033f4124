#include "tests/unit/store/submission/imap_office.h"

/* ---- when the server has trouble ---------------------------------------- */

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

/* A mailbox that cannot be opened is alone with its trouble: its next time is
 * an hour away, that of others is not. */
START_TEST(test_own_trouble)
{
	static const struct {
		enum fake_imap_how how;
		const char *text;
	} rows[] = {
	    {FAKE_INSTEAD, "[AUTHENTICATIONFAILED] "},
	    {FAKE_INSTEAD, "[UNAVAILABLE] "},
	    {FAKE_HANGS, NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {FAKE_NUNO, "login", rows[i].how, rows[i].text, 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct world world;
		guint before;

		world_open(&world, NULL);
		world.server.connect_timeout = 1000;
		world_start(&world, 100, 0);
		wait_heard(&world, FAKE_NUNO ": login", 1);
		wait_heard(&world, ANA ": login", 1);
		before = fake_imap_heard(&world.imap, FAKE_NUNO ": login");
		set_rules(&world, rules);
		/* One of them may have been let in before. */
		wait_heard(&world, FAKE_NUNO ": login", before + 1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			wait_count(&world, "Sent", n);
		}
		/* More than once after the hanging one was given up. */
		wait_heard(&world, ANA ": login",
			   fake_imap_heard(&world.imap, ANA ": login") + 20);
		ck_assert_uint_le(
		    fake_imap_heard(&world.imap, FAKE_NUNO ": login"),
		    before + 2);
		world_close(&world);
	}
}
END_TEST

static struct fake_imap_rule closed[] = {
    {NULL, "greeting", FAKE_INSTEAD, "BYE full", 0}, {NULL, NULL, 0, NULL, 0}};

/* Nobody comes in: one asks for all, again and again, however long it takes;
 * whoever has a session is served. */
START_TEST(test_server_is_down)
{
	struct world world;

	world_open(&world, NULL);
	world.lab.submission.retry_min = 10;
	/* Nuno has the only session, ana is polled. */
	save(&world, FAKE_NUNO);
	world_start(&world, 100, 1);
	wait_count(&world, "Sent", 1);
	set_rules(&world, closed);
	save(&world, ANA);
	wait_heard(&world, "turned away", 50);
	ck_assert_uint_eq(fake_imap_count(&world.imap, "Sent"), 1);
	set_rules(&world, NULL);
	wait_count(&world, "Sent", 2);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 3);
	world_close(&world);
}
END_TEST

/* That a session is served says nothing of new ones: mailboxes that come
 * meanwhile do not ask. */
START_TEST(test_down_but_for_a_session)
{
	struct world world;
	guint before;

	world_open(&world, NULL);
	save(&world, FAKE_NUNO);
	world_start(&world, 100, 1);
	wait_count(&world, "Sent", 1);
	set_rules(&world, closed);
	wait_heard(&world, "turned away", 1);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {
		    "c1@a.example", "c2@a.example", "c3@a.example"};

		before = fake_imap_heard(&world.imap, FAKE_NUNO ": SELECT");
		wait_heard(&world, FAKE_NUNO ": SELECT", before + 5);
		set_twin(&world, names[i], false, false);
		wait_walks(&world, &world.twin.ended, 3);
	}
	/* Two were on their way when the first was turned away. */
	ck_assert_uint_le(fake_imap_heard(&world.imap, "turned away"), 2);
	world_close(&world);
}
END_TEST

/* ---- when the directory has --------------------------------------------- */

/* It takes its time: who is known is heard, polled, and sends; and then there
 * are more. A stop does not wait for it either. */
START_TEST(test_directory_hangs)
{
	for (int way = 0; way < 2; way++) {
		struct world world;

		world_open(&world, NULL);
		world_start(&world, 100, 1);
		wait_heard(&world, ANA ": SELECT", 1);
		wait_heard(&world, FAKE_NUNO ": SELECT", 1);
		set_twin(&world, "new@a.example", true, false);
		wait_walks(&world, &world.twin.begun, 1);
		for (guint n = 1; n <= 3; n++) {
			save(&world, ANA);
			save(&world, FAKE_NUNO);
			wait_count(&world, "Sent", 2 * n);
		}
		if (way == 0) {
			set_twin(&world, "new@a.example", false, false);
			wait_heard(&world, "new@a.example: SELECT", 1);
		} else {
			ck_assert(!ph_watch_imap_stop(&world.watch, 1));
			set_twin(&world, NULL, false, false);
		}
		world_close(&world);
	}
}
END_TEST

/* It tells of a part of them, and fails: those known go on, what it told of
 * comes with a whole answer. */
START_TEST(test_directory_fails)
{
	struct world world;

	world_open(&world, NULL);
	world_start(&world, 100, 1);
	wait_heard(&world, ANA ": SELECT", 1);
	wait_heard(&world, FAKE_NUNO ": SELECT", 1);
	set_twin(&world, "new@a.example", false, true);
	/* The first of them may have begun before. */
	wait_walks(&world, &world.twin.ended, 3);
	save(&world, ANA);
	save(&world, FAKE_NUNO);
	wait_count(&world, "Sent", 2);
	wait_heard(&world, MANY ": SELECT",
		   fake_imap_heard(&world.imap, MANY ": SELECT") + 5);
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "new@a.example"), 0);
	set_twin(&world, "new@a.example", false, false);
	wait_heard(&world, "new@a.example: SELECT", 1);
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

UNIT_MAIN("store/submission/watch_imap_failures", test_one_hangs,
	  test_tried_again, test_own_trouble, test_server_is_down,
	  test_down_but_for_a_session, test_directory_hangs,
	  test_directory_fails, test_sessions_break)
