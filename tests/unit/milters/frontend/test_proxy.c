#include "lib/base/clock.h"
#include "tests/unit/milters/frontend/common.h"
#include "tests/unit/milters/frontend/script.h"

#define HELLO                                                             \
	"A", "S:220 x", "C:EHLO fe1.x.test", "S:250-x", "S:250-SIZE 100", \
	    "S:250 DSN"
#define SENDER HELLO, "C:MAIL FROM:<s@out.test>", "S:250 2.1.0 Ok"
#define RCPT_A "C:RCPT TO:<a@x.test>", "S:250 2.1.5 Ok"
#define RCPT_B "C:RCPT TO:<b@x.test>", "S:250 2.1.5 Ok"
#define CONTENT "C:DATA", "S:354 go", "D"
#define NOBODY_COMES NULL

/* ---- what the host would call -------------------------------------------- */

static struct ph_err ignored;

/* 1: refused, the recipient is not in the message. */
static int
rcpt(struct world *world, struct ph_mail *mail, const char *address)
{
	struct ph_recipient *r = ph_mail_add_recipient(mail, address, NULL);
	int rc = ph_frontend_agent.on_rcpt(mail, r, &world->frontend, &ignored);

	if (rc != 0)
		g_ptr_array_remove(mail->recipients, r);
	return rc;
}

static void
check_verdict(const struct ph_mail *mail, enum ph_decision decision,
	      const char *code, const char *enhanced)
{
	ck_assert_int_eq(mail->verdict.decision, decision);
	ck_assert_str_eq(mail->verdict.code, code);
	ck_assert_str_eq(mail->verdict.enhanced, enhanced);
}

static void
data(struct world *world, struct ph_mail *mail)
{
	set_text(&mail->queue_id, "4F1");
	ck_assert_int_eq(
	    ph_frontend_agent.on_data(mail, &world->frontend, &ignored), 0);
}

static int
header(struct world *world, struct ph_mail *mail, const char *name,
       const char *value)
{
	return ph_frontend_agent.on_header(mail, name, value, &world->frontend,
					   &ignored);
}

static int
body(struct world *world, struct ph_mail *mail, const char *text)
{
	return ph_frontend_agent.on_body(mail, text, strlen(text),
					 &world->frontend, &ignored);
}

static int
message(struct world *world, struct ph_mail *mail)
{
	return ph_frontend_agent.on_message(mail, &world->frontend, &ignored);
}

/* ---- tests --------------------------------------------------------------- */

/* Without the lines that ph_frontend_received and _origin make. */
static const char *
after_own(const char *content)
{
	const char *last = "X-PostHub-OriginalServerIPAddress: 192.0.2.3\r\n";
	const char *at = strstr(content, last);

	ck_assert_ptr_nonnull(at);
	ck_assert(g_str_has_prefix(content, "Received: from helo.test "));
	return at + strlen(last);
}

static const char xforward[] =
    "C:XFORWARD NAME=mx.out.test ADDR=198.51.100.7 PROTO=ESMTP HELO=helo.test "
    "IDENT=[UNAVAILABLE] SOURCE=REMOTE";

START_TEST(test_whole)
{
	static const char *const lines[] = {
	    "A", "S:220 x", "C:EHLO fe1.x.test", "S:250-x", "S:250-DSN",
	    "S:250-SIZE 1", "S:250 XFORWARD NAME ADDR PROTO HELO IDENT SOURCE",
	    xforward, "S:250 2.0.0 Ok",
	    "C:MAIL FROM:<s@out.test> SIZE=7 RET=HDRS AUTH=nu+2Bno",
	    "S:250 2.1.0 Ok", "C:RCPT TO:<a@x.test> NOTIFY=NEVER",
	    "S:250 2.1.5 Ok", CONTENT, "S:250 2.0.0 taken",
	    /* The session is used again, and says anew who the client is. */
	    xforward, "S:250 2.0.0 Ok", "C:MAIL FROM:<s@out.test>",
	    "S:250 2.1.0 Ok", RCPT_A, "C:QUIT", NULL};
	static const char *params[] = {"SIZE=7", "AUTH=boss", "BODY=8BITMIME",
				       "RET=HDRS", NULL};
	static const char *const notify[] = {"NOTIFY=NEVER", NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	g_strfreev(mail->params);
	mail->params = g_strdupv((char **)params);
	set_text(&mail->login, "nu+no");
	ck_assert_int_eq(ph_frontend_agent.on_rcpt(
			     mail,
			     ph_mail_add_recipient(mail, "a@x.test", notify),
			     &world.frontend, &ignored),
			 0);
	data(&world, mail);
	ck_assert_int_eq(header(&world, mail, "Subject", " a\n b"), 0);
	ck_assert_int_eq(header(&world, mail, "x-posthub-scl", " 9"), 0);
	/* He has logged in, and may say this. */
	ck_assert_int_eq(
	    header(&world, mail, "X-PostHub-Sender-Override", " why"), 0);
	ck_assert_int_eq(header(&world, mail, "X", " y"), 0);
	ck_assert_int_eq(body(&world, mail, ".dot\r\nhalf "), 0);
	ck_assert_int_eq(body(&world, mail, "line\r\n"), 0);
	ck_assert_int_eq(message(&world, mail), 1);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_DISCARD);
	ck_assert_str_eq(
	    after_own(server.content->str),
	    "Subject: a\r\n b\r\nX-PostHub-Sender-Override: why\r\nX: y\r\n"
	    "\r\n..dot\r\nhalf line\r\n");
	ph_mail_free(&mail);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	ph_mail_free(&mail);
	world_close(&world);
	end_server(&server);
}
END_TEST

START_TEST(test_no_header_no_body)
{
	static const char *const lines[] = {SENDER, RCPT_A, CONTENT,
					    "S:250 2.0.0 Ok", NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	data(&world, mail);
	ck_assert_int_eq(message(&world, mail), 1);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_DISCARD);
	ck_assert_str_eq(after_own(server.content->str), "\r\n");
	ph_mail_free(&mail);
	world_close(&world);
	end_server(&server);
}
END_TEST

START_TEST(test_a_stranger_says_nothing)
{
	static const char *const lines[] = {SENDER, RCPT_A, CONTENT,
					    "S:250 2.0.0 Ok", NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	data(&world, mail);
	ck_assert_int_eq(
	    header(&world, mail, "X-PostHub-Sender-Override", " why"), 0);
	ck_assert_int_eq(message(&world, mail), 1);
	ck_assert_str_eq(after_own(server.content->str), "\r\n");
	ph_mail_free(&mail);
	world_close(&world);
	end_server(&server);
}
END_TEST

/* A server's final word, and what the client is told. */
START_TEST(test_final_answers)
{
	static const struct {
		const char *said;
		enum ph_decision decision;
		const char *code, *enhanced, *text;
	} rows[] = {
	    {"S:250 2.6.0 Ok", PH_DECISION_DISCARD, "", "", NULL},
	    {"S:451 4.3.0 later", PH_DECISION_DEFER, "451", "4.3.0",
	     "4.3.0 later"},
	    {"S:554 5.7.1 100% no", PH_DECISION_REJECT, "554", "5.7.1",
	     "5.7.1 100% no"},
	    {"S:550 no", PH_DECISION_REJECT, "550", "", "no"},
	    /* The class of the enhanced code has to be the code's. */
	    {"S:550 4.7.1 odd", PH_DECISION_REJECT, "550", "", "4.7.1 odd"},
	    /* Would close the client's session. */
	    {"S:421 4.3.2 bye", PH_DECISION_DEFER, "451", "4.3.2", "4.3.2 bye"},
	    {"S:354 3.0.0 what", PH_DECISION_DEFER, "451", "", "3.0.0 what"},
	    {"X", PH_DECISION_DEFER, "451", "4.4.2", NULL},
	    {"S:HTTP/1.1 400", PH_DECISION_DEFER, "451", "4.4.2", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *const lines[] = {SENDER, RCPT_A, CONTENT,
					     rows[i].said, NULL};
		struct server server;
		struct world world;
		struct ph_mail *mail;

		start_server(&server, lines);
		world_open(&world, server.port, 1);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
		data(&world, mail);
		ck_assert_int_eq(message(&world, mail), 1);
		check_verdict(mail, rows[i].decision, rows[i].code,
			      rows[i].enhanced);
		if (rows[i].text != NULL)
			ck_assert_str_eq(mail->verdict.lines[0], rows[i].text);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&server);
	}
}
END_TEST

START_TEST(test_refusal_of_each_second)
{
	static const char *const lines[] = {SENDER,
					    "C:RCPT TO:<no@x.test>",
					    "S:550-5.1.1 nobody",
					    "S:550 5.1.1 of that name",
					    RCPT_A,
					    "C:RCPT TO:<full@x.test>",
					    "S:452 4.2.2 full",
					    RCPT_B,
					    NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "no@x.test"), 1);
	check_verdict(mail, PH_DECISION_REJECT, "550", "5.1.1");
	ck_assert_str_eq(mail->verdict.lines[0], "5.1.1 nobody");
	ck_assert_str_eq(mail->verdict.lines[1], "5.1.1 of that name");
	ck_assert_ptr_null(mail->verdict.lines[2]);
	ph_verdict_clear(&mail->verdict);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	ck_assert_int_eq(rcpt(&world, mail, "full@x.test"), 1);
	check_verdict(mail, PH_DECISION_DEFER, "452", "4.2.2");
	ph_verdict_clear(&mail->verdict);
	ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 0);
	ph_mail_free(&mail);
	world_close(&world);
	end_server(&server);
}
END_TEST

/* The first choice for b is MBX2; each of these makes MBX1 take it. */
START_TEST(test_next_server_at_rcpt)
{
	static const char *const second[][12] = {
	    {"A", "X", NULL},
	    {"A", "S:421 4.3.2 not now", NULL},
	    {"A", "S:554 no", NULL},
	    {"A", "S:220 x", "C:EHLO fe1.x.test", "X", NULL},
	    {HELLO, "C:MAIL FROM:<s@out.test>", "X", NULL},
	    {HELLO, "C:MAIL FROM:<s@out.test>", "S:451 4.7.1 milter", NULL},
	    {SENDER, "C:RCPT TO:<b@x.test>", "X", NULL},
	    {SENDER, "C:RCPT TO:<b@x.test>", "S:421 4.3.2 bye", NULL},
	};
	static const char *const first[] = {SENDER, RCPT_B, CONTENT,
					    "S:250 2.0.0 Ok", NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(second); i++) {
		struct server mbx1, mbx2;
		struct world world;
		struct ph_mail *mail;

		start_server(&mbx1, first);
		start_server(&mbx2, second[i]);
		world_open(&world, mbx1.port, mbx2.port);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 0);
		data(&world, mail);
		ck_assert_int_eq(message(&world, mail), 1);
		ck_assert_int_eq(mail->verdict.decision, PH_DECISION_DISCARD);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&mbx2);
		end_server(&mbx1);
	}
}
END_TEST

/* Both servers say the same of the sender. */
START_TEST(test_sender_refused)
{
	static const struct {
		const char *said;
		bool both;
		enum ph_decision decision;
		const char *code, *enhanced;
	} rows[] = {
	    {"S:550 5.7.1 not you", false, PH_DECISION_REJECT, "550", "5.7.1"},
	    {"S:530 5.7.0 STARTTLS first", true, PH_DECISION_DEFER, "451",
	     "4.4.1"},
	    {"S:452 4.3.1 full", true, PH_DECISION_DEFER, "452", "4.3.1"},
	    {"X", true, PH_DECISION_DEFER, "451", "4.4.1"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *const lines[] = {HELLO, "C:MAIL FROM:<s@out.test>",
					     rows[i].said, NULL};
		const char *const none[] = {NOBODY_COMES};
		struct server mbx1, mbx2;
		struct world world;
		struct ph_mail *mail;

		start_server(&mbx1, rows[i].both ? lines : none);
		start_server(&mbx2, lines);
		world_open(&world, mbx1.port, mbx2.port);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 1);
		check_verdict(mail, rows[i].decision, rows[i].code,
			      rows[i].enhanced);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&mbx2);
		end_server(&mbx1);
	}
}
END_TEST

/* b chooses MBX2; b and a together choose MBX1. */
START_TEST(test_selection_at_data)
{
	static const struct {
		const char *first[20], *second[20];
	} rows[] = {
	    /* MBX1 takes both: MBX2 is left. */
	    {{SENDER, RCPT_B, RCPT_A, CONTENT, "S:250 2.0.0 Ok", NULL},
	     {SENDER, RCPT_B, RCPT_A, "E", NULL}},
	    /* MBX1 refuses one, or does not answer: MBX2 is kept. */
	    {{SENDER, RCPT_B, "C:RCPT TO:<a@x.test>", "S:550 5.1.1 no", NULL},
	     {SENDER, RCPT_B, RCPT_A, CONTENT, "S:250 2.0.0 Ok", NULL}},
	    {{"A", "X", NULL},
	     {SENDER, RCPT_B, RCPT_A, CONTENT, "S:250 2.0.0 Ok", NULL}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct server mbx1, mbx2;
		struct world world;
		struct ph_mail *mail;

		start_server(&mbx1, rows[i].first);
		start_server(&mbx2, rows[i].second);
		world_open(&world, mbx1.port, mbx2.port);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 0);
		ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
		data(&world, mail);
		ck_assert_int_eq(header(&world, mail, "X", " y"), 0);
		ck_assert_int_eq(message(&world, mail), 1);
		ck_assert_int_eq(mail->verdict.decision, PH_DECISION_DISCARD);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&mbx2);
		end_server(&mbx1);
	}
}
END_TEST

/* The server is gone when the content comes: its recipients are repeated. */
START_TEST(test_gone_at_content)
{
	static const struct {
		const char *first[20];
		enum ph_decision decision;
		const char *code, *enhanced;
	} rows[] = {
	    {{SENDER, RCPT_B, CONTENT, "S:250 2.0.0 Ok", NULL},
	     PH_DECISION_DISCARD,
	     "",
	     ""},
	    /* It was told yes: now it has to come again to hear no. */
	    {{SENDER, "C:RCPT TO:<b@x.test>", "S:550 5.1.1 no", NULL},
	     PH_DECISION_DEFER,
	     "451",
	     "4.4.1"},
	    {{"A", "X", NULL}, PH_DECISION_DEFER, "451", "4.4.1"},
	    {{SENDER, RCPT_B, "C:DATA", "S:554 5.5.1 no", NULL},
	     PH_DECISION_REJECT,
	     "554",
	     "5.5.1"},
	};
	static const char *const second[] = {SENDER, RCPT_B, "X", NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct server mbx1, mbx2;
		struct world world;
		struct ph_mail *mail;

		start_server(&mbx1, rows[i].first);
		start_server(&mbx2, second);
		world_open(&world, mbx1.port, mbx2.port);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 0);
		data(&world, mail);
		(void)header(&world, mail, "X", " y");
		if (mail->verdict.decision == PH_DECISION_ACCEPT)
			ck_assert_int_eq(message(&world, mail), 1);
		check_verdict(mail, rows[i].decision, rows[i].code,
			      rows[i].enhanced);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&mbx2);
		end_server(&mbx1);
	}
}
END_TEST

/* Half a message is never ended, whoever goes. */
START_TEST(test_cut_in_content)
{
	static const char *const dies[] = {SENDER,     RCPT_A, "C:DATA",
					   "S:354 go", "X",    NULL};
	static const char *const lives[] = {SENDER,	RCPT_A, "C:DATA",
					    "S:354 go", "E",	NULL};
	g_autofree char *piece = g_strnfill(65000, 'x');

	for (size_t i = 0; i < 2; i++) {
		struct server server;
		struct world world;
		struct ph_mail *mail;
		int rc = 0;

		start_server(&server, i == 0 ? dies : lives);
		world_open(&world, server.port, 1);
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
		data(&world, mail);
		for (int n = 0; n < (i == 0 ? 200 : 2) && rc == 0; n++)
			rc = body(&world, mail, piece);
		ck_assert_int_eq(rc, i == 0);
		if (i == 0)
			check_verdict(mail, PH_DECISION_DEFER, "451", "4.4.2");
		ph_mail_free(&mail);
		world_close(&world);
		g_thread_join(g_steal_pointer(&server.thread));
		ck_assert(!g_str_has_suffix(server.content->str, ".\r\n"));
		ck_assert(!g_str_has_suffix(server.content->str, "QUIT\r\n"));
		end_server(&server);
	}
}
END_TEST

static bool
tell(void *arg)
{
	int *left = arg;

	return --*left > 0;
}

/* The server is slow: the MTA is told, until it goes or time is up. */
START_TEST(test_progress)
{
	static const char *const lines[] = {SENDER, RCPT_A, CONTENT, "E", NULL};
	int turns[] = {3, 1000};

	for (size_t i = 0; i < G_N_ELEMENTS(turns); i++) {
		struct server server;
		struct world world;
		struct ph_mail *mail;

		start_server(&server, lines);
		world_open(&world, server.port, 1);
		if (i == 1)
			world.frontend.final_timeout = 100;
		mail = world_mail(&world);
		mail->progress = tell;
		mail->progress_arg = &turns[i];
		ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
		data(&world, mail);
		ck_assert_int_eq(message(&world, mail), 1);
		check_verdict(mail, PH_DECISION_DEFER, "451", "4.4.2");
		ck_assert_int_lt(turns[i], i == 0 ? 1 : 1000);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&server);
	}
}
END_TEST

/* A server that stops in the middle of STARTTLS: the client of the front end
 * hears something while his MTA still waits for us. */
START_TEST(test_silent_in_tls)
{
	static const char *const silent[][8] = {
	    {"A", "S:220 x", "C:EHLO fe1.x.test", "S:250-x", "S:250 STARTTLS",
	     "C:STARTTLS", "E", NULL},
	    {"A", "S:220 x", "C:EHLO fe1.x.test", "S:250-x", "S:250 STARTTLS",
	     "C:STARTTLS", "S:220 go", "E"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(silent); i++) {
		const char *lines[G_N_ELEMENTS(silent[i]) + 1] = {NULL};
		const int64_t begin = ph_clock_mono();
		struct server server;
		struct world world;
		struct ph_mail *mail;

		memcpy(lines, silent[i], sizeof silent[i]);
		start_server(&server, lines);
		world_open(&world, server.port, 1);
		world.frontend.tls.mode = PH_PEER_MAY;
		world.frontend.timeout = 15000;
		world.frontend.try_timeout = 300;
		mail = world_mail(&world);
		ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 1);
		check_verdict(mail, PH_DECISION_DEFER, "451", "4.4.1");
		ck_assert_int_lt(ph_clock_mono() - begin, 10000);
		ph_mail_free(&mail);
		world_close(&world);
		end_server(&server);
	}
}
END_TEST

/* A session that was kept and has died costs nobody an answer. */
START_TEST(test_dead_spare)
{
	static const char *const lines[] = {SENDER,	      RCPT_A,	CONTENT,
					    "S:250 2.0.0 Ok", "X",	SENDER,
					    RCPT_A,	      "C:QUIT", NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	data(&world, mail);
	ck_assert_int_eq(message(&world, mail), 1);
	ck_assert_ptr_nonnull(world.kept.data);
	ph_mail_free(&mail);
	mail = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 0);
	ck_assert_ptr_null(world.kept.data);
	ph_mail_free(&mail);
	world_close(&world);
	end_server(&server);
}
END_TEST

START_TEST(test_limit_of_messages)
{
	static const char *const lines[] = {SENDER, RCPT_A, "E", NULL};
	struct server server;
	struct world world;
	struct ph_mail *one, *two;

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	one = world_mail(&world);
	two = world_mail(&world);
	ck_assert_int_eq(rcpt(&world, one, "a@x.test"), 0);
	ck_assert_int_eq(rcpt(&world, two, "a@x.test"), 1);
	check_verdict(two, PH_DECISION_DEFER, "451", "4.3.2");
	ph_mail_free(&one);
	ph_mail_free(&two);
	world_close(&world);
	end_server(&server);
}
END_TEST

START_TEST(test_what_cannot_be_said)
{
	g_autofree char *longest = g_strnfill(5000, 'x');
	const char *const bad[] = {"\"a\r\nb\"@x.test", "\"a\x7f\"@x.test",
				   longest};
	struct world world;

	world_open(&world, 1, 1);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ph_mail *mail = world_mail(&world);

		ck_assert_int_eq(rcpt(&world, mail, bad[i]), 1);
		check_verdict(mail, PH_DECISION_REJECT, "550", "5.1.3");
		ph_verdict_clear(&mail->verdict);
		set_text(&mail->sender, bad[i]);
		ck_assert_int_eq(
		    ph_frontend_agent.on_mail(mail, &world.frontend, &ignored),
		    1);
		check_verdict(mail, PH_DECISION_REJECT, "550", "5.1.7");
		ph_mail_free(&mail);
	}
	world_close(&world);
}
END_TEST

START_TEST(test_nobody_there)
{
	struct world world;
	struct ph_mail *mail;

	world_open(&world, 1, 1);
	mail = world_mail(&world);
	world.frontend.server = "UNKNOWN";
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 1);
	check_verdict(mail, PH_DECISION_DEFER, "451", "4.4.0");
	ph_verdict_clear(&mail->verdict);
	ph_snapshot_unref(&mail->snapshot);
	ck_assert_int_eq(rcpt(&world, mail, "a@x.test"), 1);
	check_verdict(mail, PH_DECISION_DEFER, "451", "4.3.0");
	ph_mail_free(&mail);
	world_close(&world);
}
END_TEST

/* The directory cannot say: a server of the local site decides. */
START_TEST(test_directory_away)
{
	static const char *const lines[] = {SENDER, RCPT_B, "E", NULL};
	struct server server;
	struct world world;
	struct ph_mail *mail;
	struct ph_directory *away =
	    ph_directory_failing(PH_ERR_TEMP, "not there");

	start_server(&server, lines);
	world_open(&world, server.port, 1);
	mail = world_mail(&world);
	mail->directory = away;
	ck_assert_int_eq(rcpt(&world, mail, "b@x.test"), 0);
	ph_mail_free(&mail);
	world_close(&world);
	ph_directory_close(&away);
	end_server(&server);
}
END_TEST

UNIT_MAIN("milters/frontend/proxy", test_whole, test_no_header_no_body,
	  test_a_stranger_says_nothing, test_final_answers,
	  test_refusal_of_each_second, test_next_server_at_rcpt,
	  test_sender_refused, test_silent_in_tls, test_selection_at_data,
	  test_gone_at_content, test_cut_in_content, test_progress,
	  test_dead_spare, test_limit_of_messages, test_what_cannot_be_said,
	  test_nobody_there, test_directory_away)
