#include "lib/base/clock.h"
#include "store/delivery/arrivals_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, before the command: nothing of a daemon's signals, and a group
 * of its own, so that its children go with it. */
static void
become_command(gpointer unused)
{
	sigset_t none;

	(void)unused;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int
start(struct ph_outlet *outlet, pid_t *pid_r, int *in_r, struct ph_err *err)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {path, NULL};
	g_autoptr(GError) error = NULL;

	if (g_spawn_async_with_pipes(
		"/", outlet->target, environment,
		G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
		become_command, NULL, pid_r, in_r, NULL, NULL, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "cannot be run: %s",
			  error->message);
}

/* Until it has ended, the deadline, or a stop. */
static bool
wait_end(const struct ph_outlet *outlet, pid_t pid)
{
	int64_t deadline = ph_clock_mono() + outlet->timeout;
	struct pollfd fds[] = {
	    {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0},
	    {outlet->stop_fd, POLLIN, 0},
	};
	int64_t left = outlet->timeout;
	int r = -1;

	if (fds[0].fd < 0)
		return false;
	while (left >= 0 && (r = poll(fds, G_N_ELEMENTS(fds), (int)left)) < 0 &&
	       errno == EINTR)
		left = deadline - ph_clock_mono();
	close(fds[0].fd);
	return r > 0 && (fds[0].revents & POLLIN);
}

static int
judge(int status, struct ph_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return ph_err_set(err, PH_ERR_TEMP, "exit status %d",
				  WEXITSTATUS(status));
	return ph_err_set(err, PH_ERR_TEMP, "ended by signal %d",
			  WTERMSIG(status));
}

static int
send_command(struct ph_outlet *outlet, void **worker, const char *text,
	     size_t size, struct ph_err *err)
{
	int in, status = 0;
	bool ended;
	pid_t pid;

	(void)worker;
	if (start(outlet, &pid, &in, err) < 0)
		return -1;
	/* It fits the pipe; a command that does not read it is fine. */
	if (write(in, text, size) < 0 && errno != EPIPE)
		ph_err_set(err, PH_ERR_TEMP, "%s", g_strerror(errno));
	close(in);
	ended = wait_end(outlet, pid);
	/* What it left running in its group goes as well. */
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended)
		return judge(status, err);
	return ph_err_set(err, PH_ERR_TEMP, "did not end in time");
}

const struct ph_outlet_ops ph_outlet_command = {
    .name = "hook",
    .limit = 1000,
    .send = send_command,
};
