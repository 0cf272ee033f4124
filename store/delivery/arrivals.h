#ifndef PH_STORE_DELIVERY_ARRIVALS_H
#define PH_STORE_DELIVERY_ARRIVALS_H

#include "lib/base/err.h"
#include "lib/state/redis.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Tells others that a message has come into a mailbox: on the Redis channel
 * "notify", to a command and to a web server. After the fact and on threads of
 * its own, so that nothing of it delays an answer: what cannot be told in time
 * is dropped, counted, and logged once until it goes well again. Each gets the
 * same JSON object, one a mailbox:
 *
 *	{"recipient": "nuno@example.com", "database": "DB1",
 *	 "message-id": "<...>", "network-message-id": "...", "folder": "INBOX"}
 *
 * message-id is "" for a message that has none.
 */
struct ph_arrivals;

struct ph_arrival {
	const char *recipient, *database;
	const char *folder;	/* NULL: the Inbox */
	const char *message_id; /* NULL: it has none */
	const char *nmid;
};

/* Borrowed for the time of the call, save redis. */
struct ph_arrivals_options {
	struct ph_redis *redis; /* NULL: not told there */
	const char *command;	/* as a shell would read it; "": none */
	const char *url;	/* http:// or https://; "": none */
	int64_t timeout;	/* of one run of either, ms */
	int concurrency;	/* runs at once, of each */
};

/* 0, or -1 PERM: command or url cannot be. */
int ph_arrivals_start(const struct ph_arrivals_options *options,
		      struct ph_arrivals **arrivals_r, struct ph_err *err);

/* Copies; never waits. arrivals NULL is fine. */
void ph_arrivals_tell(struct ph_arrivals *arrivals,
		      const struct ph_arrival *arrival);

/* How many were not told, of all together. */
uint64_t ph_arrivals_dropped(struct ph_arrivals *arrivals);

/* What waits is given up; runs under way end by their deadline at last. NULL
 * is fine. */
void ph_arrivals_stop(struct ph_arrivals **arrivals);

#endif
