#ifndef PH_SMTP_CLIENT_H
#define PH_SMTP_CLIENT_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/base/tls.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SMTP and LMTP client: one session over one connection, blocking, each step
 * with a deadline. A step returns 0 when the server answered, whatever it
 * answered (look at the reply), and -1 when there is no answer: TEMP before the
 * final dot was sent, MAYBE after it; the session is then of no more use. Not
 * thread-safe. Sources: RFC 5321, 2033, 2920, 6531, Postfix XFORWARD_README.
 */
struct ph_smtp;

struct ph_smtp_reply {
	int code;     /* 200-599 */
	char **lines; /* NULL-terminated, at least one, without code and
		       * separator, at most 100 of at most 1,000 bytes */
};
void ph_smtp_reply_clear(struct ph_smtp_reply *reply);
/* "451 4.4.0 text": lines joined by '\n', each with its code; g_free. */
char *ph_smtp_reply_format(const struct ph_smtp_reply *reply);
/* "4.4.0" at the start of the first line, or "". Borrowed buffer of 12. */
const char *ph_smtp_reply_enhanced(const struct ph_smtp_reply *reply,
				   char buffer[12]);

/* May it be given to a client of ours as the answer to a command of his? A 421
 * is about the session, and what is neither yes nor no is no answer. */
bool ph_smtp_reply_passes(const struct ph_smtp_reply *reply);

/* Is a refusal of MAIL about how we came, not about the message or its sender:
 * TLS or a login is missing (RFC 3207, 4954), or it is no command there, or not
 * now? Then it must not become anybody's bounce: what is wrong is the set-up of
 * two servers, and PH_SMTP_SETUP belongs into the log. */
bool ph_smtp_reply_is_setup(const struct ph_smtp_reply *reply);
#define PH_SMTP_SETUP                                                       \
	"; this is about the set-up, not about the sender: have that "      \
	"server let this one in, see peer_tls and the restrictions of its " \
	"listener"

struct ph_smtp_options {
	struct ph_endpoint endpoint;
	const char *bind_address; /* or NULL */
	const char *hello;	  /* name for EHLO or LHLO */
	bool lmtp;
	bool helo; /* HELO where EHLO is refused: then nothing is offered */
	bool force_helo;	 /* EHLO is not even tried */
	int64_t connect_timeout; /* ms: connection, greeting and EHLO */
	int64_t deadline;	 /* monotonic ms, where it comes before that,
				  * and of TLS to a peer; 0: none */
	int64_t timeout;	 /* ms: each later answer */
	int64_t final_timeout;	 /* ms: all answers to the final dot; who waits
				  * for them may hold a slot or a lock */
};

/* Connects, reads the greeting, says EHLO (LHLO). 0, or -1: TEMP with the
 * server's words if it refused. */
int ph_smtp_open(const struct ph_smtp_options *options, struct ph_smtp **smtp_r,
		 struct ph_err *err);
/* QUIT without waiting for the answer, close; NULL is fine. Inside of content
 * only closed: the server drops the message. */
void ph_smtp_close(struct ph_smtp **smtp);

/* ms: each answer and each piece of content from now on, but the final one. */
void ph_smtp_set_timeout(struct ph_smtp *smtp, int64_t timeout_ms);

/* All steps together, the final answer among them (not ph_smtp_final, whose
 * caller counts himself), end by then: monotonic ms; 0: no such limit, as after
 * open. */
void ph_smtp_set_deadline(struct ph_smtp *smtp, int64_t deadline);

/*
 * STARTTLS (RFC 3207), right after open. 0 and *reply_r: with 220 all that
 * follows is encrypted, and what is offered is the answer to a new EHLO; with
 * any other code the session is as it was. -1: PERM, a file of ours cannot be
 * read; else TEMP.
 */
int ph_smtp_start_tls(struct ph_smtp *smtp,
		      const struct ph_tls_options *options,
		      struct ph_smtp_reply *reply_r, struct ph_err *err);

/* Offered in the answer to EHLO: "XFORWARD", "SIZE", "AUTH", ... */
bool ph_smtp_offers(const struct ph_smtp *smtp, const char *keyword);
/* Its parameters, "" when none; borrowed. */
const char *ph_smtp_parameters(const struct ph_smtp *smtp, const char *keyword);

/* Any command line without CRLF; control characters in it are a bug. */
int ph_smtp_command(struct ph_smtp *smtp, const char *line,
		    struct ph_smtp_reply *reply_r, struct ph_err *err);

/* RFC 3461 section 4: what is not printable, '+' and '=' as "+XX". */
void ph_smtp_append_xtext(GString *line, const char *value);

/* name=value pairs, values encoded as xtext; sends only attributes that the
 * server offers; nothing to send is a 250. NULL-terminated list. */
int ph_smtp_xforward(struct ph_smtp *smtp, const char *const *pairs,
		     struct ph_smtp_reply *reply_r, struct ph_err *err);

/* address without brackets, "" is the null sender; params ("SIZE=1",
 * "AUTH=..."; NULL-terminated, may be NULL) are sent as they are. */
int ph_smtp_mail(struct ph_smtp *smtp, const char *address,
		 const char *const *params, struct ph_smtp_reply *reply_r,
		 struct ph_err *err);
int ph_smtp_rcpt(struct ph_smtp *smtp, const char *address,
		 const char *const *params, struct ph_smtp_reply *reply_r,
		 struct ph_err *err);
int ph_smtp_reset(struct ph_smtp *smtp, struct ph_smtp_reply *reply_r,
		  struct ph_err *err);

/* DATA; go on with content only after 354. */
int ph_smtp_data(struct ph_smtp *smtp, struct ph_smtp_reply *reply_r,
		 struct ph_err *err);
/* A piece of the message, CRLF line ends; dots are stuffed here, across
 * pieces. Buffered. 0, or -1 TEMP. */
int ph_smtp_content(struct ph_smtp *smtp, const void *data, size_t size,
		    struct ph_err *err);
/* The final dot (a missing last CRLF is added). SMTP: one reply, LMTP: one for
 * each recipient that was accepted, n of them, to be cleared one by one. -1:
 * MAYBE, the message may have been taken; replies that did come are filled in,
 * the others have code 0. Or TEMP, and it was not: the deadline has passed, and
 * no dot was sent. */
int ph_smtp_finish(struct ph_smtp *smtp, struct ph_smtp_reply *replies_r,
		   size_t n, struct ph_err *err);
/* The same in two steps, for a caller of several servers: end sends the dot, 0,
 * or -1 as above; answers waits. */
int ph_smtp_end(struct ph_smtp *smtp, struct ph_err *err);
int ph_smtp_answers(struct ph_smtp *smtp, struct ph_smtp_reply *replies_r,
		    size_t n, struct ph_err *err);
/* For SMTP, and a caller that has somebody to keep waiting meanwhile: the
 * second step in slices. */
/* 1: *reply_r is the final answer. 0: none within slice_ms, ask again. -1:
 * MAYBE. */
int ph_smtp_final(struct ph_smtp *smtp, int64_t slice_ms,
		  struct ph_smtp_reply *reply_r, struct ph_err *err);

#endif
