#include "lib/base/text.h"
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
		char date[PH_MAIL_DATE];
		g_autofree char *message = NULL, *where = NULL, *events = NULL;
		int64_t wait, want = MIN(seconds, 3600) * 1000;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		ph_format_mail_date(g_get_real_time() / 1000 +
					(gint64)seconds * 1000,
				    date, sizeof(date));
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

/* ---- the Sent copy ----------------------------------------------------- */

#define BCC                                                               \
	"Message-ID: <7@example.com>\n"                                   \
	"From: nuno@example.com\nDate: Sun, 11 Nov 2012 10:00:00 +0000\n" \
	"To: a@x.example\nBcc: b@x.example\nX-PostHub-SCL: 9\n\nhello\n.\nx\n"
#define NO_BCC                                                            \
	"Message-ID: <7@example.com>\n"                                   \
	"From: nuno@example.com\nDate: Sun, 11 Nov 2012 10:00:00 +0000\n" \
	"To: a@x.example\n\nhello\n.\nx\n"

START_TEST(test_sent_copy)
{
	static const struct {
		bool as_sent;
		const char *message, *sent;
	} copies[] = {
	    {false, BCC, BCC},
	    {true, BCC, NO_BCC},
	    {true,
	     "From: nuno@example.com\r\nBcc: b@x.example\r\n"
	     "Message-ID: <7@x>\r\nDate: Sun, 11 Nov 2012 10:00:00 "
	     "+0000\r\n\r\nx\r\n",
	     "From: nuno@example.com\r\nMessage-ID: <7@x>\r\n"
	     "Date: Sun, 11 Nov 2012 10:00:00 +0000\r\n\r\nx\r\n"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(copies); i++) {
		g_autofree char *sent = NULL, *where = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		lab.submission.sent_as_sent = copies[i].as_sent;
		lab_put(&lab, "new", "1.M1.h", copies[i].message,
			strlen(copies[i].message));
		ck_assert_int_eq(lab_run(&lab), -1);
		where = lab_where(&lab);
		ck_assert_str_eq(where, "out0 work0 state0 sent1 drafts0 in0");
		sent = lab_content(&lab, ".Sent/cur");
		ck_assert_str_eq(sent, copies[i].sent);
		ck_assert_uint_eq(lab_count(&lab, ".posthub-submission/tmp"),
				  0);
		fake_close(&fake);
		lab_close(&lab);
	}
}
END_TEST

/* A mail program has saved its own copy before, or something like it. */
START_TEST(test_own_copy)
{
	static const struct {
		const char *name; /* "now": of this hour */
		const char *content;
		guint sent;
	} own[] = {
	    {"cur/now.M1.h:2,S", NO_BCC, 1},
	    {"new/now.M1.h", NO_BCC, 1},
	    {"cur/1000000000.M1.h:2,S", NO_BCC, 2}, /* long ago */
	    {"cur/now.M1.h:2,S",
	     "Message-ID: <7@example.com>\nDate: Mon, 12 Nov 2012 10:00:00 "
	     "+0000\n\n",
	     2},
	    {"cur/now.M1.h:2,S",
	     "Message-ID: <8@example.com>\nDate: Sun, 11 Nov 2012 10:00:00 "
	     "+0000\n\n",
	     2},
	    {"cur/now.M1.h:2,S", "\xff", 2},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
		g_autoptr(GString) name = g_string_new(own[i].name);
		g_autofree char *seconds = g_strdup_printf(
		    "%" G_GINT64_FORMAT, g_get_real_time() / 1000000);
		g_autofree char *folder = NULL, *path = NULL, *dir = NULL;
		struct fake fake;
		struct lab lab;

		fake_open(&fake, NULL);
		lab_open(&lab, &fake);
		g_string_replace(name, "now", seconds, 1);
		folder = lab_folder(&lab, ".Sent");
		path = g_build_filename(folder, name->str, NULL);
		dir = g_path_get_dirname(path);
		g_mkdir_with_parents(dir, 0700);
		ck_assert(g_file_set_contents(path, own[i].content, -1, NULL));
		lab_put(&lab, "new", "1.M1.h", BCC, strlen(BCC));
		ck_assert_int_eq(lab_run(&lab), -1);
		ck_assert_uint_eq(fake.mails->len, 1);
		ck_assert_uint_eq(lab_count(&lab, ".Sent/cur") +
				      lab_count(&lab, ".Sent/new"),
				  own[i].sent);
		ck_assert_uint_eq(lab_count(&lab, ".posthub-submission/items"),
				  0);
		fake_close(&fake);
		lab_close(&lab);
	}
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
	  test_resent_is_another, test_sent_copy, test_own_copy, test_moves,
	  test_two_processes)
