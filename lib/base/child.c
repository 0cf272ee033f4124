#include "lib/base/child.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec: nothing but what a signal handler may do. */
void
ph_child_setup(gpointer unused)
{
	sigset_t none;

	(void)unused;
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

bool
ph_child_wait(pid_t pid, int stop_fd, int64_t deadline)
{
	/* poll passes over -1. */
	struct pollfd fds[] = {
	    {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0},
	    {stop_fd, POLLIN, 0},
	};
	int64_t left;
	int r;

	if (fds[0].fd < 0)
		return false;
	do {
		left = CLAMP(deadline - ph_clock_mono(), 0, INT_MAX);
		r = poll(fds, G_N_ELEMENTS(fds), (int)left);
	} while (r < 0 && errno == EINTR);
	close(fds[0].fd);
	return r > 0 && (fds[0].revents & POLLIN);
}

void
ph_child_kill(pid_t pid)
{
	/* The group is there once the child has come as far; it, too. */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

int
ph_child_end(pid_t pid)
{
	int status = 0;

	ph_child_kill(pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
