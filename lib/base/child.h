#ifndef PH_BASE_CHILD_H
#define PH_BASE_CHILD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Other people's commands, run beside a daemon: each in a process group of its
 * own, so that what it leaves running can be ended with it. Thread-safe.
 */

/*
 * Child set-up of g_spawn_async: nothing of the daemon's signals, a group of
 * its own, and killed when the thread that started it ends, so also when the
 * daemon dies. (What is set-group-ID, such as postqueue, is not.)
 */
void ph_child_setup(gpointer unused);

/* Waits until the child has ended, without reaping it. False: the deadline
 * (monotonic ms) came first, or stop_fd (-1: none) is readable. */
bool ph_child_wait(pid_t pid, int stop_fd, int64_t deadline);

/* Kills what is left of its group and reaps the child: its status, as
 * waitpid's. Waits for a child that is in a system call which nothing ends. */
int ph_child_end(pid_t pid);

/* Kills the child and its group, and does not wait. */
void ph_child_kill(pid_t pid);

#endif
