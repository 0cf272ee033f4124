#include "store/delivery/store.h"

#include "tests/unit/store/delivery/remote.h"

#include <stdio.h>

/*
 * A mailbox server that says what it was told to say, connection by connection,
 * and goes away where its script ends.
 */
enum { SAYS = 12, SCRIPTS = 3 };

#define GREETING "220 x", "250-x\r\n250 8BITMIME"
#define SILENCE "" /* until the other side has enough */
#define OK "250 2.0.0 ok"
#define NMID "0f0e0d0c-0b0a-8908-8706-050403020100"
#define NMID_2 "0f0e0d0c-0b0a-8908-8706-050403020101"
#define ANA "ana@example.com"
#define RUI "rui@example.com"

struct script {
	const char *says[SAYS];
};

static struct {
	struct remote remote;
	struct script scripts[SCRIPTS];
	GString *said; /* to it, all of it */
	struct ph_store *store;
	char *root;
} t;

/* ---- the server -------------------------------------------------------- */

static bool
listen_to(FILE *in, const char *answered)
{
	bool content = g_str_has_prefix(answered, "354");
	char line[4096];

	while (fgets(line, sizeof line, in)) {
		g_string_append(t.said, line);
		if (!content || strcmp(line, ".\r\n") == 0)
			return true;
	}
	return false;
}

static void
serve(int fd, void *context)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	const struct script *script;
	const char *last = "";
	char line[4096];

	(void)context;
	g_mutex_lock(&t.remote.lock);
	script = &t.scripts[MIN(t.remote.sessions, SCRIPTS) - 1];
	g_mutex_unlock(&t.remote.lock);
	for (size_t i = 0; script->says[i]; i++) {
		if (i > 0 && !listen_to(in, last))
			break;
		last = script->says[i];
		if (strcmp(last, SILENCE) == 0) {
			while (fgets(line, sizeof line, in))
				continue;
			break;
		}
		fprintf(out, "%s\r\n", last);
		fflush(out);
	}
	fclose(out);
	fclose(in);
}

static void
open_store(int64_t timeout, int64_t message_timeout)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_store_lmtp_options options = {
	    .endpoint = {false, "127.0.0.1", t.remote.port},
	    .hello = "mbx1.example.com",
	    .root = t.root,
	    .duplicate_window = 1000000,
	    .connect_timeout = 10000,
	    .timeout = timeout,
	    .final_timeout = timeout,
	    .message_timeout = message_timeout,
	};

	ck_assert_msg(ph_store_lmtp(&options, &t.store, &err) == 0, "%s",
		      err.text);
}

static void
setup(const struct script *first, const struct script *second)
{
	t.root = unit_mkdir();
	t.said = g_string_new(NULL);
	memset(t.scripts, 0, sizeof t.scripts);
	t.scripts[0] = *first;
	if (second)
		t.scripts[1] = *second;
	remote_listen(&t.remote);
	remote_start(&t.remote, serve, NULL);
	open_store(10000, 100000);
}

static void
teardown(void)
{
	ph_store_close(&t.store);
	remote_stop(&t.remote);
	g_string_free(t.said, TRUE);
	unit_rmdir(&t.root);
}

/* ---- a message --------------------------------------------------------- */

static const char content[] = "Return-Path: <s@sender.test>\n"
			      "Subject: x\n\n.dot\n\nlast";

static char *
told(struct ph_store_message *message, const struct ph_store_mailbox *mailbox)
{
	struct ph_err err = PH_ERR_INIT;
	enum ph_store_result result = ph_store_commit(message, mailbox, &err);

	if (result == PH_STORE_ANSWERED)
		return g_strdup(err.text);
	if (result == PH_STORE_DUPLICATE)
		return g_strdup("duplicate");
	ck_assert_int_eq(result, PH_STORE_FAILED);
	return g_strdup_printf("failed: %s", err.text);
}

/* Offers it to Ana and Rui; what each was told, joined by '|'. */
static char *
deliver(const char *nmid)
{
	const struct ph_store_mailbox mailboxes[] = {
	    {.address = ANA, .nmid = nmid},
	    {.address = RUI, .nmid = nmid},
	};
	const struct ph_store_offer offer = {"s@sender.test", mailboxes, 2};
	struct ph_store_message *message = NULL;
	g_autofree char *ana = NULL, *rui = NULL;

	ck_assert_int_eq(ph_store_begin(t.store, "DB1", 1, &message, NULL),
			 PH_STORE_OK);
	ck_assert_int_eq(
	    ph_store_write(message, content, sizeof content - 1, NULL),
	    PH_STORE_OK);
	ck_assert_int_eq(ph_store_seal(message, NULL), PH_STORE_OK);
	ph_store_offer(message, &offer);
	ana = told(message, &mailboxes[0]);
	rui = told(message, &mailboxes[1]);
	ck_assert_int_eq(ph_store_end(&message, NULL), 0);
	return g_strdup_printf("%s|%s", ana, rui);
}

static void
check_deliver(const char *nmid, const char *expected)
{
	g_autofree char *got = deliver(nmid);

	ck_assert_msg(g_str_has_prefix(got, expected), "%s: not %s", got,
		      expected);
}

#define UNCONFIRMED(address)                                              \
	"451 4.4.2 <" address "> The mailbox server did not confirm the " \
	"message: "

static const struct {
	struct script script;
	const char *told;
} rows[] = {
    {{{NULL}}, "failed: "},
    {{{"421 4.3.2 busy"}}, "failed: 127.0.0.1:"},
    {{{"220 x", "500 5.5.1 what"}}, "failed: 127.0.0.1:"},
    {{{GREETING}}, "failed: "},
    {{{GREETING, "552 5.3.4 too large"}},
     "552 5.3.4 too large|552 5.3.4 too large"},
    {{{GREETING, "552 too large"}}, "552 too large|552 too large"},
    {{{GREETING, "501 5.5.4 Invalid FROM"}},
     "501 5.5.4 Invalid FROM|501 5.5.4 Invalid FROM"},
    {{{GREETING, "553 sender"}}, "553 sender|553 sender"},
    {{{GREETING, "550 5.1.7 sender"}}, "550 5.1.7 sender|550 5.1.7 sender"},
    {{{GREETING, "550 5.6.7 no SMTPUTF8"}},
     "550 5.6.7 no SMTPUTF8|550 5.6.7 no SMTPUTF8"},
    {{{GREETING, "554 5.2.3 too large"}},
     "554 5.2.3 too large|554 5.2.3 too large"},
    /* What is about us is no answer to the sender. */
    {{{GREETING, "530 5.7.0 Must issue a STARTTLS command first"}},
     "failed: 530 5.7.0 Must issue a STARTTLS command first|failed: 530"},
    {{{GREETING, "530 Authentication required"}},
     "failed: 530 Authentication required|failed: 530"},
    {{{GREETING, "550 5.7.1 access denied"}},
     "failed: 550 5.7.1 access denied|failed: 550"},
    {{{GREETING, "554 no"}}, "failed: 554 no|failed: 554"},
    {{{GREETING, "550 5.3.2 System not accepting network messages"}},
     "failed: 550 5.3.2 System"},
    {{{GREETING, "503 5.5.1 what"}}, "failed: 503 5.5.1 what|failed: 503"},
    {{{GREETING, "451 4.3.0 later"}}, "451 4.3.0 later|451 4.3.0 later"},
    {{{GREETING, "421 4.3.0 bye"}}, "failed: 421 4.3.0 bye|failed: 421"},
    {{{GREETING, "354 what"}}, "failed: 354 what|failed: 354 what"},
    /* One mailbox after the other: the first is nobody, or full. */
    {{{GREETING, OK, "550-5.1.1 no\r\n550 5.1.1 user", OK, "354 go",
       "250 2.0.0 saved"}},
     "550 5.1.1 no 550 5.1.1 user|250 2.0.0 saved"},
    {{{GREETING, OK, "550 5.1.1 a", "550 5.1.1 b"}}, "550 5.1.1 a|550 5.1.1 b"},
    {{{GREETING, OK, OK, "421 4.3.2 bye"}},
     "failed: 421 4.3.2 bye|failed: 421"},
    {{{GREETING, OK, OK}}, "failed: "},
    {{{GREETING, OK, OK, OK, "451 4.3.0 no"}}, "451 4.3.0 no|451 4.3.0 no"},
    {{{GREETING, OK, OK, OK, "250 what"}}, "failed: 250 what|failed: 250 what"},
    {{{GREETING, OK, OK, OK, "354 go", "552 5.2.2 full\r\n250 2.0.0 saved"}},
     "552 5.2.2 full|250 2.0.0 saved"},
    /* Nobody knows what became of it. */
    {{{GREETING, OK, OK, OK, "354 go"}}, UNCONFIRMED(ANA)},
    {{{GREETING, OK, OK, OK, "354 go", "250 2.0.0 saved"}},
     "250 2.0.0 saved|" UNCONFIRMED(RUI)},
    {{{GREETING, OK, OK, OK, "354 go", "250 2.0.0 saved\r\n421 bye"}},
     "250 2.0.0 saved|" UNCONFIRMED(RUI) "421 bye"},
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		setup(&rows[i].script, NULL);
		check_deliver(NMID, rows[i].told);
		teardown();
	}
}
END_TEST

START_TEST(test_nobody_listens)
{
	setup(&rows[0].script, NULL);
	remote_stop(&t.remote);
	check_deliver(NMID, "failed: ");
	ph_store_close(&t.store);
	g_string_free(t.said, TRUE);
	unit_rmdir(&t.root);
}
END_TEST

/* ---- what it is told --------------------------------------------------- */

static const struct script two_messages = {
    {GREETING, OK, OK, OK, "354 go", "250 2.0.0 one\r\n250 2.0.0 two", OK, OK,
     OK, "354 go", "250 2.0.0 three\r\n250 2.0.0 four"}};

#define SAID                                                 \
	"MAIL FROM:<s@sender.test> BODY=8BITMIME\r\n"        \
	"RCPT TO:<" ANA ">\r\nRCPT TO:<" RUI ">\r\nDATA\r\n" \
	"Subject: x\r\n\r\n..dot\r\n\r\nlast\r\n.\r\n"

/* On one connection. */
START_TEST(test_conversation)
{
	setup(&two_messages, NULL);
	check_deliver(NMID, "250 2.0.0 one|250 2.0.0 two");
	check_deliver(NMID_2, "250 2.0.0 three|250 2.0.0 four");
	ck_assert_uint_eq(t.remote.sessions, 1);
	ck_assert_str_eq(t.said->str, "LHLO mbx1.example.com\r\n" SAID SAID);
	teardown();
}
END_TEST

/* The first connection has ended meanwhile, with or without a word. */
START_TEST(test_kept_connection_is_dead)
{
	static const struct script ends[] = {
	    {{GREETING, OK, OK, OK, "354 go",
	      "250 2.0.0 one\r\n250 2.0.0 two"}},
	    {{GREETING, OK, OK, OK, "354 go", "250 2.0.0 one\r\n250 2.0.0 two",
	      "421 4.4.2 idle for too long"}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		setup(&ends[i], &two_messages);
		check_deliver(NMID, "250 2.0.0 one|250 2.0.0 two");
		check_deliver(NMID_2, "250 2.0.0 one|250 2.0.0 two");
		ck_assert_uint_eq(t.remote.sessions, 2);
		teardown();
	}
}
END_TEST

/* ---- duplicates -------------------------------------------------------- */

/* What was taken is not offered again; what was refused, or is in doubt, is. */
START_TEST(test_duplicates)
{
	static const struct script first = {
	    {GREETING, OK, OK, OK, "354 go",
	     "250 2.0.0 saved\r\n452 4.2.2 full", OK, OK, "354 go",
	     "250 2.0.0 saved"}};

	setup(&first, NULL);
	check_deliver(NMID, "250 2.0.0 saved|452 4.2.2 full");
	check_deliver(NMID, "duplicate|250 2.0.0 saved");
	check_deliver(NMID, "duplicate|duplicate");
	/* And by the next process. */
	ph_store_close(&t.store);
	open_store(10000, 100000);
	check_deliver(NMID, "duplicate|duplicate");
	teardown();
}
END_TEST

/* One limit for the message: no wait has a limit of its own here that this test
 * would live to see. */
static const struct script slow[] = {
    {{GREETING, SILENCE}},
    {{GREETING, OK, SILENCE}},
    {{GREETING, OK, OK, OK, SILENCE}},
    {{GREETING, OK, OK, OK, "354 go", SILENCE}},
    {{GREETING, OK, OK, OK, "354 go", "250 2.0.0 saved", SILENCE}},
};

START_TEST(test_slow_server)
{
	for (size_t i = 0; i < G_N_ELEMENTS(slow); i++) {
		g_autofree char *got = NULL;

		setup(&slow[i], NULL);
		ph_store_close(&t.store);
		open_store(600000, 400);
		got = deliver(NMID);
		/* The limit may have come before the dot. */
		ck_assert_msg(g_str_has_prefix(got, "failed: ") ||
				  strstr(got, "|451 4.4.2 "),
			      "%zu: %s", i, got);
		teardown();
	}
}
END_TEST

/* By two addresses of his in one transaction. */
START_TEST(test_mailbox_twice)
{
	static const struct script once = {
	    {GREETING, OK, OK, "354 go", "250 2.0.0 saved"}};
	const struct ph_store_mailbox mailboxes[] = {
	    {.address = ANA, .nmid = NMID},
	    {.address = "Ana@Example.com", .nmid = NMID},
	};
	const struct ph_store_offer offer = {"", mailboxes, 2};
	struct ph_store_message *message = NULL;
	g_autofree char *first = NULL, *second = NULL;

	setup(&once, NULL);
	ck_assert_int_eq(ph_store_begin(t.store, "DB1", 1, &message, NULL),
			 PH_STORE_OK);
	ph_store_offer(message, &offer);
	first = told(message, &mailboxes[0]);
	second = told(message, &mailboxes[1]);
	ck_assert_str_eq(first, "250 2.0.0 saved");
	ck_assert_str_eq(second, "duplicate");
	ph_store_end(&message, NULL);
	teardown();
}
END_TEST

UNIT_MAIN("store/delivery/store_lmtp", test_rows, test_nobody_listens,
	  test_conversation, test_kept_connection_is_dead, test_duplicates,
	  test_slow_server, test_mailbox_twice)
