#ifndef PH_SCAN_VERDICTS_H
#define PH_SCAN_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a scanner has said of contents that it has seen, by their SHA-256: the
 * same attachment comes to many, and a message comes again. Bounded, the oldest
 * go first; forgotten after a while, since scanners learn. Thread-safe.
 */
#define PH_VERDICT_KEY 32
struct ph_verdicts;

/* ttl_ms: more than 0. */
struct ph_verdicts *ph_verdicts_new(size_t limit, int64_t ttl_ms);
void ph_verdicts_free(struct ph_verdicts **verdicts); /* NULL is fine */

/* name NULL: clean. Copied. now: ph_clock_mono. */
void ph_verdicts_put(struct ph_verdicts *verdicts,
		     const uint8_t key[PH_VERDICT_KEY], const char *name,
		     int64_t now);
/* True: it is known; *name_r as it was put, g_free. */
bool ph_verdicts_find(struct ph_verdicts *verdicts,
		      const uint8_t key[PH_VERDICT_KEY], int64_t now,
		      char **name_r);

#endif
