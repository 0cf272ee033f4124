#ifndef PH_STORE_SUBMISSION_IMAP_PRIVATE_H
#define PH_STORE_SUBMISSION_IMAP_PRIVATE_H

#include "lib/base/stream.h"
#include "store/submission/imap.h"

/* What imap.c and imap_message.c share: no contract for others. */

struct ph_imap {
	struct ph_stream *stream;
	struct ph_imap_parser *parser;
	char *capabilities; /* " IMAP4rev1 IDLE ", in capitals */
	unsigned tag;
	int64_t timeout;
	char *idle; /* tag of IDLE; NULL: none */
};

/* NO is a failure as well. 0 or -1. */
int ph_imap_must(struct ph_imap *imap, const char *command,
		 const GString *literal, ph_imap_each each, void *context,
		 struct ph_err *err);
int ph_imap_create(struct ph_imap *imap, const char *mailbox,
		   struct ph_err *err);

#endif
