#include "policy/map_hop.h"

#include "lib/routing/hop.h"

#include <string.h>

#define CREDENTIAL_LIMIT 4096

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

/* The first line; Postfix takes what is before the first colon as the name. */
static int
read_credential(const char *path, GString *value)
{
	g_autofree char *text = NULL;
	size_t size, end;

	if (!g_file_get_contents(path, &text, &size, NULL))
		return -1;
	end = strcspn(text, "\r\n");
	if (size <= CREDENTIAL_LIMIT && memchr(text, ':', end) != NULL)
		g_string_append_len(value, text, (gssize)end);
	explicit_bzero(text, size);
	return value->len > 0 ? 0 : -1;
}

int
ph_map_sasl(const struct ph_sources *sources, const char *key, GString *value,
	    struct ph_err *err)
{
	const struct ph_object *connector;
	struct ph_hop_query query;
	g_autofree char *path = NULL;

	if (begin(sources, key, &query, err) < 0)
		return -1;
	connector = ph_hop_login(&query);
	if (connector == NULL)
		return 0;
	path = g_build_filename(
	    sources->credentials != NULL ? sources->credentials : "",
	    ph_object_text(connector, "AuthenticationCredential"), NULL);
	if (read_credential(path, value) < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "send connector %s: %s cannot be read, or "
				  "its first line is not user:password",
				  ph_object_name(connector), path);
	return 1;
}
