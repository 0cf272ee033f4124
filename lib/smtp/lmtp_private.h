#ifndef PH_SMTP_LMTP_PRIVATE_H
#define PH_SMTP_LMTP_PRIVATE_H

#include "lib/smtp/lmtp_server.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Inside the LMTP engine: its state, the verbs (lmtp_verb.c), and two small
 * parsers that know nothing of it: command arguments, and the end of the
 * message.
 */

/* ---- lmtp_server.c ------------------------------------------------------ */

#define PH_LMTP_XFORWARDS 7

enum ph_lmtp_data_state {
	PH_LMTP_DATA_LINE, /* behind a CRLF, or nothing read yet */
	PH_LMTP_DATA_TEXT,
	PH_LMTP_DATA_CR,     /* behind a CR that has been passed on */
	PH_LMTP_DATA_DOT,    /* a line began with a dot, held back */
	PH_LMTP_DATA_DOT_CR, /* then came a CR, held back too */
};

enum ph_lmtp_stage {
	PH_LMTP_STAGE_COMMAND,
	PH_LMTP_STAGE_CONTENT,
	PH_LMTP_STAGE_FINAL, /* the final dot was read */
	PH_LMTP_STAGE_TLS,   /* until ph_lmtp_secure */
	PH_LMTP_STAGE_QUIT,
	PH_LMTP_STAGE_CLOSED,
};

struct ph_lmtp {
	char *hostname;
	struct ph_lmtp_limits limits;
	GString *in, *out;
	size_t used;   /* bytes of in that are done with */
	bool skipping; /* the rest of a line that was too long */
	enum ph_lmtp_stage stage;
	enum ph_lmtp_event asked; /* what the next reply answers */
	size_t owed;		  /* replies */
	bool trusted, secure, transaction, utf8, too_big;
	char *helo;
	size_t recipients;
	unsigned errors;
	uint64_t size; /* of the content so far */
	enum ph_lmtp_data_state data;
	GString *address, *content;
	GPtrArray *params;
	char *xforward[PH_LMTP_XFORWARDS];
};

/* Queues a reply; lines are joined by '\n'. */
void ph_lmtp_put(struct ph_lmtp *lmtp, const char *text);

/* Forgets the transaction and what XFORWARD said for it. */
void ph_lmtp_end_transaction(struct ph_lmtp *lmtp);

/* The next ph_lmtp_reply (DONE: one a recipient) answers this event, which is
 * returned. */
enum ph_lmtp_event ph_lmtp_ask(struct ph_lmtp *lmtp, enum ph_lmtp_event event);

/*
 * Answers a command that no client should send; after too many of them 421 and
 * CLOSE. Commands that are merely out of order do not count: after a refused
 * MAIL a pipelining client sends a RCPT for each recipient, and would lose a
 * connection that serves many messages.
 */
enum ph_lmtp_event ph_lmtp_bad(struct ph_lmtp *lmtp, const char *text);

/* ---- lmtp_verb.c ------------------------------------------------------- */

/* Runs one command line; MORE: it was answered, go on. */
enum ph_lmtp_event ph_lmtp_run_line(struct ph_lmtp *lmtp, char *line);

/* Index of an XFORWARD attribute's name, without case; -1: there is none. */
int ph_lmtp_xforward_index(const char *name, size_t size);

/* ---- lmtp_command.c ---------------------------------------------------- */

/*
 * Reads "FROM:<path>" or "TO:<path>" at the start of text, keyword with its
 * colon. 1: the address without brackets and without a source route is in
 * address, *rest_r points behind the '>'. 0: bad syntax.
 */
int ph_lmtp_path(const char *text, const char *keyword, GString *address,
		 const char **rest_r);

/* Splits blank separated parameters into copies; params is a GPtrArray with
 * g_free, emptied first and NULL-terminated after. */
void ph_lmtp_split(const char *text, GPtrArray *params);

/* ---- lmtp_data.c ------------------------------------------------------- */

/*
 * Undoes dot-stuffing. Appends the content to out and returns how many bytes
 * of data were used; *end_r becomes true when they held the final dot. Only
 * CRLF.CRLF ends a message, or what one server takes for the end another takes
 * for text, and the rest for commands ("SMTP smuggling"). State starts at
 * PH_LMTP_DATA_LINE.
 */
size_t ph_lmtp_unstuff(enum ph_lmtp_data_state *state, const char *data,
		       size_t size, GString *out, bool *end_r);

#endif
