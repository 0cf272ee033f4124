#ifndef PH_FORK_SESSION_H
#define PH_FORK_SESSION_H

#include "lib/base/stream.h"
#include "lib/message/headers.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * An LMTP conversation in which each recipient is a piece of work of its own:
 * nothing is done before the final dot, and each is answered when it is done.
 * What the work is, the caller says. A thread a connection.
 */

/* The message that a transaction brought; borrowed. */
struct ph_fork_content {
	const char *data; /* CRLF line ends */
	size_t size;
	struct ph_headers *headers;
	const char *sender; /* "" is null */
	/* What the MTA knows of it, where the conversation is trusted. */
	const char *queue_id;	 /* "" */
	const char *ret, *envid; /* as in the command; NULL: not given */
	bool eight_bit, utf8;
};

/* A recipient and its parameters, as in the command; NULL: not given. */
struct ph_fork_recipient {
	const char *address;
	const char *notify, *orcpt;
};

struct ph_work_options {
	const char *name;      /* in the log: "fork" */
	const char *hostname;  /* in the greeting */
	const char *directory; /* for a large message while it is here */
	size_t memory;	       /* bytes of one held in memory; 0: the usual */
	bool trusted;	       /* DSN and XFORWARD are offered */
	/* The answer to RCPT, g_free; NULL: it is taken. May be NULL. */
	char *(*rcpt)(void *context, const char *address);
	/* Does the work; the answer, g_free. */
	char *(*work)(void *context, const struct ph_fork_content *content,
		      const struct ph_fork_recipient *recipient);
	void *context;
};

/* Serves one connection until it ends. */
void ph_work_serve(struct ph_stream *stream,
		   const struct ph_work_options *options);

#endif
