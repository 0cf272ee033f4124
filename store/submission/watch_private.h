#ifndef PH_STORE_SUBMISSION_WATCH_PRIVATE_H
#define PH_STORE_SUBMISSION_WATCH_PRIVATE_H

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

struct ph_watch_box {
	struct ph_outbox *outbox;
	int wd[PH_WATCHED]; /* -1: none */
	int64_t due;	    /* monotonic ms: to be looked at; INT64_MAX: not */
	uint64_t round;	    /* of the last walk that saw it */
};

struct ph_watch {
	const struct ph_submission *submission;
	struct ph_queue *queue;
	int64_t rescan, next_rescan;
	int inotify, wake;
	GHashTable *boxes; /* "database/domain/local": struct ph_watch_box */
	GHashTable *by_wd; /* wd: struct ph_watch_box, borrowed */
	uint64_t round;
	struct ph_snapshot *last; /* looked at last; a reference */
	char *up; /* names of the Transport servers that were up then */
	bool limit_told;
	GThread *thread;
	gint stopping; /* atomic */
};

/* ---- watch_walk.c: which mailboxes there are ---------------------------- */

/* Walks the active databases of a snapshot; what is gone is dropped, the rest
 * is due. */
void ph_watch_walk(struct ph_watch *watch, struct ph_snapshot *snapshot);
void ph_watch_box_free(void *box);

/* ---- watch_kernel.c: inotify -------------------------------------------- */

/* Puts the watches that a mailbox needs now; false: its Outbox is not complete
 * yet. */
bool ph_watch_put(struct ph_watch *watch, struct ph_watch_box *w,
		  const struct ph_box *box);
/* Watches a directory for what is made in it: new domains and mailboxes. */
void ph_watch_place(struct ph_watch *watch, int dir);
void ph_watch_drop(struct ph_watch *watch, struct ph_watch_box *w);
/* Reads what the kernel has to tell. True: there may be new mailboxes, or it
 * lost events. */
bool ph_watch_read(struct ph_watch *watch);

#endif
