#ifndef PH_STORE_DELIVERY_DELIVER_H
#define PH_STORE_DELIVERY_DELIVER_H

#include "lib/base/err.h"
#include "lib/track/log.h"
#include "store/delivery/arrivals.h"
#include "store/delivery/locks.h"
#include "store/delivery/recipient.h"
#include "store/delivery/store.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One message to its recipients: written as it comes, once for each mailbox
 * database, then committed to each mailbox, with one answer a recipient. What
 * a recipient's database cannot do is that recipient's answer alone.
 */

/* What all connections share; filled in once, all borrowed. */
struct ph_deliver {
	struct ph_store *store;
	struct ph_track_log *log; /* NULL: no rows */
	struct ph_locks *locks;
	struct ph_slots *slots;
	int64_t slot_timeout; /* ms, of keys as well; longer waits are answered
			       * 451 */
	const char *server;   /* own short name */
	const char *address;  /* own IP address or "" */
	/*
	 * May this server store into the database under that Epoch, at this
	 * moment? Asked at RCPT, when the whole message is there, and again
	 * before a 250: what was written meanwhile into a copy that is not the
	 * active one any more must not count as delivered. OK, or
	 * what ph_recipient_active answers, or NOT_HELD.
	 */
	enum ph_recipient_verdict (*active)(void *context, const char *database,
					    int64_t epoch, struct ph_err *err);
	void *context;
	struct ph_placement_settings placement;
	bool defer_over; /* a mailbox at its quota: 452, not 552 */
	struct ph_arrivals
	    *arrivals; /* told of what was stored; NULL: nobody */
	gsize next_id; /* internal-message-id, atomic; starts with the time */
};

/* Whose message it is; borrowed until it is freed. */
struct ph_deliver_client {
	const char *host;     /* own FQDN, for Received */
	const char *name;     /* host name of the client */
	const char *address;  /* its IP address, or "local" */
	const char *queue_id; /* there; "" if not told */
	const char *session;  /* 16 hexadecimal digits */
	int64_t connected;    /* wall ms */
	bool trusted;	      /* a server of ours */
};

struct ph_deliver_message;

/*
 * recipients: struct ph_recipient, at least one, borrowed until freed. 1:
 * *message_r takes content. 0: no database takes it now, *answer_r (g_free) is
 * the answer to DATA.
 */
int ph_deliver_begin(struct ph_deliver *deliver,
		     const struct ph_deliver_client *client,
		     const char *reverse_path, const GPtrArray *recipients,
		     struct ph_deliver_message **message_r, char **answer_r);

/* The Received field that this hop adds, lines ended with "end"; appends. */
void ph_deliver_trace(const struct ph_deliver_client *client, const char *end,
		      GString *out);

/* A piece as it came. Failures are kept for the answers. */
void ph_deliver_write(struct ph_deliver_message *message, const char *data,
		      size_t size);

/* After the final dot, once: commits, writes tracking rows, and answers: one
 * for each recipient in order, borrowed until freed. */
const char *const *ph_deliver_finish(struct ph_deliver_message *message);

/* NULL is fine. Without finish nothing stays. */
void ph_deliver_free(struct ph_deliver_message **message);

#endif
