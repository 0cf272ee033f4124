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

/* http://www.postfix.org/XFORWARD_README.html, XCLIENT_README.html */
enum {
	PH_LMTP_XFORWARDS = 7,
	PH_LMTP_XCLIENTS = 8,
};
extern const char *const ph_lmtp_xforwards[PH_LMTP_XFORWARDS + 1];
extern const char *const ph_lmtp_xclients[PH_LMTP_XCLIENTS + 1];

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
	PH_LMTP_STAGE_CHUNK, /* of BDAT, RFC 3030 */
	PH_LMTP_STAGE_FINAL, /* the end of a message was read */
	PH_LMTP_STAGE_TLS,   /* until ph_lmtp_secure */
	PH_LMTP_STAGE_QUIT,
	PH_LMTP_STAGE_CLOSED,
};

/* What is known of a message that comes by BDAT. */
struct ph_lmtp_chunk {
	uint64_t left; /* bytes of this one that were not read yet */
	uint64_t size; /* all of it */
	bool last;
	bool asked;   /* PH_LMTP_DATA is about it */
	bool begun;   /* the first one was taken */
	bool refused; /* one was not: neither are those behind it, until the
		       * transaction ends */
	bool discard; /* this one */
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
	struct ph_lmtp_chunk chunk;
	GString *address, *content;
	GPtrArray *params;
	char *xforward[PH_LMTP_XFORWARDS];
	char *xclient[PH_LMTP_XCLIENTS];
};

/* Queues a reply; lines are joined by '\n'. */
void ph_lmtp_put(struct ph_lmtp *lmtp, const char *text);

/* A piece of a message in lmtp->content: counts it, CONTENT, or MORE when it is
 * above the limit or empty. */
enum ph_lmtp_event ph_lmtp_piece(struct ph_lmtp *lmtp);

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

/* ---- lmtp_chunk.c ------------------------------------------------------ */

/* "BDAT size [LAST]" */
enum ph_lmtp_event ph_lmtp_bdat(struct ph_lmtp *lmtp, const char *arguments);

/* The answer to the PH_LMTP_DATA of a BDAT: 354 is not said. */
void ph_lmtp_chunk_begin(struct ph_lmtp *lmtp, const char *text);

/* One step in a chunk; there is input, or nothing is left to be read. */
enum ph_lmtp_event ph_lmtp_chunk_next(struct ph_lmtp *lmtp);

/* ---- lmtp_attribute.c -------------------------------------------------- */

/* Index of a name of that size in a list, without case; -1: it is not there. */
int ph_lmtp_attribute_index(const char *const *names, const char *name,
			    size_t size);

/* Sets values from "NAME=xtext"; false: it is none of these names, or no xtext.
 * [UNAVAILABLE] and [TEMPUNAVAIL] are "". */
bool ph_lmtp_attribute_set(const char *const *names, char **values,
			   const char *text);

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
