#include "milters/transport/outcome_private.h"

#include "lib/directory/resolve.h"
#include "lib/routing/connector.h"
#include "lib/routing/route.h"
#include "lib/routing/topology.h"
#include "milters/transport/rules/names.h"

#include <string.h>

/* What a copy asks for; text as in its header fields. */
struct wish {
	char *connector; /* NULL: any */
	bool require_tls;
};

static bool
is_wish(const struct wish *wish)
{
	return wish->connector != NULL || wish->require_tls;
}

static bool
read_wish(const struct ph_mail *copy, struct wish *wish_r)
{
	const char *connector =
	    ph_headers_raw(copy->headers, PH_HEADER_CONNECTOR, 0);

	wish_r->connector =
	    connector != NULL ? ph_header_decode(connector) : NULL;
	wish_r->require_tls =
	    ph_headers_raw(copy->headers, PH_HEADER_REQUIRE_TLS, 0) != NULL;
	return is_wish(wish_r);
}

static const struct ph_topology *
topology_of(const struct ph_mail *copy)
{
	return ph_snapshot_derived(copy->snapshot, PH_DERIVED_TOPOLOGY);
}

/* Is there a limit of a link or connector that the message is above? It is so
 * for hardly any, and the others need not be asked about. */
static bool
is_large(const struct ph_mail *copy)
{
	uint64_t least = ph_topology_least_size(topology_of(copy));
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(copy->snapshot, "sendconnector", &n);

	if (least > 0 && copy->size > least)
		return true;
	for (size_t i = 0; i < n; i++) {
		int64_t max = ph_object_int(list[i], "MaxMessageSize");

		if (max > 0 && copy->size > (uint64_t)max)
			return true;
	}
	return false;
}

/* transport:nexthop of a send connector. */
static char *
ask_connector(const struct ph_transport *transport, const struct ph_mail *copy,
	      const struct wish *wish, const char *address, uint64_t size)
{
	struct ph_connector_route route;
	char *text;

	ph_connector_find(
	    &(struct ph_connector_query){
		.snapshot = copy->snapshot,
		.topology = topology_of(copy),
		.from = transport->server,
		.address = address,
		.size = size,
		.connector = wish->connector,
		.require_tls = wish->require_tls,
	    },
	    &route);
	text = ph_connector_format(&route);
	ph_connector_clear(&route);
	return text;
}

/* Only what nobody has asked for, and what the size does not change, is for the
 * map to say. */
static char *
route_outside(const struct ph_transport *transport, const struct ph_mail *copy,
	      const struct wish *wish, const char *address)
{
	char *text = ask_connector(transport, copy, wish, address, copy->size);
	g_autofree char *mapped = NULL;

	if (is_wish(wish))
		return text;
	mapped = ask_connector(transport, copy, wish, address, 0);
	if (strcmp(text, mapped) == 0)
		g_clear_pointer(&text, g_free);
	return text;
}

/* Too large for a link on the way to one of ours; else NULL. */
static char *
route_inside(const struct ph_transport *transport, const struct ph_mail *copy,
	     const struct ph_object *entry)
{
	struct ph_route route;
	char *text = NULL;

	if (!ph_entry_is_mailbox(entry))
		return NULL;
	ph_route_find(
	    &(struct ph_route_query){
		.topology = topology_of(copy),
		.from = transport->server,
		.database = ph_object_text(entry, "Database"),
		.size = copy->size,
	    },
	    &route);
	if (route.type == PH_ROUTE_TOO_LARGE)
		text = ph_route_format(&route);
	ph_route_clear(&route);
	return text;
}

/*
 * transport:nexthop for the recipient, g_free; NULL: as the map says, which the
 * queue manager asks as well when it cannot be told who the recipient is. But
 * the map knows nothing of a wish. 0; -1 TEMP: cannot say.
 */
static int
find_route(const struct ph_transport *transport, const struct ph_mail *copy,
	   const struct wish *wish, struct ph_recipient *recipient,
	   char **route_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	const struct ph_object *entry;
	int r = ph_recipient_entry(copy->directory, recipient, &entry, &why);
	const char *address =
	    r == 1 ? ph_object_text(entry, "ExternalEmailAddress")
		   : recipient->address;

	*route_r = NULL;
	if (r < 0)
		return why.kind == PH_ERR_PERM || !is_wish(wish)
			   ? 0
			   : ph_err_set(err, why.kind, "%s", why.text);
	*route_r = address != NULL
		       ? route_outside(transport, copy, wish, address)
		       : route_inside(transport, copy, entry);
	return 0;
}

/* "error:5.3.4 reason": it is too large for every way there, and refused as by
 * a rule. */
static void
refuse(struct ph_mail *copy, const char *route)
{
	g_auto(GStrv) words = g_strsplit(strchr(route, ':') + 1, " ", 2);

	ph_verdict_reject(&copy->verdict, PH_RESOLVE_AGENT, words[0], words[1]);
}

static struct ph_mail *
fork_for(GPtrArray *copies, GHashTable *by_route, struct ph_mail *copy,
	 const char *route)
{
	struct ph_mail *fork = g_hash_table_lookup(by_route, route);

	if (fork != NULL)
		return fork;
	fork = ph_mail_fork(copy);
	if (g_str_has_prefix(route, "error:"))
		refuse(fork, route);
	else
		ph_mail_set_header(fork, PH_HEADER_ROUTE, route, NULL);
	g_ptr_array_add(copies, fork);
	g_hash_table_insert(by_route, g_strdup(route), fork);
	return fork;
}

/* FILTER sends all recipients of a queue file one way, so each way is a copy. 0
 * or -1. */
static int
route_copy(const struct ph_transport *transport, GPtrArray *copies,
	   struct ph_mail *copy, const struct wish *wish, struct ph_err *err)
{
	g_autoptr(GHashTable) by_route =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < copy->recipients->len;) {
		struct ph_recipient *r = copy->recipients->pdata[i];
		g_autofree char *route = NULL;

		if (!r->removed &&
		    find_route(transport, copy, wish, r, &route, err) < 0)
			return -1;
		if (route == NULL) {
			i++;
			continue;
		}
		g_ptr_array_add(
		    fork_for(copies, by_route, copy, route)->recipients,
		    g_ptr_array_steal_index(copy->recipients, i));
	}
	return 0;
}

int
ph_outcome_route(const struct ph_transport *transport, GPtrArray *copies,
		 struct ph_err *err)
{
	guint n = copies->len;
	int r = 0;

	for (guint i = 0; i < n && r == 0; i++) {
		struct ph_mail *copy = copies->pdata[i];
		struct wish wish;

		if (copy->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		if (read_wish(copy, &wish) || is_large(copy))
			r = route_copy(transport, copies, copy, &wish, err);
		g_free(wish.connector);
	}
	return r;
}
