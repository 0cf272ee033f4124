#include "lib/base/clock.h"
#include "lib/base/program_private.h"
#include "lib/base/rights.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * The skeleton as a daemon sees it: a child process runs an echo service with
 * posthub-policy's settings; the test is its client.
 */
static void
serve_echo(struct ph_stream *stream, void *app)
{
	char buffer[64];
	ssize_t n;

	ck_assert_str_eq(app, "the app");
	while ((n = ph_stream_read(stream, buffer, sizeof buffer, NULL)) > 0) {
		ph_stream_hold(stream, buffer[0] == 'h');
		if (ph_stream_write(stream, buffer, (size_t)n, NULL) < 0)
			return;
	}
}

static int
start_echo(struct ph_run *run, void **app_r, struct ph_err *err)
{
	(void)run;
	if (g_getenv("ECHO_FAIL") != NULL)
		return ph_err_set(err, PH_ERR_TEMP, "no luck");
	*app_r = g_strdup("the app");
	return 0;
}

static void
stop_echo(void *app)
{
	g_free(app);
}

static const struct ph_listen echo_listen[] = {
    {"policy", serve_echo, NULL},
    {"map", serve_echo, "busy\n"},
    {NULL, NULL, NULL},
};

static const struct ph_program echo = {
    .name = "posthub-echo",
    .section = "policy",
    .summary = "answers what it was told",
    .listen = echo_listen,
    .start = start_echo,
    .stop = stop_echo,
};

/* As libmilter's: a loop that ends at a signal of its own. */
static int
main_echo(struct ph_run *run, void *app)
{
	sigset_t set;
	int got = 0;

	(void)run;
	ck_assert_str_eq(app, "the app");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &got);
	return got == SIGTERM ? 7 : 8;
}

static const struct ph_program loop = {
    .name = "posthub-loop",
    .section = "policy",
    .summary = "the same with a loop of its own",
    .listen = echo_listen,
    .start = start_echo,
    .main = main_echo,
    .stop = stop_echo,
};

static char *dir;
static pid_t child;

static void
setup(void)
{
	dir = unit_mkdir();
	child = 0;
}

static void
teardown(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	unit_rmdir(&dir);
}

static char *
write_conf(const char *more)
{
	char *path = g_build_filename(dir, "posthub.conf", NULL);
	g_autofree char *text = g_strdup_printf(
	    "[server]\nname = T\nuser =\nsocket_group =\n"
	    "state_dir = %s/state\n[tracking]\nlog_dir = %s/log\n"
	    "[policy]\npolicy = %s/p.sock\nmap = %s/m.sock\n%s",
	    dir, dir, dir, dir, more);

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	return path;
}

/* Runs the program in a child; its exit status comes from waitpid. */
static void
run_program(const struct ph_program *program, const char *more,
	    const char *option)
{
	g_autofree char *conf = write_conf(more);
	char *argv[] = {(char *)"posthub-echo", (char *)"-c", conf,
			(char *)option, NULL};

	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		dup2(null, STDOUT_FILENO);
		_exit(ph_program_main(program, 4, argv));
	}
}

static void
run_child(const char *more, const char *option)
{
	run_program(&echo, more, option);
}

static int
wait_child(void)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct ph_stream *
try_connect(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct ph_endpoint endpoint;
	struct ph_stream *stream = NULL;
	int64_t deadline = ph_clock_mono() + 10000;

	ck_assert_int_eq(ph_parse_endpoint(path, &endpoint, NULL), 0);
	while (ph_stream_connect(&endpoint, NULL, 1000, &stream, NULL) < 0) {
		ck_assert_msg(ph_clock_mono() < deadline, "%s never came",
			      path);
		g_usleep(2000);
	}
	return stream;
}

static void
expect_echo(struct ph_stream *stream, const char *text)
{
	char buffer[64] = "";
	ssize_t n;

	ck_assert_int_eq(ph_stream_write(stream, text, strlen(text), NULL), 0);
	n = ph_stream_read(stream, buffer, sizeof buffer - 1, NULL);
	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_str_eq(buffer, text);
}

START_TEST(test_serves_and_stops)
{
	g_autofree char *state = NULL, *socket = NULL;
	struct ph_stream *a, *b;
	char buffer[8];
	struct stat st;

	setup();
	run_child("", "-f");
	a = try_connect("p.sock");
	b = try_connect("m.sock");
	expect_echo(a, "one");
	expect_echo(b, "two");
	expect_echo(a, "three");
	ck_assert_str_eq(ph_stream_peer(a), "local");
	state = g_build_filename(dir, "state", NULL);
	ck_assert(g_file_test(state, G_FILE_TEST_IS_DIR));
	socket = g_build_filename(dir, "p.sock", NULL);
	ck_assert_int_eq(stat(socket, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	/* Idle connections do not hold up a stop. */
	kill(child, SIGTERM);
	ck_assert_int_eq(wait_child(), EX_OK);
	ck_assert_int_eq(ph_stream_read(a, buffer, sizeof buffer, NULL), 0);
	ph_stream_free(&a);
	ph_stream_free(&b);
	teardown();
}
END_TEST

/* Listeners are served while the program's own loop runs, and stop after it.
 */
START_TEST(test_own_loop)
{
	struct ph_stream *a, *b;
	char buffer[8];

	setup();
	run_program(&loop, "", "-f");
	a = try_connect("p.sock");
	b = try_connect("m.sock");
	expect_echo(a, "one");
	expect_echo(b, "h");
	kill(child, SIGTERM);
	expect_echo(b, "x");
	ck_assert_int_eq(wait_child(), 7);
	ck_assert_int_eq(ph_stream_read(a, buffer, sizeof buffer, NULL), 0);
	ph_stream_free(&a);
	ph_stream_free(&b);
	teardown();
}
END_TEST

START_TEST(test_held_connection_finishes)
{
	struct ph_stream *stream;
	char buffer[8];

	setup();
	run_child("", "-f");
	stream = try_connect("p.sock");
	expect_echo(stream, "h");
	kill(child, SIGTERM);
	/* The listener goes at once; the held connection lives until it is
	 * idle. */
	expect_echo(stream, "h2");
	ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
	expect_echo(stream, "x");
	ck_assert_int_eq(wait_child(), EX_OK);
	ck_assert_int_eq(ph_stream_read(stream, buffer, sizeof buffer, NULL),
			 0);
	ph_stream_free(&stream);
	teardown();
}
END_TEST

START_TEST(test_connection_limit)
{
	struct ph_stream *first, *second;
	char buffer[16] = "";
	int64_t deadline = ph_clock_mono() + 10000;

	setup();
	run_child("connections = 1\n", "-f");
	first = try_connect("m.sock");
	expect_echo(first, "one");
	second = try_connect("m.sock");
	ck_assert_int_eq(
	    ph_stream_read(second, buffer, sizeof buffer - 1, NULL), 5);
	ck_assert_str_eq(buffer, "busy\n");
	ph_stream_free(&second);
	ph_stream_free(&first);
	/* The place is free again once the first has gone. */
	for (;;) {
		ssize_t n;

		ck_assert(ph_clock_mono() < deadline);
		second = try_connect("m.sock");
		(void)ph_stream_write(second, "x", 1, NULL);
		n = ph_stream_read(second, buffer, sizeof buffer - 1, NULL);
		ph_stream_free(&second);
		if (n == 1)
			break;
	}
	teardown();
}
END_TEST

START_TEST(test_exit_status)
{
	static const struct {
		const char *more, *option;
		int want;
	} cases[] = {
	    {"", "-t", EX_OK},
	    {"", "-h", EX_OK},
	    {"", "-V", EX_OK},
	    {"", "-x", EX_USAGE},
	    {"", "nonsense", EX_USAGE},
	    {"unknown = 1\n", "-t", EX_CONFIG},
	    {"connections = 0\n", "-f", EX_CONFIG},
	    {"[server]\nname =\n", "-t", EX_CONFIG},
	    {"[server]\nname = two words\n", "-t", EX_CONFIG},
	    {"[server]\nsocket_group = no-such-group\n", "-f", EX_CONFIG},
	    {"[policy]\nmap = /nonexistent/x.sock\n", "-f", EX_CONFIG},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		int got;

		setup();
		run_child(cases[i].more, cases[i].option);
		got = wait_child();
		ck_assert_msg(got == cases[i].want, "%s%s: got %d",
			      cases[i].more, cases[i].option, got);
		teardown();
	}
	g_setenv("ECHO_FAIL", "1", TRUE);
	setup();
	run_child("", "-f");
	ck_assert_int_eq(wait_child(), EX_TEMPFAIL);
	teardown();
}
END_TEST

/* The process that listens on the socket. */
static pid_t
find_listener(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer = {0};
	socklen_t size = sizeof peer;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size),
			 0);
	close(fd);
	return peer.pid;
}

/* Without -f the command returns when the service is ready. */
START_TEST(test_daemon)
{
	struct ph_stream *stream;
	pid_t daemon_pid;

	setup();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	run_child("", "-v");
	daemon_pid = child;
	ck_assert_int_eq(wait_child(), EX_OK);
	ck_assert_int_ne(find_listener("p.sock"), daemon_pid);
	child = find_listener("p.sock");
	stream = try_connect("p.sock");
	expect_echo(stream, "one");
	ph_stream_free(&stream);
	kill(child, SIGTERM);
	ck_assert_int_eq(wait_child(), EX_OK);
	teardown();
}
END_TEST

/* Eight daemons that start together on an empty disk, each of which must be
 * able to write there as the user that it becomes. */
START_TEST(test_directories_of_many)
{
	const char *user = geteuid() == 0 ? "nobody" : "";
	g_autofree char *more = g_strdup_printf("[server]\nuser = %s\n", user);
	g_autofree char *path = NULL, *conf_path = NULL, *file = NULL;
	struct ph_conf *conf = NULL;
	int status;

	setup();
	ck_assert_int_eq(chmod(dir, 0755), 0);
	conf_path = write_conf(more);
	path = g_build_filename(dir, "log", "posthub", "tracking", NULL);
	file = g_build_filename(path, "x", NULL);
	ck_assert_int_eq(ph_conf_load(conf_path, &conf, NULL), 0);
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			_exit(ph_make_directory(conf, path, NULL) < 0 ||
			      ph_drop_privileges(conf, false, NULL) < 0 ||
			      open(file, O_CREAT | O_WRONLY, 0666) < 0);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ph_conf_free(&conf);
	teardown();
}
END_TEST

/* In a process of its own, as another user than root: 0 when it has the rights,
 * and can use them, as far as it was let. */
static int
give_away(const struct ph_conf *conf, bool files, const char *path)
{
	if (ph_drop_privileges(conf, files, NULL) < 0 || geteuid() == 0)
		return 1;
	if (ph_rights_give() != files)
		return 2;
	if ((chown(path, 25001, 25001) == 0) != files)
		return 3;
	/* Of whoever's it is now, and nothing else is root's. */
	if ((chmod(path, 0640) == 0) != files)
		return 4;
	return setuid(0) == 0 ? 5 : 0;
}

START_TEST(test_rights)
{
	g_autofree char *conf_path = NULL, *path = NULL;
	struct ph_conf *conf = NULL;
	int status;

	if (geteuid() != 0)
		return;
	setup();
	ck_assert_int_eq(chmod(dir, 0711), 0);
	conf_path = write_conf("[server]\nuser = nobody\n");
	path = g_build_filename(dir, "file", NULL);
	ck_assert_int_eq(ph_conf_load(conf_path, &conf, NULL), 0);
	for (int files = 0; files <= 1; files++) {
		ck_assert(g_file_set_contents(path, "x", 1, NULL));
		if (fork() == 0)
			_exit(give_away(conf, files == 1, path));
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ph_conf_free(&conf);
	teardown();
}
END_TEST

UNIT_MAIN("lib/base/program", test_rights, test_directories_of_many,
	  test_serves_and_stops, test_held_connection_finishes,
	  test_connection_limit, test_exit_status, test_daemon, test_own_loop)
