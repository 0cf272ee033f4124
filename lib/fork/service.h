#ifndef PH_FORK_SERVICE_H
#define PH_FORK_SERVICE_H

#include "lib/base/stream.h"
#include "lib/base/text.h"
#include "lib/fork/plan.h"
#include "lib/fork/session.h"
#include "lib/track/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Carries plans out: an LMTP service that the MTA hands a message with tokens
 * for recipients, each of which becomes a copy that is handed in again through
 * the private smtpd, or a report to the sender. Nothing is answered with 5xx:
 * the tokens' own sender is nobody, so what cannot be done now waits in the
 * queue, and what can never be done is reported here. Thread-safe; a thread a
 * connection.
 */
struct ph_fork_service;

struct ph_fork_options {
	struct ph_plans *plans;	    /* borrowed */
	const char *directory;	    /* for large messages while they are here */
	const char *server;	    /* short name */
	const char *address;	    /* of it, for tracking rows; "" */
	struct ph_endpoint inject;  /* the private smtpd */
	struct ph_endpoint copies;  /* another one for copies; host "": none */
	const char *agent;	    /* who refuses in a plan, borrowed for ever;
				     * NULL: recipient resolution */
	struct ph_track_log *track; /* borrowed; NULL: no rows */
	/* This server's full name as of now, g_free; NULL: the short name. */
	char *(*fqdn)(void *context);
	/* May a report of a failure go to this address? NULL: it may. */
	bool (*may_report)(void *context, const char *address);
	void *context;
	int64_t lifetime; /* of plans, ms */
	/* ms, and bytes held in memory; 0: the usual. */
	int64_t connect_timeout, timeout, envelope_timeout, final_timeout;
	size_t memory;
};

/* Copies. */
struct ph_fork_service *
ph_fork_service_new(const struct ph_fork_options *options);
/* When no connection is served any more; NULL is fine. */
void ph_fork_service_free(struct ph_fork_service **service);

/* Serves one connection until it ends. */
void ph_fork_serve(struct ph_stream *stream, struct ph_fork_service *service);

/*
 * The same without the conversation: a group is carried out unless that is
 * done, and noted durably. plan is one that was written; token is its token of
 * the group. The answer, g_free: 250, or 451 and everything stays as it is.
 */
char *ph_fork_carry_out(struct ph_fork_service *service,
			const struct ph_fork_content *content,
			const char *token, const struct ph_plan *plan,
			size_t group);

/* Removes plans that are too old; for a ticker. */
void ph_fork_tidy(struct ph_fork_service *service);

#endif
