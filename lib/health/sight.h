#ifndef PH_HEALTH_SIGHT_H
#define PH_HEALTH_SIGHT_H

#include "lib/base/err.h"
#include "lib/health/lease.h"
#include "lib/routing/topology.h"
#include "lib/state/redis.h"

#include <glib.h>
#include <stdint.h>

/*
 * What one observer has seen of leases and of the store drivers' heartbeats,
 * with the times of its own monotonic clock (ms). A lease lives as long as its
 * value changes. While Redis was away nothing could be seen, so all times
 * begin anew with the first look after it. Not thread-safe.
 */
struct ph_sight;

struct ph_sight *ph_sight_new(void);
void ph_sight_free(struct ph_sight **sight); /* NULL is fine */

/* Asks Redis for all keys in one MGET. 0, or -1: Redis does not say. What was
 * seen counts from when the answer was here. */
int ph_sight_look(struct ph_sight *sight, struct ph_redis *redis,
		  const struct ph_topology *topology, struct ph_err *err);

/* The same with the values (NULL: no such key) at hand, as for tests: leases
 * of all databases, then heartbeats of all servers, in the topology's order.
 */
void ph_sight_note(struct ph_sight *sight, const struct ph_topology *topology,
		   const char *const *values, int64_t now);

struct ph_sight_database {
	char *text; /* the lease as it was seen last; NULL: none */
	struct ph_lease lease;
	/* When it last changed, or looking began. As long as a lease that was
	 * held is gone before it can have expired, somebody took it away, and
	 * that is a change. */
	int64_t changed;
	int64_t renewed; /* when a held one last changed; 0: none was seen */
	int64_t epoch;	 /* of the topology */
	int64_t epoch_since; /* when that was first seen */
	bool seen;	     /* in the last look */
};

/* Borrowed until the next look; NULL: nothing is known of it. */
const struct ph_sight_database *ph_sight_database(const struct ph_sight *sight,
						  const char *database);

/* When a heartbeat of the server's store driver was seen last, or when looking
 * began. alive_r (NULL is fine): it was there at the last look. */
int64_t ph_sight_beat(const struct ph_sight *sight, const char *server,
		      bool *alive_r);

/* Databases for which mail that waits may go on now, since the call before:
 * another server holds them or became active, or their server is back. Names,
 * each once; g_ptr_array_unref. */
GPtrArray *ph_sight_take_back(struct ph_sight *sight);

#endif
