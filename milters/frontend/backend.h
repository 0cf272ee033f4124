#ifndef PH_MILTERS_FRONTEND_BACKEND_H
#define PH_MILTERS_FRONTEND_BACKEND_H

#include "milters/frontend/frontend.h"

/*
 * One message's conversation with one Transport server: from the connection to
 * the recipients. What follows is said to ph_smtp directly. Blocking, every
 * step with a limit.
 */
struct ph_backend {
	char *name; /* of the server */
	struct ph_endpoint endpoint;
	struct ph_smtp *smtp;
};
void ph_backend_free(struct ph_backend **backend); /* NULL is fine */

/*
 * Says who the client is, the sender, and the first n recipients of the
 * message, which another server has taken already. spare, if it is a session
 * with this server, is used and taken (*spare NULL then); a spare session that
 * turns out to be dead is replaced. deadline is on the monotonic clock.
 *
 * 1: *backend_r is ready for the next recipient. 0: the server refused with
 * *reply_r, the caller's to clear. -1: no answer.
 */
int ph_backend_begin(const struct ph_frontend *frontend,
		     const struct ph_mail *mail, guint n,
		     const struct ph_server *server, struct ph_backend **spare,
		     int64_t deadline, struct ph_backend **backend_r,
		     struct ph_smtp_reply *reply_r, struct ph_err *err);

/* Offers one recipient. 0 and *reply_r, or -1: no answer. */
int ph_backend_rcpt(const struct ph_frontend *frontend,
		    const struct ph_backend *backend,
		    const struct ph_recipient *recipient, int64_t deadline,
		    struct ph_smtp_reply *reply_r, struct ph_err *err);

/* Limits the next steps to what is left until the deadline. -1: nothing. */
int ph_backend_limit(const struct ph_frontend *frontend,
		     const struct ph_backend *backend, int64_t deadline,
		     struct ph_err *err);

/* Those of a client's parameters that the server has a keyword for; AUTH=
 * never; to be freed with g_ptr_array_unref, not NULL-terminated. */
GPtrArray *ph_backend_pick(const struct ph_smtp *smtp, char *const *given);

/* What the server will be told of an address can be said in one line. */
bool ph_backend_can_say(const char *address, char *const *params);

#endif
