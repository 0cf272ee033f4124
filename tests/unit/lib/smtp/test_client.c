#include "lib/base/clock.h"
#include "lib/smtp/client.h"
#include "lib/smtp/peer.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A server that follows a script on a thread: a line "S:..." is sent, "C:..."
 * is expected word for word, "X" closes the connection, "W" waits until the
 * client has gone, "G" waits until the test says go, "D:..." for so many
 * milliseconds. What differs is kept for the test to see.
 */
struct script {
	const char *const *lines;
	int listener, port;
	GThread *thread;
	GAsyncQueue *gate;
	char *trouble;
};

static bool
read_line(int fd, GString *line)
{
	char c;

	g_string_truncate(line, 0);
	while (recv(fd, &c, 1, 0) == 1) {
		if (c == '\n')
			return true;
		if (c != '\r')
			g_string_append_c(line, c);
	}
	return false;
}

static void *
run_script(void *data)
{
	struct script *script = data;
	int fd = accept(script->listener, NULL, NULL);
	g_autoptr(GString) line = g_string_new(NULL);

	for (size_t i = 0; script->lines[i] != NULL; i++) {
		const char *step = script->lines[i];

		if (step[0] == 'X')
			break;
		if (step[0] == 'G') {
			(void)g_async_queue_pop(script->gate);
		} else if (step[0] == 'D') {
			g_usleep((gulong)atoi(step + 2) * 1000);
		} else if (step[0] == 'W') {
			while (read_line(fd, line))
				;
		} else if (step[0] == 'S') {
			g_autofree char *out =
			    g_strconcat(step + 2, "\r\n", NULL);

			(void)send(fd, out, strlen(out), MSG_NOSIGNAL);
		} else if (!read_line(fd, line) ||
			   strcmp(line->str, step + 2) != 0) {
			script->trouble = g_strdup_printf(
			    "expected \"%s\", got \"%s\"", step + 2, line->str);
			break;
		}
	}
	close(fd);
	return NULL;
}

static void
start_script(struct script *script, const char *const *lines)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	*script = (struct script){.lines = lines, .gate = g_async_queue_new()};
	script->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    bind(script->listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(script->listener, 1), 0);
	getsockname(script->listener, (struct sockaddr *)&address, &size);
	script->port = ntohs(address.sin_port);
	script->thread = g_thread_new("server", run_script, script);
}

static void
end_script(struct script *script)
{
	g_thread_join(script->thread);
	g_async_queue_unref(script->gate);
	close(script->listener);
	ck_assert_msg(script->trouble == NULL, "%s", script->trouble);
}

static int
open_within(const struct script *script, bool lmtp, int64_t final_timeout,
	    struct ph_smtp **smtp_r, struct ph_err *err)
{
	struct ph_smtp_options options = {
	    .hello = "me.example",
	    .lmtp = lmtp,
	    .connect_timeout = 2000,
	    .timeout = 2000,
	    .final_timeout = final_timeout,
	};

	g_strlcpy(options.endpoint.host, "127.0.0.1",
		  sizeof options.endpoint.host);
	options.endpoint.port = script->port;
	return ph_smtp_open(&options, smtp_r, err);
}

static int
open_session(const struct script *script, bool lmtp, struct ph_smtp **smtp_r,
	     struct ph_err *err)
{
	return open_within(script, lmtp, 2000, smtp_r, err);
}

/* The code of a step's reply, or -1. */
static int
code_of(int rc, struct ph_smtp_reply *reply)
{
	int code = rc < 0 ? -1 : reply->code;

	ph_smtp_reply_clear(reply);
	return code;
}

START_TEST(test_message)
{
	static const char *const lines[] = {
	    "S:220 mx ESMTP",
	    "C:EHLO me.example",
	    "S:250-mx",
	    "S:250-SIZE 1000",
	    "S:250 XFORWARD NAME ADDR",
	    "C:XFORWARD NAME=mail+2Bx ADDR=192.0.2.1",
	    "S:250 2.0.0 Ok",
	    "C:MAIL FROM:<a@x> SIZE=10 AUTH=<>",
	    "S:250 2.1.0 Ok",
	    "C:RCPT TO:<b@y>",
	    "S:550-5.1.1 no",
	    "S:550 5.1.1 such user",
	    "C:RCPT TO:<c@y> NOTIFY=NEVER",
	    "S:250 2.1.5 Ok",
	    "C:DATA",
	    "S:354 go",
	    "C:Subject: x",
	    "C:",
	    "C:..",
	    "C:..dot",
	    "C:a.b",
	    "C:.",
	    "S:250 2.0.0 taken",
	    "C:QUIT",
	    NULL};
	static const char *const mail[] = {"SIZE=10", "AUTH=<>", NULL};
	static const char *const rcpt[] = {"NOTIFY=NEVER", NULL};
	static const char *const forward[] = {
	    "NAME", "mail+x", "IDENT", "q1", "ADDR", "192.0.2.1", NULL};
	static const char content[] = "Subject: x\r\n\r\n.\r\n.dot\r\na.b";
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_smtp_reply r;
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	ck_assert_msg(open_session(&script, false, &smtp, &err) == 0, "%s",
		      err.text);
	ck_assert(ph_smtp_offers(smtp, "size"));
	ck_assert_str_eq(ph_smtp_parameters(smtp, "SIZE"), "1000");
	ck_assert(!ph_smtp_offers(smtp, "XFORW"));
	ck_assert_int_eq(code_of(ph_smtp_xforward(smtp, forward, &r, &err), &r),
			 250);
	ck_assert_int_eq(code_of(ph_smtp_mail(smtp, "a@x", mail, &r, &err), &r),
			 250);
	ck_assert_int_eq(ph_smtp_rcpt(smtp, "b@y", NULL, &r, &err), 0);
	{
		g_autofree char *text = ph_smtp_reply_format(&r);

		ck_assert_str_eq(text, "550 5.1.1 no\n550 5.1.1 such user");
	}
	ph_smtp_reply_clear(&r);
	ck_assert_int_eq(code_of(ph_smtp_rcpt(smtp, "c@y", rcpt, &r, &err), &r),
			 250);
	ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r), 354);
	/* Byte by byte: dots at every edge of a piece. */
	for (size_t i = 0; i < sizeof content - 1; i++)
		ck_assert_int_eq(ph_smtp_content(smtp, content + i, 1, &err),
				 0);
	ck_assert_int_eq(code_of(ph_smtp_finish(smtp, &r, 1, &err), &r), 250);
	ph_smtp_close(&smtp);
	end_script(&script);
}
END_TEST

START_TEST(test_lmtp_replies)
{
	static const char *const lines[] = {"S:220 mx LMTP",
					    "C:LHLO me.example",
					    "S:250 mx",
					    "C:DATA",
					    "S:354 go",
					    "C:.",
					    "S:250 2.1.5 a",
					    "S:452 4.2.2 b",
					    "X",
					    NULL};
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_smtp_reply r, replies[3];
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	ck_assert_int_eq(open_session(&script, true, &smtp, &err), 0);
	ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r), 354);
	/* The third answer never comes: it may have been taken. */
	ck_assert_int_eq(ph_smtp_finish(smtp, replies, 3, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	ck_assert_int_eq(replies[0].code, 250);
	ck_assert_int_eq(replies[1].code, 452);
	ck_assert_int_eq(replies[2].code, 0);
	for (size_t i = 0; i < 3; i++)
		ph_smtp_reply_clear(&replies[i]);
	ph_smtp_close(&smtp);
	end_script(&script);
}
END_TEST

/* Each of the answers comes in time, all of them do not. */
START_TEST(test_lmtp_replies_that_trickle)
{
	static const char *const lines[] = {"S:220 mx LMTP",
					    "C:LHLO me.example",
					    "S:250 mx",
					    "C:DATA",
					    "S:354 go",
					    "C:.",
					    "S:250 2.1.5 a",
					    "D:150",
					    "S:250 2.1.5 b",
					    "D:150",
					    "S:250 2.1.5 c",
					    "W",
					    NULL};
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_smtp_reply r, replies[3];
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	ck_assert_int_eq(open_within(&script, true, 250, &smtp, &err), 0);
	ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r), 354);
	ck_assert_int_eq(ph_smtp_finish(smtp, replies, 3, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
	ck_assert_ptr_nonnull(strstr(err.text, "no answer"));
	ck_assert_int_eq(replies[2].code, 0);
	for (size_t i = 0; i < 3; i++)
		ph_smtp_reply_clear(&replies[i]);
	ph_smtp_close(&smtp);
	end_script(&script);
}
END_TEST

START_TEST(test_refusals)
{
	static const char *const greetings[][6] = {
	    {"S:421 4.3.2 not now", "W", NULL},
	    {"S:220 mx", "C:EHLO me.example", "S:502 what", "W", NULL},
	    {"S:HTTP/1.1 400 Bad Request", "W", NULL},
	    {"X", NULL},
	    {"S:220 mx", "C:EHLO me.example", "X", NULL},
	    {"W", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(greetings); i++) {
		struct script script;
		struct ph_smtp *smtp = NULL;
		struct ph_err err = PH_ERR_INIT;

		start_script(&script, greetings[i]);
		ck_assert_int_eq(open_session(&script, false, &smtp, &err), -1);
		ck_assert_int_eq(err.kind, PH_ERR_TEMP);
		ck_assert_ptr_null(smtp);
		end_script(&script);
	}
}
END_TEST

/* Each in time, together they are not. */
START_TEST(test_slow_beginning)
{
	static const char *const lines[] = {
	    "D:100", "S:220 mx",   "C:EHLO me.example",
	    "D:200", "S:502 what", "C:HELO me.example",
	    "D:200", "S:250 mx",   "W",
	    NULL};
	struct ph_smtp_options options = {
	    .hello = "me.example",
	    .helo = true,
	    .connect_timeout = 400,
	    .timeout = 2000,
	    .final_timeout = 2000,
	};
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	g_strlcpy(options.endpoint.host, "127.0.0.1",
		  sizeof options.endpoint.host);
	options.endpoint.port = script.port;
	ck_assert_int_eq(ph_smtp_open(&options, &smtp, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "no answer"));
	g_thread_join(script.thread);
	g_async_queue_unref(script.gate);
	close(script.listener);
	g_free(script.trouble);
}
END_TEST

/* No answer yet is none of the three ends. */
START_TEST(test_final_in_slices)
{
	static const struct {
		const char *step;
		int rc;
	} rows[] = {{"S:250 2.0.0 Ok", 1}, {"X", -1}, {"S:nonsense", -1}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *const lines[] = {
		    "S:220 mx", "C:EHLO me.example", "S:250 mx",
		    "C:DATA",	"S:354 go",	     "C:.",
		    "G",	rows[i].step,	     NULL};
		struct script script;
		struct ph_smtp *smtp = NULL;
		struct ph_smtp_reply r;
		struct ph_err err = PH_ERR_INIT;

		start_script(&script, lines);
		ck_assert_int_eq(open_session(&script, false, &smtp, &err), 0);
		ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r),
				 354);
		ck_assert_int_eq(ph_smtp_end(smtp, &err), 0);
		ck_assert_int_eq(ph_smtp_final(smtp, 20, &r, &err), 0);
		ck_assert_int_eq(ph_smtp_final(smtp, 20, &r, &err), 0);
		g_async_queue_push(script.gate, &script);
		ck_assert_int_eq(ph_smtp_final(smtp, 2000, &r, &err),
				 rows[i].rc);
		if (rows[i].rc < 0)
			ck_assert_int_eq(err.kind, PH_ERR_MAYBE);
		ph_smtp_reply_clear(&r);
		ph_smtp_close(&smtp);
		end_script(&script);
	}
}
END_TEST

/* Half a message is not followed by anything that could end it. */
START_TEST(test_close_in_content)
{
	static const char *const lines[] = {"S:220 mx", "C:EHLO me.example",
					    "S:250 mx", "C:DATA",
					    "S:354 go", "C:",
					    NULL};
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_smtp_reply r;
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	ck_assert_int_eq(open_session(&script, false, &smtp, &err), 0);
	ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r), 354);
	ck_assert_int_eq(ph_smtp_content(smtp, "half", 4, &err), 0);
	ph_smtp_close(&smtp);
	g_thread_join(script.thread);
	g_async_queue_unref(script.gate);
	close(script.listener);
	ck_assert_str_eq(script.trouble, "expected \"\", got \"\"");
	g_free(script.trouble);
}
END_TEST

/* The dot would be taken, and its answer could not be waited for: the next try
 * would be one copy too many. */
START_TEST(test_no_dot_when_time_is_over)
{
	static const char *const lines[] = {"S:220 mx", "C:EHLO me.example",
					    "S:250 mx", "C:DATA",
					    "S:354 go", "C:.",
					    NULL};
	struct script script;
	struct ph_smtp *smtp = NULL;
	struct ph_smtp_reply r;
	struct ph_err err = PH_ERR_INIT;

	start_script(&script, lines);
	ck_assert_int_eq(open_session(&script, false, &smtp, &err), 0);
	ck_assert_int_eq(code_of(ph_smtp_data(smtp, &r, &err), &r), 354);
	ph_smtp_set_deadline(smtp, ph_clock_mono() - 1);
	ck_assert_int_eq(ph_smtp_finish(smtp, &r, 1, &err), -1);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	ck_assert_int_eq(r.code, 0);
	ph_smtp_close(&smtp);
	g_thread_join(script.thread);
	g_async_queue_unref(script.gate);
	close(script.listener);
	ck_assert_str_eq(script.trouble, "expected \".\", got \"\"");
	g_free(script.trouble);
}
END_TEST

/* ---- servers of ours ---------------------------------------------------- */

#define GREETING "S:220 mx ESMTP", "C:EHLO me.example"
#define OFFER GREETING, "S:250-mx", "S:250 STARTTLS"

static const struct {
	enum ph_peer_mode mode;
	const char *lines[8];
	const char *error; /* NULL: in clear, as it may be */
} peers[] = {
    {PH_PEER_OFF, {OFFER, "C:QUIT"}, NULL},
    {PH_PEER_MAY, {GREETING, "S:250 mx", "C:QUIT"}, NULL},
    {PH_PEER_MAY, {OFFER, "C:STARTTLS", "S:454 4.7.0 not now", "C:QUIT"}, NULL},
    {PH_PEER_ENCRYPT,
     {GREETING, "S:250 mx", "C:QUIT"},
     "TLS is required, but was not offered"},
    {PH_PEER_VERIFY,
     {OFFER, "C:STARTTLS", "S:454 4.7.0 not now", "C:QUIT"},
     "TLS is required, but was not offered"},
};

START_TEST(test_peers)
{
	for (size_t i = 0; i < G_N_ELEMENTS(peers); i++) {
		const struct ph_peer_tls tls = {.mode = peers[i].mode};
		struct ph_smtp_options options = {
		    .hello = "me.example",
		    .connect_timeout = 2000,
		    .timeout = 2000,
		    .final_timeout = 2000,
		};
		struct ph_smtp *smtp = NULL;
		struct ph_err err = PH_ERR_INIT;
		struct script script;
		int rc;

		start_script(&script, peers[i].lines);
		g_strlcpy(options.endpoint.host, "127.0.0.1",
			  sizeof options.endpoint.host);
		options.endpoint.port = script.port;
		rc = ph_smtp_open_peer(&options, &tls, "mx.test", &smtp, &err);
		ck_assert_msg((rc == 0) == (peers[i].error == NULL),
			      "row %zu: %s", i, err.text);
		if (rc < 0) {
			ck_assert_int_eq(err.kind, PH_ERR_TEMP);
			ck_assert_msg(strstr(err.text, peers[i].error) != NULL,
				      "row %zu: %s", i, err.text);
			ck_assert_ptr_null(smtp);
		}
		ph_smtp_close(&smtp);
		end_script(&script);
	}
}
END_TEST

UNIT_MAIN("lib/smtp/client", test_peers, test_message, test_lmtp_replies,
	  test_lmtp_replies_that_trickle, test_refusals,
	  test_no_dot_when_time_is_over, test_slow_beginning,
	  test_final_in_slices, test_close_in_content)
