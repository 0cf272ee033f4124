#include "lib/fork/service.h"

#include "lib/base/fault.h"
#include "lib/track/log.h"
#include "tests/unit/lib/fork/sink.h"

#include <signal.h>
#include <sys/wait.h>

#define NMID "01234567-89ab-8def-8123-456789abcdef"

static const char message[] = "Received: from a by b\r\n"
			      "X-PostHub-AuthAs: Internal\r\n"
			      "X-PostHub-OriginalClientIPAddress: 192.0.2.9\r\n"
			      "From: Nuno <nuno@x.test>\r\n"
			      "Subject: hi\r\n"
			      "\r\n"
			      "body\r\n"
			      ".dot\r\n"
			      "..\r\n";

static char *dir, *rows_dir;
static struct ph_plans *plans;
static struct ph_track_log *track;
static struct ph_fork_service *service;
static struct sink sink;
static struct ph_plan *plan;
static const char *mute; /* an address that may not be told of failures */

static bool
may_report(void *context, const char *address)
{
	(void)context;
	return g_strcmp0(address, mute) != 0;
}

static void
start_service(void)
{
	struct ph_fork_options options = {
	    .plans = plans,
	    .directory = dir,
	    .server = "MBX2",
	    .address = "192.0.2.2",
	    .inject = {.unix_socket = true},
	    .track = track,
	    .agent = "Transport Rule Agent",
	    .may_report = may_report,
	    .lifetime = 1000,
	};

	g_strlcpy(options.inject.host, sink.path, sizeof(options.inject.host));
	service = ph_fork_service_new(&options);
}

static void
make_plan(void)
{
	plan = ph_plan_new();
	plan->queue_id = g_strdup("4ABC");
	plan->sender = g_strdup("nuno@x.test");
	plan->envid = g_strdup("E1");
	plan->ret = g_strdup("HDRS");
	plan->eight_bit = true;
	g_strlcpy(plan->nmid, NMID, sizeof(plan->nmid));
	plan->message_id = g_strdup("<m@x.test>");
	plan->subject = g_strdup("hi");
	plan->size = sizeof(message) - 1;
	plan->created = 1763765452123;
}

static void
set_up(void)
{
	struct ph_track_options options = {.prefix = "MSGTRK",
					   .server = "MBX2",
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *path = NULL;

	dir = unit_mkdir();
	path = g_build_filename(dir, "forks", NULL);
	rows_dir = g_build_filename(dir, "rows", NULL);
	options.directory = rows_dir;
	ck_assert_int_eq(ph_plans_open(path, &plans, &err), 0);
	ck_assert_int_eq(ph_track_log_open(&options, &track, &err), 0);
	sink_start(&sink, dir);
	start_service();
	make_plan();
}

static void
tear_down(void)
{
	sink_free(&sink);
	ph_plan_free(&plan);
	ph_fork_service_free(&service);
	ph_track_log_close(&track);
	ph_plans_close(&plans);
	g_free(rows_dir);
	unit_rmdir(&dir);
}

static struct ph_plan_group *
add_copy(const char *address, const char *original)
{
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_COPY);

	ph_plan_add_recipient(group, address, original);
	return group;
}

static struct ph_plan_group *
add_report(const char *address)
{
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_REPORT);

	group->code = g_strdup("550");
	group->enhanced = g_strdup("5.7.1");
	group->text = g_strdup("not allowed");
	ph_plan_add_recipient(group, address, address);
	return group;
}

static void
set_header(struct ph_plan_group *group, const char *name, const char *value)
{
	struct ph_plan_header *header = ph_plan_add_header(group, name);

	if (value != NULL)
		g_ptr_array_add(header->values, g_strdup(value));
}

static void
write_plan(void)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_plans_write(plans, plan, &err) == 0, "%s", err.text);
}

/* ---- the queue's side -------------------------------------------------- */

static gpointer
serve(gpointer data)
{
	ph_fork_serve(data, service);
	ph_stream_free((struct ph_stream **)&data);
	return NULL;
}

static void
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		ck_assert_int_gt(n, 0);
		data += n;
		size -= (size_t)n;
	}
}

static char *
read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(text, buffer, n);
	return g_string_free(text, FALSE);
}

/* What is behind the 354, without QUIT's answer; or, when there is none, all
 * that was said. g_free. */
static char *
converse(const char *session, size_t size)
{
	g_autofree char *said = NULL;
	char *after, *bye;
	GThread *thread;
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	thread = g_thread_new("serve", serve, ph_stream_new(fds[1]));
	write_all(fds[0], session, size);
	shutdown(fds[0], SHUT_WR);
	said = read_all(fds[0]);
	g_thread_join(thread);
	close(fds[0]);
	after = strstr(said, "354 ");
	if (after == NULL)
		return g_steal_pointer(&said);
	after = strstr(after, "\r\n") + 2;
	bye = strstr(after, "221 ");
	ck_assert_ptr_nonnull(bye);
	*bye = '\0';
	return g_strdup(after);
}

/* tokens: indices of groups, "0 1". */
static GString *
begin_session(const char *tokens)
{
	GString *session = g_string_new("LHLO mbx2\r\nMAIL FROM:<nuno@x.test> "
					"BODY=8BITMIME SMTPUTF8\r\n");
	g_auto(GStrv) list = g_strsplit(tokens, " ", -1);

	for (char **i = list; *i != NULL; i++)
		g_string_append_printf(session, "RCPT TO:<%s.%s@%s>\r\n",
				       plan->id, *i, PH_FORK_DOMAIN);
	return session;
}

static char *
deliver_content(const char *tokens, const char *content, size_t size)
{
	g_autoptr(GString) session = begin_session(tokens);
	bool start = true;

	g_string_append(session, "DATA\r\n");
	for (size_t i = 0; i < size; i++) {
		if (start && content[i] == '.')
			g_string_append_c(session, '.');
		g_string_append_c(session, content[i]);
		start = i > 0 && content[i] == '\n' && content[i - 1] == '\r';
	}
	ck_assert(start);
	g_string_append(session, ".\r\nQUIT\r\n");
	return converse(session->str, session->len);
}

static char *
deliver(const char *tokens)
{
	return deliver_content(tokens, message, sizeof(message) - 1);
}

#define ck_delivered(tokens, expected)                    \
	do {                                              \
		g_autofree char *said_ = deliver(tokens); \
		ck_assert_str_eq(said_, expected);        \
	} while (0)

/* Begins like this. */
#define ck_later(tokens)                                                   \
	do {                                                               \
		g_autofree char *said_ = deliver(tokens);                  \
		ck_assert_msg(g_str_has_prefix(said_, "451 4.3.0 "), "%s", \
			      said_);                                      \
	} while (0)

static bool
is_done(size_t i)
{
	g_autofree char *token = ph_plan_token(plan, i);
	int rc = ph_plans_is_done(plans, token, NULL);

	ck_assert_int_ge(rc, 0);
	return rc == 1;
}

static bool
add_row(struct ph_track_record *r, void *context)
{
	static const enum ph_column columns[] = {
	    PH_COL_SOURCE,	     PH_COL_EVENT_ID,
	    PH_COL_CLIENT_HOSTNAME,  PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_RECIPIENT_STATUS, PH_COL_REFERENCE,
	    PH_COL_MESSAGE_SUBJECT,  PH_COL_SENDER_ADDRESS,
	    PH_COL_RETURN_PATH,	     PH_COL_DIRECTIONALITY,
	    PH_COL_CUSTOM_DATA,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		g_string_append_printf(context, "%s%s", i > 0 ? "|" : "",
				       ph_track_get(r, columns[i]));
	g_string_append(context, "\n");
	return true;
}

static char *
read_rows(void)
{
	GString *rows = g_string_new(NULL);
	uint64_t bad;

	ck_assert_int_eq(
	    ph_track_log_read(rows_dir, 0, add_row, rows, &bad, NULL), 0);
	ck_assert_uint_eq(bad, 0);
	return g_string_free(rows, FALSE);
}

#define ck_rows(expected)                             \
	do {                                          \
		g_autofree char *rows_ = read_rows(); \
		ck_assert_str_eq(rows_, expected);    \
	} while (0)

/* ---- copies ------------------------------------------------------------ */

START_TEST(one_copy)
{
	struct ph_plan_group *group;
	const struct sink_mail *mail;
	struct ph_plan_recipient *r;

	set_up();
	group = add_copy("bob@x.test", "robert@x.test");
	r = ph_plan_add_recipient(group, "eve@x.test", "eve@x.test");
	r->notify = g_strdup("SUCCESS");
	r->orcpt = g_strdup("rfc822;e+2Bve@x.test");
	set_header(group, "Subject", "=?utf-8?Q?=C5=BE?=");
	set_header(group, "X-New", "1");
	write_plan();
	ck_delivered("0", "250 2.0.0 Ok: queued as Q1\r\n");
	ck_assert_uint_eq(sink_count(&sink), 1);
	mail = sink_at(&sink, 0);
	ck_assert_uint_eq(mail->rcpts->len, 2);
	ck_assert_str_eq(mail->rcpts->pdata[0],
			 "RCPT TO:<bob@x.test> ORCPT=rfc822;robert@x.test");
	ck_assert_str_eq(mail->rcpts->pdata[1],
			 "RCPT TO:<eve@x.test> NOTIFY=SUCCESS "
			 "ORCPT=rfc822;e+2Bve@x.test");
	ck_assert_str_eq(mail->content->str,
			 "Received: from a by b\r\n"
			 "X-PostHub-AuthAs: Internal\r\n"
			 "X-PostHub-OriginalClientIPAddress: 192.0.2.9\r\n"
			 "From: Nuno <nuno@x.test>\r\n"
			 "Subject: =?utf-8?Q?=C5=BE?=\r\n"
			 "X-New: 1\r\n"
			 "\r\nbody\r\n.dot\r\n..\r\n");
	{
		g_autofree char *want = g_strdup_printf(
		    "MAIL FROM:<nuno@x.test> SIZE=%zu BODY=8BITMIME RET=HDRS "
		    "ENVID=E1",
		    mail->content->len);

		ck_assert_str_eq(mail->mail, want);
	}
	ck_assert(is_done(0));
	ck_rows("ROUTING|TRANSFER|MBX2|bob@x.test;eve@x.test|"
		"250 2.0.0 Ok: queued as Q1;250 2.0.0 Ok: queued as Q1|4ABC|ž|"
		"nuno@x.test|nuno@x.test|Originating|S:QueueId=Q1\n");
	tear_down();
}
END_TEST

/* A server that offers nothing is told nothing but addresses. */
START_TEST(nothing_offered)
{
	const struct sink_mail *mail;

	set_up();
	sink.plain = true;
	add_copy("bob@x.test", "robert@x.test");
	plan->utf8 = true;
	write_plan();
	ck_delivered("0", "250 2.0.0 Ok: queued as Q1\r\n");
	mail = sink_at(&sink, 0);
	ck_assert_str_eq(mail->mail, "MAIL FROM:<nuno@x.test>");
	ck_assert_str_eq(mail->rcpts->pdata[0], "RCPT TO:<bob@x.test>");
	tear_down();
}
END_TEST

START_TEST(several_tokens)
{
	set_up();
	add_copy("a@x.test", NULL);
	add_report("r@x.test");
	add_copy("b@x.test", NULL);
	write_plan();
	ck_delivered("2 0 1", "250 2.0.0 Ok: queued as Q1\r\n"
			      "250 2.0.0 Ok: queued as Q2\r\n"
			      "250 2.0.0 Reported\r\n");
	ck_assert_uint_eq(sink_count(&sink), 3);
	ck_assert_str_eq(sink_at(&sink, 0)->rcpts->pdata[0],
			 "RCPT TO:<b@x.test>");
	ck_assert_str_eq(sink_at(&sink, 1)->rcpts->pdata[0],
			 "RCPT TO:<a@x.test>");
	ck_assert_str_eq(sink_at(&sink, 2)->rcpts->pdata[0],
			 "RCPT TO:<nuno@x.test> NOTIFY=NEVER");
	tear_down();
}
END_TEST

/* Asked again, in the same and in another transaction: said again, not done
 * again. */
START_TEST(done_once)
{
	set_up();
	add_copy("a@x.test", NULL);
	write_plan();
	ck_delivered("0 0", "250 2.0.0 Ok: queued as Q1\r\n"
			    "250 2.0.0 This was done before\r\n");
	ck_delivered("0", "250 2.0.0 This was done before\r\n");
	ck_assert_uint_eq(sink_count(&sink), 1);
	tear_down();
}
END_TEST

START_TEST(several_transactions)
{
	g_autoptr(GString) session = NULL;
	g_autofree char *said = NULL;

	set_up();
	add_copy("a@x.test", NULL);
	add_copy("b@x.test", NULL);
	write_plan();
	session = begin_session("0");
	g_string_append(session, "RSET\r\n");
	g_string_append_printf(
	    session,
	    "MAIL FROM:<>\r\nRCPT TO:<%s.0@%s>\r\nDATA\r\nA: 1\r\n\r\n.\r\n"
	    "MAIL FROM:<>\r\nRCPT TO:<%s.1@%s>\r\nDATA\r\nB: 2\r\n\r\n.\r\n"
	    "QUIT\r\n",
	    plan->id, PH_FORK_DOMAIN, plan->id, PH_FORK_DOMAIN);
	said = converse(session->str, session->len);
	ck_assert_ptr_nonnull(strstr(said, "250 2.0.0 Ok: queued as Q1"));
	ck_assert_ptr_nonnull(strstr(said, "250 2.0.0 Ok: queued as Q2"));
	ck_assert_uint_eq(sink_count(&sink), 2);
	ck_assert_str_eq(sink_at(&sink, 0)->content->str, "A: 1\r\n\r\n");
	ck_assert_str_eq(sink_at(&sink, 1)->content->str, "B: 2\r\n\r\n");
	tear_down();
}
END_TEST

/* What is no token, or has no plan, waits; the others go on. */
START_TEST(no_plan)
{
	static const char *const addresses[] = {
	    "nobody.0@fork.posthub.invalid", "bob@x.test",
	    "../../etc/passwd@fork.posthub.invalid", "fork.posthub.invalid"};

	set_up();
	add_copy("a@x.test", NULL);
	write_plan();
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_autofree char *session =
		    g_strdup_printf("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\n"
				    "DATA\r\nQUIT\r\n",
				    addresses[i]);
		g_autofree char *said = converse(session, strlen(session));

		ck_assert_msg(strstr(said,
				     "\r\n451 4.3.0 The plan of this "
				     "message is missing\r\n503 ") != NULL,
			      "%s: %s", addresses[i], said);
	}
	{
		/* A token that is not one's local part. */
		g_autofree char *session = g_strdup_printf(
		    "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s.0>\r\n"
		    "RCPT TO:<%s.0@x.test>\r\nDATA\r\nQUIT\r\n",
		    plan->id, plan->id);
		g_autofree char *said = converse(session, strlen(session));

		ck_assert_ptr_nonnull(strstr(said, "missing\r\n451 4.3.0"));
		ck_assert_ptr_nonnull(strstr(said, "missing\r\n503 "));
	}
	ck_delivered("7 0", "250 2.0.0 Ok: queued as Q1\r\n");
	ck_assert_uint_eq(sink_count(&sink), 1);
	tear_down();
}
END_TEST

START_TEST(damaged_plan)
{
	g_autoptr(GString) session = NULL;
	g_autofree char *path = NULL, *said = NULL;

	set_up();
	add_copy("a@x.test", NULL);
	write_plan();
	path = g_strdup_printf("%s/forks/%s.json", dir, plan->id);
	ck_assert(g_file_set_contents(path, "{", 1, NULL));
	session = begin_session("0");
	g_string_append(session, "QUIT\r\n");
	said = converse(session->str, session->len);
	ck_assert_ptr_nonnull(
	    strstr(said, "\r\n451 4.3.0 The plan of this message cannot be "
			 "read\r\n"));
	tear_down();
}
END_TEST

/* ---- what goes wrong --------------------------------------------------- */

START_TEST(nobody_there)
{
	set_up();
	add_copy("a@x.test", NULL);
	add_report("r@x.test");
	write_plan();
	sink_stop(&sink);
	ck_later("0");
	ck_later("1");
	ck_assert(!is_done(0) && !is_done(1));
	ck_rows("");
	tear_down();
}
END_TEST

/* Each step put off, and then done. */
static const struct {
	const char *greeting, *mail, *refuse, *refuse_with, *data, *dot;
} delays[] = {
    {.greeting = "421 4.3.2 later"},
    {.greeting = "554 5.3.2 go away"},
    {.mail = "451 4.3.0 later"},
    {.refuse = "b@x.test", .refuse_with = "450 4.1.1 later"},
    {.refuse = "b@x.test", .refuse_with = "390 what"},
    {.data = "451 4.3.0 later"},
    {.data = "250 2.0.0 no"},
    {.dot = "451 4.3.0 later"},
};

static void
set_answers(size_t i)
{
	sink.greeting = delays[i].greeting;
	sink.mail = delays[i].mail;
	sink.refuse = delays[i].refuse;
	sink.refuse_with = delays[i].refuse_with;
	sink.data = delays[i].data;
	sink.dot = delays[i].dot;
}

START_TEST(put_off)
{
	for (size_t i = 0; i < G_N_ELEMENTS(delays); i++) {
		struct ph_plan_group *group;

		set_up();
		group = add_copy("a@x.test", NULL);
		ph_plan_add_recipient(group, "b@x.test", NULL);
		write_plan();
		set_answers(i);
		ck_later("0");
		ck_assert(!is_done(0));
		ck_assert_uint_eq(sink_count(&sink), 0);
		sink.greeting = sink.mail = sink.refuse = NULL;
		sink.data = sink.dot = NULL;
		ck_delivered("0", "250 2.0.0 Ok: queued as Q1\r\n");
		ck_assert(is_done(0));
		tear_down();
	}
}
END_TEST

/* It may have been taken: asked again, it is sent again, and a mailbox of ours
 * knows it by its network message id. */
START_TEST(cut_after_dot)
{
	set_up();
	add_copy("a@x.test", NULL);
	write_plan();
	sink.cut_after_dot = true;
	ck_later("0");
	ck_assert(!is_done(0));
	sink.cut_after_dot = false;
	ck_delivered("0", "250 2.0.0 Ok: queued as Q2\r\n");
	ck_assert_uint_eq(sink_count(&sink), 2);
	ck_assert_str_eq(sink_at(&sink, 0)->content->str,
			 sink_at(&sink, 1)->content->str);
	tear_down();
}
END_TEST

/* One is refused for good: its sender hears of it, the other gets the mail. */
START_TEST(one_refused)
{
	const struct sink_mail *report;
	struct ph_plan_group *group;

	set_up();
	group = add_copy("a@x.test", NULL);
	ph_plan_add_recipient(group, "b@x.test", "bee@x.test");
	write_plan();
	sink.refuse = "b@x.test";
	sink.refuse_with = "550-5.1.1 nobody\r\n550 5.1.1 here";
	/* The report first, over a connection of its own. */
	ck_delivered("0", "250 2.0.0 Ok: queued as Q2\r\n");
	ck_assert_uint_eq(sink_count(&sink), 2);
	report = sink_at(&sink, 0);
	ck_assert_str_eq(report->rcpts->pdata[0],
			 "RCPT TO:<nuno@x.test> NOTIFY=NEVER");
	ck_assert_ptr_nonnull(strstr(
	    report->content->str, "\r\nFinal-Recipient: rfc822; bee@x.test\r\n"
				  "Action: failed\r\n"
				  "Status: 5.1.1\r\n"
				  "Diagnostic-Code: smtp; 550 5.1.1 nobody "));
	ck_assert_uint_eq(sink_at(&sink, 1)->rcpts->len, 1);
	ck_assert(is_done(0));
	tear_down();
}
END_TEST

/* 5xx where it is about all. */
START_TEST(all_refused)
{
	for (int i = 0; i < 4; i++) {
		struct ph_plan_group *group;

		set_up();
		group = add_copy("a@x.test", NULL);
		ph_plan_add_recipient(group, "b@x.test", NULL);
		write_plan();
		if (i == 0)
			sink.refuse = "TO:<";
		if (i == 1)
			sink.mail = "552 5.3.4 too big";
		if (i == 2)
			sink.data = "554 5.7.1 no";
		if (i == 3)
			sink.dot = "554 5.7.1 no";
		sink.refuse_with = "550 5.1.1 no";
		sink.only_to = i > 1 ? "a@x.test" : NULL;
		/* Where the report goes the same way nobody can be told. */
		ck_delivered("0", "250 2.0.0 Reported\r\n");
		ck_assert_uint_eq(sink_count(&sink), i > 1 ? 1 : 0);
		ck_assert(is_done(0));
		if (i > 1) {
			const char *text = sink_at(&sink, 0)->content->str;

			ck_assert_ptr_nonnull(strstr(text, "rfc822; a@x.test"));
			ck_assert_ptr_nonnull(strstr(text, "rfc822; b@x.test"));
			ck_assert_ptr_nonnull(strstr(text, "554 5.7.1 no"));
		}
		tear_down();
	}
}
END_TEST

/* A report that cannot be sent now puts the copy off, too: afterwards there
 * would be nobody who remembers whom to tell about. */
START_TEST(report_put_off)
{
	struct ph_plan_group *group;

	set_up();
	group = add_copy("a@x.test", NULL);
	ph_plan_add_recipient(group, "b@x.test", NULL);
	write_plan();
	sink.refuse = "b@x.test";
	sink.refuse_with = "550 5.1.1 no";
	sink.dot = "451 4.3.0 later";
	sink.only_to = "nuno@x.test";
	ck_later("0");
	ck_assert_uint_eq(sink_count(&sink), 0);
	ck_assert(!is_done(0));
	tear_down();
}
END_TEST

/* ---- reports ----------------------------------------------------------- */

START_TEST(report)
{
	g_autofree char *rows = NULL;
	const struct sink_mail *mail;
	g_auto(GStrv) lines = NULL;

	set_up();
	add_report("r@x.test");
	write_plan();
	ck_delivered("0", "250 2.0.0 Reported\r\n");
	ck_assert_uint_eq(sink_count(&sink), 1);
	mail = sink_at(&sink, 0);
	ck_assert(g_str_has_prefix(mail->mail, "MAIL FROM:<> SIZE="));
	ck_assert_ptr_null(strstr(mail->mail, "SMTPUTF8"));
	ck_assert_ptr_nonnull(
	    strstr(mail->content->str, "\r\n#550 5.7.1 not allowed ##\r\n"));
	ck_assert(is_done(0));
	rows = read_rows();
	lines = g_strsplit(rows, "\n", -1);
	ck_assert_uint_eq(g_strv_length(lines), 3);
	ck_assert_str_eq(lines[0],
			 "DSN|DSN|MBX2|nuno@x.test||<m@x.test>|"
			 "Undeliverable: hi|<>|<>|Originating|S:QueueId=Q1");
	ck_assert(g_str_has_prefix(
	    lines[1], "AGENT|FAIL|MBX2|r@x.test|550 5.7.1 not allowed|<"));
	tear_down();
}
END_TEST

/* A domain that takes no reports: done, with the row. */
START_TEST(report_not_taken)
{
	set_up();
	mute = "nuno@x.test";
	add_report("r@x.test");
	write_plan();
	ck_delivered("0", "250 2.0.0 Reported\r\n");
	mute = NULL;
	ck_assert_uint_eq(sink_count(&sink), 0);
	ck_assert(is_done(0));
	ck_rows("AGENT|FAIL|MBX2|r@x.test|550 5.7.1 not allowed||hi|"
		"nuno@x.test|nuno@x.test|Originating|\n");
	tear_down();
}
END_TEST

START_TEST(notice)
{
	const struct sink_mail *mail;
	struct ph_plan_group *group;

	set_up();
	group = ph_plan_add_group(plan, PH_PLAN_NOTICE);
	group->text = g_strdup("Card");
	ph_plan_add_recipient(group, "r@x.test", "r@x.test");
	write_plan();
	ck_delivered("0", "250 2.0.0 Reported\r\n");
	ck_delivered("0", "250 2.0.0 This was done before\r\n");
	ck_assert_uint_eq(sink_count(&sink), 1);
	mail = sink_at(&sink, 0);
	ck_assert(g_str_has_prefix(mail->mail, "MAIL FROM:<> SIZE="));
	ck_assert_str_eq(mail->rcpts->pdata[0],
			 "RCPT TO:<nuno@x.test> NOTIFY=NEVER");
	ck_assert_ptr_nonnull(
	    strstr(mail->content->str, "\r\nSubject: Notification: hi\r\n"));
	ck_rows("DSN|DSN|MBX2|nuno@x.test||<m@x.test>|Notification: hi|<>|<>|"
		"Originating|S:QueueId=Q1\n");
	tear_down();
}
END_TEST

/* Nobody to tell: done, with the row. */
START_TEST(report_to_nobody)
{
	struct ph_plan_group *group;
	struct ph_plan_recipient *r;

	set_up();
	group = add_report("r@x.test");
	r = group->recipients->pdata[0];
	r->notify = g_strdup("NEVER");
	write_plan();
	ck_delivered("0", "250 2.0.0 Reported\r\n");
	ck_assert_uint_eq(sink_count(&sink), 0);
	ck_rows("AGENT|FAIL|MBX2|r@x.test|550 5.7.1 not allowed||hi|"
		"nuno@x.test|nuno@x.test|Originating|\n");
	tear_down();
}
END_TEST

START_TEST(null_sender)
{
	set_up();
	*plan->sender = '\0';
	add_report("r@x.test");
	add_copy("a@x.test", NULL);
	write_plan();
	ck_delivered("0 1", "250 2.0.0 Reported\r\n"
			    "250 2.0.0 Ok: queued as Q1\r\n");
	ck_assert(g_str_has_prefix(sink_at(&sink, 0)->mail, "MAIL FROM:<> "));
	tear_down();
}
END_TEST

/* ---- content ----------------------------------------------------------- */

START_TEST(internationalized)
{
	const struct sink_mail *mail;

	set_up();
	add_copy("жук@x.test", "a+b\\c@ж.test");
	write_plan();
	ck_delivered("0", "250 2.0.0 Ok: queued as Q1\r\n");
	mail = sink_at(&sink, 0);
	ck_assert_ptr_nonnull(strstr(mail->mail, " SMTPUTF8"));
	ck_assert_str_eq(mail->rcpts->pdata[0],
			 "RCPT TO:<жук@x.test> "
			 "ORCPT=utf-8;a\\x{2B}b\\x{5C}c@ж.test");
	tear_down();
}
END_TEST

/* Every byte, long lines, dots everywhere, 20 MB: through the file. */
START_TEST(large)
{
	g_autoptr(GString) content = g_string_new("Subject: x\r\n\r\n");
	g_autofree char *said = NULL;
	const struct sink_mail *mail;
	struct ph_plan_group *group;
	guint32 state = 1;

	while (content->len < (gsize)20 << 20) {
		state = state * 1664525 + 1013904223;
		if ((state >> 24) % 64 == 0)
			g_string_append(content, "\r\n.");
		else
			g_string_append_c(content, (char)(state >> 24));
	}
	g_string_append(content, "\r\n");
	set_up();
	group = add_copy("a@x.test", NULL);
	set_header(group, "Subject", "y");
	write_plan();
	said = deliver_content("0", content->str, content->len);
	ck_assert_str_eq(said, "250 2.0.0 Ok: queued as Q1\r\n");
	mail = sink_at(&sink, 0);
	content->str[strlen("Subject: ")] = 'y';
	ck_assert_uint_eq(mail->content->len, content->len);
	ck_assert(memcmp(mail->content->str, content->str, content->len) == 0);
	tear_down();
}
END_TEST

/* The queue's side dies in the middle: nothing was begun. */
START_TEST(half_a_message)
{
	g_autoptr(GString) session = NULL;
	GThread *thread;
	int fds[2];

	set_up();
	add_copy("a@x.test", NULL);
	write_plan();
	session = begin_session("0");
	g_string_append(session, "DATA\r\nA: 1\r\n\r\nhalf");
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	thread = g_thread_new("serve", serve, ph_stream_new(fds[1]));
	write_all(fds[0], session->str, session->len);
	close(fds[0]);
	g_thread_join(thread);
	ck_assert_uint_eq(sink_count(&sink), 0);
	ck_assert(!is_done(0));
	tear_down();
}
END_TEST

/* ---- crashes ----------------------------------------------------------- */

/* A process that may die at the point; true: it did. */
static bool
crash(const char *point, const GString *session)
{
	g_autofree char *said = NULL;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(fds[0]);
		if (ph_fault_arm(point, NULL) < 0)
			_exit(1);
		if (session == NULL)
			write_plan();
		else
			ph_fork_serve(ph_stream_new(fds[1]), service);
		_exit(0);
	}
	close(fds[1]);
	if (session != NULL)
		write_all(fds[0], session->str, session->len);
	shutdown(fds[0], SHUT_WR);
	said = read_all(fds[0]);
	ck_assert_ptr_nonnull(said);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Killed at each step, and asked again: the copy was sent once, or, where
 * nobody could know, twice; the report as well. */
static const struct {
	const char *point;
	guint copies, reports;
} crashes[] = {
    {"fork.copy-sent", 2, 1},
    {"fork.report-sent", 1, 2},
    {"fork.noted", 1, 1},
    {"fork.noted:2", 1, 1},
};

START_TEST(killed)
{
	for (size_t i = 0; i < G_N_ELEMENTS(crashes); i++) {
		g_autoptr(GString) session = NULL;
		guint reports = 0;

		set_up();
		add_copy("a@x.test", NULL);
		add_report("r@x.test");
		write_plan();
		session = begin_session("0 1");
		g_string_append(session, "DATA\r\nA: 1\r\n\r\n.\r\nQUIT\r\n");
		ck_assert(crash(crashes[i].point, session));
		ck_assert(!crash(NULL, session));
		ck_assert(is_done(0) && is_done(1));
		for (guint k = 0; k < sink_count(&sink); k++)
			reports +=
			    strstr(sink_at(&sink, k)->mail, "FROM:<>") != NULL;
		ck_assert_msg(reports == crashes[i].reports, "%s: %u reports",
			      crashes[i].point, reports);
		ck_assert_msg(sink_count(&sink) - reports == crashes[i].copies,
			      "%s", crashes[i].point);
		tear_down();
	}
}
END_TEST

START_TEST(killed_after_the_plan)
{
	set_up();
	add_copy("a@x.test", NULL);
	ck_assert(crash("fork.plan-written", NULL));
	ck_delivered("0", "250 2.0.0 Ok: queued as Q1\r\n");
	tear_down();
}
END_TEST

/* All points of the list are in the tests above. */
START_TEST(all_points)
{
	guint n = 0;

	for (int p = 1; p < PH_FAULTS; p++)
		if (g_str_has_prefix(ph_fault_names[p], "fork."))
			n++;
	ck_assert_uint_eq(n, 4);
}
END_TEST

UNIT_MAIN("lib/fork/service", killed, killed_after_the_plan, all_points,
	  one_copy, nothing_offered, several_tokens, done_once,
	  several_transactions, no_plan, damaged_plan, nobody_there, put_off,
	  cut_after_dot, one_refused, all_refused, report_put_off, report,
	  report_not_taken, notice, report_to_nobody, null_sender,
	  internationalized, large, half_a_message)
