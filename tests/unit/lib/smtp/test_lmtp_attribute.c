#include "lib/smtp/lmtp_private.h"

#include "tests/unit/lib/smtp/talk.h"

/* ---- XFORWARD ---------------------------------------------------------- */

START_TEST(test_xforward)
{
	struct talk talk;

	talk_start(&talk, &plain);
	ph_lmtp_trust(talk.lmtp);
	say_text(&talk, HELLO);
	ck_assert_ptr_nonnull(
	    strstr(talk.output->str,
		   "250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n"));
	ck_assert_str_eq(ph_lmtp_helo(talk.lmtp), "hub.example.com");
	say_text(&talk, "XFORWARD NAME=a+2Bb ADDR=[UNAVAILABLE]\r\n"
			"XFORWARD IDENT=59375A8849F SOURCE=LOCAL\r\n");
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "name"), "a+b");
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "ADDR"), "");
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "HELO"), "");
	say_text(&talk, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
			"x\r\n.\r\n");
	ck_assert_str_eq(talk.events->str,
			 "MAIL a@b|RCPT c@d|DATA|DONE 59375A8849F|");
	/* The next message is somebody else's. */
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "IDENT"), "");
	talk_end(&talk);
}
END_TEST

static const char *const bad_xforwards[] = {
    "XFORWARD",		  "XFORWARD IDENT",
    "XFORWARD PORTS=1",	  "XFORWARD IDENT=+0Ax",
    "XFORWARD IDENT=+0",  "XFORWARD IDENT=+",
    "XFORWARD IDENT=+zz", "XFORWARD NAME=\xff\xff",
};

START_TEST(test_bad_xforward)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad_xforwards); i++) {
		struct talk talk;
		g_autofree char *said =
		    g_strdup_printf("%s\r\n", bad_xforwards[i]);

		talk_start(&talk, &plain);
		ph_lmtp_trust(talk.lmtp);
		say_text(&talk, HELLO);
		g_string_truncate(talk.output, 0);
		say_text(&talk, said);
		ck_assert(g_str_has_prefix(talk.output->str, "501 5.5.4 "));
		ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "IDENT"), "");
		talk_end(&talk);
	}
}
END_TEST

/* ---- XCLIENT ----------------------------------------------------------- */

static const struct ph_lmtp_limits xclient = {.xclient = true};

static void
start_trusted(struct talk *talk, const struct ph_lmtp_limits *limits)
{
	talk_start(talk, limits);
	ph_lmtp_trust(talk->lmtp);
	say_text(talk, HELLO);
}

START_TEST(test_xclient)
{
	struct talk talk;

	start_trusted(&talk, &xclient);
	ck_assert_ptr_nonnull(strstr(talk.output->str,
				     "250-XCLIENT NAME ADDR PORT PROTO HELO "
				     "LOGIN DESTADDR DESTPORT\r\n"));
	g_string_truncate(talk.output, 0);
	say_text(&talk, "XCLIENT NAME=c.example ADDR=192.0.2.7 PORT=9\r\n");
	ck_assert_str_eq(talk.output->str,
			 "220 mbx1.example.com LMTP posthub\r\n");
	ck_assert_str_eq(talk.events->str, "XCLIENT 192.0.2.7|");
	ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "NAME"), "c.example");
	ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "LOGIN"), "");
	/* The other one has said nothing yet, and is nobody we trust. */
	g_string_truncate(talk.output, 0);
	say_text(&talk, "MAIL FROM:<a@b>\r\nXFORWARD IDENT=1\r\n"
			"XCLIENT ADDR=192.0.2.8\r\n" HELLO);
	ck_assert(g_str_has_prefix(talk.output->str,
				   "503 5.5.1 Say LHLO first\r\n"
				   "550 5.7.0 XFORWARD is not for you\r\n"
				   "550 5.7.0 XCLIENT is not for you\r\n"
				   "250-"));
	ck_assert_ptr_null(strstr(talk.output->str, "250-XCLIENT"));
	ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "ADDR"), "192.0.2.7");
	talk_end(&talk);
}
END_TEST

static const struct {
	const char *said, *address, *answer;
} xclients[] = {
    {"XCLIENT ADDR=IPV6:2001:db8::1", "2001:db8::1", "220 "},
    {"XCLIENT ADDR=2001:db8::1", "2001:db8::1", "220 "},
    {"XCLIENT addr=[UNAVAILABLE]", "", "220 "},
    {"XCLIENT NAME=[TEMPUNAVAIL]", "", "220 "},
    {"XCLIENT ADDR=mbx1.example.com", NULL, "501 5.5.4 Bad ADDR"},
    {"XCLIENT ADDR=IPV6:", NULL, "501 5.5.4 Bad ADDR"},
    {"XCLIENT ADDR=local", NULL, "501 5.5.4 Bad ADDR"},
    {"XCLIENT", NULL, "501 5.5.4 Syntax"},
    {"XCLIENT IDENT=1", NULL, "501 5.5.4 Bad attribute"},
    {"XCLIENT NAME", NULL, "501 5.5.4 Bad attribute"},
    {"XCLIENT NAME=+0A", NULL, "501 5.5.4 Bad attribute"},
};

START_TEST(test_xclient_attributes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(xclients); i++) {
		struct talk talk;
		g_autofree char *said =
		    g_strdup_printf("%s\r\n", xclients[i].said);

		start_trusted(&talk, &xclient);
		g_string_truncate(talk.output, 0);
		say_text(&talk, said);
		ck_assert(
		    g_str_has_prefix(talk.output->str, xclients[i].answer));
		if (xclients[i].address)
			ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "ADDR"),
					 xclients[i].address);
		else
			ck_assert_str_eq(talk.events->str, "");
		talk_end(&talk);
	}
}
END_TEST

/* Nothing of what was said with something bad stays. */
START_TEST(test_refused_leaves_nothing)
{
	struct talk talk;

	start_trusted(&talk, &xclient);
	say_text(&talk, "XFORWARD NAME=x.example PORTS=1\r\n"
			"XCLIENT NAME=x.example ADDR=local\r\n"
			"XCLIENT ADDR=192.0.2.7 NAME\r\n");
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "NAME"), "");
	ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "NAME"), "");
	ck_assert_str_eq(ph_lmtp_xclient(talk.lmtp, "ADDR"), "");
	say_text(&talk, "XFORWARD IDENT=1\r\nXFORWARD IDENT=2 X=1\r\n");
	ck_assert_str_eq(ph_lmtp_xforward(talk.lmtp, "IDENT"), "1");
	talk_end(&talk);
}
END_TEST

START_TEST(test_xclient_not_offered)
{
	struct talk talk;

	start_trusted(&talk, &plain);
	ck_assert_ptr_null(strstr(talk.output->str, "XCLIENT"));
	say_text(&talk, "XCLIENT ADDR=192.0.2.7\r\n");
	ck_assert_str_eq(talk.events->str, "");
	talk_end(&talk);
	start_trusted(&talk, &xclient);
	say_text(&talk, "MAIL FROM:<a@b>\r\nXCLIENT ADDR=192.0.2.7\r\n");
	ck_assert_str_eq(talk.events->str, "MAIL a@b|");
	ck_assert(g_str_has_suffix(
	    talk.output->str, "503 5.5.1 Mail transaction in progress\r\n"));
	talk_end(&talk);
}
END_TEST

UNIT_MAIN("lib/smtp/lmtp_attribute", test_xforward, test_bad_xforward,
	  test_xclient, test_xclient_attributes, test_refused_leaves_nothing,
	  test_xclient_not_offered)
