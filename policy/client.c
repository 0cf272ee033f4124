#include "policy/client.h"

const struct ph_server *
ph_client_peer(const struct ph_sources *sources,
	       const struct ph_request *request)
{
	static const char *const names[] = {"client_address", "client_name"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *client = ph_policy_attribute(request, names[i]);
		const struct ph_server *peer =
		    *client == '\0' ? NULL
				    : ph_peers_find(sources->peers,
						    sources->topology, client);

		if (peer != NULL)
			return peer;
	}
	return NULL;
}
