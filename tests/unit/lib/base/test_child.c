#include "lib/base/child.h"

#include "lib/base/clock.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG ((int64_t)60000)

static pid_t
start(const char *script, const char *argument)
{
	const char *const argv[] = {"sh", "-c", script, argument, NULL};
	GPid pid;

	ck_assert(g_spawn_async("/", (char **)(uintptr_t)argv, NULL,
				G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
				ph_child_setup, NULL, &pid, NULL));
	return pid;
}

START_TEST(test_wait)
{
	pid_t pid = start("exit 3", "x");
	int ends[2], status;

	ck_assert(ph_child_wait(pid, -1, ph_clock_mono() + LONG));
	/* Not reaped: it can be asked again. */
	ck_assert(ph_child_wait(pid, -1, 0));
	status = ph_child_end(pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	ck_assert(!ph_child_wait(pid, -1, ph_clock_mono() + LONG));

	pid = start("exec sleep 1000", "x");
	ck_assert(!ph_child_wait(pid, -1, ph_clock_mono() + 10));
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "", 1), 1);
	ck_assert(!ph_child_wait(pid, ends[0], ph_clock_mono() + 2 * LONG));
	status = ph_child_end(pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(kill(pid, 0), -1);
}
END_TEST

/* What it left in the background goes with it. */
START_TEST(test_group)
{
	char *root = unit_mkdir();
	g_autofree char *file = g_build_filename(root, "pid", NULL);
	g_autofree char *text = NULL;
	pid_t pid = start("sleep 1000 & echo $! > \"$0\"", file), other;

	ck_assert(ph_child_wait(pid, -1, ph_clock_mono() + LONG));
	ck_assert_int_eq(ph_child_end(pid), 0);
	ck_assert(g_file_get_contents(file, &text, NULL, NULL));
	other = atoi(text);
	/* Until whoever has it now has reaped it. */
	while (kill(other, 0) == 0) {
		g_autofree char *path =
		    g_strdup_printf("/proc/%d/stat", (int)other);
		g_autofree char *stat = NULL;

		if (g_file_get_contents(path, &stat, NULL, NULL) &&
		    strstr(stat, ") Z "))
			break;
		g_usleep(1000);
	}
	unit_rmdir(&root);
}
END_TEST

static gpointer
start_and_end(gpointer unused)
{
	(void)unused;
	return GINT_TO_POINTER(start("exec sleep 1000", "x"));
}

/* As when the daemon dies. */
START_TEST(test_ends_with_who_started_it)
{
	GThread *thread = g_thread_new("starter", start_and_end, NULL);
	pid_t pid = GPOINTER_TO_INT(g_thread_join(thread));

	ck_assert(ph_child_wait(pid, -1, ph_clock_mono() + LONG));
	ph_child_end(pid);
}
END_TEST

/* Signals that a daemon blocks or ignores are the child's again. */
START_TEST(test_signals)
{
	sigset_t all;
	pid_t pid;
	int status;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		pid = start(i == 0 ? "kill -PIPE $$; exit 0"
				   : "kill -HUP $$; exit 0",
			    "x");
		ck_assert(ph_child_wait(pid, -1, ph_clock_mono() + LONG));
		status = ph_child_end(pid);
		ck_assert(WIFSIGNALED(status) &&
			  WTERMSIG(status) == (i == 0 ? SIGPIPE : SIGHUP));
	}
}
END_TEST

UNIT_MAIN("lib/base/child", test_wait, test_group,
	  test_ends_with_who_started_it, test_signals)
