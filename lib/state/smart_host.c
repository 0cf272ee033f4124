#include "lib/state/smart_host.h"

#include "lib/base/text.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

bool
ph_is_dns_name(const char *name)
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
check_host(struct ph_smart_host *host)
{
	host->v6 = is_address(AF_INET6, host->host);
	if (host->v6 || is_address(AF_INET, host->host)) {
		host->brackets = true;
		return true;
	}
	/* Digits alone are an address that was mistyped. */
	return ph_is_dns_name(host->host) &&
	       host->host[strspn(host->host, "0123456789.")] != '\0';
}

bool
ph_smart_host_parse(const char *text, int64_t port,
		    struct ph_smart_host *host_r)
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
