#ifndef PH_BASE_ERR_H
#define PH_BASE_ERR_H

#include <glib.h>

/*
 * Errors as values. A function that can fail takes "struct ph_err *err" last
 * and returns -1 when it cannot say; err then holds what and why. Passing NULL
 * is fine for a caller that does not care. Nothing is allocated, so an error
 * can be copied and dropped freely. One level logs: the one that decides.
 */

/* What the caller may conclude; each protocol maps it to its own answer in
 * one table. */
enum ph_err_kind {
	PH_ERR_NONE,
	PH_ERR_TEMP,  /* an outage: try later; never a refusal */
	PH_ERR_PERM,  /* bad input or configuration: trying again is no use */
	PH_ERR_PEER,  /* the peer broke the protocol: close the connection */
	PH_ERR_MAYBE, /* a write that may or may not have happened */
};

#define PH_ERR_TEXT ((size_t)512)

struct ph_err {
	enum ph_err_kind kind;
	char text[PH_ERR_TEXT]; /* one line, no line break, valid UTF-8 */
};

#define PH_ERR_INIT             \
	{                       \
		PH_ERR_NONE, "" \
	}

/* Sets err (NULL is fine); returns -1, so that "return ph_err_set(...)" ends
 * a function that answers 1, 0 or -1. Control characters become '?'. */
int ph_err_set(struct ph_err *err, enum ph_err_kind kind, const char *format,
	       ...) G_GNUC_PRINTF(3, 4);

/* Puts "<formatted>: " before the text, kind unchanged; returns -1. */
int ph_err_wrap(struct ph_err *err, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* "temporary", "permanent", ...: for logs and JSON. */
const char *ph_err_kind_name(enum ph_err_kind kind);

#endif
