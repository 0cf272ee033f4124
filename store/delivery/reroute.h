#ifndef PH_STORE_DELIVERY_REROUTE_H
#define PH_STORE_DELIVERY_REROUTE_H

#include "lib/routing/topology.h"
#include "lib/smtp/peer.h"
#include "store/delivery/deliver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Recipients whose database is active on another server: their part of a
 * transaction is handed to that server's store driver while it goes on. RCPT
 * is answered when the other side has answered it, content is passed on as it
 * comes, and the other side's answers are given word for word. Nothing is
 * kept: what fails before the final dot was sent is 432, after it 451, since
 * the other side may have the message; it recognises the second copy.
 *
 * One hop at most: the other side is told by PH_LMTP_REROUTED and does not
 * hand over again. Only for transactions of a trusted client, because the
 * other side believes the X-PostHub- fields that we pass on.
 */
struct ph_reroute; /* of one transaction */

struct ph_reroute_options {
	const char *bind_address;	/* or NULL */
	int64_t connect_timeout;	/* ms, as struct ph_smtp_options */
	int64_t timeout, final_timeout; /* the latter of all servers together */
	struct ph_peer_tls tls;
};

/* What MAIL said; copied. */
struct ph_reroute_envelope {
	const char *hello; /* own FQDN */
	const char *reverse_path;
	const char *const *params;
	const char *queue_id; /* of the client, "" if not told */
};

/* deliver and options are borrowed. */
struct ph_reroute *ph_reroute_new(struct ph_deliver *deliver,
				  const struct ph_reroute_options *options,
				  const struct ph_reroute_envelope *envelope);
/* NULL is fine. Without finish the other side has nothing. */
void ph_reroute_free(struct ph_reroute **reroute);

/* Offers a recipient to the server that has its database. 1: it is taken; 0:
 * it is not; *answer_r (g_free) is the answer to RCPT. */
int ph_reroute_rcpt(struct ph_reroute *reroute, const struct ph_server *server,
		    const struct ph_recipient *recipient, char **answer_r);

/* DATA; client is borrowed until the end. 1: somebody takes content; 0: nobody
 * does, *answer_r (g_free) is the answer to DATA. */
int ph_reroute_begin(struct ph_reroute *reroute,
		     const struct ph_deliver_client *client, char **answer_r);

/* A piece as it came. */
void ph_reroute_write(struct ph_reroute *reroute, const char *data,
		      size_t size);

/* The final dot, once; writes tracking rows. One answer for each recipient
 * that was taken, in order, NULL-terminated, borrowed until freed. */
const char *const *ph_reroute_finish(struct ph_reroute *reroute);

#endif
