#ifndef PH_STORE_SUBMISSION_SUBMISSION_H
#define PH_STORE_SUBMISSION_SUBMISSION_H

#include "lib/directory/directory.h"
#include "lib/health/held.h"
#include "lib/routing/health.h"
#include "lib/smtp/peer.h"
#include "lib/state/snapshot.h"
#include "lib/track/log.h"
#include "store/mailbox/perms.h"
#include "store/submission/imap.h"
#include "store/submission/said.h"
#include "store/submission/sizes.h"
#include "store/submission/unsaved.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What all workers share: immutable once they run, save the counter. Borrowed,
 * except by daemon.c which fills it.
 */

/* Row of the snapshot's derive table. */
#define PH_SUBMISSION_TOPOLOGY 0

struct ph_submission {
	const char *server;  /* own short name */
	const char *address; /* own IP address, or "" */
	const char *root; /* the store's directory; for IMAP that of states */
	const struct ph_imap_server *imap; /* NULL: the store is Maildirs */
	/* Whose mailboxes are; NULL: this process's own. */
	const struct ph_perms_rule *owners;
	struct ph_directory *directory;
	struct ph_track_log *log;

	/* A reference to the snapshot in force; NULL: none yet. */
	struct ph_snapshot *(*take)(void *context);
	/* Which servers have a heartbeat, for one decision: the caller frees
	 * it with ph_health_free. NULL: all are taken as up. */
	struct ph_health *(*health)(void *context);
	void *context;

	struct ph_held *held; /* which databases this server holds; NULL: all
			       * that are active here */

	struct ph_sizes *sizes;	    /* of mailboxes; NULL: none is remembered */
	struct ph_said *said;	    /* of items; NULL: nothing is */
	struct ph_unsaved *unsaved; /* NULL: none is remembered */
	int64_t max_size;	    /* 0: no limit */
	int64_t retry_min, retry_max;
	int64_t expiry;	   /* unless the server's transportservice says */
	bool sent_as_sent; /* what is kept in Sent */
	bool resent_any; /* of a resent message only who resends it is judged */
	int64_t connect_timeout, timeout, final_timeout; /* ms */
	struct ph_peer_tls tls;
	gsize *next_id; /* atomic: of tracking rows and file names */
};

#endif
