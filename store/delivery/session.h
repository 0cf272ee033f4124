#ifndef PH_STORE_DELIVERY_SESSION_H
#define PH_STORE_DELIVERY_SESSION_H

#include "lib/base/stream.h"
#include "lib/directory/directory.h"
#include "lib/health/peers.h"
#include "lib/smtp/lmtp_session.h"
#include "lib/smtp/peer.h"
#include "lib/state/snapshot.h"
#include "store/delivery/cause.h"
#include "store/delivery/deliver.h"
#include "store/delivery/reroute.h"

#include <stddef.h>

/*
 * One LMTP connection: what the engine reports, decided. Without a file
 * descriptor: feed, step, send the output.
 */
struct ph_session;

/* What all connections share; borrowed. */
struct ph_session_shared {
	struct ph_deliver *deliver;
	struct ph_directory *directory;
	/* A reference to the snapshot in force, or NULL. */
	struct ph_snapshot *(*take)(void *context);
	void *context;
	struct ph_peers *peers; /* or NULL */
	struct ph_lmtp_limits limits;
	enum ph_inactive actions[PH_RECIPIENT_VERDICTS]; /* ph_cause_read */
	struct ph_reroute_options reroute;
	struct ph_peer_tls tls;
};

/* peer: as ph_stream_peer. */
struct ph_session *ph_session_new(const struct ph_session_shared *shared,
				  const char *peer);
/* A message that is not complete leaves nothing behind. */
void ph_session_free(struct ph_session **session);

/* Copies. */
void ph_session_feed(struct ph_session *session, const void *data, size_t size);
/* Decides what is to be decided; as ph_lmtp_step. */
enum ph_lmtp_state ph_session_step(struct ph_session *session);

/* What to send now, borrowed until the next call, and how much of it was sent.
 */
const char *ph_session_output(const struct ph_session *session, size_t *size_r);
void ph_session_sent(struct ph_session *session, size_t size);

/* Serves a connection until either side ends it. */
void ph_session_serve(const struct ph_session_shared *shared,
		      struct ph_stream *stream);

#endif
