#include "lib/match/match_private.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS ((int64_t)600 * 1000)
/* From the end of its answer to its exit. */
#define EXIT_MS ((int64_t)10 * 1000)

struct child {
	GPid pid;
	int in;	 /* its standard input; -1: everything is sent */
	int out; /* its standard output */
	int wake;
	int64_t deadline;
	GByteArray *request;
	size_t sent;
	GByteArray *answer;
};

static void
close_input(struct child *c)
{
	if (c->in >= 0)
		close(c->in);
	c->in = -1;
}

/* SIGPIPE is blocked in the thread that calls. */
static void
send_some(struct child *c)
{
	ssize_t n =
	    write(c->in, c->request->data + c->sent, c->request->len - c->sent);

	if (n > 0)
		c->sent += (size_t)n;
	/* A child that does not read says why by its exit status. */
	if ((n < 0 && errno != EAGAIN && errno != EINTR) ||
	    c->sent == c->request->len)
		close_input(c);
}

/* 1: the end. 0: more to come. */
static int
receive_some(struct child *c, struct ph_err *err)
{
	guint8 buffer[65536];
	ssize_t n = read(c->out, buffer, sizeof buffer);

	if (n == 0)
		return 1;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			   ? 0
			   : ph_err_set(err, PH_ERR_TEMP, "reading: %s",
					g_strerror(errno));
	if (c->answer->len + (size_t)n > PH_IMAGE_LIMIT)
		return ph_err_set(err, PH_ERR_TEMP, "it answers too much");
	g_byte_array_append(c->answer, buffer, (guint)n);
	return 0;
}

/* Waits for one of fds, the first of which is the wake-up. 1, or -1. */
static int
wait_for(const struct child *c, struct pollfd *fds, nfds_t n, int64_t ms,
	 struct ph_err *err)
{
	fds[0] = (struct pollfd){c->wake, POLLIN, 0};
	if (poll(fds, n, (int)ms) < 0 && errno != EINTR)
		return ph_err_set(err, PH_ERR_TEMP, "poll: %s",
				  g_strerror(errno));
	if (fds[0].revents != 0)
		return ph_err_set(err, PH_ERR_TEMP, "stopped");
	if (ph_clock_mono() >= c->deadline)
		return ph_err_set(err, PH_ERR_TEMP, "it took too long");
	return 1;
}

/* Both pipes at once: neither side may wait for the other. */
static int
talk(struct child *c, struct ph_err *err)
{
	int rc = 0;

	while (rc == 0) {
		struct pollfd fds[] = {
		    {0, 0, 0}, {c->out, POLLIN, 0}, {c->in, POLLOUT, 0}};
		int64_t left = MAX(c->deadline - ph_clock_mono(), 0);

		if (wait_for(c, fds, G_N_ELEMENTS(fds), left, err) < 0)
			return -1;
		if (fds[2].revents != 0)
			send_some(c);
		if (fds[1].revents != 0)
			rc = receive_some(c, err);
	}
	return rc < 0 ? -1 : 0;
}

/* 0: it ended well by itself. */
static int
reap(struct child *c, struct ph_err *err)
{
	int status = 0;
	pid_t pid;

	c->deadline = ph_clock_mono() + EXIT_MS;
	while ((pid = waitpid(c->pid, &status, WNOHANG)) == 0) {
		struct pollfd fds[1];

		if (wait_for(c, fds, 1, 5, err) < 0)
			return -1;
	}
	c->pid = 0;
	if (pid < 0)
		return ph_err_set(err, PH_ERR_TEMP, "waitpid: %s",
				  g_strerror(errno));
	if (WIFSIGNALED(status))
		return ph_err_set(err, PH_ERR_TEMP, "killed by signal %d",
				  WTERMSIG(status));
	return WEXITSTATUS(status) == 0
		   ? 0
		   : ph_err_set(err, PH_ERR_TEMP, "exit status %d",
				WEXITSTATUS(status));
}

static int
start(struct child *c, char *const *argv, struct ph_err *err)
{
	GError *error = NULL;
	g_auto(GStrv) copy = g_strdupv((char **)(uintptr_t)argv);

	if (!g_spawn_async_with_pipes(NULL, copy, NULL,
				      G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
				      &c->pid, &c->in, &c->out, NULL, &error)) {
		ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
		g_error_free(error);
		return -1;
	}
	g_unix_set_fd_nonblocking(c->in, TRUE, NULL);
	g_unix_set_fd_nonblocking(c->out, TRUE, NULL);
	return 0;
}

static void
finish(struct child *c)
{
	close_input(c);
	close(c->out);
	if (c->pid <= 0)
		return;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int
ph_child_run(char *const *argv, const struct ph_set *set, int wake,
	     GByteArray **image_r, struct ph_err *err)
{
	struct child c = {.in = -1,
			  .out = -1,
			  .wake = wake,
			  .deadline = ph_clock_mono() + DEADLINE_MS};
	int rc;

	if (start(&c, argv, err) != 0)
		return -1;
	c.request = ph_request_format(set);
	c.answer = g_byte_array_new();
	rc = talk(&c, err);
	if (rc == 0)
		rc = reap(&c, err);
	finish(&c);
	g_byte_array_unref(c.request);
	if (rc == 0)
		*image_r = c.answer;
	else
		g_byte_array_unref(c.answer);
	return rc;
}
