#ifndef PH_POLICY_RATES_H
#define PH_POLICY_RATES_H

#include "lib/state/redis.h"

#include <stdint.h>

/*
 * How often something happened in this minute (of the wall clock), on all
 * servers together: counters in Redis, <prefix>rate:<minute>:<name>, which
 * expire. While Redis does not answer, and for some seconds after that, what
 * this server has counted alone is the answer, so that nobody waits for Redis
 * and nobody is refused because of it. Thread-safe.
 */
struct ph_rates;

/* redis is borrowed; NULL: this server alone. */
struct ph_rates *ph_rates_new(struct ph_redis *redis);
void ph_rates_free(struct ph_rates **rates); /* NULL is fine */

/* One more of name at now (wall clock ms); how many in its minute, this one
 * included. */
int64_t ph_rates_count(struct ph_rates *rates, const char *name, int64_t now);

#endif
