#include "policy/map_hop.h"

#include "lib/base/credential.h"
#include "lib/routing/hop.h"

#include <string.h>

static int
begin(const struct ph_sources *sources, const char *key,
      struct ph_hop_query *query_r, struct ph_err *err)
{
	if (sources->snapshot == NULL || sources->topology == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "no state of the organisation yet");
	*query_r = (struct ph_hop_query){
	    .snapshot = sources->snapshot,
	    .topology = sources->topology,
	    .from = sources->server,
	    .hop = key,
	};
	return 0;
}

/* Of a server of ours, by the host in "[host]:port". */
static bool
find_peer_policy(const struct ph_sources *sources, const char *hop,
		 GString *policy)
{
	static const char *const levels[] = {
	    [PH_PEER_OFF] = "none",
	    [PH_PEER_MAY] = "may",
	    [PH_PEER_ENCRYPT] = "encrypt",
	    [PH_PEER_VERIFY] = "secure match=",
	};
	g_autofree char *host = NULL;
	const struct ph_server *peer;

	if (sources->peer_tls == NULL || *hop != '[')
		return false;
	host = g_strndup(hop + 1, strcspn(hop + 1, "]"));
	peer = ph_topology_peer(sources->topology, host);
	if (peer == NULL)
		return false;
	g_string_append(policy, levels[sources->peer_tls->mode]);
	if (sources->peer_tls->mode == PH_PEER_VERIFY)
		g_string_append(policy, peer->fqdn);
	return true;
}

int
ph_map_tls(const struct ph_sources *sources, const char *key, GString *value,
	   struct ph_err *err)
{
	struct ph_hop_query query;

	if (begin(sources, key, &query, err) < 0)
		return -1;
	return ph_hop_tls(&query, value) ||
	       find_peer_policy(sources, key, value);
}

int
ph_map_sasl(const struct ph_sources *sources, const char *key, GString *value,
	    struct ph_err *err)
{
	const struct ph_object *connector;
	struct ph_hop_query query;
	struct ph_err why = PH_ERR_INIT;

	if (begin(sources, key, &query, err) < 0)
		return -1;
	connector = ph_hop_login(&query);
	if (connector == NULL)
		return 0;
	if (ph_credential_read(
		sources->credentials,
		ph_object_text(connector, "AuthenticationCredential"), value,
		&why) < 0)
		return ph_err_set(err, why.kind, "send connector %s: %s",
				  ph_object_name(connector), why.text);
	return 1;
}
