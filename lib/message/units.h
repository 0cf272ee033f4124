#ifndef PH_MESSAGE_UNITS_H
#define PH_MESSAGE_UNITS_H

#include "lib/message/headers.h"

#include <glib.h>
#include <stddef.h>

/*
 * Parts of a message that can be exchanged for others, one by one, while every
 * other byte stays as it came. Pure.
 */
struct ph_unit {
	size_t begin, end; /* in the body: its header and its content, without
			    * the line end that belongs to the boundary */
	char *type;	   /* lower case, as declared */
	char *name;	   /* decoded file name, one line; "" */
};

/*
 * The parts of the message's multiparts that are no multiparts of that kind
 * themselves: what is in a signed or an encrypted one, or in an attached
 * message, cannot be exchanged alone, so it is one unit. In order;
 * g_array_unref. NULL: there is none, or more than PH_UNITS; or it is a message
 * that two readers may read in different ways, for one of whom the wrong bytes
 * would be exchanged.
 */
#define PH_UNITS 100
GArray *ph_units_find(struct ph_headers *headers, const void *body,
		      size_t size);

/* The body with parts[i] (header, empty line and content, CRLF, without the
 * last line end; NULL: it stays) in the place of the i-th unit. */
GByteArray *ph_units_exchange(const void *body, size_t size,
			      const GArray *units, char *const *parts);

#endif
