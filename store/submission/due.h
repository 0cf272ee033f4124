#ifndef PH_STORE_SUBMISSION_DUE_H
#define PH_STORE_SUBMISSION_DUE_H

#include "lib/base/err.h"
#include "lib/message/headers.h"

#include <stdint.h>

/*
 * Deferred sending: Deferred-Delivery (RFC 2156 section 2.3.1.1), which Outlook
 * and Exchange write for "do not deliver before". Pure.
 */

/* 1: *ms_r, since 1970; 0 without such a field. 0: it is there but no date, err
 * says so, for the owner: at once would be what the owner did not want. */
int ph_due_find(struct ph_headers *headers, int64_t *ms_r, struct ph_err *err);

/* RFC 5322 section 3.3 with the old zones of section 4.3. 0, or -1 PERM. */
int ph_due_parse(const char *text, int64_t *ms_r, struct ph_err *err);

#endif
