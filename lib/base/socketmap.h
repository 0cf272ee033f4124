#ifndef PH_BASE_SOCKETMAP_H
#define PH_BASE_SOCKETMAP_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The socketmap protocol of Postfix (socketmap_table(5)): netstrings holding
 * "name key" and a status word with data. A parser, one per connection, not
 * thread-safe; no file descriptor.
 */
struct ph_smap;

/* Postfix takes at most this many bytes in a reply. */
#define PH_SMAP_REPLY_LIMIT 100000
/* A longer request breaks the protocol. */
#define PH_SMAP_REQUEST_LIMIT 10000

struct ph_smap_request {
	const char *map; /* NUL-terminated, never empty */
	const char *key; /* NUL-terminated, may be empty, may hold blanks */
};

enum ph_smap_status {
	PH_SMAP_OK,
	PH_SMAP_NOTFOUND,
	PH_SMAP_TEMP,
	PH_SMAP_TIMEOUT,
	PH_SMAP_PERM,
};

struct ph_smap *ph_smap_new(void);
void ph_smap_free(struct ph_smap **p);
void ph_smap_feed(struct ph_smap *p, const void *data, size_t size);

/*
 * 1: *req_r holds a request, borrowed until the next call.
 * 0: feed more.
 * -1: the peer broke the protocol, *err says how; close the connection.
 */
int ph_smap_next(struct ph_smap *p, struct ph_smap_request *req_r,
		 struct ph_err *err);

/* Appends the reply as a netstring. Text that is too long becomes PERM. */
void ph_smap_reply(GString *out, enum ph_smap_status status, const char *text);

/* ---- the other side ----------------------------------------------------- */

/* Appends the request as a netstring. */
void ph_smap_request(GString *out, const char *map, const char *key);

struct ph_smap_answer {
	enum ph_smap_status status;
	const char *text; /* NUL-terminated, may be empty */
};

/* As ph_smap_next, of a parser that is fed replies. */
int ph_smap_next_answer(struct ph_smap *p, struct ph_smap_answer *answer_r,
			struct ph_err *err);

/* "OK", "NOTFOUND", ... */
const char *ph_smap_status_word(enum ph_smap_status status);

/* The answer to "cannot say": the one table of this protocol. */
enum ph_smap_status ph_smap_status_of(enum ph_err_kind kind);

#endif
