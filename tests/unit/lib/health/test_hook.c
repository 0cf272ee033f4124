#include "lib/health/hook.h"

#include "lib/base/clock.h"
#include "tests/unit/gate.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const nothing[] = {NULL};

/* As its caller does: again and again. */
static int
wait_for(struct ph_hook *hook, struct ph_err *err)
{
	int r;

	while ((r = ph_hook_poll(hook, err)) == 0)
		g_usleep(1000);
	return r;
}

START_TEST(test_status)
{
	static const struct {
		const char *command;
		int wanted;
		const char *text;
	} rows[] = {
	    {"/bin/true", 1, ""},
	    {"true", 1, ""},
	    {"/bin/sh -c 'exit 3'", -1, "exit status 3"},
	    {"/bin/sh -c 'kill -9 $$'", -1, "ended by signal 9"},
	    {"/bin/sh -c 'test \"$POSTHUB_DATABASE\" = \"a b\"'", 1, ""},
	    {"/bin/sh -c 'read x || exit 0; exit 1'", 1, ""},
	};
	static const char *const environment[] = {"POSTHUB_DATABASE", "a b",
						  NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_hook *hook =
		    ph_hook_start(rows[i].command, environment, 60000, &err);

		ck_assert_msg(hook != NULL, "%s", err.text);
		ck_assert_msg(wait_for(hook, &err) == rows[i].wanted, "%s: %s",
			      rows[i].command, err.text);
		ck_assert_str_eq(err.text, rows[i].text);
		ph_hook_free(&hook);
	}
}
END_TEST

START_TEST(test_no_such_command)
{
	static const char *const commands[] = {"/nonexistent/hook", "'",
					       "/etc/passwd"};

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		struct ph_err err = PH_ERR_INIT;

		ck_assert_ptr_null(
		    ph_hook_start(commands[i], nothing, 1000, &err));
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
	}
}
END_TEST

/* The process that a hook has started in the background, by the file it is
 * written into. */
static pid_t
child_of(const char *path)
{
	g_autofree char *text = NULL;

	while (!g_file_get_contents(path, &text, NULL, NULL) ||
	       !strchr(text, '\n')) {
		g_clear_pointer(&text, g_free);
		g_usleep(1000);
	}
	return atoi(text);
}

/* It, and what it has started, is gone. */
static void
check_end(bool by_time)
{
	char *dir = unit_mkdir();
	g_autofree char *path = g_build_filename(dir, "pid", NULL);
	g_autofree char *command = g_strdup_printf(
	    "/bin/sh -c 'sleep 1000 & echo $! >%s; wait'", path);
	struct ph_err err = PH_ERR_INIT;
	struct ph_hook *hook =
	    ph_hook_start(command, nothing, by_time ? 300 : 600000, &err);
	pid_t child;

	ck_assert_msg(hook != NULL, "%s", err.text);
	child = child_of(path);
	if (by_time) {
		ck_assert_int_eq(wait_for(hook, &err), -1);
		ck_assert(strstr(err.text, "not ready within 300 ms"));
	}
	ph_hook_free(&hook);
	/* Whoever adopted it takes a moment. */
	while (kill(child, 0) == 0) {
		g_autofree char *stat =
		    g_strdup_printf("/proc/%d/stat", (int)child);
		g_autofree char *text = NULL;

		if (g_file_get_contents(stat, &text, NULL, NULL) &&
		    strstr(text, ") Z "))
			break;
		g_usleep(1000);
	}
	unit_rmdir(&dir);
}

START_TEST(test_deadline)
{
	check_end(true);
}
END_TEST

START_TEST(test_stopped)
{
	check_end(false);
}
END_TEST

/* ---- a process that waits for a disk --------------------------------------
 */

/* Shut: children are there even when they were killed. */
static struct unit_gate gate;

/* In place of the C library's. */
pid_t
waitpid(pid_t pid, int *status, int options)
{
	if (gate.shut && (options & WNOHANG))
		return 0;
	unit_gate_pass(&gate);
	return (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

static bool
has_children(void)
{
	return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
}

static atomic_bool done;

static gpointer
poll_and_leave(gpointer data)
{
	struct ph_hook *hook = data;

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(ph_hook_poll(hook, NULL), 0);
	ph_hook_free(&hook);
	done = true;
	return NULL;
}

/* Who has leases to renew waits for it neither when its time is over nor when
 * it is not wanted any more. */
START_TEST(test_cannot_be_killed)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_hook *first = ph_hook_start("sleep 1000", nothing, 0, &err);
	struct ph_hook *second = ph_hook_start("sleep 1000", nothing, 0, &err);
	GThread *thread;

	ck_assert_msg(first && second, "%s", err.text);
	unit_gate_shut(&gate);
	thread = g_thread_new("poll", poll_and_leave, first);
	UNIT_WAIT(done);
	g_thread_join(thread);
	ck_assert_int_eq(ph_hook_poll(second, &err), 0);
	unit_gate_open(&gate);
	ck_assert_int_eq(wait_for(second, &err), -1);
	ck_assert_str_eq(err.text, "not ready within 0 ms");
	ph_hook_free(&second);
	UNIT_WAIT(!has_children());
}
END_TEST

UNIT_MAIN("lib/health/hook", test_status, test_no_such_command, test_deadline,
	  test_stopped, test_cannot_be_killed)
