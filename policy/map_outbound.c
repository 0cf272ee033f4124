#include "policy/map_outbound.h"

#include "lib/directory/resolve.h"
#include "lib/routing/connector.h"
#include "lib/routing/route.h"

#include <string.h>

/* Postfix tries each in turn. */
#define HOPS_LIMIT 10

static void
append_hubs(const struct ph_sources *sources, GString *value)
{
	g_autofree const struct ph_server **servers =
	    ph_select_transport(sources->topology, sources->server,
				PH_SELECT_FRONTEND, NULL, 0, NULL, NULL);

	if (servers[0] == NULL) {
		g_string_append(value, "retry:4.4.4 No Transport server");
		return;
	}
	g_string_append(value, "ph-hub:");
	for (size_t i = 0; i < HOPS_LIMIT && servers[i] != NULL; i++) {
		if (i > 0)
			g_string_append(value, ", ");
		ph_hop_append(value,
			      &servers[i]->service[PH_SERVICE_TRANSPORT]);
	}
}

static void
append_connector(const struct ph_sources *sources, const char *address,
		 bool ours, GString *value)
{
	struct ph_connector_route route;
	g_autofree char *answer = NULL;

	ph_connector_find(
	    &(struct ph_connector_query){.snapshot = sources->snapshot,
					 .topology = sources->topology,
					 .from = sources->server,
					 .address = address,
					 .frontend = true},
	    &route);
	answer = ph_connector_format(&route);
	if (ours && route.nexthop == NULL)
		append_hubs(sources, value);
	else
		g_string_append(value, answer);
	ph_connector_clear(&route);
}

int
ph_map_outbound(const struct ph_sources *sources, const char *key,
		GString *value, struct ph_err *err)
{
	const char *at = strrchr(key, '@');
	const struct ph_object *domain;

	if (at == NULL || at == key)
		return 0;
	if (sources->snapshot == NULL || sources->topology == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "no state of the organisation yet");
	domain = ph_accepted_domain(sources->snapshot, key);
	if (domain != NULL && ph_domain_is_authoritative(domain))
		append_hubs(sources, value);
	else
		append_connector(sources, key, domain != NULL, value);
	return 1;
}
