#include "lib/routing/connector_private.h"

#include "lib/base/text.h"
#include "lib/routing/topology_private.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

/*
 * A smart host as an administrator of Exchange or of Postfix writes it: a name
 * (whose MX is looked up, then its address), a name in brackets (its address
 * alone), an address with or without brackets; each with ":port" after it.
 */
struct smart_host {
	char host[256];
	bool brackets; /* no MX */
	bool v6;
	int64_t port;
};

/* What a next hop may hold without becoming another one. Not limited to ASCII:
 * Postfix turns a domain into its A-labels. */
static bool
is_dns_name(const char *name)
{
	size_t n = strlen(name);

	if (!ph_is_hostname(name) || !g_utf8_validate(name, -1, NULL) ||
	    name[0] == '.' || name[0] == '-' || name[n - 1] == '.' ||
	    strstr(name, "..") != NULL)
		return false;
	for (; *name != '\0'; name = g_utf8_next_char(name)) {
		gunichar c = g_utf8_get_char(name);

		if (c < 0x80 ? !g_ascii_isalnum((char)c) &&
				   strchr("-._", (int)c) == NULL
			     : !g_unichar_isgraph(c))
			return false;
	}
	return true;
}

static bool
parse_port(const char *text, int64_t *port_r)
{
	if (*text == '\0')
		return true;
	return text[0] == ':' && g_ascii_isdigit(text[1]) &&
	       ph_parse_int(text + 1, port_r, NULL) == 0 && *port_r >= 1 &&
	       *port_r <= 65535;
}

static bool
is_address(int family, const char *text)
{
	struct in6_addr address; /* large enough for both */

	return inet_pton(family, text, &address) == 1;
}

/* Where the host ends; an IPv6 address without brackets has no port. */
static size_t
host_size(const char *text)
{
	return is_address(AF_INET6, text) ? strlen(text) : strcspn(text, ":");
}

static bool
check_host(struct smart_host *host)
{
	host->v6 = is_address(AF_INET6, host->host);
	if (host->v6 || is_address(AF_INET, host->host)) {
		host->brackets = true;
		return true;
	}
	/* Digits alone are an address that was mistyped. */
	return is_dns_name(host->host) &&
	       host->host[strspn(host->host, "0123456789.")] != '\0';
}

static bool
parse_smart_host(const char *text, int64_t port, struct smart_host *host_r)
{
	size_t size;

	host_r->brackets = text[0] == '[';
	host_r->port = port;
	text += host_r->brackets;
	size = host_r->brackets ? strcspn(text, "]") : host_size(text);
	if (host_r->brackets && text[size] != ']')
		return false;
	if (!parse_port(text + size + host_r->brackets, &host_r->port))
		return false;
	/* As Postfix and RFC 5321 write it. */
	if (host_r->brackets && g_ascii_strncasecmp(text, "ipv6:", 5) == 0) {
		text += 5;
		size -= 5;
	}
	if (size >= sizeof host_r->host)
		return false;
	memcpy(host_r->host, text, size);
	host_r->host[size] = '\0';
	return check_host(host_r);
}

static void
append_smart_host(GString *out, const struct smart_host *host)
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
		struct smart_host host;

		if (!parse_smart_host(*list, port, &host))
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
	} else if (uses_dns(connector) && is_dns_name(domain)) {
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
		struct smart_host host;

		g_string_truncate(text, 0);
		if (!parse_smart_host(*list, port, &host))
			continue;
		append_smart_host(text, &host);
		if (g_ascii_strcasecmp(text->str, hop) == 0)
			return true;
	}
	return false;
}
