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

/* transport:nexthop for the recipient, g_free; NULL: as the map says. */
static char *
find_route(const struct ph_transport *transport, const struct ph_mail *copy,
	   const struct wish *wish, struct ph_recipient *recipient)
{
	const char *address = outside(copy, recipient);
	struct ph_connector_route route;
	char *text;

	if (address == NULL)
		return NULL;
	ph_connector_find(
	    &(struct ph_connector_query){
		.snapshot = copy->snapshot,
		.topology =
		    ph_snapshot_derived(copy->snapshot, PH_DERIVED_TOPOLOGY),
		.from = transport->server,
		.address = address,
		.size = copy->size,
		.connector = wish->connector,
		.require_tls = wish->require_tls,
	    },
	    &route);
	text = ph_connector_format(&route);
	ph_connector_clear(&route);
	return text;
}

static struct ph_mail *
fork_for(GPtrArray *copies, GHashTable *by_route, struct ph_mail *copy,
	 const char *route)
{
	struct ph_mail *fork = g_hash_table_lookup(by_route, route);

	if (fork != NULL)
		return fork;
	fork = ph_mail_fork(copy);
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
		g_autofree char *route =
		    r->removed ? NULL : find_route(transport, copy, wish, r);

		if (route == NULL) {
			i++;
			continue;
		}
		g_ptr_array_add(
		    fork_for(copies, by_route, copy, route)->recipients,
		    g_ptr_array_steal_index(copy->recipients, i));
	}
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
		if (read_wish(copy, &wish))
			route_copy(transport, copies, copy, &wish);
		g_free(wish.connector);
	}
}
