#ifndef PH_HEALTH_HOLDER_PRIVATE_H
#define PH_HEALTH_HOLDER_PRIVATE_H

#include "lib/base/ticker.h"
#include "lib/health/epochs.h"
#include "lib/health/holder.h"
#include "lib/health/hook.h"

#include <glib.h>
#include <stdbool.h>

/* Inside holder.c and holder_lease.c only. */

/* So often leases are renewed, and the host's other programs told. */
#define PH_HOLDER_RENEW_MS 1000

/* A database that is active here. The thread's, save what check reads: ready,
 * until, gone and reason, which are under the mutex. */
struct ph_holding {
	char *name;
	int64_t epoch;
	bool needs_lease, needs_hook;
	bool ready;
	bool gone;     /* not active here any more */
	int64_t until; /* monotonic; of the lease */
	char reason[PH_ERR_TEXT];
	int64_t learnt; /* monotonic: that it is active here */
	int64_t next;	/* monotonic: of renewal */
	int64_t count;
	struct ph_hook *hook;
	int64_t hook_next;
	uint64_t round; /* when it was last seen active here */
	bool said;	/* that it is held */
	bool due;	/* to be asked for in this round */
};

/* A lease that was let go of and may still be this server's in Redis. */
struct ph_leaving {
	char *name;
	int64_t epoch, count;
};

struct ph_holder {
	struct ph_holder_options options;
	const char *server; /* as in posthub.conf */
	char *name;	    /* as in the topology, once known */
	struct ph_epochs *epochs;
	GMutex mutex;
	GHashTable *held; /* folded name: struct ph_holding; under the mutex */
	uint64_t round;
	GPtrArray *leaving; /* struct ph_leaving */
	bool changed;	    /* what publish tells */
	int64_t published;  /* monotonic */
	bool complained;    /* that Epochs cannot be noted */
	struct ph_ticker *ticker;
};

/* ---- holder_lease.c: leases, asked of Redis and told to the host --------- */

/* Nobody here believes in it any more; what is being committed asks once more
 * before it is answered. */
void ph_holder_let_go(struct ph_holder *holder, struct ph_holding *held);

/* Those that are due, and those that were let go of, which the host's other
 * programs are told first. */
void ph_holder_ask(struct ph_holder *holder);

/* Tells the host's other programs. 0 or -1. */
int ph_holder_publish(struct ph_holder *holder);

#endif
