#include "lib/routing/receive.h"

#include "lib/base/ip_range.h"
#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

/* How well a connector fits; of two the smaller one. */
struct fit {
	uint8_t width[16]; /* of the range: its last address less its first */
	int binding;	   /* 0 the address itself, 1 any address, 2 none */
};

/* ---- "192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:25", "[::]:25" -------- */

static bool
is_at(const char *host, const char *address)
{
	struct ph_ip_range range;

	return ph_ip_range_parse(host, &range, NULL) == 0 &&
	       ph_ip_range_has(&range, address);
}

bool
ph_receive_binding(const char *text, char **host_r, int *port_r)
{
	const char *colon = strrchr(text, ':');
	g_autofree char *host = NULL;
	int64_t port;

	if (colon == NULL || ph_parse_int(colon + 1, &port, NULL) < 0 ||
	    port < 1 || port > 65535)
		return false;
	host = *text == '[' && colon > text + 1
		   ? g_strndup(text + 1, (gsize)(colon - text - 2))
		   : g_strndup(text, (gsize)(colon - text));
	*host_r =
	    ph_is_any_address(host) ? g_strdup("") : g_steal_pointer(&host);
	*port_r = (int)port;
	return true;
}

/* Of one binding; -1: it is another one. */
static int
fit_binding(const char *text, const struct ph_receive_query *query)
{
	g_autofree char *host = NULL;
	int port;

	if (!ph_receive_binding(text, &host, &port))
		return -1;
	if (query->port != 0 && port != query->port)
		return -1;
	if (*query->address == '\0' || *host == '\0')
		return 1;
	return is_at(host, query->address) ? 0 : -1;
}

static bool
find_binding(const struct ph_object *connector,
	     const struct ph_receive_query *query, struct fit *fit)
{
	const char *const *list = ph_object_list(connector, "Bindings");
	bool found = *list == NULL;

	fit->binding = 2;
	for (; *list != NULL; list++) {
		int one = fit_binding(*list, query);

		if (one < 0)
			continue;
		fit->binding = MIN(fit->binding, one);
		found = true;
	}
	return found;
}

/* ---- remote ranges ------------------------------------------------------ */

static void
measure(const struct ph_ip_range *range, uint8_t width[16])
{
	int borrow = 0;

	for (int i = 15; i >= 0; i--) {
		int digit = range->last[i] - range->first[i] - borrow;

		borrow = digit < 0;
		width[i] = (uint8_t)(digit & 0xff);
	}
}

static bool
find_range(const struct ph_object *connector, const char *client,
	   struct fit *fit)
{
	const char *const *list = ph_object_list(connector, "RemoteIPRanges");
	bool found = false;

	for (; *list != NULL; list++) {
		struct ph_ip_range range;
		uint8_t width[16];

		if (ph_ip_range_parse(*list, &range, NULL) < 0 ||
		    !ph_ip_range_has(&range, client))
			continue;
		measure(&range, width);
		if (!found || memcmp(width, fit->width, sizeof width) < 0)
			memcpy(fit->width, width, sizeof width);
		found = true;
	}
	return found;
}

static void
find_widest(const struct ph_object *connector, uint8_t widest[16])
{
	const char *const *list = ph_object_list(connector, "RemoteIPRanges");

	memset(widest, 0, 16);
	for (; *list != NULL; list++) {
		struct ph_ip_range range;
		uint8_t width[16];

		if (ph_ip_range_parse(*list, &range, NULL) < 0)
			continue;
		measure(&range, width);
		if (memcmp(width, widest, sizeof width) > 0)
			memcpy(widest, width, sizeof width);
	}
}

int
ph_receive_compare(const struct ph_object *a, const struct ph_object *b)
{
	uint8_t x[16], y[16];

	find_widest(a, x);
	find_widest(b, y);
	return memcmp(y, x, sizeof x);
}

/* ---- the choice --------------------------------------------------------- */

static bool
is_of(const struct ph_object *connector, const char *server)
{
	const char *owner = ph_object_text(connector, "Server");

	return owner == NULL || strcasecmp(owner, server) == 0;
}

/* Connectors come by name, so of equals the earlier one stays. */
static bool
is_better(const struct fit *a, const struct fit *b)
{
	int order = memcmp(a->width, b->width, sizeof a->width);

	return order != 0 ? order < 0 : a->binding < b->binding;
}

const struct ph_object *
ph_receive_find(const struct ph_receive_query *query)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(query->snapshot, "receiveconnector", &n);
	const struct ph_object *best = NULL;
	struct fit best_fit;

	for (size_t i = 0; i < n; i++) {
		struct fit fit;

		if (!ph_object_bool(list[i], "Enabled") ||
		    !is_of(list[i], query->server) ||
		    !find_binding(list[i], query, &fit) ||
		    !find_range(list[i], query->client, &fit))
			continue;
		if (best == NULL || is_better(&fit, &best_fit)) {
			best = list[i];
			best_fit = fit;
		}
	}
	return best;
}
