#ifndef PH_TRACKING_NOTICE_H
#define PH_TRACKING_NOTICE_H

#include <stdint.h>

/*
 * Waits until something in a directory is written, created or renamed. Where
 * inotify(7) does not work (network file systems) only the timeout is left, so
 * callers look again after each. ph_notice_wake may be called from any thread.
 */
struct ph_notice;

struct ph_notice *ph_notice_new(const char *directory);
void ph_notice_free(struct ph_notice **notice);

/* Returns when something happened, was woken, or the time is over. */
void ph_notice_wait(struct ph_notice *notice, int64_t timeout_ms);

/* The same, but what happens in the directory does not end it. */
void ph_notice_pause(struct ph_notice *notice, int64_t timeout_ms);

/* Ends a wait or a pause, and the next one if none is under way. */
void ph_notice_wake(struct ph_notice *notice);

#endif
