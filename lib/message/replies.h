#ifndef PH_MESSAGE_REPLIES_H
#define PH_MESSAGE_REPLIES_H

#include "lib/message/headers.h"

/*
 * Automatic replies to a message: out of office. A message says by a list of
 * words which it does not want ([MS-OXCMAIL] section 2.2.3.2.14).
 */
#define PH_HEADER_NO_REPLIES "X-Auto-Response-Suppress"

/* The field's value that asks for none, g_free; NULL: it is so already. */
char *ph_replies_none(const struct ph_headers *headers);

#endif
