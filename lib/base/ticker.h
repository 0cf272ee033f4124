#ifndef PH_BASE_TICKER_H
#define PH_BASE_TICKER_H

#include <stdint.h>

/*
 * A thread that does something at once and then again and again: heartbeats,
 * housekeeping, looking things up.
 */
struct ph_ticker;

/*
 * name (at most 15 bytes are seen in ps) is borrowed during the call. A tick
 * that takes longer than every_ms is followed by the next without a wait.
 */
struct ph_ticker *ph_ticker_start(const char *name, int64_t every_ms,
				  void (*tick)(void *context), void *context);

/* Waits for a tick that is under way; no tick runs after it. NULL is fine. */
void ph_ticker_stop(struct ph_ticker **ticker);

#endif
