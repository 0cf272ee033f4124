#include "milters/host/budget.h"
#include "milters/host/host_private.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * The callbacks as libmilter calls them, with libmilter's own functions
 * replaced: a context is what a session has kept, and what it was answered.
 */
struct smfi_str {
	void *session;
	GString *reply;
};

int
smfi_setpriv(SMFICTX *ctx, void *session)
{
	ctx->session = session;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->session;
}

/* What the MTA says of the address of the command that is running; NULL: it
 * says nothing. */
static char *spelling;

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	(void)ctx;
	return strcmp(name, "{rcpt_addr}") == 0 ||
		       strcmp(name, "{mail_addr}") == 0
		   ? spelling
		   : NULL;
}

int
smfi_setsymlist(SMFICTX *ctx, int where, char *names)
{
	(void)ctx;
	(void)where;
	(void)names;
	return MI_SUCCESS;
}

int
smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
	g_string_printf(ctx->reply, "%s %s %s", code, enhanced, text);
	return MI_SUCCESS;
}

static guint changes;

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	(void)ctx;
	(void)name;
	(void)index;
	(void)value;
	changes++;
	return MI_SUCCESS;
}

static bool keeps, strips, report, drops;
static char *envelope; /* as the agent saw it */
static bool inside;    /* it took the client for a service of ours */
static guint messages;
static size_t seen; /* bytes of body, by the agent */
static guint fields;

static void
note_envelope(const struct ph_mail *mail)
{
	GString *text = g_string_new(mail->sender);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		g_string_append_printf(text, " %s %s %s", r->address, r->given,
				       ph_recipient_typed(r));
	}
	g_free(envelope);
	envelope = g_string_free(text, FALSE);
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	(void)app;
	(void)err;
	note_envelope(mail);
	inside = mail->client->private_socket;
	messages++;
	seen = mail->body != NULL ? mail->body->len : 0;
	fields = (guint)ph_headers_count(mail->headers);
	if (strips)
		ph_mail_remove_header(mail, "X-Field");
	if (drops)
		return ph_verdict_discard(&mail->verdict, "Agent");
	return 0;
}

static const struct ph_agent agent = {.name = "Agent",
				      .on_message = on_message};
static const struct ph_agent *const agents[] = {&agent, NULL};

static void
begin(struct ph_mail *mail, void *app)
{
	(void)app;
	mail->report = report;
	mail->keep_body = keeps;
	mail->snapshot = ph_snapshot_build(NULL, 0, NULL);
}

static enum ph_decision told; /* of the message that was done last */

static void
done(struct ph_mail *mail, void *app)
{
	(void)app;
	told = mail->verdict.decision;
}

#define MB ((size_t)1024 * 1024)
#define PIECE ((size_t)65535)

static struct ph_host host;
static struct smfiDesc calls;

static void
setup(int64_t memory)
{
	host = (struct ph_host){
	    .name = "posthub-test",
	    .agents = agents,
	    .limit = 100,
	    .memory = memory,
	    .begin = begin,
	    .done = done,
	};
	calls = ph_session_description(&host);
	keeps = true;
	strips = report = drops = false;
	messages = 0;
}

static void
open_session(SMFICTX *ctx)
{
	unsigned long a, b, c, d;
	char client[] = "client.test", sender[] = "<a@b.test>";
	char *words[] = {sender, NULL};

	ctx->session = NULL;
	ctx->reply = g_string_new(NULL);
	ck_assert_int_eq(
	    calls.xxfi_negotiate(ctx, 0x1ff, 0x1fffff, 0, 0, &a, &b, &c, &d),
	    SMFIS_CONTINUE);
	calls.xxfi_connect(ctx, client, NULL);
	calls.xxfi_envfrom(ctx, words);
}

static void
close_session(SMFICTX *ctx)
{
	calls.xxfi_close(ctx);
	g_string_free(ctx->reply, TRUE);
}

static void
send_header(SMFICTX *ctx, size_t size)
{
	char name[] = "X-Field";
	g_autofree char *value = g_strnfill(size, 'x');

	calls.xxfi_header(ctx, name, value);
}

static void
send_body(SMFICTX *ctx, size_t size)
{
	g_autofree char *data = g_strnfill(PIECE, 'x');

	while (size > 0) {
		size_t piece = MIN(size, PIECE);

		calls.xxfi_body(ctx, (unsigned char *)data, piece);
		size -= piece;
	}
}

static sfsistat
end(SMFICTX *ctx)
{
	g_string_truncate(ctx->reply, 0);
	return calls.xxfi_eom(ctx);
}

static void
assert_deferred(SMFICTX *ctx)
{
	ck_assert_int_eq(end(ctx), SMFIS_TEMPFAIL);
	ck_assert(g_str_has_prefix(ctx->reply->str, "451 4.3.1 "));
}

static void
assert_taken(SMFICTX *ctx)
{
	guint before = messages;

	ck_assert_int_eq(end(ctx), SMFIS_CONTINUE);
	ck_assert_uint_eq(messages, before + 1);
}

START_TEST(test_memory_of_all_sessions)
{
	struct smfi_str one, two, three;

	setup((int64_t)(10 * MB));
	open_session(&one);
	open_session(&two);
	open_session(&three);
	send_body(&one, 6 * MB);
	send_body(&two, 3 * MB);
	send_body(&three, 2 * MB);
	/* Nobody looks at the third; what it had is there for the second. */
	send_body(&two, MB / 2);
	assert_deferred(&three);
	assert_taken(&two);
	ck_assert_uint_eq(seen, 3 * MB + MB / 2);
	assert_taken(&one);
	ck_assert_uint_eq(seen, 6 * MB);
	close_session(&one);
	close_session(&two);
	close_session(&three);
}
END_TEST

/* The same session may try again when there is memory. */
START_TEST(test_deferred_message_comes_again)
{
	struct smfi_str one, two;
	char sender[] = "<a@b.test>";
	char *words[] = {sender, NULL};

	setup((int64_t)MB);
	open_session(&one);
	open_session(&two);
	send_body(&one, MB - PIECE);
	send_body(&two, 2 * PIECE);
	assert_deferred(&two);
	close_session(&one);
	calls.xxfi_envfrom(&two, words);
	send_body(&two, MB);
	assert_taken(&two);
	close_session(&two);
}
END_TEST

/* Each way in which a message ends gives its memory back. */
START_TEST(test_memory_comes_back)
{
	struct smfi_str one;

	setup((int64_t)MB);
	for (size_t i = 0; i < 100; i++) {
		char sender[] = "<a@b.test>";
		char *words[] = {sender, NULL};

		open_session(&one);
		send_header(&one, 1000);
		send_body(&one, MB - 2000);
		if (i % 4 == 1)
			calls.xxfi_abort(&one);
		if (i % 4 == 2)
			calls.xxfi_envfrom(&one, words);
		if (i % 4 == 3)
			assert_taken(&one);
		close_session(&one);
	}
}
END_TEST

START_TEST(test_header_fields_count)
{
	struct smfi_str one;

	setup((int64_t)MB);
	open_session(&one);
	for (size_t i = 0; i < 10; i++)
		send_header(&one, 60000);
	assert_taken(&one);
	ck_assert_uint_eq(fields, 10);
	close_session(&one);
	/* Empty ones cost as well. */
	open_session(&one);
	for (size_t i = 0; i < MB / PH_HEADER_COST; i++)
		send_header(&one, 0);
	assert_deferred(&one);
	close_session(&one);
}
END_TEST

/* What is not kept takes none. */
START_TEST(test_body_that_nobody_looks_at)
{
	struct smfi_str one;

	setup((int64_t)MB);
	keeps = false;
	open_session(&one);
	send_body(&one, 20 * MB);
	assert_taken(&one);
	ck_assert_uint_eq(seen, 0);
	close_session(&one);
}
END_TEST

/* Of a longer body the first part is kept, and counted. */
START_TEST(test_body_above_the_limit_of_one)
{
	struct smfi_str one;

	setup((int64_t)PH_BODY_LIMIT);
	open_session(&one);
	send_body(&one, PH_BODY_LIMIT + MB);
	assert_taken(&one);
	ck_assert_uint_eq(seen, PH_BODY_LIMIT);
	close_session(&one);
}
END_TEST

START_TEST(test_without_limit)
{
	struct smfi_str one;

	setup(0);
	open_session(&one);
	send_body(&one, 2 * MB);
	assert_taken(&one);
	close_session(&one);
}
END_TEST

/* The MTA would be busy with it, so it is not even told. */
START_TEST(test_more_fields_to_remove_than_the_mta_bears)
{
	struct smfi_str one;

	setup(0);
	strips = true;
	open_session(&one);
	for (size_t i = 0; i < 1000; i++)
		send_header(&one, 1);
	assert_taken(&one);
	ck_assert_uint_eq(changes, 1000);
	close_session(&one);
	open_session(&one);
	for (size_t i = 0; i < 1001; i++)
		send_header(&one, 1);
	ck_assert_int_eq(end(&one), SMFIS_REJECT);
	ck_assert(g_str_has_prefix(one.reply->str, "550 5.3.4 "));
	ck_assert_uint_eq(changes, 1000);
	close_session(&one);
}
END_TEST

/* ---- the sum itself ------------------------------------------------------ */

START_TEST(test_budget)
{
	struct ph_budget b = {.limit = 10};

	ck_assert(ph_budget_take(&b, 0));
	ck_assert(ph_budget_take(&b, 10));
	ck_assert(!ph_budget_take(&b, 1));
	ck_assert(ph_budget_take(&b, 0));
	ph_budget_give(&b, 4);
	ck_assert(!ph_budget_take(&b, 5));
	ck_assert(!ph_budget_take(&b, SIZE_MAX));
	ck_assert(ph_budget_take(&b, 4));
	ck_assert_uint_eq(b.used, 10);
}
END_TEST

#define ROUNDS 20000

/* A report is dropped by an agent, and else passes, whatever is short: not even
 * what would be refused waits. */
START_TEST(test_report)
{
	struct smfi_str one;

	setup((int64_t)MB);
	report = true;
	open_session(&one);
	send_body(&one, 2 * MB);
	ck_assert_int_eq(end(&one), SMFIS_ACCEPT);
	ck_assert_uint_eq(messages, 0);
	close_session(&one);
	host.limit = 0;
	open_session(&one);
	send_header(&one, 1);
	ck_assert_int_eq(end(&one), SMFIS_ACCEPT);
	close_session(&one);
	setup((int64_t)MB);
	report = true;
	open_session(&one);
	ck_assert_int_eq(end(&one), SMFIS_ACCEPT);
	close_session(&one);
	drops = true;
	open_session(&one);
	ck_assert_int_eq(end(&one), SMFIS_DISCARD);
	ck_assert_uint_eq(messages, 2);
	close_session(&one);
}
END_TEST

static void *
take_and_give(void *arg)
{
	struct ph_budget *b = arg;

	for (int i = 0; i < ROUNDS; i++)
		if (ph_budget_take(b, 3))
			ph_budget_give(b, 3);
	return NULL;
}

START_TEST(test_budget_of_threads)
{
	struct ph_budget b = {.limit = 7};
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("taker", take_and_give, &b);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	ck_assert_uint_eq(b.used, 0);
}
END_TEST

static void
say(SMFICTX *ctx, sfsistat (*command)(SMFICTX *, char **), const char *typed,
    const char *spelt)
{
	g_autofree char *word = g_strdup(typed);
	g_autofree char *says = g_strdup(spelt);
	char *words[] = {word, NULL};

	spelling = says;
	command(ctx, words);
	spelling = NULL;
}

/* An address can be typed in many ways: the MTA says which it is. */
START_TEST(test_spelling)
{
	struct smfi_str one;

	setup(0);
	open_session(&one);
	say(&one, calls.xxfi_envfrom, "<@x.test:a@b.test.>", "a@b.test");
	say(&one, calls.xxfi_envrcpt, "<u@a.test.>", "u@a.test");
	say(&one, calls.xxfi_envrcpt, "<v@a.test>", "v@a.test");
	say(&one, calls.xxfi_envrcpt, "<w@a.test>", NULL);
	assert_taken(&one);
	ck_assert_str_eq(envelope, "a@b.test u@a.test u@a.test u@a.test. "
				   "v@a.test v@a.test v@a.test "
				   "w@a.test w@a.test w@a.test");
	say(&one, calls.xxfi_envfrom, "<>", "");
	assert_taken(&one);
	ck_assert_str_eq(envelope, "");
	close_session(&one);
	g_clear_pointer(&envelope, g_free);
}
END_TEST

/* Without an address are those on a socket of ours, and those of whom nothing
 * is known. */
START_TEST(test_client_without_address)
{
	static const struct {
		const char *name;
		bool inside;
	} rows[] = {{"localhost", true}, {"unknown", false}, {"c.test", false}};

	setup(0);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct smfi_str one;
		g_autofree char *name = g_strdup(rows[i].name);

		open_session(&one);
		calls.xxfi_connect(&one, name, NULL);
		say(&one, calls.xxfi_envfrom, "<a@b.test>", NULL);
		assert_taken(&one);
		ck_assert_int_eq(inside, rows[i].inside);
		close_session(&one);
	}
}
END_TEST

/* Of what the MTA does not show the rest of, only what cannot change who it is
 * from or how it is read goes on. */
START_TEST(test_field_of_which_a_part_is_shown)
{
	static const struct {
		const char *name;
		size_t size;
		sfsistat answer;
	} rows[] = {
	    {"content-type", 60000, SMFIS_REJECT},
	    {"Content-Transfer-Encoding", 60000, SMFIS_REJECT},
	    {"From", 60000, SMFIS_REJECT},
	    {"Content-Type", 50000, SMFIS_CONTINUE},
	    {"To", 60000, SMFIS_CONTINUE},
	};

	setup(0);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct smfi_str one;
		g_autofree char *name = g_strdup(rows[i].name);
		g_autofree char *value = g_strnfill(rows[i].size, 'x');

		told = PH_DECISION_DEFER;
		open_session(&one);
		calls.xxfi_header(&one, name, value);
		ck_assert_int_eq(end(&one), rows[i].answer);
		/* So that it has its row in the tracking log. */
		ck_assert_int_eq(told, rows[i].answer == SMFIS_REJECT
					   ? PH_DECISION_REJECT
					   : PH_DECISION_ACCEPT);
		close_session(&one);
	}
}
END_TEST

UNIT_MAIN("milters/host/session", test_field_of_which_a_part_is_shown,
	  test_client_without_address, test_spelling,
	  test_memory_of_all_sessions, test_deferred_message_comes_again,
	  test_memory_comes_back, test_header_fields_count,
	  test_body_that_nobody_looks_at, test_body_above_the_limit_of_one,
	  test_without_limit, test_more_fields_to_remove_than_the_mta_bears,
	  test_report, test_budget, test_budget_of_threads)
