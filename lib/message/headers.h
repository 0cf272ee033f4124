#ifndef PH_MESSAGE_HEADERS_H
#define PH_MESSAGE_HEADERS_H

#include "lib/base/err.h"

#include <glib.h>
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
/* Fields as they are now; the caller's to free. */
struct ph_headers *ph_headers_copy(const struct ph_headers *headers);

/* Copies. Returns false, and keeps nothing, when the total would pass
 * PH_HEADERS_LIMIT: the message is treated as having too large a header. A
 * field counts PH_HEADER_COST more than its text, so that a million empty
 * fields are too large as well. */
#define PH_HEADERS_LIMIT ((size_t)16 * 1024 * 1024)
#define PH_HEADER_COST ((size_t)64)
/* Postfix shows a milter 60,000 bytes of a field at most, and delivers more: of
 * a value of that length nobody knows the end. */
#define PH_HEADER_SHOWN ((size_t)59000)
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

/*
 * Position of the next field of that name, without case, at or after "from";
 * ph_headers_count if there is none. This and the two below visit every field
 * of a name in one pass, which the n-th of a name does not.
 */
size_t ph_headers_find(const struct ph_headers *headers, const char *name,
		       size_t from);

/* As ph_headers_text, of the field at a position. */
const char *ph_headers_text_at(struct ph_headers *headers, size_t i);

/* Changes the value of, or removes, the field at a position. What was borrowed
 * from that field is gone. False: too large, nothing was changed. */
bool ph_headers_replace(struct ph_headers *headers, size_t i,
			const char *value);
void ph_headers_remove(struct ph_headers *headers, size_t i);
/* All fields of a name at or after a position, in one pass. */
void ph_headers_remove_all(struct ph_headers *headers, const char *name,
			   size_t from);

/* Address (local@domain) of the first mailbox in a From-like field, g_free;
 * NULL: none. */
char *ph_headers_address(struct ph_headers *headers, const char *name);
/* Who sent it: of Sender, else of From. The same. */
char *ph_headers_sender(struct ph_headers *headers);

/* Decodes any raw value as ph_headers_text does; g_free. */
char *ph_header_decode(const char *raw);

/* The inverse: ASCII of at most 900 bytes stays as it is, other UTF-8 becomes
 * encoded words (RFC 2047) of at most 75 bytes, one a line, folded with LF and
 * a blank. g_free. */
char *ph_header_encode(const char *text);

/* As ph_headers_address, of a raw value; g_free. */
char *ph_header_address(const char *raw);

/*
 * Every mailbox of an address list, groups opened, in order, added to an array
 * that frees its elements with g_free. What stands in the place of an address
 * but is none ("bob") is added as it was written, without blanks: the caller
 * judges, and nobody who was meant is silently left out.
 */
void ph_header_addresses(const char *raw, GPtrArray *addresses);

/* The same of all fields of a name. */
void ph_headers_addresses(struct ph_headers *headers, const char *name,
			  GPtrArray *addresses);

#endif
