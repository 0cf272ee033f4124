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
struct ph_incoming;

/* trusted: the client is a server of ours, its X-PostHub- fields are true. */
struct ph_incoming *ph_incoming_new(bool trusted);
void ph_incoming_free(struct ph_incoming **content);

/* Appends what is to be stored. 0, or -1 PERM: the header is too large. */
int ph_incoming_feed(struct ph_incoming *content, const char *data, size_t size,
		     GString *out, struct ph_err *err);

/* After the last piece, once; reverse_path without angle brackets. */
int ph_incoming_finish(struct ph_incoming *content, const char *reverse_path,
		       GString *out, struct ph_err *err);

/* After finish: of the trusted header, else computed. Borrowed. */
const char *ph_incoming_nmid(const struct ph_incoming *content);

/* Every field of the header as it came, those left out too, save X-PostHub-
 * ones of strangers. Borrowed. */
struct ph_headers *ph_incoming_headers(const struct ph_incoming *content);

#endif
