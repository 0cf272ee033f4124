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
	bool (*may_report)(void *context, const char *address);
	void *context;
	int64_t lifetime;
	size_t memory;
	const char *agent;
	struct ph_submit_options submit, copies;
	GMutex mutex;
	GHashTable *busy; /* tokens that a thread is at; under mutex */
};

/* As ph_fork_options.fqdn; g_free. */
char *ph_fork_fqdn(const struct ph_fork_service *service);

#endif
