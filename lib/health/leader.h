#ifndef PH_HEALTH_LEADER_H
#define PH_HEALTH_LEADER_H

#include "lib/base/conf.h"
#include "lib/health/replicas.h"
#include "lib/state/state.h"

#include <stddef.h>

/*
 * Automatic activation: a thread in every posthub-delivery that watches leases
 * and heartbeats (sight.h). One of them, the one that has lock:leader, changes
 * Active and raises Epoch when activation.h says so. Its home is
 * posthub-delivery because that runs on every server that has copies: as long
 * as there is one to activate, there is one to do it.
 *
 * The lock is asked for again each second and believed in for PH_LEASE_MS by
 * the own clock; and the script that activates does nothing if the lock, the
 * Epoch or the lease is not what was seen. So two that both believe in it do
 * no harm.
 */
struct ph_leader;

struct ph_leader_options {
	const struct ph_conf *conf;
	struct ph_state *state;
	size_t topology; /* row of the snapshot's derive table */
	struct ph_replicas *replicas;
	/* Mail for the database that waits may go on; called on the thread,
	 * whether leader or not. NULL is fine. */
	void (*back)(void *context, const char *database);
	void *context;
};

/* All borrowed until stop. Never fails. */
struct ph_leader *ph_leader_start(const struct ph_leader_options *options);
void ph_leader_stop(struct ph_leader **leader); /* NULL is fine */

#endif
