#include "store/delivery/session.h"

#include "tests/unit/store/delivery/lab.h"

#include <sys/socket.h>
#include <unistd.h>

#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define HUB "192.0.2.2"
#define HEADERS                                                          \
	"Message-ID: <1@x>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" \
	"From: Ana <ana@example.com>\r\nSubject: Hello\r\n"
#define CONTENT HEADERS "\r\nbody\r\n.\r\n"

static struct ph_store *memory;
static struct lab lab;

static void
setup(void)
{
	memory = ph_store_memory();
	lab_open(&lab, memory);
}

static void
teardown(void)
{
	lab_close(&lab);
	ph_store_close(&memory);
}

/* The answers to what follows LHLO and MAIL. */
static char *
answers(const char *peer, const char *said)
{
	g_autofree char *all = g_strconcat(
	    "LHLO hub.test\r\nMAIL FROM:<ana@example.com>\r\n", said, NULL);
	g_autofree char *out = lab_talk(&lab, peer, all, strlen(all), 0);
	const char *mark = strstr(out, "250 2.1.0 Sender OK\r\n");

	ck_assert_ptr_nonnull(mark);
	return g_strdup(mark + strlen("250 2.1.0 Sender OK\r\n"));
}

static void
check_answers(const char *said, const char *expected)
{
	g_autofree char *got = answers(HUB, said);

	ck_assert_str_eq(got, expected);
}

static const struct {
	const char *address, *answer;
} recipients[] = {
    {"nuno@example.com", "250 2.1.5 <nuno@example.com> Recipient OK"},
    {"N.Uno@Example.COM", "250 2.1.5 <N.Uno@Example.COM> Recipient OK"},
    {"nobody@example.com", "550 5.1.1 <nobody@example.com> Recipient unknown"},
    {"nobody", "550 5.1.3 <nobody> Invalid address"},
    {"group@example.com", "550 5.2.1 <group@example.com> No mailbox here"},
    {"x@relay.example", "550 5.2.1 <x@relay.example> No mailbox here"},
    {"x@outside.test", "550 5.2.1 <x@outside.test> No mailbox here"},
    {"away@example.com",
     "432 4.3.2 <away@example.com> Mailbox database not active here: database "
     "DB3 is active on MBX2"},
    {"nowhere@example.com",
     "451 4.3.0 <nowhere@example.com> Mailbox database unavailable: database "
     "DB9 does not exist"},
};

static void
check_recipient(const char *address, const char *answer)
{
	g_autofree char *said = g_strdup_printf("RCPT TO:<%s>\r\n", address);
	g_autofree char *expected = g_strdup_printf("%s\r\n", answer);

	check_answers(said, expected);
}

START_TEST(test_recipients)
{
	setup();
	for (size_t i = 0; i < G_N_ELEMENTS(recipients); i++)
		check_recipient(recipients[i].address, recipients[i].answer);
	teardown();
}
END_TEST

START_TEST(test_directory_down)
{
	struct ph_directory *down =
	    ph_directory_failing(PH_ERR_TEMP, "no file yet");
	struct ph_directory *twice =
	    ph_directory_failing(PH_ERR_PERM, "two have it");

	setup();
	lab.shared.directory = down;
	check_recipient("nuno@example.com",
			"451 4.4.3 <nuno@example.com> Directory unavailable: "
			"no file yet");
	lab.shared.directory = twice;
	check_recipient("nuno@example.com",
			"550 5.1.4 <nuno@example.com> Recipient ambiguous: two "
			"have it");
	ph_directory_close(&down);
	ph_directory_close(&twice);
	teardown();
}
END_TEST

START_TEST(test_no_state)
{
	setup();
	ph_snapshot_unref(&lab.snapshot);
	check_recipient("nuno@example.com",
			"451 4.3.0 <nuno@example.com> No configuration yet: no "
			"state has been read yet");
	teardown();
}
END_TEST

/* ---- messages ---------------------------------------------------------- */

#define RCPT_TWO "RCPT TO:<nuno@example.com>\r\nRCPT TO:<mota@example.com>\r\n"
#define OK_TWO                                          \
	"250 2.1.5 <nuno@example.com> Recipient OK\r\n" \
	"250 2.1.5 <mota@example.com> Recipient OK\r\n"
#define GO "354 End with a dot on a line by itself\r\n"

START_TEST(test_delivers)
{
	const char *stored;

	setup();
	check_answers(RCPT_TWO "DATA\r\n" CONTENT,
		      OK_TWO GO "250 2.1.5 <nuno@example.com> Delivered\r\n"
				"250 2.1.5 <mota@example.com> Delivered\r\n");
	ck_assert_uint_eq(ph_store_memory_count(memory, "mota@example.com"), 1);
	stored = ph_store_memory_content(memory, "nuno@example.com", 0);
	ck_assert(g_regex_match_simple(
	    "^Return-Path: <ana@example\\.com>\n"
	    "Received: from mbx2\\.example\\.com \\(192\\.0\\.2\\.2\\)\n"
	    "\tby mbx1\\.example\\.com with LMTP \\(posthub\\)\n"
	    "\tvia Mailbox Transport; [A-Z][a-z]{2}, [1-9]\\d? [A-Z][a-z]{2} "
	    "\\d{4} \\d\\d:\\d\\d:\\d\\d \\+0000\n"
	    "Message-ID: <1@x>\nDate: Sat, 21 Nov 2026 10:00:00 \\+0000\n"
	    "From: Ana <ana@example\\.com>\nSubject: Hello\n\nbody\n$",
	    stored, 0, 0));
	teardown();
}
END_TEST

START_TEST(test_duplicates)
{
	setup();
	check_answers(
	    "RCPT TO:<nuno@example.com>\r\nRCPT TO:<n.uno@example.com>\r\n"
	    "DATA\r\n" CONTENT "MAIL FROM:<ana@example.com>\r\n" RCPT_TWO
	    "DATA\r\n" CONTENT,
	    "250 2.1.5 <nuno@example.com> Recipient OK\r\n"
	    "250 2.1.5 <n.uno@example.com> Recipient OK\r\n" GO
	    "250 2.1.5 <nuno@example.com> Delivered\r\n"
	    "250 2.1.5 <n.uno@example.com> Delivered before\r\n"
	    "250 2.1.0 Sender OK\r\n" OK_TWO GO
	    "250 2.1.5 <nuno@example.com> Delivered before\r\n"
	    "250 2.1.5 <mota@example.com> Delivered\r\n");
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 1);
	ck_assert_uint_eq(ph_store_memory_count(memory, "mota@example.com"), 1);
	teardown();
}
END_TEST

/* Whole, byte by byte and in odd pieces, and without a word of the answers
 * being waited for. */
START_TEST(test_pieces)
{
	static const char said[] =
	    "LHLO x\r\nXFORWARD IDENT=4XQ\r\nMAIL FROM:<>\r\n" RCPT_TWO
	    "DATA\r\n" CONTENT "QUIT\r\n";
	g_autofree char *whole = NULL;

	for (size_t step = 0; step < 12; step++) {
		g_autofree char *got = NULL;

		setup();
		got = lab_talk(&lab, HUB, said, sizeof(said) - 1, step);
		if (!whole)
			whole = g_strdup(got);
		ck_assert_str_eq(got, whole);
		ck_assert_uint_eq(
		    ph_store_memory_count(memory, "mota@example.com"), 1);
		teardown();
	}
	ck_assert(g_str_has_suffix(whole, "Delivered\r\n221 2.0.0 Bye\r\n"));
}
END_TEST

START_TEST(test_cut_everywhere)
{
	static const char said[] =
	    "LHLO x\r\nMAIL FROM:<>\r\n" RCPT_TWO "DATA\r\n" CONTENT;

	for (size_t cut = 1; cut < sizeof(said); cut++) {
		g_autofree char *got = NULL;
		bool complete = cut == sizeof(said) - 1;

		setup();
		got = lab_talk(&lab, HUB, said, cut, 0);
		ck_assert(g_str_has_prefix(got, "220 "));
		ck_assert_uint_eq(
		    ph_store_memory_count(memory, "nuno@example.com"),
		    complete);
		teardown();
	}
}
END_TEST

/* 200 recipients in two databases; each seventh is unknown, one of the others
 * has a full mailbox. */
START_TEST(test_many_recipients)
{
	struct ph_store *failing = ph_store_failing(
	    PH_STORE_STEP_COMMIT, PH_STORE_QUOTA, "u5@example.com");
	g_autoptr(GString) said = g_string_new(NULL);
	g_autoptr(GString) expected = g_string_new(NULL);
	g_autoptr(GString) last = g_string_new(GO);

	lab_open(&lab, failing);
	for (int i = 0; i < 200; i++) {
		const char *domain =
		    i % 7 == 0 ? "x.example.com" : "example.com";

		g_string_append_printf(said, "RCPT TO:<u%d@%s>\r\n", i, domain);
		if (i % 7 == 0) {
			g_string_append_printf(
			    expected, "550 5.2.1 <u%d@%s> No mailbox here\r\n",
			    i, domain);
			continue;
		}
		g_string_append_printf(
		    expected, "250 2.1.5 <u%d@%s> Recipient OK\r\n", i, domain);
		if (i == 5)
			g_string_append(
			    last, "452 4.2.2 <u5@example.com> Mailbox full: "
				  "the store fails on purpose\r\n");
		else
			g_string_append_printf(
			    last, "250 2.1.5 <u%d@%s> Delivered\r\n", i,
			    domain);
	}
	g_string_append(said, "DATA\r\n" CONTENT);
	g_string_append_len(expected, last->str, (gssize)last->len);
	check_answers(said->str, expected->str);
	ck_assert_uint_eq(
	    ph_store_memory_count(ph_store_failing_memory(failing),
				  "u199@example.com"),
	    1);
	ck_assert_uint_eq(
	    ph_store_memory_count(ph_store_failing_memory(failing),
				  "u5@example.com"),
	    0);
	lab_close(&lab);
	ph_store_close(&failing);
}
END_TEST

static const struct {
	enum ph_store_step step;
	enum ph_store_result result;
	const char *answers;
} failures[] = {
    {PH_STORE_STEP_BEGIN, PH_STORE_BUSY,
     "451 4.3.0 <nuno@example.com> Mailbox database in use: the store fails on "
     "purpose\r\n"},
    {PH_STORE_STEP_WRITE, PH_STORE_FULL,
     "452 4.3.1 <nuno@example.com> Mailbox database full: the store fails on "
     "purpose\r\n"},
    {PH_STORE_STEP_SEAL, PH_STORE_FAILED,
     "451 4.3.0 <nuno@example.com> Mailbox store failed: the store fails on "
     "purpose\r\n"},
};

/* What DB1 cannot do is not DB2's. */
START_TEST(test_one_database_fails)
{
	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
		struct ph_store *failing = ph_store_failing(
		    failures[i].step, failures[i].result, "DB1");
		g_autofree char *expected = g_strconcat(
		    OK_TWO GO, failures[i].answers,
		    "250 2.1.5 <mota@example.com> Delivered\r\n", NULL);

		lab_open(&lab, failing);
		check_answers(RCPT_TWO "DATA\r\n" CONTENT, expected);
		lab_close(&lab);
		ph_store_close(&failing);
	}
}
END_TEST

START_TEST(test_no_database_at_data)
{
	struct ph_store *failing =
	    ph_store_failing(PH_STORE_STEP_BEGIN, PH_STORE_FULL, NULL);

	lab_open(&lab, failing);
	check_answers(RCPT_TWO "DATA\r\nRSET\r\n",
		      OK_TWO "452 4.3.1 Mailbox database full: the store fails "
			     "on purpose\r\n250 2.0.0 Ok\r\n");
	lab_close(&lab);
	ph_store_close(&failing);
}
END_TEST

/* The record may be lost, the mail is not: 250. */
START_TEST(test_end_fails)
{
	struct ph_store *failing =
	    ph_store_failing(PH_STORE_STEP_END, PH_STORE_FAILED, NULL);

	lab_open(&lab, failing);
	check_answers("RCPT TO:<nuno@example.com>\r\nDATA\r\n" CONTENT,
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "250 2.1.5 <nuno@example.com> Delivered\r\n");
	lab_close(&lab);
	ph_store_close(&failing);
}
END_TEST

/* ---- the second look --------------------------------------------------- */

static void
check_moved(const char *active, int epoch, const char *reason)
{
	struct ph_session *session;
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *expected = g_strdup_printf(
	    "432 4.3.2 <nuno@example.com> Mailbox database not active here: "
	    "database DB1 %s\r\n250 2.1.5 <mota@example.com> Delivered\r\n",
	    reason);
	static const char first[] =
	    "LHLO x\r\nMAIL FROM:<>\r\n" RCPT_TWO "DATA\r\n" HEADERS;
	static const char rest[] = "\r\nbody\r\n.\r\n";

	setup();
	session = ph_session_new(&lab.shared, HUB);
	lab_say(session, first, sizeof(first) - 1, out);
	lab_state(&lab, active, epoch);
	g_string_truncate(out, 0);
	lab_say(session, rest, sizeof(rest) - 1, out);
	ck_assert_str_eq(out->str, expected);
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 0);
	ph_session_free(&session);
	teardown();
}

START_TEST(test_moved_meanwhile)
{
	check_moved("MBX2", 2, "is active on MBX2");
	check_moved("MBX1", 3, "was moved meanwhile, Epoch 1 is now 3");
}
END_TEST

START_TEST(test_no_free_slot)
{
	setup();
	ph_slots_free(&lab.deliver.slots);
	lab.deliver.slots = ph_slots_new(1);
	lab.deliver.slot_timeout = 1;
	ck_assert(ph_slots_take(lab.deliver.slots, 0));
	check_answers("RCPT TO:<nuno@example.com>\r\nDATA\r\n" CONTENT,
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "451 4.3.2 <nuno@example.com> too many deliveries\r\n");
	ph_slots_give(lab.deliver.slots);
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 0);
	teardown();
}
END_TEST

/* Its first copy is being delivered, and that takes long: nobody waits for
 * ever, nor with a slot that others could use. */
START_TEST(test_the_same_is_being_delivered)
{
	struct ph_copy_key key = ph_copy_key_of(NMID, "nuno@example.com");

	setup();
	ph_slots_free(&lab.deliver.slots);
	lab.deliver.slots = ph_slots_new(1);
	ck_assert(ph_slots_take(lab.deliver.slots, 0));
	lab.deliver.slot_timeout = 1;
	ck_assert(ph_locks_take(lab.deliver.locks, &key, 1, 0));
	check_answers("RCPT TO:<nuno@example.com>\r\nDATA\r\n"
		      "X-PostHub-Network-Message-Id: " NMID "\r\n" CONTENT,
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "451 4.3.2 <nuno@example.com> the same message is being "
		      "delivered\r\n");
	ph_locks_give(lab.deliver.locks, &key, 1);
	ph_slots_give(lab.deliver.slots);
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 0);
	teardown();
}
END_TEST

START_TEST(test_too_big)
{
	setup();
	lab.shared.limits.size = 10;
	check_answers("RCPT TO:<nuno@example.com>\r\nDATA\r\n" CONTENT
		      "MAIL FROM:<>\r\nRCPT TO:<nuno@example.com>\r\nDATA\r\n"
		      "A: b\r\n\r\n.\r\n",
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "552 5.3.4 Message size exceeds the limit\r\n"
		      "250 2.1.0 Sender OK\r\n"
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "250 2.1.5 <nuno@example.com> Delivered\r\n");
	teardown();
}
END_TEST

START_TEST(test_header_too_large)
{
	g_autofree char *fill = g_strnfill(17 << 20, 'x');
	g_autofree char *said =
	    g_strconcat("RCPT TO:<nuno@example.com>\r\nDATA\r\nA: ", fill,
			"\r\n\r\n.\r\nNOOP\r\n", NULL);

	setup();
	check_answers(said,
		      "250 2.1.5 <nuno@example.com> Recipient OK\r\n" GO
		      "552 5.3.4 <nuno@example.com> the header is too large\r\n"
		      "250 2.0.0 Ok\r\n");
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 0);
	teardown();
}
END_TEST

/* ---- who is at the other end ------------------------------------------- */

static const char header_said[] =
    "LHLO evil(x)\r\nMAIL FROM:<>\r\nRCPT TO:<nuno@example.com>\r\nDATA\r\n"
    "X-PostHub-SCL: 9\r\nX-PostHub-Network-Message-Id: " NMID "\r\n" CONTENT;

static void
check_trust(const char *peer, bool trusted, const char *from)
{
	g_autofree char *out = NULL;
	const char *stored;

	setup();
	out = lab_talk(&lab, peer, header_said, sizeof(header_said) - 1, 0);
	ck_assert_int_eq(strstr(out, "XFORWARD") != NULL, trusted);
	stored = ph_store_memory_content(memory, "nuno@example.com", 0);
	ck_assert_int_eq(strstr(stored, "X-PostHub-SCL: 9\n") != NULL, trusted);
	ck_assert_ptr_nonnull(strstr(stored, from));
	teardown();
}

START_TEST(test_trust)
{
	check_trust(HUB, true, "from mbx2.example.com (192.0.2.2)\n");
	check_trust("local", true, "from mbx1.example.com (local)\n");
	check_trust("192.0.2.3", false, "from unknown (192.0.2.3)\n");
	check_trust("2001:db8::3", false, "from unknown (2001:db8::3)\n");
}
END_TEST

/* peer_tls = verify: an address alone is nobody, but for a UNIX socket. */
START_TEST(test_address_is_no_proof)
{
	static const struct {
		const char *peer;
		bool trusted;
	} rows[] = {{HUB, false}, {"local", true}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		static const char said[] = "LHLO x\r\nMAIL FROM:<>\r\n";
		g_autofree char *out = NULL;

		setup();
		lab.shared.tls.mode = PH_PEER_VERIFY;
		lab.shared.limits.tls = lab.shared.limits.tls_required = true;
		out = lab_talk(&lab, rows[i].peer, said, sizeof said - 1, 0);
		ck_assert_int_eq(strstr(out, "XFORWARD") != NULL,
				 rows[i].trusted);
		ck_assert_int_eq(strstr(out, "\r\n454 4.7.0 ") == NULL,
				 rows[i].trusted);
		teardown();
	}
}
END_TEST

/* ---- over a socket ----------------------------------------------------- */

/* A client that says this and is gone before it reads a word. */
static void
say_and_leave(const char *said)
{
	int ends[2];
	struct ph_stream *stream;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(write(ends[1], said, strlen(said)),
			 (ssize_t)strlen(said));
	shutdown(ends[1], SHUT_WR);
	stream = ph_stream_new(ends[0]);
	ph_session_serve(&lab.shared, stream);
	ck_assert(!ph_stream_held(stream));
	ph_stream_free(&stream);
	close(ends[1]);
}

START_TEST(test_leaves_before_answers)
{
	static const char said[] =
	    "LHLO x\r\nMAIL FROM:<>\r\n" RCPT_TWO "DATA\r\n" CONTENT;

	setup();
	say_and_leave(said);
	say_and_leave(said);
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 1);
	ck_assert_uint_eq(ph_store_memory_count(memory, "mota@example.com"), 1);
	teardown();
}
END_TEST

START_TEST(test_leaves_in_data)
{
	setup();
	say_and_leave("LHLO x\r\nMAIL FROM:<>\r\n" RCPT_TWO "DATA\r\n" HEADERS
		      "\r\nbody\r\n.");
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 0);
	teardown();
}
END_TEST

/* ---- the same message at the same time --------------------------------- */

enum { CLIENTS = 8, ROUNDS = 10 };

static gpointer
deliver_said(gpointer said)
{
	return lab_talk(&lab, HUB, said, strlen(said), 0);
}

/* One message, brought by all clients: one of them is told that it was the
 * first. */
static void
deliver_at_once(int round)
{
	g_autofree char *said = g_strdup_printf(
	    "LHLO x\r\nMAIL FROM:<>\r\n" RCPT_TWO
	    "DATA\r\nX-Round: %d\r\nMessage-ID: <%d@x>\r\nDate: x\r\n\r\n.\r\n",
	    round, round);
	GThread *threads[CLIENTS];
	size_t first = 0;

	for (size_t i = 0; i < CLIENTS; i++)
		threads[i] = g_thread_new("client", deliver_said, said);
	for (size_t i = 0; i < CLIENTS; i++) {
		g_autofree char *out = g_thread_join(threads[i]);

		first +=
		    strstr(out, "<nuno@example.com> Delivered\r\n") != NULL;
		ck_assert(g_str_has_suffix(out, " Delivered\r\n") ||
			  g_str_has_suffix(out, " Delivered before\r\n"));
	}
	ck_assert_uint_eq(first, 1);
}

START_TEST(test_at_once)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *new =
	    g_build_filename(root, "db1/example.com/nuno/new", NULL);
	struct ph_store_maildir_options options = {
	    .root = root, .host = "MBX1", .duplicate_window = 3600000};
	struct ph_store *maildir;
	GDir *dir;
	size_t n = 0;

	ck_assert_int_eq(ph_store_maildir(&options, &maildir, NULL), 0);
	lab_open(&lab, maildir);
	for (int round = 0; round < ROUNDS; round++)
		deliver_at_once(round);
	dir = g_dir_open(new, 0, NULL);
	while (g_dir_read_name(dir))
		n++;
	g_dir_close(dir);
	ck_assert_uint_eq(n, ROUNDS);
	lab_close(&lab);
	ph_store_close(&maildir);
	unit_rmdir(&root);
}
END_TEST

UNIT_MAIN("store/delivery/session", test_recipients, test_directory_down,
	  test_no_state, test_delivers, test_duplicates, test_pieces,
	  test_cut_everywhere, test_many_recipients, test_one_database_fails,
	  test_no_database_at_data, test_end_fails, test_moved_meanwhile,
	  test_no_free_slot, test_the_same_is_being_delivered, test_too_big,
	  test_header_too_large, test_trust, test_address_is_no_proof,
	  test_leaves_before_answers, test_leaves_in_data, test_at_once)
