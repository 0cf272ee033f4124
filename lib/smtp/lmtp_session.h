#ifndef PH_SMTP_LMTP_SESSION_H
#define PH_SMTP_LMTP_SESSION_H

#include "lib/base/stream.h"
#include "lib/base/tls.h"
#include "lib/smtp/lmtp_server.h"

/*
 * A conversation: what the LMTP engine reports becomes calls of whoever
 * decides, and over a stream the loop that reads, steps and sends. A thread a
 * connection.
 */
struct ph_lmtp_calls {
	/* One reply each. */
	void (*mail)(void *context, const struct ph_lmtp_command *command);
	void (*rcpt)(void *context, const struct ph_lmtp_command *command);
	void (*data)(void *context);
	void (*content)(void *context, const struct ph_lmtp_command *command);
	/* The message is complete: one reply at least. Called again as long as
	 * replies are owed, and those that were given are sent in between,
	 * because the MTA waits for each anew. */
	void (*done)(void *context);
	/* The transaction is over, answered or lost. */
	void (*reset)(void *context);
	/* TLS has begun; the stream is borrowed. NULL: none is offered. */
	void (*secure)(void *context, const struct ph_stream *stream);
	/* XCLIENT; NULL: it is not offered. */
	void (*client)(void *context);
};

enum ph_lmtp_state {
	PH_LMTP_STATE_MORE,  /* send the output, then feed */
	PH_LMTP_STATE_AGAIN, /* send the output, then step again */
	PH_LMTP_STATE_TLS,   /* send the output, shake hands, ph_lmtp_secure */
	PH_LMTP_STATE_END,   /* send the output, then close */
};

/* Makes the calls that are due. */
enum ph_lmtp_state ph_lmtp_step(struct ph_lmtp *lmtp,
				const struct ph_lmtp_calls *calls,
				void *context);

/*
 * Serves a connection until either side ends it; tls (borrowed) is for the
 * handshake, NULL where none is offered. The stream is held while a message is
 * read or answered. 0, or -1 and why the connection broke. A transaction that
 * is left is the caller's to end.
 */
int ph_lmtp_serve(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls,
		  void *context, struct ph_stream *stream,
		  const struct ph_tls_options *tls, struct ph_err *err);

#endif
