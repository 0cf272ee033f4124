#include "tests/unit/store/submission/imap_office.h"

static void
note_nothing(void *context, struct ph_imap *session, bool begins)
{
	(void)context;
	(void)session;
	(void)begins;
}

/* What speaks of the server, and what of the mailbox alone. */
START_TEST(test_signs)
{
	static const struct {
		const char *command; /* NULL: none */
		enum fake_imap_how how;
		const char *text;
		bool directory; /* of states is there */
		enum ph_imap_look_end end;
		bool answered;
	} rows[] = {
	    {NULL, 0, NULL, true, PH_IMAP_LOOK_DONE, true},
	    {NULL, 0, NULL, false, PH_IMAP_LOOK_FAILED, false},
	    {"greeting", FAKE_INSTEAD, "BYE full", true, PH_IMAP_LOOK_NO_SERVER,
	     false},
	    {"greeting", FAKE_HANGS, NULL, true, PH_IMAP_LOOK_NO_SERVER, false},
	    {"login", FAKE_INSTEAD, "[UNAVAILABLE] ", true, PH_IMAP_LOOK_FAILED,
	     true},
	    {"login", FAKE_INSTEAD, "", true, PH_IMAP_LOOK_FAILED, true},
	    {"login", FAKE_HANGS, NULL, true, PH_IMAP_LOOK_FAILED, false},
	    {"SELECT", FAKE_INSTEAD, "NO [SERVERBUG] trouble", true,
	     PH_IMAP_LOOK_FAILED, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fake_imap_rule rules[] = {
		    {NULL, rows[i].command, rows[i].how, rows[i].text, 0},
		    {NULL, "LIST", FAKE_FRONT, "* LIST () \"/\" Outbox\r\n", 0},
		    {NULL, NULL, 0, NULL, 0}};
		struct ph_imap_look look = {
		    .name = ph_box_name_new("DB1", "example.com", "nuno"),
		    .note = note_nothing};
		struct world world;

		world_open(&world, NULL);
		if (rows[i].how == FAKE_HANGS)
			world.server.connect_timeout = 100;
		if (rows[i].command != NULL)
			world.imap.rules = rules;
		if (!rows[i].directory) {
			ck_assert_int_eq(rmdir(world.lab.box), 0);
			ck_assert(
			    g_file_set_contents(world.lab.box, "x", 1, NULL));
		}
		world.queue = ph_queue_new(4, lab_run_item, &world.lab);
		ph_imap_look(&world.lab.submission, world.queue, &look);
		ck_assert_msg(look.end == rows[i].end, "%zu: %d: %s", i,
			      look.end, look.err.text);
		ck_assert_int_eq(look.answered, rows[i].answered);
		ck_assert_ptr_null(look.box);
		ph_box_name_free(&look.name);
		world_close(&world);
	}
}
END_TEST

/* The server's store is away for a while: who has the message already does not
 * get it again. It has no Message-ID, by which a mailbox could recognise it. */
START_TEST(test_no_outbox)
{
	static const char text[] =
	    "From: nuno@example.com\r\nTo: a@x.example, b@x.example\r\n\r\nx";
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	struct fake_imap_rule away[] = {{NULL, "SELECT", FAKE_INSTEAD,
					 "NO [NONEXISTENT] no such folder", 0},
					{NULL, NULL, 0, NULL, 0}};
	struct ph_imap_look look = {
	    .name = ph_box_name_new("DB1", "example.com", "nuno"),
	    .note = note_nothing};
	const struct fake_mail *second;
	struct world world;

	world_open(&world, later);
	fake_imap_add(&world.imap, "Outbox", text, strlen(text), "");
	ck_assert_int_eq(
	    ph_item_run(&world.lab.submission, look.name, "Outbox", "7.1"),
	    HOUR);
	world.queue = ph_queue_new(4, lab_run_item, &world.lab);
	set_rules(&world, away);
	ph_imap_look(&world.lab.submission, world.queue, &look);
	ck_assert_int_eq(look.end, PH_IMAP_LOOK_DONE);
	set_rules(&world, NULL);
	world.fake.rules = NULL;
	ck_assert_int_eq(
	    ph_item_run(&world.lab.submission, look.name, NULL, "7.1"), -1);
	ck_assert_uint_eq(world.fake.mails->len, 2);
	second = world.fake.mails->pdata[1];
	ck_assert_uint_eq(second->rcpts->len, 1);
	ck_assert_str_eq(second->rcpts->pdata[0], "<b@x.example>");
	ph_box_name_free(&look.name);
	world_close(&world);
}
END_TEST

UNIT_MAIN("store/submission/watch_imap_look", test_signs, test_no_outbox)
