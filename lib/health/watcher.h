#ifndef PH_HEALTH_WATCHER_H
#define PH_HEALTH_WATCHER_H

#include "lib/base/conf.h"
#include "lib/routing/health.h"
#include "lib/state/state.h"

#include <stddef.h>

/*
 * Which services have a heartbeat: a thread that asks Redis for the alive:
 * keys of all servers in one MGET each [health] interval. While Redis is away,
 * and for 3 s after it is back (the heartbeats have to find it again first),
 * a missing key says nothing.
 */
struct ph_health_watch;

/* conf and state are borrowed until stop; topology is the row of the
 * snapshot's derive table. */
struct ph_health_watch *ph_health_watch_start(const struct ph_conf *conf,
					      struct ph_state *state,
					      size_t topology);
void ph_health_watch_stop(struct ph_health_watch **watch); /* NULL is fine */

/* What is known at this moment, to be freed with ph_health_free. Any thread;
 * watch NULL: NULL, everything is up. */
struct ph_health *ph_health_watch_take(struct ph_health_watch *watch);

#endif
