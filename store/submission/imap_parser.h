#ifndef PH_STORE_SUBMISSION_IMAP_PARSER_H
#define PH_STORE_SUBMISSION_IMAP_PARSER_H

#include "lib/base/err.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an IMAP server says (RFC 3501, 9051), without a descriptor: feed bytes,
 * ask for the next response. A server is not trusted: each limit is checked
 * before memory is taken. Not thread-safe.
 */
#define PH_IMAP_LITERAL ((size_t)1024 * 1024)
#define PH_IMAP_RESPONSE ((size_t)4 * 1024 * 1024) /* with its literals */
#define PH_IMAP_TOKENS ((size_t)500 * 1000)

enum ph_imap_token_kind {
	PH_IMAP_ATOM, /* with what is in brackets behind it: BODY[]<0> */
	PH_IMAP_STRING,
	PH_IMAP_LITERAL_TEXT,
	PH_IMAP_OPEN, /* parentheses */
	PH_IMAP_CLOSE,
};

struct ph_imap_token {
	enum ph_imap_token_kind kind;
	const char *text; /* with a NUL behind it; may hold others */
	size_t size;
};

struct ph_imap_reply {
	char *tag;  /* "*", "+", or ours */
	char *word; /* in capitals: OK NO BAD BYE PREAUTH, FETCH, EXISTS, ...;
		     * "" of "+" */
	uint32_t number; /* of "* 12 EXISTS" */
	/* Of OK, NO, BAD, BYE, PREAUTH and "+". */
	char *code; /* what stands in brackets: "COPYUID 1 2 3"; "" */
	char *text; /* for people */
	/* Of all others: struct ph_imap_token, behind the word. */
	GArray *tokens;
	char *store; /* what tokens are in */
};
void ph_imap_reply_clear(struct ph_imap_reply *reply);

struct ph_imap_parser;
struct ph_imap_parser *ph_imap_parser_new(void);
void ph_imap_parser_free(struct ph_imap_parser **parser);

void ph_imap_parser_feed(struct ph_imap_parser *parser, const char *data,
			 size_t size);
/* 1: *reply_r, to be cleared. 0: feed more. -1 PEER: the server broke the
 * protocol or is beyond a limit; nothing more comes of this connection. */
int ph_imap_parser_next(struct ph_imap_parser *parser,
			struct ph_imap_reply *reply_r, struct ph_err *err);

#endif
