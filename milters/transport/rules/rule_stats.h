#ifndef PH_RULES_RULE_STATS_H
#define PH_RULES_RULE_STATS_H

#include "lib/base/err.h"
#include "lib/state/redis.h"
#include "milters/transport/rules/evaluate.h"

/*
 * stats:rule:<name>: Hits, Audited, Errors, LastHit. Counted in memory and sent
 * once a second by a thread, so that no message waits for Redis; what
 * cannot be sent is lost. Thread-safe.
 */
struct ph_rule_stats;

/* redis is borrowed. */
struct ph_rule_stats *ph_rule_stats_start(struct ph_redis *redis);
/* Sends what is left, once. NULL is fine. */
void ph_rule_stats_stop(struct ph_rule_stats **stats);

/* NULL stats is fine. */
void ph_rule_stats_note(struct ph_rule_stats *stats,
			const struct ph_rule_hit *hit);

#endif
