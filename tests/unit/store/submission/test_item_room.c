#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

#include <signal.h>
#include <sys/resource.h>

/* Messages where there is no room for what is to be written about them: notices
 * and notes. */

/* The lines of the log that warn; g_free. */
static char *
read_warnings(const char *path)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GString *out = g_string_new(NULL);

	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		const char *warning = strstr(*line, "warning: ");

		if (warning != NULL)
			g_string_append_printf(out, "%s\n", warning);
	}
	return g_string_free(out, FALSE);
}

/* The Inbox cannot take the notice of who was refused: the others get it all
 * the same, and the notice is there once it can be. */
START_TEST(test_no_room_for_the_notice)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"},
	    {0, "RCPT TO:<c@", "550 5.1.1 who"},
	    {0, NULL, NULL}};
	g_autofree char *new = NULL, *notice = NULL, *where = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, later);
	lab_open(&lab, &fake);
	new = lab_folder(&lab, "new");
	ck_assert(g_file_set_contents(new, "x", 1, NULL));
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), 5000);
	fake.rules = NULL;
	ck_assert_int_eq(lab_run(&lab), 10000);
	ck_assert_uint_eq(fake.mails->len, 2);
	ck_assert_str_eq(
	    ((struct fake_mail *)fake.mails->pdata[1])->rcpts->pdata[0],
	    "<b@x.example>");
	ck_assert_int_eq(unlink(new), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	notice = lab_content(&lab, "new");
	ck_assert_ptr_nonnull(strstr(notice, "rfc822; c@x.example"));
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in1");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* It never can be: it is tried less and less often, where nobody has the
 * message its owner sees it meanwhile, and in the end the log, and a row, say
 * what became of it, which is where it belongs. */
START_TEST(test_notice_never_fits)
{
	static const struct fake_rule no_c[] = {
	    {0, "RCPT TO:<c@", "550 5.1.1 who"}, {0, NULL, NULL}};
	static const struct {
		const char *text, *waits, *ends, *events, *said;
	} ways[] = {
	    {"To: a@x.example\n\nx\n", "out1 work0 state1 sent0 drafts0 in0",
	     "out0 work0 state0 sent0 drafts1 in0", "SUBMITFAIL",
	     "that it is not sent"},
	    {TO_FOUR, "out0 work1 state1 sent0 drafts0 in0",
	     "out0 work0 state0 sent1 drafts0 in0", "RECEIVE SUBMIT SUBMITFAIL",
	     "who does not get it"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		g_autofree char *new = NULL, *log = NULL, *so = NULL;
		g_autofree char *events = NULL, *said = NULL, *want = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, no_c);
		lab_open(&lab, &fake);
		lab.submission.said = ph_said_new();
		lab.submission.retry_max = 15000;
		log = g_build_filename(lab.path, "said", NULL);
		ck_assert_ptr_nonnull(freopen(log, "w", stderr));
		new = lab_folder(&lab, "new");
		ck_assert(g_file_set_contents(new, "x", 1, NULL));
		lab_put(&lab, "new", "1.M1.h", ways[i].text,
			strlen(ways[i].text));
		ck_assert_int_eq(lab_run(&lab), 5000);
		ck_assert_int_eq(lab_run(&lab), 10000);
		ck_assert_int_eq(lab_run(&lab), 15000);
		so = lab_where(&lab);
		ck_assert_str_eq(so, ways[i].waits);
		g_free(so);
		lab.submission.expiry = 0;
		ck_assert_int_eq(lab_run(&lab), -1);
		so = lab_where(&lab);
		ck_assert_str_eq(so, ways[i].ends);
		events = lab_events(&lab);
		ck_assert_str_eq(events, ways[i].events);
		fflush(stderr);
		said = read_warnings(log);
		want = g_strdup_printf(
		    "warning: mailbox example.com/nuno: 1.M1.h: its owner is "
		    "not told yet %s: cannot open directory new: Not a "
		    "directory\n"
		    "warning: mailbox example.com/nuno: 1.M1.h: its owner is "
		    "not told %s: cannot open directory new: Not a "
		    "directory\n",
		    ways[i].said, ways[i].said);
		ck_assert_str_eq(said, want);
		ph_said_free(&lab.submission.said);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* It is tried again each few seconds, and said once, and anew when it is
 * something else. */
START_TEST(test_said_once)
{
	g_autofree char *drafts = NULL, *log = NULL, *said = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab.submission.said = ph_said_new();
	log = g_build_filename(lab.path, "said", NULL);
	ck_assert_ptr_nonnull(freopen(log, "w", stderr));
	drafts = lab_folder(&lab, ".Drafts");
	ck_assert(g_file_set_contents(drafts, "x", 1, NULL));
	lab_put(&lab, "new", "1.M1.h", "x", 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_int_eq(unlink(drafts), 0);
	ck_assert_int_eq(symlink("elsewhere", drafts), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_int_eq(unlink(drafts), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	fflush(stderr);
	said = read_warnings(log);
	ck_assert_str_eq(said, "warning: mailbox example.com/nuno: 1.M1.h: "
			       "cannot open directory .Drafts: Not a "
			       "directory\n"
			       "warning: mailbox example.com/nuno: 1.M1.h: "
			       ".Drafts is a symbolic link\n");
	ph_said_free(&lab.submission.said);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* Of files; sockets have none. What it was. */
static struct rlimit
limit_size(rlim_t size)
{
	struct rlimit old, now;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	now = old;
	now.rlim_cur = size;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &now), 0);
	return old;
}

/* While nothing can be noted, as on a full disk, nobody gets it: or it would be
 * as often as it is tried. */
START_TEST(test_nothing_can_be_noted)
{
	static const struct fake_rule later[] = {
	    {0, "RCPT TO:<b@", "450 4.2.0 later"}, {0, NULL, NULL}};
	g_autofree char *where = NULL;
	struct rlimit old;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, later);
	lab_open(&lab, &fake);
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_uint_eq(fake.mails->len, 1);
	fake.rules = NULL;
	old = limit_size(0);
	lab_run(&lab);
	lab_run(&lab);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_uint_eq(fake.mails->len, 1);
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 2);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

static void
fill_disk(void)
{
	limit_size(0);
}

/* The disk is full when a server has just taken it. */
START_TEST(test_taken_and_not_noted)
{
	g_autofree char *where = NULL;
	struct rlimit old = limit_size(RLIM_INFINITY);
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab.submission.unsaved = ph_unsaved_new();
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	fake.at_dot = fill_disk;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 1);
	where = lab_where(&lab);
	ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
	ph_unsaved_free(&lab.submission.unsaved);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* Another one of its name comes into the Outbox, and waits. */
START_TEST(test_not_noted_and_another)
{
	static const char key[] = "DB1/example.com/nuno/1.M1.h/0";
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", "nuno");
	g_autofree char *items = NULL, *item = NULL, *text = NULL;
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	lab.submission.unsaved = ph_unsaved_new();
	items = lab_folder(&lab, ".posthub-submission/items");
	item = g_build_filename(items, "1.M1.h", NULL);
	ck_assert_int_eq(g_mkdir_with_parents(items, 0700), 0);
	ck_assert(g_file_set_contents(item, TO_MOTA, -1, NULL));
	ph_unsaved_put(lab.submission.unsaved, key, g_strdup("x"));
	lab_put(&lab, "new", "1.M1.h", TO_FOUR, strlen(TO_FOUR));
	ck_assert_int_eq(ph_item_run(&lab.submission, name, "new", "1.M1.h"),
			 -1);
	text = ph_unsaved_take(lab.submission.unsaved, key);
	ck_assert_str_eq(text, "x");
	ph_unsaved_free(&lab.submission.unsaved);
	ph_box_name_free(&name);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

UNIT_MAIN("store/submission/item room", test_no_room_for_the_notice,
	  test_notice_never_fits, test_nothing_can_be_noted,
	  test_taken_and_not_noted, test_not_noted_and_another, test_said_once)
