#ifndef PH_POLICY_CLIENT_H
#define PH_POLICY_CLIENT_H

#include "policy/maps.h"
#include "policy/request.h"

#include <stdbool.h>

/* Who sends, as a policy request says it. */

/* The server of ours that the client is; NULL: none. */
const struct ph_server *ph_client_peer(const struct ph_sources *sources,
				       const struct ph_request *request);

/* It is none, but may be one whose address nobody can say now. */
bool ph_client_may_be_peer(const struct ph_sources *sources,
			   const struct ph_request *request);

/*
 * With [server] peer_tls = encrypt or verify: what is wrong with a client that
 * has the address of a server of ours, as a reply; NULL: nothing. 4xx, because
 * it is the fault of some set-up.
 */
const char *ph_client_fault(const struct ph_sources *sources,
			    const struct ph_request *request);

#endif
