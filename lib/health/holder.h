#ifndef PH_HEALTH_HOLDER_H
#define PH_HEALTH_HOLDER_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/health/replicas.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The mailbox databases whose active copy is on this server, held: a thread
 * that, for each of them,
 *
 *	refuses an Epoch below the highest this server has seen (epochs.h);
 *	has [delivery] activation_hook make the copy ready, once for each Epoch
 *	in the life of the process, if the database has several copies;
 *	takes its lease and renews it each second, if it has AutoActivation;
 *	lets go when another copy becomes the active one, or this server is
 *	Inactive;
 *	tells the other programs of the host (held.h).
 *
 * posthub-delivery has one. A hook that failed is tried again, until another
 * server's turn comes (leader.h). Without AutoActivation and hook a database is
 * held by being active here, and Redis being away changes nothing.
 */
struct ph_holder;

struct ph_holder_options {
	const struct ph_conf *conf;
	struct ph_state *state;
	size_t topology; /* row of the snapshot's derive table */
	struct ph_replicas *replicas;
	int64_t life, wait; /* PH_LEASE_MS, PH_LEASE_WAIT_MS; 0: those */
};

/* All borrowed until stop. 0; -1 PERM or TEMP: the file of Epochs. */
int ph_holder_start(const struct ph_holder_options *options,
		    struct ph_holder **holder_r, struct ph_err *err);
/* Lets go of all. NULL is fine. */
void ph_holder_stop(struct ph_holder **holder);

/* May this server store into a database that a topology calls active here, at
 * this very moment? 1, or 0 and why. Cheap, without I/O; any thread. */
int ph_holder_check(struct ph_holder *holder,
		    const struct ph_database *database, struct ph_err *err);

#endif
