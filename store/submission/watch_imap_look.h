#ifndef PH_STORE_SUBMISSION_WATCH_IMAP_LOOK_H
#define PH_STORE_SUBMISSION_WATCH_IMAP_LOOK_H

#include "lib/base/err.h"
#include "store/submission/box_imap.h"
#include "store/submission/queue.h"
#include "store/submission/submission.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One look into the Outbox of a mailbox behind an IMAP server: what is there is
 * offered to the queue. Blocking, but the whole of it, once the session is
 * open, for no longer than an answer may take. One thread at a time.
 */
enum ph_imap_look_end {
	PH_IMAP_LOOK_DONE,
	PH_IMAP_LOOK_FAILED,	/* this mailbox cannot be looked at */
	PH_IMAP_LOOK_NO_SERVER, /* the server cannot be used: none can */
};

struct ph_imap_look {
	struct ph_box_name *name; /* owned by the caller */
	/* With IDLE, from the last look, and after it; NULL: none. */
	struct ph_box *box;
	bool listen;	     /* is a session with IDLE wanted after it */
	bool listen_if_used; /* also if it was used */
	/* Called when a session begins to be used, and before it is not. */
	void (*note)(void *context, struct ph_imap *session, bool begins);
	void *context;

	enum ph_imap_look_end end;
	struct ph_err err;
	bool answered; /* a login: the server can be reached */
	int64_t again; /* ms after which to look though nothing is heard */
	bool holds;    /* there was anything */
	bool used;     /* and some of it was offered as new, or as due again */
	bool news;     /* there is more by now */
};

void ph_imap_look(const struct ph_submission *submission,
		  struct ph_queue *queue, struct ph_imap_look *look);

#endif
