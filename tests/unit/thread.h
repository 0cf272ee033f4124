#ifndef UNIT_THREAD_H
#define UNIT_THREAD_H

#include "lib/base/clock.h"

#include <check.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

/* Fails the test when the condition does not come true in time. */
#define UNIT_WAIT(condition)                                              \
	do {                                                              \
		const int64_t wait_end = ph_clock_mono() + 15000;         \
                                                                          \
		while (!(condition)) {                                    \
			ck_assert_msg(ph_clock_mono() < wait_end,         \
				      "never came true: %s", #condition); \
			g_usleep(2000);                                   \
		}                                                         \
	} while (0)

/* Has a thread of this process come to where it waits, or to its end? Waited
 * for, so that what a thread is to wait for does not come before it waits. */
static inline bool
unit_is_asleep(pid_t thread)
{
	g_autofree char *path =
	    g_strdup_printf("/proc/self/task/%d/stat", (int)thread);
	g_autofree char *text = NULL;
	const char *state;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return true;
	/* Its name, in parentheses, may hold anything. */
	state = strrchr(text, ')');
	return state != NULL && strncmp(state, ") S", 3) == 0;
}

#endif
