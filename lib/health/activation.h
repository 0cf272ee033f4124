#ifndef PH_HEALTH_ACTIVATION_H
#define PH_HEALTH_ACTIVATION_H

#include "lib/health/sight.h"
#include "lib/routing/topology.h"

#include <stdint.h>

/*
 * Which copy of a database with AutoActivation should become the active one?
 * Pure: a decision about what was seen.
 *
 * Another one is needed when the lease has not been renewed for
 * PH_LEASE_WAIT_MS, and
 *	- the active server's store driver has had no heartbeat for PH_LEASE_MS,
 *	- or there is no such server, or it is Inactive,
 *	- or it has had the time that its hook may take, and no lease came.
 * The first copy in activation preference order whose server is Active and has
 * a heartbeat at this moment; one that did not become ready the last time
 * (failed) only if there is no other. A copy on a server that is Draining or
 * Inactive never.
 */
struct ph_activation_facts {
	const struct ph_database *database;
	const struct ph_sight *sight;
	int64_t now;	    /* monotonic ms */
	int64_t hook_limit; /* [delivery] activation_timeout; ms */
	/* Names of servers (keys) whose copy did not become ready; or NULL. */
	GHashTable *failed;
};

/* NULL: all is well, or there is no copy to activate. *why_r is a text of the
 * program; NULL when none is needed. */
const struct ph_server *
ph_activation_target(const struct ph_activation_facts *facts,
		     const char **why_r);

#endif
