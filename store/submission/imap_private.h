#ifndef PH_STORE_SUBMISSION_IMAP_PRIVATE_H
#define PH_STORE_SUBMISSION_IMAP_PRIVATE_H

#include "lib/base/stream.h"
#include "store/submission/imap.h"

/* What imap*.c share: no contract for others. */

struct ph_imap {
	struct ph_stream *stream;
	struct ph_imap_parser *parser;
	char *capabilities; /* " IMAP4rev1 IDLE ", in capitals */
	unsigned tag;
	int64_t timeout, limit; /* ms of a step; monotonic ms of all */
	char *idle;		/* tag of IDLE; NULL: none */
	/* Of the selected mailbox. */
	uint32_t exists; /* UINT32_MAX: not told */
	bool modseq;	 /* CONDSTORE can be used */
	bool news;	 /* messages came since it was selected */
};

/* When a step that begins now has to end. */
int64_t ph_imap_deadline(const struct ph_imap *imap);
/* 0 or -1. */
int ph_imap_read_reply(struct ph_imap *imap, int64_t deadline,
		       struct ph_imap_reply *reply_r, struct ph_err *err);
int ph_imap_write(struct ph_imap *imap, const char *text, size_t size,
		  struct ph_err *err);
/* What any response may tell beside what was asked. */
void ph_imap_look_at(struct ph_imap *imap, const struct ph_imap_reply *reply);
/* As ph_imap_command, which was sent. */
int ph_imap_read_until(struct ph_imap *imap, const char *tag,
		       const GString *literal, ph_imap_each each, void *context,
		       char **code_r, struct ph_err *err);

/* NO is a failure as well. 0 or -1. */
int ph_imap_must(struct ph_imap *imap, const char *command,
		 const GString *literal, ph_imap_each each, void *context,
		 struct ph_err *err);
int ph_imap_create(struct ph_imap *imap, const char *mailbox,
		   struct ph_err *err);

#endif
