#include "lib/health/hook.h"

#include "lib/base/child.h"
#include "lib/base/clock.h"

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/wait.h>

struct ph_hook {
	GPid pid; /* 0: it has ended */
	int64_t timeout, deadline;
	bool over; /* the time is: it was killed */
};

static char **
make_environment(const char *const *pairs)
{
	char **environment = g_get_environ();

	for (; *pairs; pairs += 2)
		environment =
		    g_environ_setenv(environment, pairs[0], pairs[1], TRUE);
	return environment;
}

struct ph_hook *
ph_hook_start(const char *command, const char *const *pairs, int64_t timeout_ms,
	      struct ph_err *err)
{
	const GSpawnFlags flags =
	    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD;
	g_auto(GStrv) argv = NULL, environment = make_environment(pairs);
	g_autoptr(GError) error = NULL;
	struct ph_hook *hook;
	GPid pid;

	if (!g_shell_parse_argv(command, NULL, &argv, &error) ||
	    !g_spawn_async("/", argv, environment, flags, ph_child_setup, NULL,
			   &pid, &error)) {
		ph_err_set(err, PH_ERR_PERM, "%s: %s", command, error->message);
		return NULL;
	}
	hook = g_new0(struct ph_hook, 1);
	hook->pid = pid;
	hook->timeout = timeout_ms;
	hook->deadline = ph_clock_mono() + timeout_ms;
	return hook;
}

static int
judge(int status, struct ph_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 1;
	if (WIFEXITED(status))
		return ph_err_set(err, PH_ERR_PERM, "exit status %d",
				  WEXITSTATUS(status));
	return ph_err_set(err, PH_ERR_PERM, "ended by signal %d",
			  WTERMSIG(status));
}

int
ph_hook_poll(struct ph_hook *hook, struct ph_err *err)
{
	int status;
	pid_t r = waitpid(hook->pid, &status, WNOHANG);

	if (r == 0) {
		hook->over |= ph_clock_mono() >= hook->deadline;
		if (hook->over)
			ph_child_kill(hook->pid);
		return 0;
	}
	hook->pid = 0;
	if (r > 0 && !hook->over)
		return judge(status, err);
	return ph_err_set(err, PH_ERR_PERM, "not ready within %" PRId64 " ms",
			  hook->timeout);
}

static gpointer
reap(gpointer pid)
{
	(void)ph_child_end(GPOINTER_TO_INT(pid));
	return NULL;
}

/* One that waits for a disk dies when that answers. */
void
ph_hook_free(struct ph_hook **hook)
{
	struct ph_hook *p = *hook;

	if (!p)
		return;
	*hook = NULL;
	if (p->pid != 0) {
		GThread *thread;

		ph_child_kill(p->pid);
		thread = g_thread_try_new("hook", reap, GINT_TO_POINTER(p->pid),
					  NULL);
		g_clear_pointer(&thread, g_thread_unref);
	}
	g_free(p);
}
