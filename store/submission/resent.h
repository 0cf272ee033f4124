#ifndef PH_STORE_SUBMISSION_RESENT_H
#define PH_STORE_SUBMISSION_RESENT_H

#include "lib/message/headers.h"

/*
 * A message that somebody sends once more (RFC 5322 section 3.6.6): who resent
 * it last, and to whom, is in the first block of Resent- fields, those that
 * follow each other without one of them coming twice; blocks below it are
 * older. Pure.
 */

/* The fields of that block by their names without "Resent-": "From", "Sender",
 * "To", "Cc", "Bcc", "Date", "Message-ID". The caller frees it. NULL: it was
 * not resent. */
struct ph_headers *ph_resent_block(const struct ph_headers *headers);

#endif
