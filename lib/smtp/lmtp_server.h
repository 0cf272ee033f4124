#ifndef PH_SMTP_LMTP_SERVER_H
#define PH_SMTP_LMTP_SERVER_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * LMTP server engine (RFC 2033): a parser and state machine without a file
 * descriptor. Feed bytes, ask next what happened, answer, take the bytes to
 * send. PIPELINING, 8BITMIME, SMTPUTF8, SIZE, ENHANCEDSTATUSCODES, CHUNKING,
 * XFORWARD, XCLIENT, DSN, STARTTLS. Who uses it sees no difference between DATA
 * and BDAT. One a connection; not thread-safe.
 */
struct ph_lmtp;

/*
 * Parameter of MAIL, announced to trusted clients: another store driver hands
 * this message over, which must not be handed over again.
 */
#define PH_LMTP_REROUTED "X-POSTHUB-REROUTED"

struct ph_lmtp_limits {
	size_t line;	   /* command line, bytes with CRLF; default 2048 */
	size_t recipients; /* a transaction */
	uint64_t size;	   /* a message, bytes; 0: no limit, no SIZE= */
	unsigned errors;   /* bad commands before 421 */
	bool xclient;	   /* XCLIENT is offered to trusted clients */
	bool dsn;	   /* RFC 3461 is offered: RET, ENVID, NOTIFY and ORCPT
			    * are among the parameters, unchecked */
	bool tls;	   /* STARTTLS is offered */
	bool tls_required; /* without it MAIL is put off with 454 */
};

enum ph_lmtp_event {
	PH_LMTP_MORE,	 /* feed more */
	PH_LMTP_MAIL,	 /* answer with ph_lmtp_reply */
	PH_LMTP_RCPT,	 /* the same; a 2xx adds the recipient */
	PH_LMTP_DATA,	 /* a message begins: a 354 reply, or 4xx/5xx */
	PH_LMTP_CONTENT, /* a piece of the message, dots unstuffed, CRLF line
			  * ends kept as they came */
	PH_LMTP_DONE,	 /* the message has ended: answer with one reply for
			  * each accepted recipient, in order */
	PH_LMTP_TOO_BIG, /* it is above the limit; the engine answered 552
			  * itself, and the transaction is gone */
	PH_LMTP_RESET,	 /* RSET, a new LHLO: the transaction is gone */
	PH_LMTP_XCLIENT, /* the client speaks for another one from now on, see
			  * ph_lmtp_xclient, and is not trusted any more */
	PH_LMTP_TLS,	 /* STARTTLS: send what is left, shake hands, then
			  * ph_lmtp_secure; what was fed behind it is gone */
	PH_LMTP_QUIT,	 /* send what is left, then close */
	PH_LMTP_CLOSE,	 /* the peer broke the protocol; the same, 421 or 521
			  * was queued */
};

/* Borrowed until the next call of feed or next. */
struct ph_lmtp_command {
	const char *address; /* of MAIL or RCPT, without angle brackets; ""
			      * is the null sender */
	const char *const *params; /* "SIZE=1000", ...; NULL-terminated */
	const char *content;
	size_t size;
};

/* hostname is copied; greeting "220 hostname LMTP posthub" is queued. */
struct ph_lmtp *ph_lmtp_new(const char *hostname,
			    const struct ph_lmtp_limits *limits);
void ph_lmtp_free(struct ph_lmtp **lmtp);

/* XFORWARD, XCLIENT and PH_LMTP_REROUTED are announced and believed only after
 * this. */
void ph_lmtp_trust(struct ph_lmtp *lmtp);

/* TLS has begun: the client starts anew. */
void ph_lmtp_secure(struct ph_lmtp *lmtp);

/* Copies. */
void ph_lmtp_feed(struct ph_lmtp *lmtp, const void *data, size_t size);

/* Commands that need no decision are answered by the engine. */
enum ph_lmtp_event ph_lmtp_next(struct ph_lmtp *lmtp,
				struct ph_lmtp_command *command_r);

/* "250 2.1.5 Ok": one line, or lines joined by '\n', each with its code. The
 * engine folds line breaks and non-ASCII it may not send. */
void ph_lmtp_reply(struct ph_lmtp *lmtp, const char *text);

/* Replies that are still owed for the last event. */
size_t ph_lmtp_owed(const struct ph_lmtp *lmtp);

/* Inside a message, which a graceful stop should not cut. */
bool ph_lmtp_busy(const struct ph_lmtp *lmtp);

/* What to send now; borrowed until sent is called. */
const char *ph_lmtp_output(const struct ph_lmtp *lmtp, size_t *size_r);
void ph_lmtp_sent(struct ph_lmtp *lmtp, size_t size);

/* Attributes of XFORWARD ("NAME", "ADDR", "IDENT", "HELO"), decoded; "" when
 * not given. */
const char *ph_lmtp_xforward(const struct ph_lmtp *lmtp, const char *name);
/* Attributes of XCLIENT ("NAME", "ADDR", "HELO"); ADDR is an IP address. ""
 * when not given or not known. */
const char *ph_lmtp_xclient(const struct ph_lmtp *lmtp, const char *name);
const char *ph_lmtp_helo(const struct ph_lmtp *lmtp);

#endif
