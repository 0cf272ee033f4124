#ifndef PH_HEALTH_HOOK_H
#define PH_HEALTH_HOOK_H

#include "lib/base/err.h"

#include <stdint.h>

/*
 * A command of the administrator's that runs beside us, with a deadline.
 * Standard input is empty; what it prints goes where our log goes. It has a
 * process group of its own, which is killed when the time is over or we stop;
 * it is killed as well when the thread that started it ends. Not
 * thread-safe.
 */
struct ph_hook;

/* command is split as a shell would, without a shell. environment: pairs of
 * name and value, NULL-terminated, added to ours. NULL: err says why. */
struct ph_hook *ph_hook_start(const char *command,
			      const char *const *environment,
			      int64_t timeout_ms, struct ph_err *err);

/* Does not wait. 1: it ended with status 0; 0: it runs, or was killed because
 * its time is over, and is not gone yet; -1 PERM: it failed, or its time is
 * over. */
int ph_hook_poll(struct ph_hook *hook, struct ph_err *err);

/* Kills it if it still runs, and does not wait for its end. NULL is fine. */
void ph_hook_free(struct ph_hook **hook);

#endif
