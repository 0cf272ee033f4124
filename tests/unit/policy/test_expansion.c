#include "policy/expansion.h"

#include "lib/routing/topology.h"
#include "tests/unit/lib/directory/people.h"
#include "tests/unit/lib/fork/sink.h"
#include "tests/unit/unit.h"

#define NMID "01234567-89ab-8def-8123-456789abcdef"
#define GROUP "|RecipientType=MailUniversalDistributionGroup|Members="

static const char *const state_lines[] = {
    "domain|t.org",
    "transportconfig||ExpansionSizeLimit=2",
    "server|MBX1|Fqdn=mbx1.t.org",
};

static const char *const people[] = {
    "recipient|nuno@t.org|RecipientType=UserMailbox|Database=DB1",
    "recipient|team@t.org" GROUP "a@x.test,b@x.test,c@x.test,d@x.test,e@x.test",
    "recipient|gone@t.org" GROUP "none@t.org",
    "recipient|empty@t.org|RecipientType=MailGroup",
};

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* The service, and the private smtpd behind it, which is both of them. */
static char *dir;
static struct sink sink;
static struct ph_conf *conf;
static struct ph_state *state;
static struct ph_directory *directory, *down;
static struct ph_expander *expander;
static gint stop;

static struct ph_directory *
make_directory(void)
{
	struct ph_object *entries[G_N_ELEMENTS(people)];
	struct ph_directory *made;

	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		entries[i] = unit_object_line(people[i]);
	made = ph_directory_memory((const struct ph_object *const *)entries,
				   G_N_ELEMENTS(entries));
	for (size_t i = 0; i < G_N_ELEMENTS(people); i++)
		ph_object_unref(&entries[i]);
	return made;
}

/* A daemon that starts from its snapshot, because there is no Redis. */
static void
save_snapshot(const char *path)
{
	struct ph_object *objects[G_N_ELEMENTS(state_lines)];
	struct ph_snapshot *snapshot;
	struct ph_err err = PH_ERR_INIT;

	for (size_t i = 0; i < G_N_ELEMENTS(state_lines); i++)
		objects[i] = unit_object_line(state_lines[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)objects,
				     G_N_ELEMENTS(objects), NULL);
	ck_assert_msg(ph_snapshot_save(snapshot, path, &err) == 0, "%s",
		      err.text);
	ph_snapshot_unref(&snapshot);
	for (size_t i = 0; i < G_N_ELEMENTS(state_lines); i++)
		ph_object_unref(&objects[i]);
}

static void
load_conf(void)
{
	g_autofree char *path = g_build_filename(dir, "conf", NULL);
	g_autofree char *text =
	    g_strdup_printf("[server]\nname = MBX1\nstate_dir = %s\n"
			    "[redis]\nurl = unix://%s/none\ntimeout = 20ms\n"
			    "[tracking]\nlog_dir = %s/rows\n"
			    "[policy]\ninject = unix:%s\nmembers = unix:%s\n",
			    dir, dir, dir, sink.path, sink.path);
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_msg(ph_conf_load(path, &conf, &err) == 0, "%s", err.text);
}

static bool
stopping(const void *context)
{
	return g_atomic_int_get((const gint *)context) != 0;
}

static void
open_expander(struct ph_directory *asked)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_expander_open(conf,
				       &(struct ph_policy_sources){
					   .state = state,
					   .topology = 0,
					   .directory = asked,
					   .server = "MBX1",
					   .stopping = stopping,
					   .context = &stop,
				       },
				       &expander, &err) == 0,
		      "%s", err.text);
}

static void
set_up(void)
{
	g_autofree char *snapshot = NULL;
	struct ph_err err = PH_ERR_INIT;

	dir = unit_mkdir();
	sink_start(&sink, dir);
	load_conf();
	snapshot = g_build_filename(dir, "test.snapshot", NULL);
	save_snapshot(snapshot);
	ck_assert_int_eq(ph_state_open(conf, "test", derive, &state, &err), 0);
	directory = make_directory();
	down = ph_directory_failing(PH_ERR_TEMP, "down");
	open_expander(directory);
}

static void
tear_down(void)
{
	ph_expander_close(&expander);
	sink_free(&sink);
	ph_state_close(&state);
	ph_conf_free(&conf);
	ph_directory_close(&directory);
	ph_directory_close(&down);
	unit_rmdir(&dir);
}

/* ---- the queue's side --------------------------------------------------- */

static gpointer
serve(gpointer data)
{
	ph_expander_serve(data, expander);
	ph_stream_free((struct ph_stream **)&data);
	return NULL;
}

/* All that is said to a session, g_free. */
static char *
converse(const char *session)
{
	GString *said = g_string_new(NULL);
	size_t size = strlen(session);
	char buffer[4096];
	GThread *thread;
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	thread = g_thread_new("serve", serve, ph_stream_new(fds[1]));
	ck_assert_int_eq(send(fds[0], session, size, MSG_NOSIGNAL),
			 (ssize_t)size);
	shutdown(fds[0], SHUT_WR);
	while ((n = read(fds[0], buffer, sizeof buffer)) > 0)
		g_string_append_len(said, buffer, n);
	g_thread_join(thread);
	close(fds[0]);
	return g_string_free(said, FALSE);
}

/* A message for a group; what is said after the final dot, g_free. */
static char *
deliver(const char *group)
{
	g_autofree char *session =
	    g_strdup_printf("LHLO mta\r\nXFORWARD IDENT=4ABC\r\n"
			    "MAIL FROM:<s@x.test> RET=HDRS ENVID=E1\r\n"
			    "RCPT TO:<%s> NOTIFY=FAILURE\r\nDATA\r\n"
			    "X-PostHub-Network-Message-Id: " NMID "\r\n"
			    "Message-ID: <m@x.test>\r\nSubject: "
			    "hi\r\n\r\nbody\r\n.\r\nQUIT\r\n",
			    group);
	g_autofree char *said = converse(session);
	char *after = strstr(said, "354 "), *bye;

	ck_assert_msg(after != NULL, "%s", said);
	after = strstr(after, "\r\n") + 2;
	bye = strstr(after, "\r\n221 ");
	ck_assert_msg(bye != NULL, "%s", said);
	*bye = '\0';
	return g_strdup(after);
}

static void
check(const char *group, const char *want)
{
	g_autofree char *is = deliver(group);

	ck_assert_msg(g_str_has_prefix(is, want), "%s: %s, expected %s", group,
		      is, want);
}

/* "a b|c": local parts, a mail each. */
static char *
show_taken(void)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < sink_count(&sink); i++) {
		const struct sink_mail *mail = sink_at(&sink, i);

		g_string_append(text, i > 0 ? "|" : "");
		for (guint k = 0; k < mail->rcpts->len; k++) {
			const char *rcpt = mail->rcpts->pdata[k];
			const char *at = strchr(rcpt, '<') + 1;

			g_string_append_printf(text, "%s%.*s", k > 0 ? " " : "",
					       (int)strcspn(at, "@"), at);
		}
	}
	return g_string_free(text, FALSE);
}

static void
check_taken(const char *want)
{
	g_autofree char *is = show_taken();

	ck_assert_str_eq(is, want);
}

/* ---- tests -------------------------------------------------------------- */

START_TEST(test_portions)
{
	set_up();
	check("team@t.org", "250 2.0.0 Expanded to 5 recipients");
	check_taken("a b|c d|e");
	ck_assert_ptr_nonnull(
	    strstr(sink_at(&sink, 0)->mail, "MAIL FROM:<s@x.test> "));
	ck_assert_ptr_nonnull(strstr(sink_at(&sink, 0)->mail, " ENVID=E1"));
	ck_assert_ptr_nonnull(strstr(sink_at(&sink, 2)->rcpts->pdata[0],
				     "NOTIFY=FAILURE ORCPT=rfc822;team@t.org"));
	/* The same message again, also after a restart. */
	check("TEAM@t.org", "250 ");
	ph_expander_close(&expander);
	open_expander(down);
	check("team@t.org", "451 4.3.0 ");
	ph_expander_close(&expander);
	open_expander(directory);
	check("team@t.org", "250 ");
	check_taken("a b|c d|e");
	tear_down();
}
END_TEST

START_TEST(test_goes_on)
{
	set_up();
	sink.dot = "451 4.3.0 later";
	sink.only_to = "d@";
	check("team@t.org", "451 4.3.0 ");
	check_taken("a b");
	sink.dot = NULL;
	check("team@t.org", "250 ");
	check_taken("a b|c d|e");
	tear_down();
}
END_TEST

START_TEST(test_one_refused)
{
	set_up();
	sink.refuse = "d@";
	sink.refuse_with = "550 5.1.1 no";
	check("team@t.org", "250 ");
	/* the report to the sender comes before the others have it */
	check_taken("a b|s|c|e");
	tear_down();
}
END_TEST

START_TEST(test_nobody_gets_it)
{
	set_up();
	check("gone@t.org", "250 2.0.0 Expanded to 0 recipients");
	check_taken("s");
	check("empty@t.org", "250 2.0.0 Expanded to 0 recipients");
	check_taken("s");
	tear_down();
}
END_TEST

START_TEST(test_no_group)
{
	set_up();
	check("nuno@t.org", "451 4.4.4 ");
	check("nobody@t.org", "550 5.1.1 ");
	check("x@outside.test", "451 4.4.4 ");
	check_taken("");
	tear_down();
}
END_TEST

START_TEST(test_directory_down)
{
	set_up();
	ph_expander_close(&expander);
	open_expander(down);
	check("team@t.org", "451 4.3.0 ");
	check_taken("");
	tear_down();
}
END_TEST

/* A stop is not held up: what is left goes on after it. */
START_TEST(test_stopping)
{
	set_up();
	g_atomic_int_set(&stop, 1);
	check("team@t.org", "451 4.3.2 ");
	check_taken("");
	g_atomic_int_set(&stop, 0);
	check("team@t.org", "250 ");
	check_taken("a b|c d|e");
	tear_down();
}
END_TEST

START_TEST(test_probe)
{
	g_autofree char *said = NULL;

	set_up();
	said = converse("LHLO mta\r\nMAIL FROM:<>\r\nRCPT TO:<team@t.org>\r\n"
			"RSET\r\nQUIT\r\n");
	ck_assert_ptr_nonnull(strstr(said, "250-DSN\r\n"));
	ck_assert_ptr_nonnull(strstr(said, "250 2.1.5 Recipient OK\r\n"));
	check_taken("");
	tear_down();
}
END_TEST

UNIT_MAIN("policy/expansion", test_portions, test_goes_on, test_one_refused,
	  test_nobody_gets_it, test_no_group, test_directory_down,
	  test_stopping, test_probe)
