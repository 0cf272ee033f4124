#ifndef PH_CLI_MESSAGE_H
#define PH_CLI_MESSAGE_H

#include "lib/base/err.h"
#include "milters/host/agent.h"

#include <glib.h>
#include <stddef.h>

/*
 * A message in a file, as an MTA would show it to a milter. Line ends may be LF
 * or CRLF; a line "From " of an mbox before the header is skipped.
 */

#define PH_MESSAGE_LIMIT ((size_t)64 * 1024 * 1024)

/* path "-" is standard input. 0 and *message_r is the caller's, or an exit
 * code after saying why. */
int ph_message_read(const char *path, GByteArray **message_r);

/* Header fields, body and size into a new mail. 0, or -1 PERM: the header is
 * larger than the daemons take. Pure. */
int ph_message_parse(const void *data, size_t size, struct ph_mail *mail,
		     struct ph_err *err);

#endif
