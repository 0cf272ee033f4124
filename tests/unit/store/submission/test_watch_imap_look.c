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

/* As a server that builds its index anew: keywords may be lost, too. */
static void
renumber(struct world *world, bool keywords)
{
	g_mutex_lock(&world->imap.mutex);
	world->imap.validity++;
	for (guint i = 0; i < world->imap.letters->len; i++) {
		struct fake_letter *letter = world->imap.letters->pdata[i];

		letter->uid += 100;
		letter->claimed = letter->claimed && keywords;
	}
	world->imap.next_uid += 100;
	g_mutex_unlock(&world->imap.mutex);
}

static char *
imap_where(struct world *world)
{
	return g_strdup_printf("out%u sent%u drafts%u in%u",
			       fake_imap_count(&world->imap, "Outbox"),
			       fake_imap_count(&world->imap, "Sent"),
			       fake_imap_count(&world->imap, "Drafts"),
			       fake_imap_count(&world->imap, "INBOX"));
}

static void
look_until(struct world *world, struct ph_imap_look *look, const char *wanted)
{
	int64_t end = ph_clock_mono() + 20000;

	for (;;) {
		g_autofree char *so = NULL;

		ph_imap_look(&world->lab.submission, world->queue, look);
		ck_assert_int_eq(look->end, PH_IMAP_LOOK_DONE);
		while (!ph_queue_idle(world->queue))
			g_usleep(1000);
		so = imap_where(world);
		if (strcmp(so, wanted) == 0)
			return;
		ck_assert_msg(ph_clock_mono() < end, "%s", so);
	}
}

#define HEAD(n)                                     \
	"From: nuno@example.com\r\n"                \
	"Date: Sun, 11 Nov 2012 10:00:00 +0000\r\n" \
	"Message-ID: <" n "@example.com>\r\n"
#define TO "To: a@x.example, b@x.example\r\n\r\n"

/* The Outbox has another UIDVALIDITY while something is on its way: who has it
 * does not get it again; what is new, or only looks like it, is sent. */
START_TEST(test_new_validity)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	static const struct {
		const char *text, *other;
		bool keywords;
	} rows[] = {
	    {HEAD("1") TO "x", HEAD("2") TO "x", true},
	    {HEAD("1") TO "x", HEAD("2") TO "x", false},
	    {"From: nuno@example.com\r\n" TO "x", HEAD("1") TO "x", true},
	    {"From: nuno@example.com\r\n" TO "x",
	     "To: c@x.example\r\nFrom: nuno@example.com\r\n\r\n", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_imap_look look = {
		    .name = ph_box_name_new("DB1", "example.com", "nuno"),
		    .note = note_nothing};
		guint of_a = 0;
		struct world world;

		world_open(&world, later);
		world.lab.submission.retry_min = 1;
		world.lab.submission.retry_max = 1;
		world.queue = ph_queue_new(4, lab_run_item, &world.lab);
		fake_imap_add(&world.imap, "Outbox", rows[i].text,
			      strlen(rows[i].text), "");
		look_until(&world, &look, "out1 sent0 drafts0 in0");
		ck_assert_uint_eq(world.fake.mails->len, 1);
		renumber(&world, rows[i].keywords);
		fake_imap_add(&world.imap, "Outbox", rows[i].other,
			      strlen(rows[i].other), "");
		world.fake.rules = NULL;
		look_until(&world, &look, "out0 sent2 drafts0 in0");
		ck_assert_uint_eq(world.fake.mails->len, 3);
		for (guint k = 0; k < world.fake.mails->len; k++) {
			const struct fake_mail *mail =
			    world.fake.mails->pdata[k];

			of_a +=
			    strcmp(mail->rcpts->pdata[0], "<a@x.example>") == 0;
		}
		ck_assert_uint_eq(of_a, i < 3 ? 2 : 1);
		ck_assert_uint_eq(
		    lab_count(&world.lab, ".posthub-submission/state"), 0);
		ph_box_name_free(&look.name);
		world_close(&world);
	}
}
END_TEST

/* All have it when that happens, and it is not in Sent yet. */
START_TEST(test_new_validity_before_sent)
{
	static const char text[] = HEAD("1") TO "x";
	struct fake_imap_rule full[] = {
	    {NULL, "UID MOVE", FAKE_INSTEAD, "NO [SERVERBUG] not now", 0},
	    {NULL, NULL, 0, NULL, 0}};
	struct ph_imap_look look = {
	    .name = ph_box_name_new("DB1", "example.com", "nuno"),
	    .note = note_nothing};
	struct world world;

	world_open(&world, NULL);
	world.lab.submission.retry_min = 1;
	world.queue = ph_queue_new(4, lab_run_item, &world.lab);
	fake_imap_add(&world.imap, "Outbox", text, strlen(text), "");
	set_rules(&world, full);
	look_until(&world, &look, "out1 sent0 drafts0 in0");
	ck_assert_uint_eq(world.fake.mails->len, 1);
	set_rules(&world, NULL);
	renumber(&world, true);
	/* By who works on it just then. */
	ck_assert_int_gt(
	    ph_item_run(&world.lab.submission, look.name, NULL, "7.1"), 0);
	look_until(&world, &look, "out0 sent1 drafts0 in0");
	ck_assert_uint_eq(world.fake.mails->len, 1);
	ph_box_name_free(&look.name);
	world_close(&world);
}
END_TEST

UNIT_MAIN("store/submission/watch_imap_look", test_signs, test_no_outbox,
	  test_new_validity, test_new_validity_before_sent)
