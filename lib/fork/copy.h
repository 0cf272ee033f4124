#ifndef PH_FORK_COPY_H
#define PH_FORK_COPY_H

#include "lib/base/err.h"
#include "lib/message/headers.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A message as it came, and with other header fields. Pure: works on the bytes
 * of a whole message (CRLF line ends) and touches none that it need not.
 */

/* One field of a header, borrowed from the message. */
struct ph_copy_field {
	const char *text; /* "Subject: x CRLF", folds included */
	size_t size;
	size_t name;  /* its length, without blanks before the colon */
	size_t value; /* where it begins, blanks after the colon skipped */
};

/*
 * The field at *at, which moves behind it. false: the header has ended, *at is
 * where the rest begins: the empty line, or text that is no field.
 */
bool ph_copy_field_next(const char *data, size_t size, size_t *at,
			struct ph_copy_field *field_r);

/* All fields, with values as ph_headers has them; what is beyond
 * PH_HEADERS_LIMIT is left out. */
struct ph_headers *ph_copy_headers(const char *data, size_t size);

/* Takes a piece; 0 or -1, which ends it. */
typedef int ph_copy_sink(void *context, const char *data, size_t size,
			 struct ph_err *err);

/*
 * Hands the message to sink with the fields of these names (struct
 * ph_plan_header) as they shall be: the first of a name gets the first value,
 * and so on; fields without a value go, values without a field come at the end
 * of the header. A field whose value stays, every other field, and the body
 * stay byte for byte. Of Received, the topmost is the MTA's own, which no rule
 * has seen: it stays, and the next is the first. 0, or -1 from sink.
 */
int ph_copy_send(const char *data, size_t size, const GPtrArray *headers,
		 ph_copy_sink *sink, void *context, struct ph_err *err);

#endif
