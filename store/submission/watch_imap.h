#ifndef PH_STORE_SUBMISSION_WATCH_IMAP_H
#define PH_STORE_SUBMISSION_WATCH_IMAP_H

#include "lib/base/err.h"
#include "store/submission/queue.h"
#include "store/submission/submission.h"

#include <stdint.h>

/*
 * As watch.h, for a store that is behind an IMAP server: one thread that knows
 * every mailbox of the databases that are active here from the directory, and
 * looks into their Outboxes: of those that used theirs last it keeps a session
 * with IDLE, up to a limit, and hears at once; all others it polls, each once
 * in "rescan", one after the other. Which mailboxes there are is asked again
 * with each new state of the organisation and every ten seconds.
 */
struct ph_watch_imap;

/* submission and queue are borrowed; idle: how many sessions. */
struct ph_watch_imap *
ph_watch_imap_start(const struct ph_submission *submission,
		    struct ph_queue *queue, int64_t rescan, int64_t idle);
void ph_watch_imap_stop(struct ph_watch_imap **watch);

#endif
