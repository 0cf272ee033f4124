#ifndef UNIT_GATE_H
#define UNIT_GATE_H

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A place where threads wait as long as it is shut, such as a system call of
 * the test's own to a disk that does not answer. All zeros: open. */
struct unit_gate {
	GMutex mutex;
	GCond opened;
	bool shut;
	atomic_uint waiting;
};

static inline void
unit_gate_shut(struct unit_gate *gate)
{
	g_mutex_lock(&gate->mutex);
	gate->shut = true;
	g_mutex_unlock(&gate->mutex);
}

static inline void
unit_gate_open(struct unit_gate *gate)
{
	g_mutex_lock(&gate->mutex);
	gate->shut = false;
	g_cond_broadcast(&gate->opened);
	g_mutex_unlock(&gate->mutex);
}

static inline void
unit_gate_pass(struct unit_gate *gate)
{
	g_mutex_lock(&gate->mutex);
	gate->waiting++;
	while (gate->shut)
		g_cond_wait(&gate->opened, &gate->mutex);
	gate->waiting--;
	g_mutex_unlock(&gate->mutex);
}

#endif
