#include "store/delivery/session.h"

#include "tests/unit/store/delivery/lab.h"

/* What a client says that few of them say, or none should. */

#define HUB "192.0.2.2"
#define LHLO "LHLO hub.test\r\n"
#define MAIL "MAIL FROM:<ana@example.com>\r\n"
#define TO_NUNO "RCPT TO:<nuno@example.com>\r\n"
#define NUNO "nuno@example.com"

static struct ph_store *store, *memory;
static struct lab lab;

static void
setup(struct ph_store *back_end)
{
	store = back_end;
	lab_open(&lab, store);
}

static void
setup_memory(void)
{
	memory = ph_store_memory();
	setup(memory);
}

static void
teardown(void)
{
	lab_close(&lab);
	ph_store_close(&store);
}

static char *
talk(const char *peer, const char *said)
{
	return lab_talk(&lab, peer, said, strlen(said), 0);
}

/* ---- BDAT -------------------------------------------------------------- */

#define HEADER "Message-ID: <1@x>\r\nDate: Sat, 21 Nov 2026\r\n\r\n"

/* By BDAT or by DATA, it is the same message, and is recognised as such. */
START_TEST(test_chunks)
{
	g_autofree char *first = NULL, *second = NULL;

	setup_memory();
	first = talk(HUB, LHLO MAIL TO_NUNO
		     "BDAT 14\r\nMessage-ID: <1BDAT 31\r\n@x>\r\nDate: Sat, "
		     "21 Nov 2026\r\n\r\nBDAT 6 LAST\r\n.dot\r\n");
	ck_assert(g_str_has_suffix(
	    first, "250 2.1.5 <nuno@example.com> Recipient OK\r\n"
		   "250 2.0.0 14 octets\r\n250 2.0.0 31 octets\r\n"
		   "250 2.1.5 <nuno@example.com> Delivered\r\n"));
	ck_assert(
	    g_str_has_suffix(ph_store_memory_content(memory, NUNO, 0),
			     "\nMessage-ID: <1@x>\nDate: Sat, 21 Nov 2026\n\n"
			     ".dot\n"));
	second =
	    talk(HUB, LHLO MAIL TO_NUNO "DATA\r\n" HEADER "..dot\r\n.\r\n");
	ck_assert(g_str_has_suffix(
	    second, "250 2.1.5 <nuno@example.com> Delivered before\r\n"));
	teardown();
}
END_TEST

/* ---- XCLIENT ----------------------------------------------------------- */

/* Who is spoken for decides what is believed, not who speaks. */
static void
check_xclient(const char *xclient, const char *from, bool trusted)
{
	g_autofree char *said = g_strconcat(
	    LHLO, xclient,
	    LHLO MAIL TO_NUNO "DATA\r\nX-PostHub-SCL: 9\r\n" HEADER ".\r\n",
	    NULL);
	g_autofree char *out = NULL;
	const char *stored;

	setup_memory();
	out = talk(HUB, said);
	ck_assert_ptr_nonnull(strstr(out, "\r\n250 2.1.5 <" NUNO "> "));
	ck_assert_uint_eq(ph_store_memory_count(memory, NUNO), 1);
	stored = ph_store_memory_content(memory, NUNO, 0);
	ck_assert_ptr_nonnull(strstr(stored, from));
	ck_assert_int_eq(strstr(stored, "\nX-PostHub-SCL: 9\n") != NULL,
			 trusted);
	teardown();
}

START_TEST(test_xclient)
{
	check_xclient("XCLIENT NAME=c.example ADDR=192.0.2.3\r\n",
		      "from c.example (192.0.2.3)\n", false);
	check_xclient("XCLIENT ADDR=192.0.2.3\r\n",
		      "from hub.test (192.0.2.3)\n", false);
	check_xclient("XCLIENT ADDR=192.0.2.1\r\n",
		      "from mbx1.example.com (192.0.2.1)\n", true);
	check_xclient("", "from mbx2.example.com (192.0.2.2)\n", true);
}
END_TEST

START_TEST(test_xclient_of_a_stranger)
{
	g_autofree char *out = NULL;

	setup_memory();
	out = talk("192.0.2.3", LHLO "XCLIENT ADDR=192.0.2.2\r\n");
	ck_assert_ptr_null(strstr(out, "250-XCLIENT"));
	ck_assert(
	    g_str_has_suffix(out, "550 5.7.0 XCLIENT is not for you\r\n"));
	teardown();
}
END_TEST

/* ---- 200 recipients ---------------------------------------------------- */

enum { PEOPLE = 198, FULL = 77 };
#define FULL_TEXT " Mailbox full: the store fails on purpose"

static void
append_people(GString *text, const char *before, const char *after,
	      const char *full)
{
	for (int i = 0; i < PEOPLE; i++)
		g_string_append_printf(text, "%s<u%d@example.com>%s\r\n",
				       i == FULL && full ? full : before, i,
				       i == FULL && full ? FULL_TEXT : after);
}

/* One is nobody, one is elsewhere, one has no room: each is told so in its own
 * place, and the others have the message. */
START_TEST(test_three_of_200)
{
	g_autoptr(GString) said =
	    g_string_new(LHLO MAIL "RCPT TO:<nobody@example.com>\r\n");
	g_autoptr(GString) expected = g_string_new(
	    "550 5.1.1 <nobody@example.com> Recipient unknown\r\n");
	g_autofree char *out = NULL;
	struct ph_store *mailboxes;

	append_people(said, "RCPT TO:", "", NULL);
	g_string_append(said, "RCPT TO:<away@example.com>\r\nDATA\r\n" HEADER
			      "body\r\n.\r\n");
	append_people(expected, "250 2.1.5 ", " Recipient OK", NULL);
	g_string_append(expected,
			"432 4.3.2 <away@example.com> Mailbox database not "
			"active here: database DB3 is active on MBX2\r\n"
			"354 End with a dot on a line by itself\r\n");
	append_people(expected, "250 2.1.5 ", " Delivered", "452 4.2.2 ");
	setup(ph_store_failing(PH_STORE_STEP_COMMIT, PH_STORE_QUOTA,
			       "u77@example.com"));
	mailboxes = ph_store_failing_memory(store);
	out = talk(HUB, said->str);
	ck_assert(g_str_has_suffix(out, expected->str));
	ck_assert_uint_eq(ph_store_memory_count(mailboxes, "u76@example.com"),
			  1);
	ck_assert_uint_eq(ph_store_memory_count(mailboxes, "u77@example.com"),
			  0);
	ck_assert_uint_eq(ph_store_memory_count(mailboxes, "u197@example.com"),
			  1);
	teardown();
}
END_TEST

/* ---- bytes ------------------------------------------------------------- */

/* Stored as they came, and never the end of the message. */
START_TEST(test_bare_lf_and_nul)
{
	static const char said[] = LHLO MAIL TO_NUNO
	    "DATA\r\nA: b\0c\r\n\r\na\n.\nb\0c\r.\rd\n.\r\n\r\n.\r\nNOOP\r\n";
	static const char body[] = "\na\n.\nb\0c\r.\rd\n.\n\n";
	static const char field[] = "A: b\0c\n";
	g_autofree char *out = NULL;
	const char *stored;

	setup_memory();
	out = lab_talk(&lab, HUB, said, sizeof said - 1, 0);
	ck_assert(g_str_has_suffix(
	    out, "250 2.1.5 <nuno@example.com> Delivered\r\n250 2.0.0 Ok\r\n"));
	stored = strstr(ph_store_memory_content(memory, NUNO, 0), "A: b");
	ck_assert_ptr_nonnull(stored);
	ck_assert_mem_eq(stored, field, sizeof field - 1);
	ck_assert_mem_eq(stored + sizeof field - 1, body, sizeof body);
	teardown();
}
END_TEST

#define MB ((size_t)1 << 20)

/* In the header, in the body, and as a command. */
START_TEST(test_lines_of_a_megabyte)
{
	g_autofree char *fill = g_strnfill(MB, 'x');
	g_autofree char *message =
	    g_strconcat("Subject: ", fill, "\n\n", fill, "\n", NULL);
	g_autofree char *said =
	    g_strconcat(LHLO MAIL TO_NUNO "DATA\r\nSubject: ", fill, "\r\n\r\n",
			fill, "\r\n.\r\n", fill, "\r\nNOOP\r\n", NULL);

	for (size_t step = 1000; step <= 100 * MB; step *= 321) {
		g_autofree char *out = NULL;

		setup_memory();
		out = lab_talk(&lab, HUB, said, strlen(said), step);
		ck_assert(g_str_has_suffix(
		    out, "250 2.1.5 <nuno@example.com> Delivered\r\n"
			 "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n"));
		ck_assert(g_str_has_suffix(
		    ph_store_memory_content(memory, NUNO, 0), message));
		teardown();
	}
}
END_TEST

UNIT_MAIN("store/delivery/session_input", test_chunks, test_xclient,
	  test_xclient_of_a_stranger, test_three_of_200, test_bare_lf_and_nul,
	  test_lines_of_a_megabyte)
