#ifndef PH_SCAN_CLAMD_H
#define PH_SCAN_CLAMD_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/scan/scan.h"

#include <stdint.h>

/*
 * Asks clamd(8) about a message by INSTREAM, over a UNIX socket or TCP, a
 * connection each: a session (IDSESSION) of many costs it as much, and may have
 * died. name_r is the malware's, as clamd calls it; g_free.
 * 1: found; 0: not; -1: TEMP it does not answer within timeout_ms, or has
 * trouble of its own; PERM it takes no message of that size (StreamMaxLength),
 * today or later. Thread-safe.
 */
int ph_clamd_scan(const struct ph_endpoint *endpoint,
		  const struct ph_scan_piece *pieces, size_t n,
		  int64_t timeout_ms, char **name_r, struct ph_err *err);

/*
 * What an answer of clamd means ("stream: Win.Test FOUND"), as ph_clamd_scan.
 * Pure. Bytes of a name that are not printable ASCII become "?".
 */
int ph_clamd_read_answer(const char *answer, char **name_r, struct ph_err *err);

#endif
