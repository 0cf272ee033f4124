#include "store/submission/box_imap.h"
#include "tests/unit/store/submission/fake_imap.h"
#include "tests/unit/store/submission/mails.h"

/* ---- an item's way through an IMAP mailbox ------------------------------ */

struct world {
	struct fake fake;
	struct fake_imap imap;
	struct lab lab;
	struct ph_imap_server server;
};

#define CRLF_HEAD                                   \
	"From: nuno@example.com\r\n"                \
	"Date: Sun, 11 Nov 2012 10:00:00 +0000\r\n" \
	"Message-ID: <1@example.com>\r\nSubject: x\r\n"
#define TO_TWO CRLF_HEAD "To: a@x.example, b@x.example\r\n\r\nhello\r\n"
#define BARE \
	"From: nuno@example.com\r\nTo: a@x.example, b@x.example\r\n\r\nx\r\n"

static const struct fake_rule b_is_unknown[] = {
    {0, "RCPT TO:<b@", "550 5.1.1 who"}, {0, NULL, NULL}};

static void
world_open(struct world *world, const struct fake_rule *rules)
{
	fake_open(&world->fake, rules);
	fake_imap_open(&world->imap);
	lab_open(&world->lab, &world->fake);
	fake_imap_server(&world->imap, &world->server);
	world->lab.submission.imap = &world->server;
}

static void
world_close(struct world *world)
{
	fake_close(&world->fake);
	fake_imap_close(&world->imap);
	lab_close(&world->lab);
}

static void
save(struct world *world, const char *text)
{
	fake_imap_add(&world->imap, "Outbox", text, strlen(text), "");
}

/* One look: everything that is there is taken as far as it goes. False: it
 * could not look. */
static bool
run_once(struct world *world)
{
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	g_autoptr(GPtrArray) claimed = NULL, waiting = NULL;
	struct ph_box *box = NULL;
	bool good =
	    ph_item_open(&world->lab.submission, name, &box, NULL) == 1 &&
	    ph_box_imap_look(box, &claimed, &waiting, NULL) >= 0;

	ph_box_close(&box);
	for (guint i = 0; good && i < claimed->len; i++)
		ph_item_run(&world->lab.submission, name, NULL,
			    claimed->pdata[i]);
	for (guint i = 0; good && i < waiting->len; i++)
		ph_item_run(&world->lab.submission, name, "Outbox",
			    waiting->pdata[i]);
	ph_box_name_free(&name);
	return good;
}

static char *
where(struct world *world)
{
	return g_strdup_printf("out%u sent%u drafts%u in%u",
			       fake_imap_count(&world->imap, "Outbox"),
			       fake_imap_count(&world->imap, "Sent"),
			       fake_imap_count(&world->imap, "Drafts"),
			       fake_imap_count(&world->imap, "INBOX"));
}

START_TEST(test_ways)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	static const struct {
		const char *text;
		const struct fake_rule *rules;
		const char *where;
		guint mails;
	} ways[] = {
	    {TO_TWO, NULL, "out0 sent1 drafts0 in0", 1},
	    {BARE, NULL, "out0 sent1 drafts0 in0", 1},
	    {TO_TWO, b_is_unknown, "out0 sent1 drafts0 in1", 1},
	    {"From: mota@example.com\r\nTo: a@x.example\r\n\r\n", NULL,
	     "out0 sent0 drafts1 in1", 0},
	    {"", NULL, "out0 sent0 drafts1 in1", 0},
	    {TO_TWO, down, "out1 sent0 drafts0 in0", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		g_autofree char *so = NULL;
		struct world world;

		world_open(&world, ways[i].rules);
		save(&world, ways[i].text);
		ck_assert(run_once(&world));
		so = where(&world);
		ck_assert_msg(strcmp(so, ways[i].where) == 0, "%zu: %s", i, so);
		ck_assert_uint_eq(world.fake.mails->len, ways[i].mails);
		for (guint k = 0; k < world.imap.letters->len; k++) {
			const struct fake_letter *letter =
			    world.imap.letters->pdata[k];

			ck_assert(!letter->claimed);
			ck_assert_int_eq(letter->seen,
					 strcmp(letter->folder, "Sent") == 0);
		}
		world_close(&world);
	}
}
END_TEST

/* What was added to it is in the Sent copy. */
START_TEST(test_completed)
{
	struct world world;
	const struct fake_letter *letter;

	world_open(&world, NULL);
	save(&world, BARE);
	ck_assert(run_once(&world));
	letter = world.imap.letters->pdata[0];
	ck_assert_str_eq(letter->folder, "Sent");
	ck_assert(g_str_has_suffix(letter->text->str, BARE));
	ck_assert_ptr_nonnull(strstr(letter->text->str, "Message-ID: <"));
	ck_assert_ptr_nonnull(strstr(letter->text->str, "Date: "));
	world_close(&world);
}
END_TEST

/* The mail program has saved its own copy, perhaps with the time of its Date:
 * not longer ago is looked for. */
START_TEST(test_own_copy)
{
	g_autofree char *so = NULL;
	struct world world;

	world_open(&world, NULL);
	fake_imap_add(&world.imap, "Sent", TO_TWO, strlen(TO_TWO), "\\Seen");
	save(&world, TO_TWO);
	ck_assert(run_once(&world));
	so = where(&world);
	ck_assert_str_eq(so, "out0 sent1 drafts0 in0");
	ck_assert_uint_eq(
	    fake_imap_heard(&world.imap,
			    "SINCE 10-Nov-2012 HEADER Message-ID \"<1@"),
	    1);
	world_close(&world);
}
END_TEST

/* While it waits it keeps its state: the wait grows, and it expires. */
START_TEST(test_waits)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	g_autofree char *so = NULL, *events = NULL;
	struct world world;

	world_open(&world, down);
	save(&world, BARE);
	for (int i = 0; i < 3; i++)
		ck_assert(run_once(&world));
	events = lab_events(&world.lab);
	ck_assert_str_eq(events, "RECEIVE SUBMITDEFER");
	world.lab.submission.expiry = 0;
	ck_assert(run_once(&world));
	so = where(&world);
	ck_assert_str_eq(so, "out0 sent0 drafts1 in1");
	world_close(&world);
}
END_TEST

static bool
keeps(const char *base, const void *context)
{
	return strcmp(base, context) == 0;
}

/* Taken back by its owner: nothing of it remains here. */
START_TEST(test_taken_back)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	struct ph_box *box = NULL;
	struct world world;

	world_open(&world, down);
	save(&world, BARE);
	save(&world, TO_TWO);
	ck_assert(run_once(&world));
	ck_assert_uint_eq(lab_count(&world.lab, ".posthub-submission/items"),
			  2);
	ck_assert_int_eq(ph_item_open(&world.lab.submission, name, &box, NULL),
			 1);
	ph_box_sweep(box, keeps, "7.2");
	ph_box_close(&box);
	ck_assert_uint_eq(lab_count(&world.lab, ".posthub-submission/items"),
			  1);
	ck_assert_uint_eq(lab_count(&world.lab, ".posthub-submission/state"),
			  1);
	world.fake.rules = NULL;
	g_ptr_array_remove_index(world.imap.letters, 0);
	ck_assert(run_once(&world));
	ck_assert_uint_eq(world.fake.mails->len, 1);
	world_close(&world);
	ph_box_name_free(&name);
}
END_TEST

/* Another server has it, by CONDSTORE or not. */
START_TEST(test_claimed_by_another)
{
	for (int condstore = 0; condstore < 2; condstore++) {
		struct world world;
		struct ph_box_name *name =
		    ph_box_name_new("DB1", "example.com", "nuno");

		world_open(&world, NULL);
		world.imap.condstore = condstore;
		save(&world, TO_TWO);
		((struct fake_letter *)world.imap.letters->pdata[0])->claimed =
		    true;
		ck_assert_int_eq(
		    ph_item_run(&world.lab.submission, name, "Outbox", "7.1"),
		    -1);
		ck_assert_uint_eq(world.fake.mails->len, 0);
		/* Of another life of the Outbox, and no name at all. */
		ck_assert_int_eq(
		    ph_item_run(&world.lab.submission, name, "Outbox", "6.1"),
		    -1);
		ck_assert_int_eq(
		    ph_item_run(&world.lab.submission, name, "Outbox", "x"),
		    -1);
		ck_assert_uint_eq(world.fake.mails->len, 0);
		world_close(&world);
		ph_box_name_free(&name);
	}
}
END_TEST

/* An earlier draft of it, which its program has saved under the same
 * Message-ID, is not what goes back. */
START_TEST(test_earlier_draft)
{
	static const struct fake_rule nobody[] = {{0, "RCPT", "550 5.1.1 who"},
						  {0, NULL, NULL}};
	static const char head[] =
	    "From: nuno@example.com\r\nMessage-ID: <1@example.com>\r\n"
	    "To: a@x.example\r\n\r\n";
	g_autofree char *first = g_strconcat(head, "Dear", NULL);
	g_autofree char *last = g_strconcat(head, "Dear Ana\r\n", NULL);
	g_autofree char *so = NULL;
	guint found = 0;
	struct world world;

	world_open(&world, nobody);
	fake_imap_add(&world.imap, "Drafts", first, strlen(first), "\\Draft");
	save(&world, last);
	ck_assert(run_once(&world));
	so = where(&world);
	ck_assert_str_eq(so, "out0 sent0 drafts2 in1");
	for (guint i = 0; i < world.imap.letters->len; i++) {
		const struct fake_letter *letter = world.imap.letters->pdata[i];

		found += strcmp(letter->folder, "Drafts") == 0 &&
			 g_str_has_suffix(letter->text->str, last);
	}
	ck_assert_uint_eq(found, 1);
	world_close(&world);
}
END_TEST

/* One that is too large goes back without being fetched; its owner is told
 * which one it is. */
START_TEST(test_too_large)
{
	static const char head[] = CRLF_HEAD "To: a@x.example\r\n\r\n";
	g_autoptr(GString) text = g_string_new(head);
	g_autofree char *so = NULL;
	const struct fake_letter *draft, *notice;
	struct world world;

	world_open(&world, NULL);
	g_string_set_size(text, 3000000);
	memset(text->str + strlen(head), 'x', text->len - strlen(head));
	fake_imap_add(&world.imap, "Outbox", text->str, text->len, "");
	ck_assert(run_once(&world));
	so = where(&world);
	ck_assert_str_eq(so, "out0 sent0 drafts1 in1");
	ck_assert_uint_eq(fake_imap_heard(&world.imap, "BODY.PEEK"), 1);
	ck_assert_int_lt(world.imap.said, 300000);
	draft = world.imap.letters->pdata[0];
	notice = world.imap.letters->pdata[1];
	ck_assert(g_string_equal(draft->text, text));
	ck_assert_ptr_nonnull(
	    strstr(notice->text->str, "it has 3000000 bytes, 1000000 are"));
	ck_assert_ptr_nonnull(
	    strstr(notice->text->str, "Subject: Undeliverable: x\r\n"));
	ck_assert_uint_eq(lab_count(&world.lab, ".posthub-submission/tmp"), 0);
	world_close(&world);
}
END_TEST

/* The Inbox is over its quota: what is not sent waits in the Outbox, where its
 * owner sees it, and then goes to Drafts without a notice. */
START_TEST(test_no_room_for_the_notice)
{
	struct fake_imap_rule full[] = {{NULL, "APPEND \"INBOX\"", FAKE_INSTEAD,
					 "NO [OVERQUOTA] Quota exceeded", 0},
					{NULL, NULL, 0, NULL, 0}};
	g_autofree char *soon = NULL, *late = NULL;
	struct world world;

	world_open(&world, NULL);
	world.imap.rules = full;
	save(&world, "From: mota@example.com\r\nTo: a@x.example\r\n\r\n");
	ck_assert(run_once(&world));
	ck_assert(run_once(&world));
	soon = where(&world);
	ck_assert_str_eq(soon, "out1 sent0 drafts0 in0");
	ck_assert(
	    !((struct fake_letter *)world.imap.letters->pdata[0])->claimed);
	world.lab.submission.expiry = 0;
	ck_assert(run_once(&world));
	late = where(&world);
	ck_assert_str_eq(late, "out0 sent0 drafts1 in0");
	world_close(&world);
}
END_TEST

/* Our own copy is lost, and less is allowed than before: what nobody has goes
 * back, and those who wait are not waited for beyond the expiry. */
START_TEST(test_too_large_by_now)
{
	static const struct fake_rule down[] = {{0, "greeting", NULL},
						{0, NULL, NULL}};
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	static const struct {
		const struct fake_rule *rules;
		const char *soon, *late;
	} rows[] = {
	    {down, "out0 sent0 drafts1 in1", "out0 sent0 drafts1 in1"},
	    {later, "out1 sent0 drafts0 in0", "out0 sent1 drafts0 in1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) text = g_string_new(BARE);
		g_autofree char *copy = NULL, *soon = NULL, *late = NULL;
		struct world world;

		world_open(&world, rows[i].rules);
		world.lab.submission.sent_as_sent = true;
		g_string_set_size(text, 300000);
		memset(text->str + strlen(BARE), 'x', text->len - strlen(BARE));
		save(&world, text->str);
		ck_assert(run_once(&world));
		copy = lab_folder(&world.lab, ".posthub-submission/items/7.1");
		ck_assert_int_eq(unlink(copy), 0);
		world.lab.submission.max_size = 10;
		ck_assert(run_once(&world));
		soon = where(&world);
		ck_assert_str_eq(soon, rows[i].soon);
		world.lab.submission.expiry = 0;
		ck_assert(run_once(&world));
		late = where(&world);
		ck_assert_str_eq(late, rows[i].late);
		world_close(&world);
	}
}
END_TEST

/* Our own copy is lost while it is on its way: what is in the Outbox is not
 * taken for gone. */
START_TEST(test_copy_is_lost)
{
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	struct ph_box *box = NULL;
	g_autofree char *so = NULL;
	struct world world;

	world_open(&world, NULL);
	save(&world, TO_TWO);
	ck_assert_int_eq(ph_item_open(&world.lab.submission, name, &box, NULL),
			 1);
	ck_assert_int_eq(
	    ph_box_file(box, "7.1", ".Sent", "1.x:2,S", false, NULL), 0);
	ph_box_close(&box);
	so = where(&world);
	ck_assert_str_eq(so, "out0 sent1 drafts0 in0");
	world_close(&world);
	ph_box_name_free(&name);
}
END_TEST

/* The Outbox is away when it was sent: as long as it is, nothing is done that
 * would make what comes back with it a new message. */
START_TEST(test_outbox_is_away)
{
	struct fake_imap_rule away[] = {{NULL, "SELECT \"Outbox\"",
					 FAKE_INSTEAD,
					 "NO [NONEXISTENT] no such folder", 0},
					{NULL, NULL, 0, NULL, 0}};
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	struct ph_box *box = NULL;
	g_autofree char *before = NULL, *after = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct world world;
	uint64_t size;
	int fd;

	world_open(&world, NULL);
	save(&world, TO_TWO);
	ck_assert_int_eq(ph_item_open(&world.lab.submission, name, &box, NULL),
			 1);
	ck_assert_int_eq(ph_box_item(box, "7.1", 1000, &fd, &size, NULL), 1);
	close(fd);
	world.imap.rules = away;
	ck_assert_int_eq(
	    ph_box_file(box, "7.1", ".Sent", "1.x:2,S", false, &err), -1);
	ck_assert_str_eq(err.text, "there is no Outbox");
	before = where(&world);
	ck_assert_str_eq(before, "out1 sent0 drafts0 in0");
	ck_assert_uint_eq(lab_count(&world.lab, ".posthub-submission/items"),
			  1);
	world.imap.rules = NULL;
	ck_assert_int_eq(
	    ph_box_file(box, "7.1", ".Sent", "1.x:2,S", false, NULL), 0);
	after = where(&world);
	ck_assert_str_eq(after, "out0 sent1 drafts0 in0");
	ph_box_close(&box);
	world_close(&world);
	ph_box_name_free(&name);
}
END_TEST

/* ---- a connection that breaks ------------------------------------------ */

/* At every seventh byte that the server says, once; then it is as ever. Each
 * recipient gets it once, it is in Sent once, and there is one notice. */
#define CUT 7

static void
cut_everywhere(const char *text, const struct fake_rule *rules,
	       const char *wanted, guint mails)
{
	bool cut = true;

	in_memory();
	for (int64_t left = 0; cut; left += CUT) {
		g_autofree char *so = NULL;
		struct world world;

		world_open(&world, rules);
		save(&world, text);
		world.imap.left = left;
		for (int i = 0; i < 3; i++)
			run_once(&world);
		cut = world.imap.cut;
		so = where(&world);
		ck_assert_msg(strcmp(so, wanted) == 0, "%d: %s", (int)left, so);
		ck_assert_msg(world.fake.mails->len == mails, "%d: %u",
			      (int)left, world.fake.mails->len);
		world_close(&world);
	}
}

START_TEST(test_cut_sent)
{
	cut_everywhere(TO_TWO, NULL, "out0 sent1 drafts0 in0", 1);
}
END_TEST

START_TEST(test_cut_completed)
{
	cut_everywhere(BARE, NULL, "out0 sent1 drafts0 in0", 1);
}
END_TEST

START_TEST(test_cut_refused)
{
	cut_everywhere(TO_TWO, b_is_unknown, "out0 sent1 drafts0 in1", 1);
}
END_TEST

START_TEST(test_cut_returned)
{
	cut_everywhere("From: mota@example.com\r\nMessage-ID: <2@x>\r\n"
		       "To: a@x.example\r\n\r\n",
		       NULL, "out0 sent0 drafts1 in1", 0);
}
END_TEST

UNIT_MAIN("store/submission/box_imap", test_ways, test_completed, test_own_copy,
	  test_waits, test_taken_back, test_claimed_by_another,
	  test_earlier_draft, test_too_large, test_no_room_for_the_notice,
	  test_too_large_by_now, test_copy_is_lost, test_outbox_is_away,
	  test_cut_sent, test_cut_completed, test_cut_refused,
	  test_cut_returned)
