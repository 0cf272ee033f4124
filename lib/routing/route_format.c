#include "lib/routing/route.h"

#include "lib/routing/topology_private.h"

#include <arpa/inet.h>
#include <string.h>

/* Routes as Postfix and as Exchange write them. */

#define REASON_MAX 200
#define EXPAND_TRANSPORT "ph-expand:unix:posthub/expand.sock"

void
ph_hop_append(GString *out, const struct ph_endpoint *endpoint)
{
	struct in6_addr address;
	bool v6 = inet_pton(AF_INET6, endpoint->host, &address) == 1;
	char port[PH_NUMBER_TEXT];

	g_string_append(out, v6 ? "[ipv6:" : "[");
	g_string_append(out, endpoint->host);
	g_string_append(out, "]:");
	g_string_append(out, ph_format_number((uint64_t)endpoint->port, port));
}

char *
ph_reason_line(const char *reason)
{
	char *valid = g_utf8_make_valid(reason, -1);

	if (g_utf8_strlen(valid, -1) > REASON_MAX)
		*g_utf8_offset_to_pointer(valid, REASON_MAX) = '\0';
	for (char *p = valid; *p; p++) {
		if (g_ascii_iscntrl(*p))
			*p = '?';
	}
	return valid;
}

static char *
format_reason(const char *transport, const struct ph_route *route)
{
	g_autofree char *line =
	    ph_reason_line(route->reason ? route->reason : "no route");

	return g_strconcat(transport, line, NULL);
}

static char *
format_hops(const char *transport, const struct ph_route *route,
	    enum ph_service service)
{
	GString *out = g_string_new(transport);

	for (size_t i = 0; route->hops[i]; i++) {
		if (i > 0)
			g_string_append(out, ", ");
		ph_hop_append(out, &route->hops[i]->service[service]);
	}
	return g_string_free(out, FALSE);
}

char *
ph_route_format(const struct ph_route *route)
{
	switch (route->type) {
	case PH_ROUTE_MAILBOX:
		return format_hops("ph-mailbox:", route, PH_SERVICE_DELIVERY);
	case PH_ROUTE_HUB:
		return format_hops("ph-hub:", route, PH_SERVICE_TRANSPORT);
	case PH_ROUTE_EXPAND:
		return g_strdup(EXPAND_TRANSPORT);
	case PH_ROUTE_TOO_LARGE:
		return format_reason("error:5.3.4 ", route);
	case PH_ROUTE_NONE:
		break;
	}
	return format_reason("retry:4.4.4 ", route);
}

const char *
ph_route_delivery_type(const struct ph_route *route)
{
	static const char *const relays[] = {
	    [PH_GROUP_NONE] = "Undefined",
	    [PH_GROUP_DAG] = "SmtpRelayToDag",
	    [PH_GROUP_MAILBOX] = "SmtpRelayToMailboxDeliveryGroup",
	    [PH_GROUP_SERVERS] = "SmtpRelayToServers",
	};

	switch (route->type) {
	case PH_ROUTE_MAILBOX:
		return "SmtpDeliveryToMailbox";
	case PH_ROUTE_HUB:
		return route->hub ? "SmtpRelayToRemoteActiveDirectorySite"
				  : relays[route->group];
	case PH_ROUTE_EXPAND:
	case PH_ROUTE_TOO_LARGE:
		return "Undefined";
	case PH_ROUTE_NONE:
		break;
	}
	return "Unreachable";
}

const char *
ph_route_next_hop_domain(const struct ph_route *route)
{
	switch (route->type) {
	case PH_ROUTE_MAILBOX:
		return route->database->name;
	case PH_ROUTE_HUB:
		return route->hub ? route->hub->name : route->group_name;
	case PH_ROUTE_EXPAND:
	case PH_ROUTE_TOO_LARGE:
		return "";
	case PH_ROUTE_NONE:
		break;
	}
	return "Unreachable Domain";
}
