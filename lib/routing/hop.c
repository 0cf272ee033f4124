#include "lib/routing/hop.h"

#include "lib/routing/connector.h"
#include "lib/routing/connector_private.h"

#include <string.h>
#include <strings.h>

static bool
has_tls_domain(const struct ph_object *connector)
{
	return ph_connector_tls(connector) == PH_CONNECTOR_DOMAIN &&
	       ph_object_has(connector, "TlsDomain");
}

static bool
has_login(const struct ph_object *connector)
{
	const char *how = ph_object_text(connector, "SmartHostAuthMechanism");

	return g_str_has_prefix(how, "BasicAuth") &&
	       ph_object_has(connector, "AuthenticationCredential");
}

/* Itself, or for servers that hand mail over to it. */
static bool
sends_from(const struct ph_object *connector, const char *server)
{
	const char *const *names =
	    ph_object_list(connector, "SourceTransportServers");

	if (*names == NULL || ph_object_bool(connector, "FrontendProxyEnabled"))
		return true;
	for (; *names != NULL; names++)
		if (strcasecmp(*names, server) == 0)
			return true;
	return false;
}

static const struct ph_object *
find_by_host(const struct ph_hop_query *query,
	     bool (*wanted)(const struct ph_object *connector))
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(query->snapshot, "sendconnector", &n);

	for (size_t i = 0; i < n; i++)
		if (ph_object_bool(list[i], "Enabled") && wanted(list[i]) &&
		    sends_from(list[i], query->from) &&
		    ph_connector_has_hop(list[i], query->hop))
			return list[i];
	return NULL;
}

/* Mail for a domain whose MX is looked up; frontend: as connector.h has it. */
static const struct ph_object *
find_by_domain(const struct ph_hop_query *query, bool frontend)
{
	g_autofree char *domain =
	    g_strndup(query->hop, strcspn(query->hop, ":"));
	const struct ph_connector_query asked = {
	    .snapshot = query->snapshot,
	    .topology = query->topology,
	    .from = query->from,
	    .address = domain,
	    .frontend = frontend,
	};
	struct ph_connector_route route;
	const struct ph_object *connector;

	if (*domain == '[' || *domain == '.')
		return NULL;
	ph_connector_find(&asked, &route);
	connector = route.type == PH_CONNECTOR_OUT ? route.connector : NULL;
	ph_connector_clear(&route);
	return connector != NULL && !ph_object_has(connector, "SmartHosts")
		   ? connector
		   : NULL;
}

/* "*.example" is whatever is below, as Postfix writes it. */
static const char *
as_match(const char *domain)
{
	return g_str_has_prefix(domain, "*.") ? domain + 1 : domain;
}

bool
ph_hop_tls(const struct ph_hop_query *query, GString *policy)
{
	const struct ph_object *connector = find_by_host(query, has_tls_domain);

	if (connector == NULL)
		connector = find_by_domain(query, false);
	if (connector == NULL)
		connector = find_by_domain(query, true);
	if (connector == NULL || !has_tls_domain(connector))
		return false;
	g_string_append_printf(
	    policy, "secure match=%s",
	    as_match(ph_object_text(connector, "TlsDomain")));
	return true;
}

const struct ph_object *
ph_hop_login(const struct ph_hop_query *query)
{
	return find_by_host(query, has_login);
}
