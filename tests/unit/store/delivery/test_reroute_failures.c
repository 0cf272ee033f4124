#include "lib/smtp/lmtp_server.h"
#include "tests/unit/store/delivery/remote.h"

#include <stdio.h>

/*
 * A store driver on the other side that goes away, or says strange things, at
 * each point of the conversation.
 */
#define CONTENT "Message-ID: <1@x>\r\nSubject: x\r\n\r\nbody\r\n.\r\n"
#define AWAY "RCPT TO:<away@example.com>\r\n"
#define NUNO "RCPT TO:<nuno@example.com>\r\n"
#define NUNO_OK "250 2.1.5 <nuno@example.com> Recipient OK\r\n"
#define AWAY_OK "250 2.1.5 yes\r\n"
#define GO "354 End with a dot on a line by itself\r\n"
#define NUNO_DONE "250 2.1.5 <nuno@example.com> Delivered\r\n"
#define INACTIVE                                                          \
	"432 4.3.2 <away@example.com> Mailbox database not active here: " \
	"mbx2.example.com: "
#define UNCONFIRMED                                      \
	"451 4.4.2 <away@example.com> mbx2.example.com " \
	"did not confirm the message: "

enum { GREETING, LHLO, XFORWARD, MAIL, RCPT, DATA, FINAL, SAYS };

/* NULL: the connection ends instead of that answer. */
struct script {
	const char *says[SAYS];
};

#define HELLO ("250-x\r\n250-XFORWARD IDENT\r\n250 " PH_LMTP_REROUTED)
#define OK "250 2.1.5 yes"

/* What is said after MAIL is answered, for RCPT and at the end. */
static const struct {
	struct script script;
	const char *at_rcpt, *at_end;
} rows[] = {
    {{{NULL}}, INACTIVE, NULL},
    {{{"421 4.3.2 Too many connections"}}, INACTIVE, NULL},
    {{{"220 x", NULL}}, INACTIVE, NULL},
    /* It does not know us as a server of ours. */
    {{{"220 x", "250 x"}},
     INACTIVE "it does not take what is handed over\r\n",
     NULL},
    {{{"220 x", HELLO, NULL}}, INACTIVE, NULL},
    {{{"220 x", HELLO, OK, NULL}}, INACTIVE, NULL},
    {{{"220 x", HELLO, OK, "421 4.3.2 going"}},
     INACTIVE "421 4.3.2 going\r\n",
     NULL},
    {{{"220 x", HELLO, OK, "552 5.3.4 too large"}},
     "552 5.3.4 too large\r\n",
     NULL},
    {{{"220 x", HELLO, OK, "354 what"}}, INACTIVE "354 what\r\n", NULL},
    {{{"220 x", HELLO, OK, OK, NULL}}, INACTIVE, NULL},
    {{{"220 x", HELLO, OK, OK, "450-4.2.0 a\r\n450 4.2.0 b"}},
     "450-4.2.0 a\r\n450 4.2.0 b\r\n",
     NULL},
    {{{"220 x", HELLO, OK, OK, OK, NULL}}, AWAY_OK, INACTIVE},
    {{{"220 x", HELLO, OK, OK, OK, "452 4.3.1 full"}},
     AWAY_OK,
     "452 4.3.1 full\r\n"},
    {{{"220 x", HELLO, OK, OK, OK, "250 what"}},
     AWAY_OK,
     INACTIVE "250 what\r\n"},
    {{{"220 x", HELLO, OK, OK, OK, "354 go", NULL}}, AWAY_OK, UNCONFIRMED},
    {{{"220 x", HELLO, OK, OK, OK, "354 go", "421 4.3.2 going"}},
     AWAY_OK,
     UNCONFIRMED "421 4.3.2 going\r\n"},
    {{{"220 x", HELLO, OK, OK, OK, "354 go", "550 5.2.1 no"}},
     AWAY_OK,
     "550 5.2.1 no\r\n"},
    {{{"220 x", HELLO, OK, OK, OK, "354 go", "250 2.0.0 taken"}},
     AWAY_OK,
     "250 2.0.0 taken\r\n"},
};

struct talk {
	const struct script *script;
	GString *said; /* by us, without the content */
	/* At the final dot, before it is answered; NULL: neither. */
	GAsyncQueue *tell, *wait;
};

static bool
say(FILE *out, const char *text)
{
	if (!text)
		return false;
	fprintf(out, "%s\r\n", text);
	return fflush(out) == 0;
}

static const char *
answer_to(const struct script *script, const char *line)
{
	static const char *const verbs[SAYS] = {
	    [LHLO] = "LHLO ", [XFORWARD] = "XFORWARD ", [MAIL] = "MAIL ",
	    [RCPT] = "RCPT ", [DATA] = "DATA\r",	[FINAL] = ".\r",
	};

	for (size_t i = LHLO; i < SAYS; i++)
		if (g_str_has_prefix(line, verbs[i]))
			return script->says[i];
	return NULL; /* QUIT */
}

static void
talk(struct talk *talk, FILE *in, FILE *out)
{
	char line[4096];
	bool content = false;

	if (!say(out, talk->script->says[GREETING]))
		return;
	while (fgets(line, sizeof(line), in)) {
		const char *answer;

		if (content && strcmp(line, ".\r\n") != 0)
			continue;
		answer = answer_to(talk->script, line);
		content = !content && answer && g_str_has_prefix(answer, "354");
		g_string_append(talk->said, line);
		if (strcmp(line, ".\r\n") == 0 && talk->tell)
			g_async_queue_push(talk->tell, talk);
		if (strcmp(line, ".\r\n") == 0 && talk->wait)
			g_async_queue_timeout_pop(talk->wait, 20000000);
		if (!say(out, answer))
			return;
	}
}

static void
serve(int fd, void *context)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

	talk(context, in, out);
	fclose(in);
	fclose(out);
}

static void
check_part(const char **got, const char *expected)
{
	ck_assert_msg(g_str_has_prefix(*got, expected), "%s: not %s", *got,
		      expected);
	*got += strlen(expected);
	/* The reason is the system's. */
	if (!g_str_has_suffix(expected, "\n"))
		*got = strchr(*got, '\n') + 1;
}

/* A recipient there, and one here who gets the mail whatever happens. */
START_TEST(test_failures)
{
	struct ph_store *memory = ph_store_memory();
	struct talk other = {.script = &rows[_i].script,
			     .said = g_string_new(NULL)};
	struct remote remote;
	struct lab lab;
	g_autofree char *out = NULL;
	const char *got;

	remote_listen(&remote);
	remote_lab(&lab, memory, &remote);
	remote_start(&remote, serve, &other);
	out = remote_answers(&lab, OWN_POSTFIX,
			     "XFORWARD IDENT=4XQ\r\nMAIL FROM:<a@b>",
			     AWAY NUNO "DATA\r\n" CONTENT);
	got = out;
	check_part(&got, rows[_i].at_rcpt);
	check_part(&got, NUNO_OK GO);
	if (rows[_i].at_end)
		check_part(&got, rows[_i].at_end);
	ck_assert_str_eq(got, NUNO_DONE);
	ck_assert_uint_eq(ph_store_memory_count(memory, "nuno@example.com"), 1);
	remote_stop(&remote);
	ck_assert_uint_eq(remote.sessions, 1);
	g_string_free(other.said, TRUE);
	lab_close(&lab);
	ph_store_close(&memory);
}
END_TEST

START_TEST(test_conversation)
{
	static const struct script script = {
	    {"220 x", HELLO, OK, OK, OK, "354 go", "250 2.0.0 taken"}};
	struct ph_store *memory = ph_store_memory();
	struct talk other = {.script = &script, .said = g_string_new(NULL)};
	struct remote remote;
	struct lab lab;
	g_autofree char *out = NULL;

	remote_listen(&remote);
	remote_lab(&lab, memory, &remote);
	remote_start(&remote, serve, &other);
	out = remote_answers(&lab, OWN_POSTFIX,
			     "XFORWARD IDENT=4XQ\r\n"
			     "MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME",
			     AWAY "DATA\r\n" CONTENT);
	ck_assert_str_eq(out, AWAY_OK GO "250 2.0.0 taken\r\n");
	remote_stop(&remote);
	ck_assert_str_eq(
	    other.said->str,
	    "LHLO mbx1.example.com\r\nXFORWARD IDENT=4XQ\r\n"
	    "MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME " PH_LMTP_REROUTED "\r\n"
	    "RCPT TO:<away@example.com>\r\nDATA\r\n.\r\nQUIT\r\n");
	g_string_free(other.said, TRUE);
	lab_close(&lab);
	ph_store_close(&memory);
}
END_TEST

/* Nobody listens: each recipient is told so, one attempt is made. */
START_TEST(test_nobody_there)
{
	struct ph_store *memory = ph_store_memory();
	struct remote remote;
	struct lab lab;
	g_autofree char *out = NULL;

	remote_listen(&remote);
	remote_lab(&lab, memory, &remote);
	remote_stop(&remote);
	out = remote_answers(&lab, OWN_POSTFIX, "MAIL FROM:<>", AWAY AWAY);
	ck_assert(g_str_has_prefix(out, INACTIVE "127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(out, "\r\n" INACTIVE "127.0.0.1:"));
	lab_close(&lab);
	ph_store_close(&memory);
}
END_TEST

/* ---- several servers ----------------------------------------------------- */

static void
server_at(struct ph_server *server, const char *name, struct remote *remote)
{
	struct ph_endpoint *endpoint = &server->service[PH_SERVICE_DELIVERY];

	memset(server, 0, sizeof(*server));
	server->name = server->fqdn = (char *)name;
	g_strlcpy(endpoint->host, "127.0.0.1", sizeof(endpoint->host));
	endpoint->port = remote->port;
}

/* The first one answers only after the second has all of the message, too: the
 * time that they may take is that of one. */
START_TEST(test_two_at_once)
{
	static const struct script script = {
	    {"220 x", HELLO, OK, OK, OK, "354 go", "250 2.0.0 taken"}};
	static const struct ph_deliver_client client = {.host =
							    "mbx1.example.com",
							.name = "hub",
							.address = OWN_POSTFIX,
							.queue_id = "4XQ",
							.session = "0"};
	static const struct ph_reroute_options options = {
	    .connect_timeout = 10000, .timeout = 10000, .final_timeout = 3000};
	static const struct ph_reroute_envelope envelope = {
	    .hello = "mbx1.example.com", .reverse_path = "", .queue_id = ""};
	struct ph_deliver deliver = {.server = "MBX1"};
	struct ph_recipient recipient = {.address = (char *)"away@example.com",
					 .primary = (char *)"away@example.com"};
	GAsyncQueue *queue = g_async_queue_new();
	struct talk talks[2] = {
	    {.script = &script, .said = g_string_new(NULL), .wait = queue},
	    {.script = &script, .said = g_string_new(NULL), .tell = queue}};
	struct ph_reroute *reroute =
	    ph_reroute_new(&deliver, &options, &envelope);
	struct ph_server servers[2];
	struct remote remotes[2];
	const char *const *answers;
	char *answer;

	for (int i = 0; i < 2; i++) {
		remote_listen(&remotes[i]);
		remote_start(&remotes[i], serve, &talks[i]);
		server_at(&servers[i], i == 0 ? "MBX2" : "MBX3", &remotes[i]);
		ck_assert_int_eq(
		    ph_reroute_rcpt(reroute, &servers[i], &recipient, &answer),
		    1);
		g_free(answer);
	}
	ck_assert_int_eq(ph_reroute_begin(reroute, &client, &answer), 1);
	ph_reroute_write(reroute, "Subject: x\r\n\r\nbody\r\n", 20);
	answers = ph_reroute_finish(reroute);
	ck_assert_str_eq(answers[0], "250 2.0.0 taken");
	ck_assert_str_eq(answers[1], "250 2.0.0 taken");
	ph_reroute_free(&reroute);
	for (int i = 0; i < 2; i++) {
		remote_stop(&remotes[i]);
		g_string_free(talks[i].said, TRUE);
	}
	g_async_queue_unref(queue);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store/delivery/reroute failures");
	TCase *tcase = tcase_create("failures");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_failures, 0, G_N_ELEMENTS(rows));
	tcase_add_test(tcase, test_conversation);
	tcase_add_test(tcase, test_nobody_there);
	tcase_add_test(tcase, test_two_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
