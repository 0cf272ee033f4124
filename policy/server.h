#ifndef PH_POLICY_SERVER_H
#define PH_POLICY_SERVER_H

#include "lib/base/stream.h"
#include "lib/directory/directory.h"
#include "lib/health/peers.h"
#include "lib/smtp/peer.h"
#include "lib/state/state.h"
#include "policy/rates.h"

#include <stdbool.h>

/*
 * The two servers of posthub-policy: a connection is read until its other end
 * closes it, breaks the protocol, or a stop is asked for. Requests that came
 * together are answered together, each from a snapshot of its own.
 */
struct ph_policy;

/* All borrowed. topology is the row of the state's derive table; stopping
 * (NULL is fine) with its context says when to end between two requests. */
struct ph_policy_sources {
	struct ph_state *state;
	size_t topology;
	struct ph_directory *directory;
	const char *server;
	struct ph_peers *peers;	 /* or NULL */
	const char *credentials; /* directory of passwords; or NULL */
	const struct ph_peer_tls *peer_tls; /* or NULL */
	struct ph_rates *rates;		    /* or NULL */
	bool (*stopping)(const void *context);
	const void *context;
};
struct ph_policy *ph_policy_new(const struct ph_policy_sources *sources);
void ph_policy_free(struct ph_policy **policy);

void ph_policy_serve_map(struct ph_stream *stream, struct ph_policy *policy);
void ph_policy_serve_policy(struct ph_stream *stream, struct ph_policy *policy);

#endif
