#include "store/delivery/arrivals.h"

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ph_arrival sample = {
    .recipient = "nuno@example.com",
    .database = "DB1",
    .message_id = "<1@x>",
    .nmid = "0f0e0d0c-0b0a-8908-8706-050403020100",
};

#define SAMPLE                                                      \
	"{\"recipient\":\"nuno@example.com\",\"database\":\"DB1\"," \
	"\"message-id\":\"<1@x>\",\"network-message-id\":"          \
	"\"0f0e0d0c-0b0a-8908-8706-050403020100\",\"folder\":\"INBOX\"}"

static struct ph_arrivals *
start(const char *command, const char *url, int64_t timeout, int concurrency)
{
	const struct ph_arrivals_options options = {
	    .command = command,
	    .url = url,
	    .timeout = timeout,
	    .concurrency = concurrency,
	};
	struct ph_arrivals *arrivals;
	struct ph_err err = PH_ERR_INIT;

	/* As in the daemon: a command need not read what it is given. */
	signal(SIGPIPE, SIG_IGN);
	ck_assert_msg(ph_arrivals_start(&options, &arrivals, &err) == 0, "%s",
		      err.text);
	return arrivals;
}

/* Reads a FIFO or socket until the end; g_free. */
static char *
read_all(int fd)
{
	GString *out = g_string_new(NULL);
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(out, buffer, n);
	close(fd);
	return g_string_free(out, FALSE);
}

static char *
make_fifo(const char *root)
{
	char *path = g_build_filename(root, "fifo", NULL);

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	return path;
}

START_TEST(test_nobody)
{
	struct ph_arrivals *arrivals = start("", "", 1000, 1);

	ph_arrivals_tell(arrivals, &sample);
	ph_arrivals_tell(NULL, &sample);
	ck_assert_uint_eq(ph_arrivals_dropped(arrivals), 0);
	ph_arrivals_stop(&arrivals);
	ck_assert_ptr_null(arrivals);
	ph_arrivals_stop(&arrivals);
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *command, *url, *error;
	} bad[] = {
	    {"relative", "", "hook: \"relative\""},
	    {"/no/such/command x", "", "hook: \"/no/such/command\""},
	    {"/etc/passwd", "", "hook: \"/etc/passwd\""},
	    {"/bin/sh 'x", "", "hook: \"/bin/sh 'x\""},
	    {"", "example.com", "webhook: \"example.com\""},
	    {"", "ftp://example.com/", "webhook: \"ftp://example.com/\""},
	    {"", "file:///etc/passwd", "webhook: \"file:///etc/passwd\""},
	    {"", "http:///x", "webhook: \"http:///x\""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		const struct ph_arrivals_options options = {
		    .command = bad[i].command,
		    .url = bad[i].url,
		    .timeout = 1000,
		    .concurrency = 1,
		};
		struct ph_arrivals *arrivals = NULL;
		struct ph_err err = PH_ERR_INIT;

		ck_assert_int_eq(ph_arrivals_start(&options, &arrivals, &err),
				 -1);
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		ck_assert_msg(g_str_has_prefix(err.text, bad[i].error), "%s",
			      err.text);
		ck_assert_ptr_null(arrivals);
	}
}
END_TEST

START_TEST(test_command)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *fifo = make_fifo(root);
	g_autofree char *command =
	    g_strdup_printf("/bin/sh -c 'exec cat >\"$0\"' '%s'", fifo);
	struct ph_arrivals *arrivals = start(command, "", 30000, 1);
	g_autofree char *got = NULL;

	ph_arrivals_tell(arrivals, &sample);
	/* Opening it waits for the command. */
	got = read_all(open(fifo, O_RDONLY));
	ck_assert_str_eq(got, SAMPLE);
	ph_arrivals_stop(&arrivals);
	unit_rmdir(&root);
}
END_TEST

/* What is not plain text, and who has no Message-ID or too long a one. */
START_TEST(test_text)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *fifo = make_fifo(root);
	g_autofree char *command =
	    g_strdup_printf("/bin/sh -c 'exec cat >\"$0\"' '%s'", fifo);
	g_autofree char *longest = g_strnfill(999, 'x');
	static const char *const ids[] = {NULL, NULL, "a\"b\\c\xc3\xa4"};
	struct ph_arrivals *arrivals = start(command, "", 30000, 1);

	for (size_t i = 0; i < 3; i++) {
		struct ph_arrival arrival = sample;
		g_autofree char *got = NULL;

		arrival.message_id = i == 1 ? longest : ids[i];
		arrival.folder = "Junk";
		ph_arrivals_tell(arrivals, &arrival);
		got = read_all(open(fifo, O_RDONLY));
		ck_assert_ptr_nonnull(strstr(
		    got, i == 2 ? "\"message-id\":\"a\\\"b\\\\c\xc3\xa4\""
				: "\"message-id\":\"\""));
		ck_assert_ptr_nonnull(strstr(got, "\"folder\":\"Junk\""));
	}
	ph_arrivals_stop(&arrivals);
	unit_rmdir(&root);
}
END_TEST

/* A command that hangs, with a child that holds on to a pipe: both are killed
 * at the deadline, and the pipe ends. */
START_TEST(test_command_that_hangs)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *fifo = make_fifo(root);
	g_autofree char *command = g_strdup_printf(
	    "/bin/sh -c 'exec 3>\"$0\"; sleep 1000 & sleep 1000' '%s'", fifo);
	struct ph_arrivals *arrivals = start(command, "", 200, 1);
	g_autofree char *got = NULL;

	ph_arrivals_tell(arrivals, &sample);
	got = read_all(open(fifo, O_RDONLY));
	ck_assert_str_eq(got, "");
	ph_arrivals_stop(&arrivals);
	unit_rmdir(&root);
}
END_TEST

/* A stop does not wait for the deadline. */
START_TEST(test_stopped_while_it_runs)
{
	g_autofree char *root = unit_mkdir();
	g_autofree char *fifo = make_fifo(root);
	g_autofree char *command = g_strdup_printf(
	    "/bin/sh -c 'exec 3>\"$0\"; exec sleep 1000' '%s'", fifo);
	struct ph_arrivals *arrivals = start(command, "", 600000, 2);
	g_autofree char *got = NULL;
	int fd;

	ph_arrivals_tell(arrivals, &sample);
	fd = open(fifo, O_RDONLY);
	ph_arrivals_stop(&arrivals);
	got = read_all(fd);
	ck_assert_str_eq(got, "");
	unit_rmdir(&root);
}
END_TEST

static void
wait_dropped(struct ph_arrivals *arrivals, uint64_t n)
{
	while (ph_arrivals_dropped(arrivals) < n)
		g_thread_yield();
	ck_assert_uint_eq(ph_arrivals_dropped(arrivals), n);
}

START_TEST(test_command_that_fails)
{
	struct ph_arrivals *arrivals = start("/bin/false", "", 30000, 1);

	ph_arrivals_tell(arrivals, &sample);
	wait_dropped(arrivals, 1);
	ph_arrivals_stop(&arrivals);
	arrivals = start("/bin/sh -c 'kill -9 $$'", "", 30000, 1);
	ph_arrivals_tell(arrivals, &sample);
	wait_dropped(arrivals, 1);
	ph_arrivals_stop(&arrivals);
}
END_TEST

/* While one run hangs, what comes is kept up to a limit, and telling never
 * waits. */
START_TEST(test_bounded)
{
	struct ph_arrivals *arrivals =
	    start("/bin/sh -c 'exec sleep 1000'", "", 600000, 1);

	for (int i = 0; i < 3000; i++)
		ph_arrivals_tell(arrivals, &sample);
	/* One may be under way already. */
	ck_assert_uint_ge(ph_arrivals_dropped(arrivals), 1999);
	ck_assert_uint_le(ph_arrivals_dropped(arrivals), 2000);
	ph_arrivals_stop(&arrivals);
}
END_TEST

/* ---- a web server ------------------------------------------------------ */

static int
listen_any(int *port_r)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	*port_r = ntohs(address.sin_port);
	return fd;
}

/* One request up to its body's end; answered with answer. g_free. */
static char *
serve_one(int listener, const char *answer)
{
	int fd = accept(listener, NULL, NULL);
	GString *out = g_string_new(NULL);
	char buffer[4096];
	ssize_t n = 1;

	while (n > 0 && !g_str_has_suffix(out->str, "\"}")) {
		n = read(fd, buffer, sizeof(buffer));
		if (n > 0)
			g_string_append_len(out, buffer, n);
	}
	if (answer)
		ck_assert_int_eq(write(fd, answer, strlen(answer)),
				 (ssize_t)strlen(answer));
	close(fd);
	return g_string_free(out, FALSE);
}

START_TEST(test_web)
{
	int port, listener = listen_any(&port);
	g_autofree char *url =
	    g_strdup_printf("http://127.0.0.1:%d/hook?x=1", port);
	struct ph_arrivals *arrivals = start("", url, 30000, 1);
	g_autofree char *request = NULL, *second = NULL;

	ph_arrivals_tell(arrivals, &sample);
	request = serve_one(listener, "HTTP/1.1 204 None\r\n"
				      "Connection: close\r\n\r\n");
	ck_assert(g_str_has_prefix(request, "POST /hook?x=1 HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(request, "\r\nContent-Type: application/json\r\n"));
	ck_assert(g_str_has_suffix(request, "\r\n\r\n" SAMPLE));
	/* An answer that is no success: given up, and not asked again. */
	ph_arrivals_tell(arrivals, &sample);
	second = serve_one(listener, "HTTP/1.1 302 Found\r\nLocation: "
				     "http://127.0.0.1:1/\r\nConnection: "
				     "close\r\nContent-Length: 0\r\n\r\n");
	ck_assert(g_str_has_suffix(second, SAMPLE));
	wait_dropped(arrivals, 1);
	ph_arrivals_stop(&arrivals);
	close(listener);
}
END_TEST

START_TEST(test_web_that_hangs)
{
	int port, listener = listen_any(&port);
	g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", port);
	struct ph_arrivals *arrivals = start("", url, 200, 1);

	ph_arrivals_tell(arrivals, &sample);
	wait_dropped(arrivals, 1);
	ph_arrivals_stop(&arrivals);
	close(listener);
	/* Nobody listens there any more. */
	arrivals = start("", url, 30000, 1);
	ph_arrivals_tell(arrivals, &sample);
	wait_dropped(arrivals, 1);
	ph_arrivals_stop(&arrivals);
}
END_TEST

UNIT_MAIN("store/delivery/arrivals", test_nobody, test_refused, test_command,
	  test_text, test_command_that_hangs, test_stopped_while_it_runs,
	  test_command_that_fails, test_bounded, test_web, test_web_that_hangs)
