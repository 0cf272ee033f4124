#include "lib/base/text.h"

#include <string.h>

static bool
is_fit(const char *text, size_t size, const char *forbidden)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f ||
		    strchr(forbidden, text[i]) != NULL)
			return false;
	return true;
}

bool
ph_is_hostname(const char *text)
{
	size_t n = strlen(text);

	return n >= 1 && n <= 255 && is_fit(text, n, ",[]\"'<>@");
}

bool
ph_is_any_address(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

const char *
ph_address_domain(const char *address)
{
	const char *at = NULL;
	bool quoted = false;

	for (const char *p = address; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return NULL;
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '@' && !quoted)
			at = p;
	}
	return at == NULL || at == address || quoted || !ph_is_hostname(at + 1)
		   ? NULL
		   : at + 1;
}

int
ph_split_address(const char *address, char **local_r, char **domain_r)
{
	const char *domain = ph_address_domain(address);

	if (domain == NULL)
		return 0;
	*local_r = g_strndup(address, (gsize)(domain - 1 - address));
	*domain_r = g_strdup(domain);
	return 1;
}

static int
parse_port(const char *text, int *port_r)
{
	char *end;
	guint64 port = g_ascii_strtoull(text, &end, 10);

	if (end == text || *end != '\0' || !g_ascii_isdigit(*text) ||
	    port < 1 || port > 65535)
		return -1;
	*port_r = (int)port;
	return 0;
}

/* host:port or [v6]:port into buffers; -1: neither. */
static int
parse_host_port(const char *text, struct ph_endpoint *endpoint_r)
{
	const char *host = text, *colon = strrchr(text, ':');
	size_t size;

	if (colon == NULL || parse_port(colon + 1, &endpoint_r->port) < 0)
		return -1;
	size = (size_t)(colon - text);
	if (size >= 2 && host[0] == '[' && host[size - 1] == ']') {
		host++;
		size -= 2;
	} else if (memchr(host, ':', size) != NULL) {
		return -1; /* an IPv6 address needs its brackets */
	}
	if (size == 0 || size >= sizeof endpoint_r->host)
		return -1;
	memcpy(endpoint_r->host, host, size);
	endpoint_r->host[size] = '\0';
	return ph_is_hostname(endpoint_r->host) ? 0 : -1;
}

int
ph_parse_endpoint(const char *text, struct ph_endpoint *endpoint_r,
		  struct ph_err *err)
{
	const char *path = NULL;

	memset(endpoint_r, 0, sizeof *endpoint_r);
	if (text[0] == '/')
		path = text;
	else if (g_str_has_prefix(text, "unix:"))
		path = text + strlen("unix:");
	else if (g_str_has_prefix(text, "inet:"))
		text += strlen("inet:");
	if (path == NULL) {
		if (parse_host_port(text, endpoint_r) == 0)
			return 0;
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.100s\" is no endpoint; expected "
				  "host:port, [address]:port or unix:/path",
				  text);
	}
	if (strlen(path) >= sizeof endpoint_r->host || path[0] != '/')
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%.100s\" is no absolute path of less than "
				  "%zu bytes",
				  path, sizeof endpoint_r->host);
	endpoint_r->unix_socket = true;
	g_strlcpy(endpoint_r->host, path, sizeof endpoint_r->host);
	return 0;
}
