#ifndef PH_DIRECTORY_DIRECTORY_CACHE_H
#define PH_DIRECTORY_DIRECTORY_CACHE_H

#include "lib/directory/directory.h"

#include <stdint.h>

/*
 * A directory that remembers in memory what another one answered. It stands in
 * front of any back end, and of a cache that lasts longer
 * (directory_shared.h): an answer's age is what that one says. Thread-safe.
 *
 * An entry serves for positive_ttl; after that the back end is asked, and as
 * long as it cannot say, the entry goes on serving until it is stale_ttl old.
 * "Nobody has it" serves for negative_ttl and not a moment longer: an outage
 * makes nobody unknown. Errors are not remembered.
 */
struct ph_cache_limits {
	int64_t positive_ttl, negative_ttl, stale_ttl; /* ms */
	int64_t size; /* bytes of memory, about; 0: nothing is kept */
};

/* Takes the inner one. clock: milliseconds, as ph_clock_mono. */
struct ph_directory *ph_directory_cached(struct ph_directory *inner,
					 const struct ph_cache_limits *limits,
					 int64_t (*clock)(void));

#endif
