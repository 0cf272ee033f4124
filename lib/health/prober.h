#ifndef PH_HEALTH_PROBER_H
#define PH_HEALTH_PROBER_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"

#include <stddef.h>

/*
 * A daemon's heartbeat: a thread that proves the service end to end, by SMTP
 * or LMTP to the address that its server: object names, and renews
 * alive:<server>:<service> each [health] interval as long as MAIL is answered
 * 250. A probe that fails lets the key run out; nothing deletes it, so that a
 * single slow answer is no outage. What changes is logged once.
 *
 * A server that is not Active announces no service for new work: transport
 * and frontend stop, delivery goes on while it is Draining, because mail that
 * is on its way must arrive.
 */
struct ph_prober;

struct ph_prober_options {
	const struct ph_conf *conf; /* [server], [health] */
	struct ph_state *state;
	size_t topology; /* row of the snapshot's derive table */
	enum ph_service service;
};

/* conf and state are borrowed until stop. Never fails: without [server] name
 * or an address to probe there is no heartbeat, and the log says why. */
struct ph_prober *ph_prober_start(const struct ph_prober_options *options);

/* NULL is fine. Waits for a probe that is under way, 3 s a step. */
void ph_prober_stop(struct ph_prober **prober);

#endif
