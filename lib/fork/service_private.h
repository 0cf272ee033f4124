#ifndef PH_FORK_SERVICE_PRIVATE_H
#define PH_FORK_SERVICE_PRIVATE_H

#include "lib/fork/service.h"
#include "lib/fork/session.h"
#include "lib/fork/submit.h"

#include <glib.h>

/* Inside the service: what it is, and one token of one message. */
struct ph_fork_service {
	struct ph_plans *plans;
	char *directory, *server, *address;
	struct ph_track_log *track;
	char *(*fqdn)(void *context);
	void *context;
	int64_t lifetime;
	size_t memory;
	struct ph_submit_options submit;
	GMutex mutex;
	GHashTable *busy; /* tokens that a thread is at; under mutex */
};

/*
 * Carries a token's group out unless that is done. The LMTP answer, g_free:
 * 250, or 451 and everything stays as it is.
 */
char *ph_fork_carry_out(struct ph_fork_service *service,
			const struct ph_fork_content *content,
			const char *token, const struct ph_plan *plan,
			size_t group);

/* As ph_fork_options.fqdn; g_free. */
char *ph_fork_fqdn(const struct ph_fork_service *service);

#endif
