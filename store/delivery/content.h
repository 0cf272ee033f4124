#ifndef PH_STORE_DELIVERY_CONTENT_H
#define PH_STORE_DELIVERY_CONTENT_H

#include "lib/base/err.h"
#include "lib/message/headers.h"
#include "lib/message/nmid.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * From the content as LMTP carries it to the lines as they are stored, piece
 * by piece: CRLF becomes LF, header fields that end at the mailbox are left
 * out, the header is kept for the tracking log, and the network message id is
 * computed. No I/O.
 */
struct ph_content;

/* trusted: the client is a server of ours, its X-PostHub- fields are true. */
struct ph_content *ph_content_new(bool trusted);
void ph_content_free(struct ph_content **content);

/* Appends what is to be stored. 0, or -1 PERM: the header is too large. */
int ph_content_feed(struct ph_content *content, const char *data, size_t size,
		    GString *out, struct ph_err *err);

/* After the last piece, once; reverse_path without angle brackets. */
int ph_content_finish(struct ph_content *content, const char *reverse_path,
		      GString *out, struct ph_err *err);

/* After finish: of the trusted header, else computed. Borrowed. */
const char *ph_content_nmid(const struct ph_content *content);

/* Every field of the header as it came, those left out too, save X-PostHub-
 * ones of strangers. Borrowed. */
struct ph_headers *ph_content_headers(const struct ph_content *content);

#endif
