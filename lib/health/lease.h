#ifndef PH_HEALTH_LEASE_H
#define PH_HEALTH_LEASE_H

#include "lib/base/err.h"
#include "lib/health/replicas.h"
#include "lib/state/redis.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The key lease:<database>: which server may store into a mailbox database
 * just now, as JSON: "server", "epoch", and "count", which grows with each
 * renewal, so that whoever watches sees by its own clock that it lives. With
 * "free" true it is the note that nobody holds the database any more: the
 * server let go, or the leader has seen the lease stand still for long enough.
 *
 * Why never two hold one: a lease is given and renewed only while the database
 * object has the Epoch and the Active server it is for, in one script. So
 * after the Epoch has grown, the lease of before lasts as long as its holder
 * believes in it, PH_LEASE_MS of its own clock, and not longer. Who becomes
 * active waits PH_LEASE_WAIT_MS by its own clock from when it learnt of the
 * new Epoch, unless the key says "free". No clock is compared with another's,
 * and that the key expires (for people to see) proves nothing.
 */
enum {
	PH_LEASE_MS = 3000,	 /* how long a holder believes in it */
	PH_LEASE_WAIT_MS = 4000, /* how long others wait */
	/* How long the key is there: longer than anybody waits, so that it can
	 * be seen to stand still. */
	PH_LEASE_KEY_MS = 10000,
};

struct ph_lease {
	bool there; /* else nothing below is set */
	bool free;
	char *server; /* who holds it, or held it; never NULL */
	int64_t epoch;
	int64_t count;
};

/* The value of the key, text NULL: there is none. What is no lease is one that
 * is not there. */
void ph_lease_parse(const char *text, struct ph_lease *lease_r);
void ph_lease_clear(struct ph_lease *lease);

/* "lease:<database>" in lower case, with the prefix; g_free. */
char *ph_lease_key(struct ph_redis *redis, const char *database);

enum ph_lease_answer {
	PH_LEASE_GIVEN,
	PH_LEASE_STALE, /* the database has another Epoch or Active by now */
	PH_LEASE_TAKEN, /* another server holds it, or the wait is not over */
};

struct ph_lease_request {
	const char *database; /* as in the topology */
	const char *server;   /* as in the topology */
	int64_t epoch;
	int64_t count;
	bool waited; /* PH_LEASE_WAIT_MS since the Epoch was learnt */
};

/* Takes or renews. 0 and *answer_r; -1 TEMP or MAYBE: it is not held. */
int ph_lease_ask(struct ph_replicas *replicas, struct ph_redis *redis,
		 const struct ph_lease_request *request,
		 enum ph_lease_answer *answer_r, struct ph_err *err);

/* Writes "free" if the lease is this server's. 0 or -1. */
int ph_lease_free(struct ph_replicas *replicas, struct ph_redis *redis,
		  const struct ph_lease_request *request, struct ph_err *err);

#endif
