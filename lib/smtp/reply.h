#ifndef PH_SMTP_REPLY_H
#define PH_SMTP_REPLY_H

#include "lib/base/err.h"
#include "lib/smtp/client.h"

#include <stddef.h>

/*
 * Parser of SMTP and LMTP answers (RFC 5321 section 4.2): feed bytes, ask
 * next. No descriptor; one a connection.
 */
struct ph_reply_parser;

#define PH_REPLY_LINE_LIMIT ((size_t)1000)
#define PH_REPLY_LINES_LIMIT ((size_t)100)

struct ph_reply_parser *ph_reply_parser_new(void);
void ph_reply_parser_free(struct ph_reply_parser **parser);
void ph_reply_parser_feed(struct ph_reply_parser *parser, const void *data,
			  size_t size);

/* 1: *reply_r is the caller's to clear; 0: feed more; -1 PEER: no SMTP answer,
 * or longer than the limits. */
int ph_reply_parser_next(struct ph_reply_parser *parser,
			 struct ph_smtp_reply *reply_r, struct ph_err *err);

#endif
