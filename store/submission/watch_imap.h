#ifndef PH_STORE_SUBMISSION_WATCH_IMAP_H
#define PH_STORE_SUBMISSION_WATCH_IMAP_H

#include "lib/base/err.h"
#include "store/submission/queue.h"
#include "store/submission/submission.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * As watch.h, for a store that is behind an IMAP server: a thread that knows
 * every mailbox of the databases that are active here from the directory, and
 * a few others that look into their Outboxes. Of those that used theirs last,
 * then of any, it keeps a session with IDLE, up to a limit, and hears at once;
 * besides, all are polled, each once in "rescan". Which mailboxes there are is
 * asked again with each new state of the organisation and every ten seconds, in
 * a thread of its own (watch_imap_walk.h); while the directory cannot say,
 * those that are known go on.
 *
 * A mailbox that cannot be looked at, though the server greets, is tried again
 * after retry_min, then twice as long each time, up to retry_max; such
 * mailboxes together have half of the threads at most. While the server cannot
 * be reached, which only a new session shows, one mailbox after the other asks
 * for it, once in retry_min, until one has an answer to a login; sessions that
 * are there go on.
 */
struct ph_watch_imap;

/* submission and queue are borrowed; idle: how many sessions. */
struct ph_watch_imap *
ph_watch_imap_start(const struct ph_submission *submission,
		    struct ph_queue *queue, int64_t rescan, int64_t idle);

/* False: a look, or a walk over the directory, did not end in time; then it,
 * and what it uses, must stay until the process ends, which loses nothing. */
bool ph_watch_imap_stop(struct ph_watch_imap **watch, int64_t timeout_ms);

#endif
