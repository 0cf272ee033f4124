#ifndef PH_STORE_SUBMISSION_WATCH_IMAP_PRIVATE_H
#define PH_STORE_SUBMISSION_WATCH_IMAP_PRIVATE_H

#include "store/submission/change.h"
#include "store/submission/watch_imap.h"
#include "store/submission/watch_imap_look.h"
#include "store/submission/watch_imap_walk.h"

#include <glib.h>

/* Inside watch_imap.c and watch_imap_turns.c only. All of it is the watch's
 * thread's own, but a mailbox's look while it is busy, and what is said to be
 * under the mutex. */

/* Mailboxes that are due, first come first served. */
enum ph_imap_turn {
	PH_IMAP_GOOD,
	PH_IMAP_FAILING, /* could not be looked at the last time */
	PH_IMAP_TURNS
};

struct ph_imap_mailbox {
	struct ph_imap_look look; /* its name, and its session with IDLE */
	int64_t due, renew;	  /* monotonic ms */
	uint64_t round;		  /* of the last walk that told of it */
	unsigned failures;	  /* one after the other */
	bool holds;		  /* something was in its Outbox */
	bool busy;		  /* with one of the threads that look */
	bool failing;		  /* counted in watch->failing */
	bool opening;		  /* and in watch->opening */
	bool hurry, gone;	  /* while it was busy */
	GQueue *turn;		  /* NULL: not waiting for its turn */
	GList turn_link;
	GList idle_link; /* in watch->idle, while it has a session; while it
			  * is busy, as it was before */
	bool idle_linked;
};

struct ph_watch_imap {
	const struct ph_submission *submission;
	struct ph_queue *queue;
	int64_t rescan; /* ms */
	int64_t next_walk;
	guint limit; /* of sessions */
	int wake;    /* an eventfd */
	/* By ph_box_name_key: struct ph_imap_mailbox. */
	GHashTable *mailboxes;
	uint64_t round;
	struct ph_imap_walk *walk;
	bool blind; /* the last one failed */
	struct ph_change change;
	GThread *thread;
	gint stopping; /* atomic */

	/* watch_imap_turns.c's: */
	GQueue turns[PH_IMAP_TURNS];
	GQueue idle;		   /* with a session: used last first */
	unsigned looking, failing; /* of them */
	unsigned opening;	   /* without a session that was there */
	bool down;		   /* the server could not be used */
	int64_t down_until;
	GThreadPool *lookers;
	GAsyncQueue *done; /* struct ph_imap_mailbox */
	GMutex mutex;
	GCond ended;
	unsigned running;  /* under the mutex: looks that have not ended */
	GHashTable *waits; /* under the mutex: set of their sessions */
};

/* ---- watch_imap_turns.c: sessions, and whose turn to be looked at it is -- */

/* It is due at once. */
struct ph_imap_mailbox *ph_imap_mailbox_new(struct ph_watch_imap *watch,
					    const struct ph_box_name *name);
/* It is not looked at, nor heard, any more; of one that is busy the end of its
 * look does that when it is "gone". */
void ph_imap_mailbox_drop(struct ph_watch_imap *watch,
			  struct ph_imap_mailbox *mailbox);
/* The next look opens a new one. */
void ph_imap_mailbox_end_session(struct ph_watch_imap *watch,
				 struct ph_imap_mailbox *mailbox);
void ph_imap_mailbox_free(void *mailbox);

void ph_imap_turns_open(struct ph_watch_imap *watch);
/* What came of looks that have ended. */
void ph_imap_turns_collect(struct ph_watch_imap *watch);
/* Begins looks at what is due, as many as there may be; in how many ms the next
 * one is, INT64_MAX: none. */
int64_t ph_imap_turns_begin(struct ph_watch_imap *watch);
/* Ends the looks' waits; true: all looks have ended. */
bool ph_imap_turns_end(struct ph_watch_imap *watch, int64_t timeout_ms);
/* When they have. */
void ph_imap_turns_close(struct ph_watch_imap *watch);

#endif
