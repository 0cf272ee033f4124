#include "tests/unit/lib/fork/service.h"

/* ---- copies ------------------------------------------------------------- */

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

/* ---- reports ------------------------------------------------------------ */

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

/* ---- content ------------------------------------------------------------ */

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

UNIT_MAIN("lib/fork/service", one_copy, nothing_offered, several_tokens,
	  done_once, several_transactions, no_plan, damaged_plan, report,
	  report_not_taken, notice, report_to_nobody, null_sender,
	  internationalized, large, half_a_message)
