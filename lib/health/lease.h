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
	PH_LEASE_STALE,	  /* the database has another Epoch or Active by now */
	PH_LEASE_TAKEN,	  /* another server holds it, or the wait is not over */
	PH_LEASE_UNKNOWN, /* Redis cannot say */
};

struct ph_lease_request {
	const char *database; /* as in the topology */
	const char *server;   /* as in the topology */
	int64_t epoch;
	int64_t count;
	bool waited; /* PH_LEASE_WAIT_MS since the Epoch was learnt */
};

struct ph_lease_job {
	struct ph_lease_request request;
	/* Writes "free", if the lease is this server's; else takes or renews
	 * it. */
	bool release;
	enum ph_lease_answer answer; /* to who takes or renews */
};

/* All in order and in one exchange with Redis, so that however many there are
 * takes as long as one. 0 and each job's answer (err has a reason for UNKNOWN);
 * -1 TEMP or MAYBE: all are UNKNOWN, none is held. */
int ph_lease_run(struct ph_replicas *replicas, struct ph_redis *redis,
		 struct ph_lease_job *jobs, size_t n, struct ph_err *err);

#endif
