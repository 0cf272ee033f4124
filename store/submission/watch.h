#ifndef PH_STORE_SUBMISSION_WATCH_H
#define PH_STORE_SUBMISSION_WATCH_H

#include "lib/base/err.h"
#include "store/submission/queue.h"
#include "store/submission/submission.h"

#include <stdint.h>

/*
 * One thread that knows every mailbox of the databases that are active here,
 * and offers to the queue what is in their Outboxes: when inotify tells, and
 * by looking at all of them at the start, each "rescan" milliseconds, when the
 * kernel lost events, when the state of the organisation changes, which may
 * also give or take databases, and when a Transport server comes or goes.
 * Beyond the kernel's limit of watches a mailbox is only looked at by the
 * rescan.
 */
struct ph_watch;

/* submission and queue are borrowed. 0 or -1. */
int ph_watch_start(const struct ph_submission *submission,
		   struct ph_queue *queue, int64_t rescan,
		   struct ph_watch **watch_r, struct ph_err *err);
void ph_watch_stop(struct ph_watch **watch);

#endif
