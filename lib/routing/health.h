#ifndef PH_ROUTING_HEALTH_H
#define PH_ROUTING_HEALTH_H

#include "lib/routing/topology.h"

#include <stdbool.h>

/*
 * Which services have a heartbeat: a set filled by whoever watches, read by
 * pure functions. A service nobody has said anything about is up: no news is
 * no reason to refuse mail. Plain value, not thread-safe.
 */
struct ph_health;

struct ph_health *ph_health_new(void);
void ph_health_free(struct ph_health **health);
struct ph_health *ph_health_copy(const struct ph_health *health);

/*
 * What one MGET of all alive: keys said at "now" (monotonic ms): seen true
 * renews, false lets it run out 3,000 ms after it was last seen. A service
 * never seen at all stays "no news" until it was seen once.
 */
void ph_health_note(struct ph_health *health, const char *server,
		    enum ph_service service, bool seen, int64_t now);

/* Redis did not answer: time stands still for every entry. */
void ph_health_no_news(struct ph_health *health, int64_t now);

/* health NULL: everything is up. */
bool ph_health_up(const struct ph_health *health, const char *server,
		  enum ph_service service);

const char *ph_service_name(enum ph_service service); /* "transport" */

#endif
