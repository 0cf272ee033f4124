#include "milters/transport/outcome_private.h"

#include "lib/routing/connector.h"
#include "lib/routing/topology.h"
#include "milters/transport/rules/names.h"

#include <string.h>

/* What a copy asks for; text as in its header fields. */
struct wish {
	char *connector; /* NULL: any */
	bool require_tls;
};

static bool
read_wish(const struct ph_mail *copy, struct wish *wish_r)
{
	const char *connector =
	    ph_headers_raw(copy->headers, PH_HEADER_CONNECTOR, 0);

	wish_r->connector =
	    connector != NULL ? ph_header_decode(connector) : NULL;
	wish_r->require_tls =
	    ph_headers_raw(copy->headers, PH_HEADER_REQUIRE_TLS, 0) != NULL;
	return wish_r->connector != NULL || wish_r->require_tls;
}

/* The address outside; NULL: the recipient is one of ours, or cannot be told:
 * the queue manager asks about it again. */
static const char *
outside(const struct ph_mail *copy, struct ph_recipient *recipient)
{
	const struct ph_object *entry;
	int r = ph_recipient_entry(copy->directory, recipient, &entry, NULL);

	if (r < 0)
		return NULL;
	return r == 1 ? ph_object_text(entry, "ExternalEmailAddress")
		      : recipient->address;
}

static void
find(const struct ph_transport *transport, const struct ph_mail *copy,
     const struct wish *wish, const char *address, uint64_t size,
     struct ph_connector_route *route_r)
{
	ph_connector_find(
	    &(struct ph_connector_query){
		.snapshot = copy->snapshot,
		.topology =
		    ph_snapshot_derived(copy->snapshot, PH_DERIVED_TOPOLOGY),
		.from = transport->server,
		.address = address,
		.size = size,
		.connector = wish->connector,
		.require_tls = wish->require_tls,
	    },
	    route_r);
}

/* What the map answers, which knows no size. */
static bool
is_as_map_says(const struct ph_transport *transport, const struct ph_mail *copy,
	       const struct wish *wish, const char *address, const char *text)
{
	struct ph_connector_route route;
	g_autofree char *usual = NULL;

	if (wish->connector != NULL || wish->require_tls)
		return false;
	find(transport, copy, wish, address, 0, &route);
	usual = ph_connector_format(&route);
	ph_connector_clear(&route);
	return strcmp(usual, text) == 0;
}

/* transport:nexthop for the recipient, g_free; NULL: as the map says. */
static char *
find_route(const struct ph_transport *transport, const struct ph_mail *copy,
	   const struct wish *wish, struct ph_recipient *recipient,
	   enum ph_connector_type *type_r)
{
	const char *address = outside(copy, recipient);
	struct ph_connector_route route;
	g_autofree char *text = NULL;

	if (address == NULL)
		return NULL;
	find(transport, copy, wish, address, copy->size, &route);
	*type_r = route.type;
	text = ph_connector_format(&route);
	ph_connector_clear(&route);
	return is_as_map_says(transport, copy, wish, address, text)
		   ? NULL
		   : g_steal_pointer(&text);
}

/* The text is "error:5.3.4 reason": who has no connector that is large enough
 * is refused, as by a rule. */
static void
refuse(struct ph_mail *copy, const char *text)
{
	g_auto(GStrv) words = g_strsplit(strchr(text, ':') + 1, " ", 2);

	ph_verdict_reject(&copy->verdict, PH_RESOLVE_AGENT, words[0], words[1]);
}

static struct ph_mail *
fork_for(GPtrArray *copies, GHashTable *by_route, struct ph_mail *copy,
	 const char *route, enum ph_connector_type type)
{
	struct ph_mail *fork = g_hash_table_lookup(by_route, route);

	if (fork != NULL)
		return fork;
	fork = ph_mail_fork(copy);
	if (type == PH_CONNECTOR_TOO_LARGE)
		refuse(fork, route);
	else
		ph_mail_set_header(fork, PH_HEADER_ROUTE, route, NULL);
	g_ptr_array_add(copies, fork);
	g_hash_table_insert(by_route, g_strdup(route), fork);
	return fork;
}

/* FILTER sends all recipients of a queue file one way, so each way is a copy.
 */
static void
route_copy(const struct ph_transport *transport, GPtrArray *copies,
	   struct ph_mail *copy, const struct wish *wish)
{
	g_autoptr(GHashTable) by_route =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < copy->recipients->len;) {
		struct ph_recipient *r = copy->recipients->pdata[i];
		enum ph_connector_type type = PH_CONNECTOR_NONE;
		g_autofree char *route =
		    r->removed ? NULL
			       : find_route(transport, copy, wish, r, &type);

		if (route == NULL) {
			i++;
			continue;
		}
		g_ptr_array_add(
		    fork_for(copies, by_route, copy, route, type)->recipients,
		    g_ptr_array_steal_index(copy->recipients, i));
	}
}

/* Is there a connector that this message does not fit into? */
static bool
is_large(const struct ph_mail *copy)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(copy->snapshot, "sendconnector", &n);

	for (size_t i = 0; i < n; i++) {
		int64_t max = ph_object_int(list[i], "MaxMessageSize");

		if (max > 0 && copy->size > (uint64_t)max)
			return true;
	}
	return false;
}

void
ph_outcome_route(const struct ph_transport *transport, GPtrArray *copies)
{
	guint n = copies->len;

	for (guint i = 0; i < n; i++) {
		struct ph_mail *copy = copies->pdata[i];
		struct wish wish;

		if (copy->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		if (read_wish(copy, &wish) || is_large(copy))
			route_copy(transport, copies, copy, &wish);
		g_free(wish.connector);
	}
}
