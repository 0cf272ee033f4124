#include "milters/frontend/outbound.h"

#include "lib/message/nmid.h"
#include "lib/routing/connector.h"

#include <arpa/inet.h>
#include <string.h>

/* Transports of master.cf, which is how lib/routing says how much TLS a
 * connector wants. */
static const struct {
	const char *transport;
	bool tls, required;
	enum ph_tls_verify verify;
} levels[] = {
    {"ph-out-plain", false, false, PH_TLS_ANY},
    {"ph-out", true, false, PH_TLS_ANY},
    {"ph-out-tls", true, true, PH_TLS_ANY},
    {"ph-out-verify", true, true, PH_TLS_CA},
    {"ph-out-secure", true, true, PH_TLS_NAME},
};

static void
set_level(struct ph_way *way, const char *transport)
{
	/* One that is not known here wants no less than the strictest. */
	size_t i = G_N_ELEMENTS(levels) - 1;

	while (i > 0 && strcmp(transport, levels[i].transport) != 0)
		i--;
	if (strcmp(transport, levels[i].transport) != 0)
		i = G_N_ELEMENTS(levels) - 1;
	way->tls = levels[i].tls;
	way->required = levels[i].required;
	way->verify = levels[i].verify;
	if (ph_object_has(way->connector, "TlsDomain"))
		way->tls_domain = ph_object_text(way->connector, "TlsDomain");
}

static bool
is_address(const char *text)
{
	struct in6_addr address; /* large enough for both */

	return inet_pton(AF_INET, text, &address) == 1 ||
	       inet_pton(AF_INET6, text, &address) == 1;
}

bool
ph_target_parse(const char *text, struct ph_target *target_r)
{
	const char *end = text + strcspn(text, ":");
	int64_t port = 25;

	*target_r = (struct ph_target){.mx = *text != '['};
	if (!target_r->mx) {
		text++;
		if (g_ascii_strncasecmp(text, "ipv6:", 5) == 0)
			text += 5;
		end = text + strcspn(text, "]");
		if (*end == '\0')
			return false;
	}
	if (end == text || (size_t)(end - text) >= sizeof target_r->host)
		return false;
	memcpy(target_r->host, text, (size_t)(end - text));
	end += !target_r->mx;
	if (*end == ':' && ph_parse_int(end + 1, &port, NULL) < 0)
		return false;
	target_r->port = (int)port;
	if (is_address(target_r->host))
		target_r->mx = false;
	return port >= 1 && port <= 65535 && ph_is_hostname(target_r->host);
}

/* "ph-out:[192.0.2.1]:25, mx.test". */
static bool
read_onward(struct ph_way *way, const char *onward)
{
	const char *colon = strchr(onward, ':');
	g_autofree char *transport = NULL;
	g_auto(GStrv) list = NULL;

	if (colon == NULL)
		return false;
	transport = g_strndup(onward, (gsize)(colon - onward));
	set_level(way, transport);
	way->targets = g_array_new(FALSE, FALSE, sizeof(struct ph_target));
	list = g_strsplit(colon + 1, ", ", -1);
	for (size_t i = 0; list[i] != NULL; i++) {
		struct ph_target target;

		if (ph_target_parse(list[i], &target))
			g_array_append_val(way->targets, target);
	}
	return way->targets->len > 0;
}

void
ph_way_clear(struct ph_way *way)
{
	if (way->targets != NULL)
		g_array_unref(way->targets);
	*way = (struct ph_way){NULL, NULL, false, false, PH_TLS_ANY, NULL};
}

int
ph_way_find(const struct ph_frontend *frontend, const struct ph_mail *mail,
	    struct ph_way *way_r, char **why_r)
{
	const struct ph_server *peer = ph_frontend_peer(frontend, mail);
	const struct ph_recipient *recipient = mail->recipients->pdata[0];
	const char *raw = ph_headers_raw(mail->headers, PH_HEADER_CONNECTOR, 0);
	g_autofree char *wish = raw != NULL ? ph_header_decode(raw) : NULL;
	struct ph_connector_route route;
	int found = 0;

	*way_r = (struct ph_way){NULL, NULL, false, false, PH_TLS_ANY, NULL};
	ph_connector_find(
	    &(struct ph_connector_query){
		.snapshot = mail->snapshot,
		.topology =
		    ph_snapshot_derived(mail->snapshot, PH_FRONTEND_TOPOLOGY),
		.from = peer != NULL ? peer->name : NULL,
		.address = recipient->given,
		.connector = wish != NULL ? g_strstrip(wish) : NULL,
		.require_tls = ph_headers_raw(mail->headers,
					      PH_HEADER_REQUIRE_TLS, 0) != NULL,
	    },
	    &route);
	if (route.type == PH_CONNECTOR_PROXY) {
		way_r->connector = route.connector;
		found = read_onward(way_r, route.onward);
	}
	if (!found)
		*why_r = g_strdup(route.reason != NULL
				      ? route.reason
				      : "No send connector goes this way");
	ph_connector_clear(&route);
	return found;
}
