#include "lib/base/child.h"
#include "lib/base/clock.h"
#include "store/delivery/arrivals_private.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static int
start(struct ph_outlet *outlet, pid_t *pid_r, int *in_r, struct ph_err *err)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {path, NULL};
	g_autoptr(GError) error = NULL;

	if (g_spawn_async_with_pipes(
		"/", outlet->target, environment,
		G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
		ph_child_setup, NULL, pid_r, in_r, NULL, NULL, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "cannot be run: %s",
			  error->message);
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
send_command(struct ph_outlet *outlet, void **worker, GBytes *const *texts,
	     guint n, struct ph_err *err)
{
	gsize size;
	const char *text = g_bytes_get_data(texts[0], &size);
	bool ended;
	int in, status;
	pid_t pid;

	(void)worker, (void)n;
	if (start(outlet, &pid, &in, err) < 0)
		return -1;
	/* It fits the pipe; a command that does not read it is fine. */
	if (write(in, text, size) < 0 && errno != EPIPE)
		ph_err_set(err, PH_ERR_TEMP, "%s", g_strerror(errno));
	close(in);
	ended = ph_child_wait(pid, outlet->stop_fd,
			      ph_clock_mono() + outlet->timeout);
	/* What it left running in its group goes as well. */
	status = ph_child_end(pid);
	if (ended)
		return judge(status, err);
	return ph_err_set(err, PH_ERR_TEMP, "did not end in time");
}

const struct ph_outlet_ops ph_outlet_command = {
    .name = "hook",
    .limit = 1000,
    .batch = 1,
    .send = send_command,
};
