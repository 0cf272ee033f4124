#include "lib/base/fault.h"
#include "tests/unit/lib/fork/service.h"

#include <signal.h>
#include <sys/wait.h>

static guint
count_of(const char *text, const char *what)
{
	guint n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* ---- what goes wrong ---------------------------------------------------- */

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
    {.mail = "530 5.7.0 Must issue a STARTTLS command first"},
    {.mail = "503 5.5.1 what"},
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

/* The report has left, and then the copy is put off: the sender hears of it
 * once, and who he was told does not get it does not get it later. */
START_TEST(told_once)
{
	struct ph_plan_group *group;
	g_autofree char *rows = NULL, *later = NULL;

	set_up();
	group = add_copy("a@x.test", NULL);
	ph_plan_add_recipient(group, "b@x.test", NULL);
	ph_plan_add_recipient(group, "c@x.test", NULL);
	write_plan();
	sink.refuse = "b@x.test";
	sink.refuse_with = "550 5.1.1 no";
	sink.dot = "451 4.3.0 later";
	sink.only_to = "a@x.test";
	ck_later("0");
	ck_assert_uint_eq(sink_count(&sink), 1);
	rows = read_rows();
	ck_assert_ptr_nonnull(strstr(rows, "|FAIL|"));
	ph_fork_service_free(&service);
	start_service();
	ck_later("0");
	/* Another one, meanwhile. */
	sink.refuse = "c@x.test";
	ck_later("0");
	ck_assert_uint_eq(sink_count(&sink), 2);
	ck_assert_ptr_null(strstr(sink_at(&sink, 1)->content->str, "b@x.test"));
	sink.refuse = sink.dot = NULL;
	ck_delivered("0", "250 2.0.0 Ok: queued as Q3\r\n");
	ck_assert_uint_eq(sink_count(&sink), 3);
	ck_assert_uint_eq(sink_at(&sink, 2)->rcpts->len, 1);
	ck_assert_str_eq(sink_at(&sink, 2)->rcpts->pdata[0],
			 "RCPT TO:<a@x.test>");
	later = read_rows();
	ck_assert_uint_eq(count_of(later, "|FAIL|"), 2);
	tear_down();
}
END_TEST

/* All were refused, one after the other, and nobody is left. */
START_TEST(told_about_all)
{
	struct ph_plan_group *group;

	set_up();
	group = add_copy("a@x.test", NULL);
	ph_plan_add_recipient(group, "b@x.test", NULL);
	write_plan();
	sink.refuse = "b@x.test";
	sink.refuse_with = "550 5.1.1 no";
	sink.data = "451 4.3.0 later";
	sink.only_to = "a@x.test";
	ck_later("0");
	sink.refuse = "a@x.test";
	ck_delivered("0", "250 2.0.0 Reported\r\n");
	ck_assert_uint_eq(sink_count(&sink), 2);
	ck_assert(is_done(0));
	tear_down();
}
END_TEST

/* ---- crashes ------------------------------------------------------------ */

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

UNIT_MAIN("lib/fork/service_failures", killed, killed_after_the_plan,
	  all_points, nobody_there, put_off, cut_after_dot, one_refused,
	  all_refused, report_put_off, told_once, told_about_all)
