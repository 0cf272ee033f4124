#include "policy/client.h"

#include <strings.h>

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

bool
ph_client_may_be_peer(const struct ph_sources *sources,
		      const struct ph_request *request)
{
	return *ph_policy_attribute(request, "sasl_username") == '\0' &&
	       !ph_peers_sure(sources->peers) &&
	       ph_client_peer(sources, request) == NULL;
}

/* Postfix names the subject of a certificate that it has verified, no other. */
static bool
is_named(const struct ph_server *peer, const char *subject)
{
	return strcasecmp(subject, peer->fqdn) == 0 ||
	       strcasecmp(subject, peer->name) == 0;
}

const char *
ph_client_fault(const struct ph_sources *sources,
		const struct ph_request *request)
{
	const char *subject = ph_policy_attribute(request, "ccert_subject");
	const char *tls = ph_policy_attribute(request, "encryption_protocol");
	const struct ph_server *peer;

	if (sources->peer_tls == NULL || sources->topology == NULL ||
	    sources->peer_tls->mode < PH_PEER_ENCRYPT)
		return NULL;
	peer = ph_client_peer(sources, request);
	if (peer == NULL)
		return NULL;
	if (*tls == '\0')
		return "454 4.7.0 TLS is required between servers";
	if (sources->peer_tls->mode == PH_PEER_VERIFY &&
	    !is_named(peer, subject))
		return "454 4.7.0 The certificate does not name this server";
	return NULL;
}
