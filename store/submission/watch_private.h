#ifndef PH_STORE_SUBMISSION_WATCH_PRIVATE_H
#define PH_STORE_SUBMISSION_WATCH_PRIVATE_H

#include "store/submission/change.h"
#include "store/submission/outbox.h"
#include "store/submission/watch.h"

#include <glib.h>
#include <stdbool.h>

/* Inside watch*.c only; all of it is the thread's own. */

/* What a watch of the kernel is on. */
enum ph_watched {
	PH_WATCHED_NEW, /* .Outbox/new */
	PH_WATCHED_CUR,
	PH_WATCHED_BOX, /* the mailbox, until it has an Outbox */
	PH_WATCHED	/* how many */
};

/* The last change of .Outbox/new and .Outbox/cur, as the last look saw it. */
struct ph_watch_stamp {
	int64_t ns; /* 0: not there; -1: not known, look */
	uint64_t inode;
};

struct ph_watch_box {
	struct ph_outbox *outbox;
	char *path;	    /* of its .Outbox */
	int wd[PH_WATCHED]; /* -1: none */
	int64_t due;	    /* monotonic ms: to be looked at; INT64_MAX: not */
	uint64_t round;	    /* of the last walk that saw it */
	struct ph_watch_stamp stamps[PH_WATCHED_BOX];
	GList link;  /* in watch->watched, while it has a watch */
	bool linked; /* is it there? */
	bool used;   /* something was in its Outbox since the start */
};

struct ph_watch {
	const struct ph_submission *submission;
	struct ph_queue *queue;
	int64_t rescan, next_rescan;
	int inotify, wake;
	GHashTable *boxes; /* "database/domain/local": struct ph_watch_box */
	GPtrArray *order;  /* the same, borrowed; made anew by each walk */
	guint next;	   /* in order: to be polled next */
	int64_t polled;	   /* when the last ones were, monotonic ms */
	bool lost;	   /* events were: all are polled at once */
	GHashTable *due;   /* set of those whose due is not INT64_MAX */
	GHashTable *by_wd; /* wd: struct ph_watch_box, borrowed */
	GQueue watched;	   /* those with watches, used last first */
	bool full;	   /* some have no watch: the kernel had no more */
	bool refused;	   /* it had none when it was asked last */
	guint fill;	   /* in order: to be given watches next */
	bool blind;	   /* the last walk could not read all */
	uint64_t round;
	struct ph_change change;
	GThread *thread;
	gint stopping; /* atomic */
};

/* ---- watch.c ------------------------------------------------------------ */

/* Offers what is in its Outbox, and says when it is due again. */
void ph_watch_look(struct ph_watch *watch, struct ph_watch_box *w, int64_t now);

/* ---- watch_walk.c: which mailboxes there are ---------------------------- */

/* Walks the active databases of a snapshot; what is gone is dropped, what is
 * new is for the next polls. 0; -1: not all could be read, as without file
 * descriptors: nothing of such a database is dropped; walk again soon. */
int ph_watch_walk(struct ph_watch *watch, struct ph_snapshot *snapshot);
void ph_watch_box_free(void *box);
void ph_watch_due(struct ph_watch *watch, struct ph_watch_box *w, int64_t due);

/* ---- watch_poll.c: what the kernel does not tell ------------------------ */

/* Notes when the directories of an Outbox were changed last; before it is
 * looked at. */
void ph_watch_stamp(struct ph_watch_box *w);

/*
 * Makes those due whose directories changed: as many of them as belong to the
 * time since the last call, so that each is looked at once in "rescan"; all, in
 * portions, where events were lost or mailboxes are new. True: some are due, or
 * left for the next call.
 */
bool ph_watch_poll(struct ph_watch *watch, int64_t now);

/* ---- watch_kernel.c: inotify -------------------------------------------- */

/* Puts the watches that a mailbox needs now, if there are any left: who used
 * the Outbox has them before who never did; false: its Outbox is not complete
 * yet, or cannot be opened now. */
bool ph_watch_put(struct ph_watch *watch, struct ph_watch_box *w,
		  const struct ph_box *box);
/* The next time the kernel is asked for watches again, and for inotify, if it
 * had none: others may have gone, or the limit may be another one. */
void ph_watch_again(struct ph_watch *watch);
/*
 * While some have no watch: gives those that are left to the next ones, in
 * portions, and says when all have theirs. What came to one before is found by
 * the poll. True: there is more to do.
 */
bool ph_watch_fill(struct ph_watch *watch);
/* Watches a directory for what is made in it: new domains and mailboxes. */
void ph_watch_place(struct ph_watch *watch, int dir);
void ph_watch_drop(struct ph_watch *watch, struct ph_watch_box *w);
/* What is in its Outbox now makes it likely that more will be. */
void ph_watch_used(struct ph_watch *watch, struct ph_watch_box *w);
/* Reads what the kernel has to tell. True: there may be new mailboxes. */
bool ph_watch_read(struct ph_watch *watch);

#endif
