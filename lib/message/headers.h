#ifndef PH_MESSAGE_HEADERS_H
#define PH_MESSAGE_HEADERS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The header fields of one message in order, as they came and decoded. Not
 * thread-safe. Used by the milters and by the store driver.
 */
struct ph_headers;

struct ph_header {
	const char *name;
	const char *value; /* as it came: folded, encoded, without the blank
			    * after the colon; may hold 8-bit bytes */
};

struct ph_headers *ph_headers_new(void);
void ph_headers_free(struct ph_headers **headers);

/* Copies. Returns false, and keeps nothing, when the total would pass
 * PH_HEADERS_LIMIT: the message is treated as having too large a header. */
#define PH_HEADERS_LIMIT ((size_t)16 * 1024 * 1024)
bool ph_headers_add(struct ph_headers *headers, const char *name,
		    const char *value);

size_t ph_headers_count(const struct ph_headers *headers);
const struct ph_header *ph_headers_at(const struct ph_headers *headers,
				      size_t i);

/* The n-th (from 0) field of that name, without case; borrowed; NULL: none. */
const char *ph_headers_raw(const struct ph_headers *headers, const char *name,
			   size_t n);

/* The same unfolded and decoded (RFC 2047, RFC 6532; unknown bytes become
 * U+FFFD): valid UTF-8 without control characters but blank; borrowed. */
const char *ph_headers_text(struct ph_headers *headers, const char *name,
			    size_t n);

/* Address (local@domain) of the first mailbox in a From-like field, g_free;
 * NULL: none. */
char *ph_headers_address(struct ph_headers *headers, const char *name);

/* Decodes any raw value as ph_headers_text does; g_free. */
char *ph_header_decode(const char *raw);

#endif
