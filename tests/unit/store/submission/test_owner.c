#include "lib/directory/directory.h"
#include "tests/unit/store/submission/lab.h"
#include "tests/unit/store/submission/mails.h"

#include <sys/file.h>

/* ---- what its owner wants ---------------------------------------------- */

/* In the Outbox until then; a time that has come sends at once. */
START_TEST(test_deferred)
{
	static const char text[] = HEAD "To: mota@example.com\n"
					"Deferred-Delivery: %s\n\nhello\n";

	for (int seconds = -3600; seconds <= 3600 * 48; seconds += 3600) {
		char date[PH_LETTER_DATE];
		g_autofree char *message = NULL, *where = NULL, *events = NULL;
		int64_t wait, want = MIN(seconds, 3600) * 1000;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		ph_letter_date(g_get_real_time() / 1000 + seconds * 1000, date,
			       sizeof(date));
		message = g_strdup_printf(text, date);
		lab_put(&lab, "new", "1.M1.h", message, strlen(message));
		wait = lab_run(&lab);
		where = lab_where(&lab);
		events = lab_events(&lab);
		ck_assert_str_eq(
		    where, seconds > 0 ? "out1 work0 state1 sent0 drafts0 in0"
				       : "out0 work0 state0 sent1 drafts0 in0");
		ck_assert_str_eq(events, seconds > 0 ? "" : "RECEIVE SUBMIT");
		if (seconds > 0)
			ck_assert(wait > want - 60000 && wait <= want);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

#define RESENT                                                             \
	"Resent-From: nuno@example.com\nResent-To: a@x.example\n"          \
	"Resent-Bcc: b@x.example\nResent-Date: Sun, 11 Nov 2012 10:00:00 " \
	"+0000\nResent-From: ana@a.example\nResent-To: old@x.example\n"
#define MOTAS "From: mota@example.com\nTo: c@x.example\n\nx\n"
#define OWN "From: nuno@example.com\nTo: c@x.example\n\nx\n"

START_TEST(test_resent)
{
	static const struct {
		const char *message;
		bool any;
		const char *reason; /* NULL: sent */
	} mails[] = {
	    {RESENT OWN, false, NULL},
	    {RESENT MOTAS, true, NULL},
	    {RESENT MOTAS, false, "as mota@example.com, which its From"},
	    {"Resent-From: mota@example.com\nResent-To: a@x.example\n" OWN,
	     true, "as mota@example.com, which its Resent-From"},
	    {"Resent-To: a@x.example\n" OWN, true, "no Resent-From"},
	    {"Resent-From: nuno@example.com\n" OWN, true,
	     "no recipients in Resent-To"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autofree char *notice = NULL;
		const struct fake_mail *mail;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab.submission.resent_any = mails[i].any;
		lab_put(&lab, "new", "1.M1.h", mails[i].message,
			strlen(mails[i].message));
		ck_assert_int_eq(lab_run(&lab), -1);
		notice = lab_content(&lab, "new");
		if (mails[i].reason != NULL) {
			ck_assert_ptr_nonnull(notice);
			ck_assert_msg(strstr(notice, mails[i].reason) != NULL,
				      "%s", notice);
		} else {
			ck_assert_ptr_null(notice);
			ck_assert_uint_eq(fake.mails->len, 1);
			mail = fake.mails->pdata[0];
			ck_assert_uint_eq(mail->rcpts->len, 2);
			ck_assert_str_eq(mail->rcpts->pdata[0],
					 "<a@x.example>");
			ck_assert_str_eq(mail->rcpts->pdata[1],
					 "<b@x.example>");
			ck_assert_ptr_null(
			    strstr(mail->content->str, "Resent-Bcc"));
		}
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* On purpose once more: a mailbox must not take it for the same. */
START_TEST(test_resent_is_another)
{
	static const char *const mails[] = {
	    HEAD "To: a@x.example\n\nx\n",
	    "Resent-From: nuno@example.com\nResent-To: a@x.example\n"
	    "Resent-Date: Sun, 11 Nov 2012 11:00:00 +0000\n" HEAD
	    "To: a@x.example\n\nx\n",
	    "Resent-From: nuno@example.com\nResent-To: a@x.example\n"
	    "Resent-Date: Sun, 11 Nov 2012 12:00:00 +0000\n" HEAD
	    "To: a@x.example\n\nx\n"};
	g_autoptr(GHashTable) ids =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct fake fake;
	struct lab lab;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
		const struct fake_mail *mail;
		const char *id;

		lab_put(&lab, "new", "1.M1.h", mails[i], strlen(mails[i]));
		ck_assert_int_eq(lab_run(&lab), -1);
		mail = fake.mails->pdata[i];
		id = strstr(mail->content->str, "X-PostHub-Network-Message-Id");
		g_hash_table_add(ids, g_strndup(id, strcspn(id, "\r")));
	}
	ck_assert_uint_eq(g_hash_table_size(ids), G_N_ELEMENTS(mails));
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

/* ---- a database that moves --------------------------------------------- */

struct mover {
	struct lab *lab;
	int after; /* so many looks at the snapshot */
	const char *to;
	int64_t epoch;
	guint taken; /* messages by then */
};

static struct ph_snapshot *
take_and_move(void *context)
{
	struct mover *mover = context;
	g_autofree char *line = NULL;

	if (mover->after-- == 0) {
		mover->taken = mover->lab->fake->mails->len;
		line = g_strdup_printf(
		    "database|DB1|Servers=MBX1,MBX2|Active=%s|Epoch=%d",
		    mover->to, (int)mover->epoch);
		ph_snapshot_unref(&mover->lab->snapshot);
		mover->lab->snapshot =
		    lab_snapshot_with(mover->lab->fake->port, NULL, line);
	}
	return ph_snapshot_ref(mover->lab->snapshot);
}

/* Moved away, or away and back, at whatever moment: its message is taken at
 * most once before, and by nobody after; whoever has it then goes on. */
START_TEST(test_moves)
{
	for (int back = 0; back < 2; back++) {
		bool moved = true;

		for (int after = 1; moved; after++) {
			struct fake fake;
			struct lab lab;
			struct mover mover = {&lab, after,
					      back ? "MBX1" : "MBX2", 2, 0};
			g_autofree char *where = NULL;

			fake_open(&fake, NULL);
			lab_open(&lab, &fake);
			lab.submission.take = take_and_move;
			lab.submission.health = lab_no_health;
			lab.submission.context = &mover;
			lab_put(&lab, "new", "1.M1.h", TO_MOTA,
				strlen(TO_MOTA));
			lab_run(&lab);
			moved = mover.after < 0;
			if (moved)
				ck_assert_uint_eq(fake.mails->len, mover.taken);
			if (moved && !back) {
				lab_run(&lab);
				ck_assert_uint_eq(fake.mails->len, mover.taken);
			}
			/* The server that has it now. */
			mover.after = 0;
			mover.to = "MBX1";
			mover.epoch = 3;
			lab_run(&lab);
			lab_run(&lab);
			where = lab_where(&lab);
			ck_assert_str_eq(where,
					 "out0 work0 state0 sent1 drafts0 in0");
			ck_assert_uint_eq(fake.mails->len, 1);
			fake_close(&fake);
			lab_close(&lab);
		}
	}
}
END_TEST

/* A store that two servers share: while one works on it, the other waits. */
START_TEST(test_two_processes)
{
	g_autofree char *path = NULL, *items = NULL;
	struct fake fake;
	struct lab lab;
	int fd;

	fake_open(&fake, NULL);
	lab_open(&lab, &fake);
	items = lab_folder(&lab, ".posthub-submission/items");
	path = g_build_filename(items, "1.M1.h", NULL);
	g_mkdir_with_parents(items, 0700);
	ck_assert(g_file_set_contents(path, TO_MOTA, -1, NULL));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(lab_run(&lab), 5000);
	ck_assert_uint_eq(fake.mails->len, 0);
	close(fd);
	ck_assert_int_eq(lab_run(&lab), -1);
	ck_assert_uint_eq(fake.mails->len, 1);
	fake_close(&fake);
	lab_close(&lab);
}
END_TEST

UNIT_MAIN("store/submission/owner", test_deferred, test_resent,
	  test_resent_is_another, test_moves, test_two_processes)
