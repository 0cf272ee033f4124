#ifndef PH_STORE_SUBMISSION_QUEUE_H
#define PH_STORE_SUBMISSION_QUEUE_H

#include "store/submission/box.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Which message is being worked on, and which one waits until when: a pool of
 * threads and a table in memory. Mailboxes take turns, a message each, and one
 * mailbox has half of the threads at most: neither a full Outbox nor one that
 * hangs keeps the others waiting. What must outlive the process is in the
 * mailboxes; after a start every message is tried at once. Thread-safe.
 */
struct ph_queue;

/* As ph_item_run: -1 finished, else ms after which to come back. */
typedef int64_t (*ph_queue_run)(void *context, const struct ph_box_name *name,
				const char *part, const char *file);

struct ph_queue *ph_queue_new(int threads, ph_queue_run run, void *context);

/* Another number of threads: more at once, fewer as messages end. */
void ph_queue_resize(struct ph_queue *queue, int threads);

/* A message is there. 0: it is being worked on from now. Else in how many ms
 * it is worth looking again, because it is worked on already, or waits. */
int64_t ph_queue_offer(struct ph_queue *queue, const struct ph_box_name *name,
		       const char *part, const char *file);

/* Something changed: whatever waits may be tried at once. */
void ph_queue_hurry(struct ph_queue *queue);

/* Forgets messages whose time came long ago: their owner took them back. From
 * time to time. */
void ph_queue_tidy(struct ph_queue *queue);

/* Is anything of a mailbox worked on, or to be? */
bool ph_queue_works(struct ph_queue *queue, const struct ph_box_name *name);

/* Is nothing being worked on? For tests, which wait for that. */
bool ph_queue_idle(struct ph_queue *queue);

/* Takes no more and waits for what is being worked on. False: not all ended in
 * time; then the queue, and what run uses, must stay until the process ends,
 * which loses nothing. */
bool ph_queue_stop(struct ph_queue **queue, int64_t timeout_ms);

#endif
