#include "lib/routing/connector_private.h"

#include "lib/routing/topology_private.h"
#include "lib/state/smart_host.h"

#include <glib.h>
#include <string.h>

static void
append_smart_host(GString *out, const struct ph_smart_host *host)
{
	g_string_append_printf(out, "%s%s%s%s:%" G_GINT64_FORMAT,
			       host->brackets ? "[" : "",
			       host->v6 ? "ipv6:" : "", host->host,
			       host->brackets ? "]" : "", host->port);
}

static size_t
append_smart_hosts(GString *out, const char *const *list, int64_t port)
{
	size_t n = 0;

	for (; *list != NULL && n < PH_HOPS_MAX; list++) {
		struct ph_smart_host host;

		if (!ph_smart_host_parse(*list, port, &host))
			continue;
		if (n++ > 0)
			g_string_append(out, ", ");
		append_smart_host(out, &host);
	}
	return n;
}

/* DNSRoutingEnabled has no default of its own: true without smart hosts. */
static bool
uses_dns(const struct ph_object *connector)
{
	return !ph_object_has(connector, "DNSRoutingEnabled") ||
	       ph_object_bool(connector, "DNSRoutingEnabled");
}

char *
ph_connector_hops(const struct ph_object *connector, const char *transport,
		  const char *domain)
{
	const char *const *hosts = ph_object_list(connector, "SmartHosts");
	int64_t port = ph_object_int(connector, "Port");
	g_autoptr(GString) out = g_string_new(transport);

	g_string_append_c(out, ':');
	if (*hosts != NULL) {
		if (append_smart_hosts(out, hosts, port) == 0)
			return NULL;
	} else if (uses_dns(connector) && ph_is_dns_name(domain)) {
		g_string_append(out, domain);
		if (port != 25)
			g_string_append_printf(out, ":%" G_GINT64_FORMAT, port);
	} else {
		return NULL;
	}
	return g_strdup(out->str);
}

bool
ph_connector_has_hop(const struct ph_object *connector, const char *hop)
{
	const char *const *list = ph_object_list(connector, "SmartHosts");
	int64_t port = ph_object_int(connector, "Port");
	g_autoptr(GString) text = g_string_new(NULL);

	for (; *list != NULL; list++) {
		struct ph_smart_host host;

		g_string_truncate(text, 0);
		if (!ph_smart_host_parse(*list, port, &host))
			continue;
		append_smart_host(text, &host);
		if (g_ascii_strcasecmp(text->str, hop) == 0)
			return true;
	}
	return false;
}
