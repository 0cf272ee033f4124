#ifndef PH_POLICY_CLIENT_H
#define PH_POLICY_CLIENT_H

#include "policy/maps.h"
#include "policy/request.h"

/* Who sends, as a policy request says it. */

/* The server of ours that the client is; NULL: none. */
const struct ph_server *ph_client_peer(const struct ph_sources *sources,
				       const struct ph_request *request);

#endif
