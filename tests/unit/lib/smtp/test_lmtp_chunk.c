#include "lib/smtp/lmtp_private.h"

#include "tests/unit/lib/smtp/talk.h"

#define TO HELLO "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nRCPT TO:<g@h.i>\r\n"
#define TO_EVENTS "MAIL a@b.c|RCPT d@e.f|RCPT g@h.i|"

/* What is said behind TO, and all that comes of it. */
static const struct row {
	const char *said, *events, *content, *output;
	const char *data_reply; /* NULL: 354 */
	uint64_t limit;
} rows[] = {
    /* Bytes are bytes: nothing is unstuffed, no dot ends a message. */
    {"BDAT 8\r\n.\r\n..a\r\nBDAT 5 LAST\r\n\r\n.\r\nNOOP\r\n",
     TO_EVENTS "DATA|DONE |", ".\r\n..a\r\n\r\n.\r\n",
     .output =
	 "250 2.0.0 8 octets\r\n250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"
	 "250 2.0.0 Ok\r\n"},
    {"BDAT 0\r\nbdat 3  last\r\nabcBDAT 0 LAST\r\n", TO_EVENTS "DATA|DONE |",
     "abc",
     .output =
	 "250 2.0.0 0 octets\r\n250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"
	 "503 5.5.1 Need MAIL command\r\n"},
    {"BDAT 0 LAST\r\n", TO_EVENTS "DATA|DONE |", "",
     .output = "250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"},
    /* A size that is too small or too large is believed. */
    {"BDAT 3 LAST\r\nabcdef\r\nNOOP\r\n", TO_EVENTS "DATA|DONE |", "abc",
     .output = "250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"
	       "500 5.5.2 Command not recognized\r\n250 2.0.0 Ok\r\n"},
    {"BDAT 20 LAST\r\nabc\r\nQUIT\r\nNOOP\r\n", TO_EVENTS "DATA|",
     "abc\r\nQUIT\r\nNOOP\r\n", .output = ""},
    /* Refused: its bytes are no commands, and what follows is no message. */
    {"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nDATA\r\nRSET\r\n",
     TO_EVENTS "DATA|RESET|", "",
     .output = "451 4.3.0 No\r\n503 5.5.1 A chunk was refused: RSET\r\n"
	       "503 5.5.1 The message came by BDAT\r\n250 2.0.0 Ok\r\n",
     .data_reply = "451 4.3.0 No"},
    {"RSET\r\nBDAT 6 LAST\r\nQUIT\r\n"
     "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 1 LAST\r\nx",
     TO_EVENTS "RESET|MAIL a@b|RCPT c@d|DATA|DONE |", "x",
     .output = "250 2.0.0 Ok\r\n503 5.5.1 Need MAIL command\r\n250 2.1.0 Ok\r\n"
	       "250 2.1.5 Ok\r\n250 2.1.5 Number 1\r\n"},
    {"RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@b>\r\nBDAT 6\r\nQUIT\r\n"
     "RCPT TO:<c@d>\r\nBDAT 1 LAST\r\nx",
     TO_EVENTS "RESET|MAIL a@b|RCPT no@b|RCPT c@d|", "",
     .output = "250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n550 5.1.1 No\r\n"
	       "503 5.5.1 No valid recipients\r\n250 2.1.5 Ok\r\n"
	       "503 5.5.1 A chunk was refused: RSET\r\n"},
    /* In the middle of a message. */
    {"BDAT 1\r\nxRCPT TO:<j@k>\r\nDATA\r\nMAIL FROM:<a@b>\r\nBDAT 1 LAST\r\ny",
     TO_EVENTS "DATA|DONE |", "xy",
     .output = "250 2.0.0 1 octets\r\n503 5.5.1 The message has begun\r\n"
	       "503 5.5.1 The message came by BDAT\r\n503 5.5.1 Nested MAIL "
	       "command\r\n"
	       "250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"},
    {"BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\ny", TO_EVENTS "DATA|RESET|", "x",
     .output = "250 2.0.0 1 octets\r\n250 2.0.0 Ok\r\n503 5.5.1 Need MAIL "
	       "command\r\n"},
    /* The limit: reached, above it in the last one, in one before, at once. */
    {"BDAT 3\r\nabcBDAT 1 LAST\r\nd", TO_EVENTS "DATA|DONE |", "abcd",
     .output =
	 "250 2.0.0 3 octets\r\n250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n",
     .limit = 4},
    {"BDAT 3\r\nabcBDAT 2 LAST\r\ndeNOOP\r\n", TO_EVENTS "DATA|TOO_BIG|", "abc",
     .output =
	 "250 2.0.0 3 octets\r\n552 5.3.4 Message size exceeds the limit\r\n"
	 "552 5.3.4 Message size exceeds the limit\r\n250 2.0.0 Ok\r\n",
     .limit = 4},
    {"BDAT 5\r\nabcdeBDAT 1 LAST\r\nf", TO_EVENTS "DATA|TOO_BIG|", "",
     .output = "552 5.3.4 Message size exceeds the limit\r\n"
	       "503 5.5.1 Need MAIL command\r\n",
     .limit = 4},
    {"BDAT 18446744073709551615 LAST\r\nQUIT\r\n", TO_EVENTS "DATA|", "",
     .output = "", .limit = 4},
    {"BDAT 1\r\naBDAT 18446744073709551615 LAST\r\nQUIT\r\n", TO_EVENTS "DATA|",
     "a", .output = "250 2.0.0 1 octets\r\n", .limit = 4},
/* Nobody knows where the next command would begin. */
#define NO_SIZE(arguments)                                               \
	{                                                                \
		"BDAT" arguments "\r\nNOOP\r\n", TO_EVENTS "CLOSE|", "", \
		    .output = "521 5.5.4 Syntax: BDAT size [LAST]\r\n"   \
	}
    NO_SIZE(""),
    NO_SIZE(" LAST"),
    NO_SIZE(" x"),
    NO_SIZE(" -1"),
    NO_SIZE(" +1"),
    NO_SIZE(" 1LAST"),
    NO_SIZE(" 1 FIRST"),
    NO_SIZE(" 1 LAST x"),
    NO_SIZE(" 18446744073709551616"),
    NO_SIZE(" 000000000000000000001"),
};

static void
check_row(const struct row *row, size_t cut)
{
	const struct ph_lmtp_limits limits = {.size = row->limit};
	size_t size = strlen(row->said);
	struct talk talk;

	talk_start(&talk, &limits);
	if (row->data_reply)
		talk.data_reply = row->data_reply;
	say_text(&talk, TO);
	g_string_truncate(talk.output, 0);
	say(&talk, row->said, cut);
	say(&talk, row->said + cut, size - cut);
	/* A client that is sent away goes on talking into the void. */
	if (g_str_has_suffix(talk.events->str, "CLOSE|CLOSE|"))
		g_string_truncate(talk.events,
				  talk.events->len - strlen("CLOSE|"));
	ck_assert_str_eq(talk.events->str, row->events);
	ck_assert_str_eq(talk.content->str, row->content);
	ck_assert_str_eq(talk.output->str, row->output);
	talk_end(&talk);
}

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		for (size_t cut = 0; cut <= strlen(rows[i].said); cut++)
			check_row(&rows[i], cut);
}
END_TEST

START_TEST(test_offered)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, HELLO);
	ck_assert_ptr_nonnull(strstr(talk.output->str, "250-CHUNKING\r\n"));
	talk_end(&talk);
}
END_TEST

/* A graceful stop waits for the chunks that are still to come. */
START_TEST(test_busy)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, TO);
	ck_assert(!ph_lmtp_busy(talk.lmtp));
	say_text(&talk, "BDAT 1\r\nx");
	ck_assert(ph_lmtp_busy(talk.lmtp));
	say_text(&talk, "BDAT 1 LAST\r\nx");
	ck_assert(!ph_lmtp_busy(talk.lmtp));
	say_text(&talk, "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nx");
	ck_assert(ph_lmtp_busy(talk.lmtp));
	say_text(&talk, "\r\n.\r\n");
	ck_assert(!ph_lmtp_busy(talk.lmtp));
	talk_end(&talk);
}
END_TEST

UNIT_MAIN("lib/smtp/lmtp_chunk", test_rows, test_offered, test_busy)
