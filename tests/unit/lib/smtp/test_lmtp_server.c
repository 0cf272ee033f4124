#include "lib/smtp/lmtp_server.h"

#include "lib/smtp/lmtp_private.h"
#include "tests/unit/lib/smtp/talk.h"

static const char session_text[] =
    HELLO "MAIL FROM:<a@b.c> SIZE=100 BODY=8BITMIME\r\n"
	  "RCPT TO:<x@y.z>\r\nRCPT TO:<no@y.z>\r\nRCPT TO:<w@y.z>\r\nDATA\r\n"
	  "Subject: s\r\n\r\n..dot\r\n.\r\n"
	  "MAIL FROM:<>\r\nRCPT TO:<v@y.z>\r\nRSET\r\nNOOP\r\nQUIT\r\n";

static const char session_events[] =
    "MAIL a@b.c|RCPT x@y.z|RCPT no@y.z|RCPT w@y.z|DATA|DONE |MAIL |RCPT v@y.z|"
    "RESET|QUIT|";

static const char session_output[] = "220 mbx1.example.com LMTP posthub\r\n"
				     "250-mbx1.example.com\r\n"
				     "250-PIPELINING\r\n"
				     "250-8BITMIME\r\n"
				     "250-SMTPUTF8\r\n"
				     "250-CHUNKING\r\n"
				     "250 ENHANCEDSTATUSCODES\r\n"
				     "250 2.1.0 Ok\r\n"
				     "250 2.1.5 Ok\r\n"
				     "550 5.1.1 No\r\n"
				     "250 2.1.5 Ok\r\n"
				     "354 Go on\r\n"
				     "250 2.1.5 Number 1\r\n"
				     "250 2.1.5 Number 2\r\n"
				     "250 2.1.0 Ok\r\n"
				     "250 2.1.5 Ok\r\n"
				     "250 2.0.0 Ok\r\n"
				     "250 2.0.0 Ok\r\n"
				     "221 2.0.0 Bye\r\n";

static void
check_session(struct talk *talk)
{
	ck_assert_str_eq(talk->events->str, session_events);
	ck_assert_str_eq(talk->content->str, "Subject: s\r\n\r\n.dot\r\n");
	ck_assert_str_eq(talk->output->str, session_output);
	talk_end(talk);
}

START_TEST(test_whole)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, session_text);
	check_session(&talk);
}
END_TEST

START_TEST(test_bytes)
{
	struct talk talk;

	talk_start(&talk, &plain);
	for (size_t i = 0; i + 1 < sizeof(session_text); i++)
		say(&talk, session_text + i, 1);
	check_session(&talk);
}
END_TEST

START_TEST(test_cut_everywhere)
{
	for (size_t cut = 0; cut + 1 < sizeof(session_text); cut++) {
		struct talk talk;

		talk_start(&talk, &plain);
		say(&talk, session_text, cut);
		say(&talk, session_text + cut, sizeof(session_text) - 1 - cut);
		check_session(&talk);
	}
}
END_TEST

/* ---- the end of the message -------------------------------------------- */

static const struct {
	const char *sent, *content;
	size_t sent_size, content_size;
} contents[] = {
#define ROW(sent, content)                                           \
	{                                                            \
		sent, content, sizeof(sent) - 1, sizeof(content) - 1 \
	}
    ROW(".\r\n", ""),
    ROW("\r\n.\r\n", "\r\n"),
    ROW("a\r\n.\r\n", "a\r\n"),
    ROW("..\r\n.\r\n", ".\r\n"),
    ROW("...a\r\n.\r\n", "..a\r\n"),
    ROW(".a\r\n.\r\n", "a\r\n"),
    ROW("a.\r\n.\r\n", "a.\r\n"),
    ROW(",\r\n-\r\n/\r\n.\r\n", ",\r\n-\r\n/\r\n"),
    /* What does not end a message: RFC 5321 section 4.1.1.4. */
    ROW("a\n.\nMAIL FROM:<x@y>\r\n.\r\n", "a\n.\nMAIL FROM:<x@y>\r\n"),
    ROW("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n"),
    ROW("a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n"),
    ROW("a\r.\rb\r\n.\r\n", "a\r.\rb\r\n"),
    ROW("a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n"),
    ROW("a\r\r\n.\r\n", "a\r\r\n"),
    ROW("a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\r\nb\r\n"),
    ROW("a\0b\r\n.\r\n", "a\0b\r\n"),
    ROW("\xff\x80\r\n.\r\n", "\xff\x80\r\n"),
};

static void
check_content(size_t i, size_t cut)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, OPEN);
	say(&talk, contents[i].sent, cut);
	say(&talk, contents[i].sent + cut, contents[i].sent_size - cut);
	ck_assert_str_eq(talk.events->str, "MAIL a@b.c|RCPT d@e.f|DATA|DONE |");
	ck_assert_uint_eq(talk.content->len, contents[i].content_size);
	ck_assert_mem_eq(talk.content->str, contents[i].content,
			 contents[i].content_size);
	talk_end(&talk);
}

START_TEST(test_contents)
{
	for (size_t i = 0; i < G_N_ELEMENTS(contents); i++)
		for (size_t cut = 0; cut <= contents[i].sent_size; cut++)
			check_content(i, cut);
}
END_TEST

START_TEST(test_message_not_ended)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, OPEN "a\r\n.\r");
	ck_assert_str_eq(talk.events->str, "MAIL a@b.c|RCPT d@e.f|DATA|");
	talk_end(&talk);
}
END_TEST

/* ---- limits ------------------------------------------------------------ */

static void
check_size(size_t content, const char *last_event, const char *reply)
{
	const struct ph_lmtp_limits limits = {.size = 10};
	g_autofree char *body = g_strnfill(content - 2, 'x');
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, HELLO "MAIL FROM:<a@b.c>\r\nRCPT TO:<1@e.f>\r\n"
			      "RCPT TO:<2@e.f>\r\nDATA\r\n");
	g_string_truncate(talk.output, 0);
	say_text(&talk, body);
	say_text(&talk, "\r\n.\r\nNOOP\r\n");
	ck_assert(g_str_has_suffix(talk.events->str, last_event));
	ck_assert_str_eq(talk.output->str, reply);
	ck_assert_uint_le(talk.content->len, 10);
	talk_end(&talk);
}

START_TEST(test_size_limit)
{
	check_size(10, "|DONE |",
		   "250 2.1.5 Number 1\r\n250 2.1.5 Number 2\r\n"
		   "250 2.0.0 Ok\r\n");
	check_size(11, "|TOO_BIG|",
		   "552 5.3.4 Message size exceeds the limit\r\n"
		   "552 5.3.4 Message size exceeds the limit\r\n"
		   "250 2.0.0 Ok\r\n");
}
END_TEST

START_TEST(test_size_parameter)
{
	const struct ph_lmtp_limits limits = {.size = 10};
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, HELLO);
	ck_assert_ptr_nonnull(strstr(talk.output->str, "250-SIZE 10\r\n"));
	g_string_truncate(talk.output, 0);
	say_text(&talk, "MAIL FROM:<a@b.c> SIZE=11\r\n"
			"MAIL FROM:<a@b.c> SIZE=1x\r\n"
			"MAIL FROM:<a@b.c> SIZE\r\n"
			"MAIL FROM:<a@b.c> SIZE=99999999999999999999\r\n"
			"MAIL FROM:<a@b.c> SIZE=10\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b.c|");
	ck_assert_str_eq(talk.output->str,
			 "552 5.3.4 Message size exceeds the limit\r\n"
			 "501 5.5.4 Bad SIZE\r\n501 5.5.4 Bad SIZE\r\n"
			 "501 5.5.4 Bad SIZE\r\n250 2.1.0 Ok\r\n");
	talk_end(&talk);
}
END_TEST

/* size bytes, CRLF included; in one piece or byte by byte. */
static void
check_line(size_t size, bool bytes, const char *reply)
{
	const struct ph_lmtp_limits limits = {.line = 64};
	g_autofree char *fill = g_strnfill(size - 7, 'x');
	g_autofree char *line = g_strdup_printf("NOOP %s\r\nNOOP\r\n", fill);
	struct talk talk;

	talk_start(&talk, &limits);
	g_string_truncate(talk.output, 0);
	say(&talk, "", 0);
	g_string_truncate(talk.output, 0);
	for (size_t i = 0; bytes && line[i]; i++)
		say(&talk, line + i, 1);
	if (!bytes)
		say_text(&talk, line);
	ck_assert_str_eq(talk.output->str, reply);
	talk_end(&talk);
}

START_TEST(test_line_limit)
{
	for (int bytes = 0; bytes < 2; bytes++) {
		check_line(64, bytes, "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n");
		check_line(65, bytes,
			   "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n");
		check_line(10000, bytes,
			   "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n");
	}
}
END_TEST

START_TEST(test_recipient_limit)
{
	const struct ph_lmtp_limits limits = {.recipients = 2};
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, HELLO "MAIL FROM:<a@b.c>\r\nRCPT TO:<no@y>\r\n"
			      "RCPT TO:<1@y>\r\nRCPT TO:<2@y>\r\n"
			      "RCPT TO:<3@y>\r\n");
	ck_assert_str_eq(talk.events->str,
			 "MAIL a@b.c|RCPT no@y|RCPT 1@y|RCPT 2@y|");
	ck_assert(g_str_has_suffix(talk.output->str,
				   "452 4.5.3 Too many recipients\r\n"));
	talk_end(&talk);
}
END_TEST

START_TEST(test_error_limit)
{
	const struct ph_lmtp_limits limits = {.errors = 3};
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, "\x80\xff\r\nGET / HTTP/1.1\r\n");
	ck_assert_str_eq(talk.events->str, "");
	say_text(&talk, "\r\nNOOP\r\n");
	ck_assert_str_eq(talk.events->str, "CLOSE|");
	ck_assert(g_str_has_suffix(talk.output->str,
				   "421 4.7.0 Too many errors\r\n"));
	say_text(&talk, "NOOP\r\n");
	ck_assert_str_eq(talk.events->str, "CLOSE|CLOSE|");
	talk_end(&talk);
}
END_TEST

/* A pipelining client's RCPTs after a refused MAIL are no attack. */
START_TEST(test_order_is_no_error)
{
	const struct ph_lmtp_limits limits = {.errors = 2};
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, HELLO);
	for (int i = 0; i < 50; i++)
		say_text(&talk, "RCPT TO:<a@b>\r\nDATA\r\n");
	ck_assert_str_eq(talk.events->str, "");
	talk_end(&talk);
}
END_TEST

/* ---- commands ---------------------------------------------------------- */

static const struct {
	const char *said, *reply;
} commands[] = {
    {"MAIL FROM:<a@b>", "503 5.5.1 Say LHLO first"},
    {"EHLO x", "500 5.5.1 This is LMTP: say LHLO"},
    {"HELO x", "500 5.5.1 This is LMTP: say LHLO"},
    {"LHLO", "501 5.5.4 Syntax: LHLO hostname"},
    {"RCPT TO:<a@b>", "503 5.5.1 Need MAIL command"},
    {"DATA", "503 5.5.1 Need MAIL command"},
    {"DATA now", "501 5.5.4 Syntax: DATA"},
    {"VRFY a", "252 2.0.0 Send some mail, it will be tried"},
    {"noop", "250 2.0.0 Ok"},
    {"NOOP\tx", "500 5.5.2 Command not recognized"},
    {"NOOPX", "500 5.5.2 Command not recognized"},
    {"XFORWARD NAME=x", "550 5.7.0 XFORWARD is not for you"},
};

START_TEST(test_commands)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		struct talk talk;
		g_autofree char *said =
		    g_strdup_printf("%s\r\n", commands[i].said);
		g_autofree char *reply =
		    g_strdup_printf("%s\r\n", commands[i].reply);

		talk_start(&talk, &plain);
		say(&talk, "", 0);
		g_string_truncate(talk.output, 0);
		say_text(&talk, said);
		ck_assert_str_eq(talk.output->str, reply);
		talk_end(&talk);
	}
}
END_TEST

static const struct {
	const char *said, *reply;
} mails[] = {
    {"MAIL FROM:<a@b>", "250 2.1.0 Ok"},
    {"mail from: <a@b>", "250 2.1.0 Ok"},
    {"MAIL FROM:<\"a > b\"@c>", "250 2.1.0 Ok"},
    {"MAIL FROM:<\"a\\\"b\"@c> BODY=7bit SMTPUTF8", "250 2.1.0 Ok"},
    {"MAIL FROM:a@b", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a@b", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a b@c>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a@b>SIZE=1", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<@x a@b>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<@x>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a\x01@b>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a\xff@b>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL TO:<a@b>", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL", "501 5.5.4 Syntax: MAIL FROM:<path>"},
    {"MAIL FROM:<a@b> RET=HDRS", "555 5.5.4 Unknown parameter of MAIL"},
    {"MAIL FROM:<a@b> X-POSTHUB-REROUTED",
     "555 5.5.4 Unknown parameter of MAIL"},
    {"MAIL FROM:<a@b> BODY=BINARYMIME", "501 5.5.4 Bad BODY"},
    {"MAIL FROM:<a@b> SMTPUTF8=1", "501 5.5.4 Bad SMTPUTF8"},
};

START_TEST(test_mail)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mails); i++) {
		struct talk talk;
		g_autofree char *said =
		    g_strdup_printf("%s\r\n", mails[i].said);
		g_autofree char *reply =
		    g_strdup_printf("%s\r\n", mails[i].reply);

		talk_start(&talk, &plain);
		say_text(&talk, HELLO);
		g_string_truncate(talk.output, 0);
		say_text(&talk, said);
		ck_assert_str_eq(talk.output->str, reply);
		talk_end(&talk);
	}
}
END_TEST

START_TEST(test_route_is_dropped)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, HELLO "MAIL FROM:<@x,@y:a@b>\r\nRCPT TO:<>\r\n"
			      "RCPT TO:<c@d> NOTIFY=NEVER\r\nDATA\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b|");
	ck_assert(g_str_has_suffix(talk.output->str,
				   "550 5.1.3 Empty recipient address\r\n"
				   "555 5.5.4 Unknown parameter of RCPT\r\n"
				   "503 5.5.1 No valid recipients\r\n"));
	talk_end(&talk);
}
END_TEST

START_TEST(test_nul_in_command)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say(&talk, "NOOP\0x\r\n", 8);
	ck_assert(g_str_has_suffix(talk.output->str,
				   "500 5.5.2 NUL in a command\r\n"));
	talk_end(&talk);
}
END_TEST

START_TEST(test_lost_transactions)
{
	struct talk talk;

	talk_start(&talk, &plain);
	say_text(&talk, HELLO "RSET\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\n"
			      "RCPT TO:<e@f>\r\n" HELLO "DATA\r\n"
			      "MAIL FROM:<g@h>\r\nRSET\r\n");
	ck_assert_str_eq(talk.events->str,
			 "MAIL a@b|RCPT e@f|RESET|MAIL g@h|RESET|");
	ck_assert_ptr_nonnull(
	    strstr(talk.output->str, "503 5.5.1 Nested MAIL command\r\n"));
	talk_end(&talk);
}
END_TEST

START_TEST(test_data_refused)
{
	struct talk talk;

	talk_start(&talk, &plain);
	talk.data_reply = "451 4.3.0 Not now";
	say_text(&talk, OPEN "NOOP\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b.c|RCPT d@e.f|DATA|");
	ck_assert(g_str_has_suffix(talk.output->str,
				   "451 4.3.0 Not now\r\n250 2.0.0 Ok\r\n"));
	talk_end(&talk);
}
END_TEST

/* ---- parameters -------------------------------------------------------- */

START_TEST(test_dsn)
{
	static const struct ph_lmtp_limits dsn = {.dsn = true};
	struct talk talk;

	talk_start(&talk, &dsn);
	say_text(&talk, HELLO "MAIL FROM:<a@b> RET=HDRS ENVID=E+2B1\r\n"
			      "RCPT TO:<c@d> NOTIFY=NEVER ORCPT=rfc822;e@f\r\n"
			      "RCPT TO:<c@d> NOTIFY=\r\n"
			      "RCPT TO:<c@d> RET=FULL\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b|RCPT c@d|");
	ck_assert_ptr_nonnull(strstr(talk.output->str, "250-DSN\r\n"));
	ck_assert(g_str_has_suffix(talk.output->str,
				   "250 2.1.0 Ok\r\n"
				   "250 2.1.5 Ok\r\n"
				   "501 5.5.4 Bad parameter of RCPT\r\n"
				   "555 5.5.4 Unknown parameter of RCPT\r\n"));
	talk_end(&talk);
}
END_TEST

START_TEST(test_rerouted)
{
	struct talk talk;

	talk_start(&talk, &plain);
	ph_lmtp_trust(talk.lmtp);
	say_text(&talk, HELLO);
	ck_assert_ptr_nonnull(
	    strstr(talk.output->str, "250-" PH_LMTP_REROUTED "\r\n"));
	g_string_truncate(talk.output, 0);
	say_text(&talk, "MAIL FROM:<a@b> " PH_LMTP_REROUTED "=1\r\n");
	ck_assert_str_eq(talk.output->str,
			 "501 5.5.4 Bad " PH_LMTP_REROUTED "\r\n");
	say_text(&talk, "MAIL FROM:<a@b> x-posthub-rerouted\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b|");
	talk_end(&talk);
}
END_TEST

/* ---- replies ----------------------------------------------------------- */

static char *
reply_to_mail(const char *parameter, const char *reply)
{
	struct ph_lmtp *lmtp = ph_lmtp_new("h", &plain);
	g_autofree char *said =
	    g_strdup_printf(HELLO "MAIL FROM:<a@b>%s\r\n", parameter);
	struct ph_lmtp_command command;
	const char *output;
	char *copy;
	size_t size;

	ph_lmtp_feed(lmtp, said, strlen(said));
	ck_assert_int_eq(ph_lmtp_next(lmtp, &command), PH_LMTP_MAIL);
	ph_lmtp_output(lmtp, &size);
	ph_lmtp_sent(lmtp, size);
	ph_lmtp_reply(lmtp, reply);
	output = ph_lmtp_output(lmtp, &size);
	copy = g_strndup(output, size);
	ph_lmtp_free(&lmtp);
	return copy;
}

static void
check_reply(const char *parameter, const char *reply, const char *expected)
{
	g_autofree char *got = reply_to_mail(parameter, reply);

	ck_assert_str_eq(got, expected);
}

START_TEST(test_replies)
{
	g_autofree char *text = g_strnfill(600, 'x');
	g_autofree char *reply = g_strdup_printf("250 %s", text);
	g_autofree char *cut = g_strdup_printf("250 %.506s\r\n", text);

	check_reply("", "550-5.1.1 a\n550 5.1.1 b",
		    "550-5.1.1 a\r\n550 5.1.1 b\r\n");
	check_reply("", "550 5.1.1 a\n550 5.1.1 b",
		    "550-5.1.1 a\r\n550 5.1.1 b\r\n");
	check_reply("",
		    "250 a\r\x01\x7f"
		    "b",
		    "250 a???b\r\n");
	check_reply("", "250 \xc3\xa4", "250 ??\r\n");
	check_reply(" SMTPUTF8", "250 \xc3\xa4", "250 \xc3\xa4\r\n");
	check_reply("", reply, cut);
}
END_TEST

/* What was said in clear is forgotten, and so is what came behind STARTTLS. */
START_TEST(test_tls)
{
	static const struct ph_lmtp_limits limits = {.tls = true,
						     .tls_required = true};
	struct talk talk;

	talk_start(&talk, &limits);
	say_text(&talk, HELLO "MAIL FROM:<a@b.c>\r\nSTARTTLS now\r\n");
	ck_assert_ptr_nonnull(strstr(talk.output->str, "250-STARTTLS\r\n"));
	ck_assert_ptr_nonnull(strstr(talk.output->str, "\r\n454 4.7.0 "));
	ck_assert_ptr_nonnull(strstr(talk.output->str, "\r\n501 5.5.4 "));
	say_text(&talk, "STARTTLS\r\nMAIL FROM:<forged@b.c>\r\n");
	ck_assert_ptr_nonnull(strstr(talk.output->str, "\r\n220 2.0.0 "));
	say_text(&talk, "MAIL FROM:<forged@b.c>\r\n");
	ph_lmtp_secure(talk.lmtp);
	g_string_truncate(talk.output, 0);
	say_text(&talk, "MAIL FROM:<a@b.c>\r\n");
	ck_assert(g_str_has_prefix(talk.output->str, "503 5.5.1 Say LHLO"));
	say_text(&talk, OPEN "text\r\n.\r\nSTARTTLS\r\n");
	ck_assert_ptr_null(strstr(talk.output->str, "250-STARTTLS"));
	ck_assert_ptr_nonnull(strstr(talk.output->str, "502 5.5.1 "));
	ck_assert_str_eq(talk.events->str,
			 "TLS|TLS|MAIL a@b.c|RCPT d@e.f|DATA|DONE |");
	talk_end(&talk);
	talk_start(&talk, &plain);
	say_text(&talk, HELLO "STARTTLS\r\n");
	ck_assert_ptr_null(strstr(talk.output->str, "250-STARTTLS"));
	ck_assert_ptr_nonnull(strstr(talk.output->str, "502 5.5.1 "));
	talk_end(&talk);
}
END_TEST

UNIT_MAIN("lib/smtp/lmtp_server", test_whole, test_bytes, test_cut_everywhere,
	  test_contents, test_message_not_ended, test_size_limit,
	  test_size_parameter, test_line_limit, test_recipient_limit,
	  test_error_limit, test_order_is_no_error, test_dsn, test_commands,
	  test_mail, test_route_is_dropped, test_nul_in_command,
	  test_lost_transactions, test_data_refused, test_tls, test_rerouted,
	  test_replies)
