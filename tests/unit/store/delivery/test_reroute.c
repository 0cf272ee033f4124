#include "store/delivery/reroute.h"

#include "lib/smtp/lmtp_server.h"
#include "tests/unit/store/delivery/remote.h"

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define MAIL "MAIL FROM:<ana@example.com> SIZE=1000"
#define CONTENT                                                                \
	"X-PostHub-Network-Message-Id: " NMID "\r\nMessage-ID: <1@x>\r\n"      \
	"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nFrom: <ana@example.com>\r\n" \
	"Subject: Hello\r\n\r\n..dot\r\n\xc3\xa9\r\n.\r\n"
#define AWAY "RCPT TO:<away@example.com>\r\n"
#define NUNO "RCPT TO:<nuno@example.com>\r\n"
#define MOTA "RCPT TO:<mota@example.com>\r\n"
#define AWAY_OK "250 2.1.5 <away@example.com> Recipient OK\r\n"
#define NUNO_OK "250 2.1.5 <nuno@example.com> Recipient OK\r\n"
#define MOTA_OK "250 2.1.5 <mota@example.com> Recipient OK\r\n"
#define GO "354 End with a dot on a line by itself\r\n"
#define DELIVERED(who) "250 2.1.5 <" who "@example.com> Delivered\r\n"

static struct lab here, there;
static struct ph_store *store_here, *store_there;
static struct remote remote;

static enum ph_recipient_verdict
active_there(void *context, const char *database, int64_t epoch,
	     struct ph_err *err)
{
	struct lab *lab = context;

	return ph_recipient_active(lab->snapshot, "MBX2", database, epoch, err);
}

static void
serve(int fd, void *context)
{
	struct lab *lab = context;
	struct ph_stream *stream = ph_stream_new(fd);

	ph_session_serve(&lab->shared, stream);
	ph_stream_free(&stream);
}

/* db3: the server that has it in the eyes of MBX2. */
static void
setup_with(struct ph_store *other, const char *db3)
{
	store_here = ph_store_memory();
	store_there = other;
	remote_listen(&remote);
	remote_lab(&here, store_here, &remote);
	remote_lab(&there, store_there, &remote);
	ph_snapshot_unref(&there.snapshot);
	there.snapshot = remote_state(remote.port, db3);
	there.deliver.server = "MBX2";
	there.deliver.active = active_there;
	there.deliver.context = &there;
	remote_start(&remote, serve, &there);
}

static void
setup(void)
{
	setup_with(ph_store_memory(), "MBX2");
}

static void
teardown(void)
{
	remote_stop(&remote);
	lab_close(&here);
	lab_close(&there);
	ph_store_close(&store_here);
	ph_store_close(&store_there);
}

static void
check(const char *peer, const char *mail, const char *said,
      const char *expected)
{
	g_autofree char *got = remote_answers(&here, peer, mail, said);

	ck_assert_str_eq(got, expected);
}

static size_t
count(struct ph_store *store, const char *address)
{
	return ph_store_memory_count(store, address);
}

/* ---- handed over --------------------------------------------------------- */

START_TEST(test_handed_over)
{
	setup();
	check(OWN_POSTFIX, MAIL, AWAY "DATA\r\n" CONTENT,
	      AWAY_OK GO DELIVERED("away"));
	ck_assert_uint_eq(count(store_here, "away@example.com"), 0);
	ck_assert_uint_eq(count(store_there, "away@example.com"), 1);
	ck_assert(g_regex_match_simple(
	    "^Return-Path: <ana@example\\.com>\n"
	    "Received: from mbx2\\.example\\.com \\(127\\.0\\.0\\.1\\)\n"
	    "\tby mbx2\\.example\\.com with LMTP \\(posthub\\)\n"
	    "\tvia Mailbox Transport; .*\n"
	    "Received: from mbx1\\.example\\.com \\(192\\.0\\.2\\.1\\)\n"
	    "\tby mbx1\\.example\\.com with LMTP \\(posthub\\)\n"
	    "\tvia Mailbox Transport; .*\n"
	    "X-PostHub-Network-Message-Id: " NMID "\nMessage-ID: <1@x>\n"
	    "Date: .*\nFrom: .*\nSubject: Hello\n\n\\.dot\n\xc3\xa9\n$",
	    ph_store_memory_content(store_there, "away@example.com", 0), 0, 0));
	teardown();
}
END_TEST

/* Answers come in the order of the recipients, wherever they are. */
START_TEST(test_here_and_there)
{
	setup_with(ph_store_failing(PH_STORE_STEP_COMMIT, PH_STORE_QUOTA,
				    "gone@example.com"),
		   "MBX2");
	check(OWN_POSTFIX, MAIL,
	      NUNO AWAY MOTA "RCPT TO:<gone@example.com>\r\nDATA\r\n" CONTENT,
	      NUNO_OK AWAY_OK MOTA_OK
	      "250 2.1.5 <gone@example.com> Recipient OK\r\n" GO DELIVERED(
		  "nuno") DELIVERED("away")
		  DELIVERED("mota") "452 4.2.2 <gone@example.com> Mailbox "
				    "full: the store fails on "
				    "purpose\r\n");
	ck_assert_uint_eq(remote.sessions, 1);
	ck_assert_uint_eq(count(store_here, "nuno@example.com"), 1);
	ck_assert_uint_eq(count(store_here, "mota@example.com"), 1);
	ck_assert_uint_eq(count(store_here, "away@example.com"), 0);
	teardown();
}
END_TEST

START_TEST(test_twice)
{
	setup();
	check(OWN_POSTFIX, MAIL,
	      AWAY "DATA\r\n" CONTENT MAIL "\r\n" AWAY "DATA\r\n" CONTENT,
	      AWAY_OK GO DELIVERED(
		  "away") "250 2.1.0 Sender OK\r\n" AWAY_OK GO
			  "250 2.1.5 <away@example.com> Delivered before\r\n");
	ck_assert_uint_eq(count(store_there, "away@example.com"), 1);
	teardown();
}
END_TEST

/* ---- what the other side says -------------------------------------------- */

START_TEST(test_refused_at_rcpt)
{
	struct ph_directory *down =
	    ph_directory_failing(PH_ERR_PERM, "two have it");

	setup();
	there.shared.directory = down;
	check(OWN_POSTFIX, MAIL, AWAY NUNO "DATA\r\n" CONTENT,
	      "550 5.1.4 <away@example.com> Recipient ambiguous: two have it"
	      "\r\n" NUNO_OK GO DELIVERED("nuno"));
	ck_assert_uint_eq(count(store_here, "nuno@example.com"), 1);
	teardown();
	ph_directory_close(&down);
}
END_TEST

START_TEST(test_refused_at_the_end)
{
	setup_with(ph_store_failing(PH_STORE_STEP_COMMIT, PH_STORE_QUOTA, NULL),
		   "MBX2");
	check(OWN_POSTFIX, MAIL, NUNO AWAY "DATA\r\n" CONTENT,
	      NUNO_OK AWAY_OK GO DELIVERED(
		  "nuno") "452 4.2.2 <away@example.com> Mailbox full: the "
			  "store fails on purpose\r\n");
	teardown();
}
END_TEST

START_TEST(test_refused_at_data)
{
	static const char busy[] = "451 4.3.0 Mailbox database in use: ";
	g_autofree char *got = NULL;

	setup_with(ph_store_failing(PH_STORE_STEP_BEGIN, PH_STORE_BUSY, NULL),
		   "MBX2");
	got = remote_answers(&here, OWN_POSTFIX, MAIL, AWAY "DATA\r\n");
	ck_assert(g_str_has_prefix(got, AWAY_OK));
	ck_assert(g_str_has_prefix(got + strlen(AWAY_OK), busy));
	g_free(got);
	/* Of use to another recipient: told at the end. */
	got = remote_answers(&here, OWN_POSTFIX, MAIL,
			     AWAY NUNO "DATA\r\n" CONTENT);
	ck_assert(g_str_has_prefix(got, AWAY_OK NUNO_OK GO));
	ck_assert(g_str_has_prefix(got + strlen(AWAY_OK NUNO_OK GO), busy));
	ck_assert(g_str_has_suffix(got, DELIVERED("nuno")));
	teardown();
}
END_TEST

/* Nothing here takes it, the other side does. */
START_TEST(test_no_database_here)
{
	struct ph_store *failing =
	    ph_store_failing(PH_STORE_STEP_BEGIN, PH_STORE_BUSY, NULL);
	g_autofree char *got = NULL;

	setup();
	here.deliver.store = failing;
	got = remote_answers(&here, OWN_POSTFIX, MAIL,
			     NUNO AWAY "DATA\r\n" CONTENT);
	ck_assert(g_str_has_prefix(got, NUNO_OK AWAY_OK GO
				   "451 4.3.0 Mailbox database in use: "));
	ck_assert(g_str_has_suffix(got, "\r\n" DELIVERED("away")));
	ck_assert_uint_eq(count(store_there, "away@example.com"), 1);
	teardown();
	ph_store_close(&failing);
}
END_TEST

/* ---- one hop at most ----------------------------------------------------- */

#define INACTIVE                                             \
	"432 4.3.2 <away@example.com> Mailbox database not " \
	"active here: database DB3 is active on "

START_TEST(test_handed_over_to_us)
{
	setup();
	check(OWN_POSTFIX, MAIL " " PH_LMTP_REROUTED, AWAY,
	      INACTIVE "MBX2\r\n");
	ck_assert_uint_eq(remote.sessions, 0);
	here.shared.actions[PH_RECIPIENT_INACTIVE] = PH_INACTIVE_NDR;
	check(OWN_POSTFIX, MAIL " " PH_LMTP_REROUTED, AWAY,
	      INACTIVE "MBX2\r\n");
	teardown();
}
END_TEST

/* Each of the two believes that the other has it. */
START_TEST(test_they_do_not_agree)
{
	setup_with(ph_store_memory(), "MBX1");
	check(OWN_POSTFIX, MAIL, AWAY, INACTIVE "MBX1\r\n");
	ck_assert_uint_eq(remote.sessions, 1);
	teardown();
}
END_TEST

START_TEST(test_a_strangers_mail_is_not_handed_over)
{
	setup();
	check(STRANGER, MAIL, AWAY, INACTIVE "MBX2\r\n");
	ck_assert_uint_eq(remote.sessions, 0);
	teardown();
}
END_TEST

START_TEST(test_other_settings)
{
	setup();
	here.shared.actions[PH_RECIPIENT_INACTIVE] = PH_INACTIVE_RETRY;
	check(OWN_POSTFIX, MAIL, AWAY, INACTIVE "MBX2\r\n");
	here.shared.actions[PH_RECIPIENT_INACTIVE] = PH_INACTIVE_NDR;
	check(OWN_POSTFIX, MAIL, AWAY "RCPT TO:<nowhere@example.com>\r\n",
	      "550 5.2.0 STOREDRV.Deliver; mailbox database is not active "
	      "here\r\n"
	      "451 4.3.0 <nowhere@example.com> Mailbox database unavailable: "
	      "database DB9 does not exist\r\n");
	ck_assert_uint_eq(remote.sessions, 0);
	teardown();
}
END_TEST

/* ---- cut, and in pieces -------------------------------------------------- */

static const char whole[] =
    "LHLO x\r\n" MAIL "\r\n" NUNO AWAY "DATA\r\n" CONTENT;

START_TEST(test_cut_everywhere)
{
	for (size_t cut = 1; cut < sizeof(whole); cut++) {
		g_autofree char *got = NULL;
		bool complete = cut == sizeof(whole) - 1;

		setup();
		got = lab_talk(&here, OWN_POSTFIX, whole, cut, 0);
		ck_assert(g_str_has_prefix(got, "220 "));
		remote_stop(&remote);
		ck_assert_uint_eq(count(store_here, "nuno@example.com"),
				  complete);
		ck_assert_uint_eq(count(store_there, "away@example.com"),
				  complete);
		lab_close(&here);
		lab_close(&there);
		ph_store_close(&store_here);
		ph_store_close(&store_there);
	}
}
END_TEST

START_TEST(test_pieces)
{
	for (size_t step = 1; step < 8; step++) {
		g_autofree char *got = NULL;

		setup();
		got = lab_talk(&here, OWN_POSTFIX, whole, sizeof(whole) - 1,
			       step);
		ck_assert(g_str_has_suffix(got, GO DELIVERED("nuno")
						    DELIVERED("away")));
		ck_assert_ptr_nonnull(strstr(
		    ph_store_memory_content(store_there, "away@example.com", 0),
		    "\n\n.dot\n\xc3\xa9\n"));
		teardown();
	}
}
END_TEST

/* ---- tracking ------------------------------------------------------------ */

static bool
visit(struct ph_track_record *record, void *context)
{
	static const enum ph_column columns[] = {
	    PH_COL_CLIENT_HOSTNAME,  PH_COL_SERVER_HOSTNAME,
	    PH_COL_CONNECTOR_ID,     PH_COL_SOURCE,
	    PH_COL_EVENT_ID,	     PH_COL_SOURCE_CONTEXT,
	    PH_COL_RECIPIENT_ADDRESS};
	GString *rows = context;

	ck_assert_str_eq(ph_track_get(record, PH_COL_NETWORK_MESSAGE_ID), NMID);
	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
		const char *value = ph_track_get(record, columns[i]);

		if (columns[i] != PH_COL_SOURCE_CONTEXT ||
		    strcmp(value, "Rerouted") == 0)
			g_string_append_printf(rows, "%s|", value);
	}
	g_string_append_c(rows, '\n');
	return true;
}

static char *
rows_of(const char *directory)
{
	GString *rows = g_string_new(NULL);

	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, visit, rows, NULL, NULL), 0);
	return g_string_free(rows, FALSE);
}

static void
open_log(struct lab *lab, const char *directory)
{
	struct ph_track_options options = {.directory = directory,
					   .prefix = "MSGTRKMD",
					   .server = lab->deliver.server,
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_track_log_open(&options, &lab->deliver.log, &err) == 0,
		      "%s", err.text);
}

START_TEST(test_rows)
{
	g_autofree char *dir_here = unit_mkdir(), *dir_there = unit_mkdir();
	g_autofree char *rows_here = NULL, *rows_there = NULL;

	setup();
	open_log(&here, dir_here);
	open_log(&there, dir_there);
	check(OWN_POSTFIX, MAIL, AWAY "DATA\r\n" CONTENT,
	      AWAY_OK GO DELIVERED("away"));
	rows_here = rows_of(dir_here);
	rows_there = rows_of(dir_there);
	ck_assert_str_eq(
	    rows_here,
	    "mbx1.example.com|MBX1|MBX1\\Default Mailbox Delivery MBX1|SMTP|"
	    "RECEIVE|away@example.com|\n"
	    "MBX1|mbx2.example.com|Intra-Organization SMTP Send Connector|"
	    "SMTP|SEND|Rerouted|away@example.com|\n");
	ck_assert_str_eq(
	    rows_there,
	    "mbx2.example.com|MBX2|MBX2\\Default Mailbox Delivery MBX2|SMTP|"
	    "RECEIVE|away@example.com|\n"
	    "MBX2|MBX2||STOREDRIVER|DELIVER|away@example.com|\n");
	teardown();
	unit_rmdir(&dir_here);
	unit_rmdir(&dir_there);
}
END_TEST

UNIT_MAIN("store/delivery/reroute", test_handed_over, test_here_and_there,
	  test_twice, test_refused_at_rcpt, test_refused_at_the_end,
	  test_refused_at_data, test_no_database_here, test_handed_over_to_us,
	  test_they_do_not_agree, test_a_strangers_mail_is_not_handed_over,
	  test_other_settings, test_cut_everywhere, test_pieces, test_rows)
