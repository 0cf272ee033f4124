#include "policy/maps.h"
#include "lib/base/text.h"
#include "lib/directory/expand.h"
#include "lib/directory/members.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/send_as.h"
#include "lib/directory/texts.h"
#include "lib/routing/connector.h"
#include "lib/routing/route.h"
#include "policy/ahead.h"
#include "policy/map_hop.h"
#include "policy/map_outbound.h"

#include <string.h>

/* Copies that differ: posthub-transport takes them from the queue itself. */
#define FORK_DOMAIN "fork.posthub.invalid"
#define FORK_TRANSPORT "ph-fork:unix:posthub/fork.sock"
/* With "OK " and what is around it in a reply. */
#define LOGINS_LIMIT (PH_SMAP_REPLY_LIMIT - 16)

static int
need_state(const struct ph_sources *sources, struct ph_err *err)
{
	if (sources->snapshot != NULL && sources->topology != NULL)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "no state of the organisation yet");
}

/* Postfix asks for "*", for bare domains, for "@domain" and for names without
 * a domain as well. */
static const char *
domain_of(const char *key)
{
	const char *at = strrchr(key, '@');

	return at == NULL || at == key ? NULL : at + 1;
}

/* ---- transport ---------------------------------------------------------- */

static void
find_connector(const struct ph_sources *sources, const char *address,
	       struct ph_connector_route *route_r)
{
	const struct ph_connector_query query = {.snapshot = sources->snapshot,
						 .topology = sources->topology,
						 .from = sources->server,
						 .address = address};

	ph_connector_find(&query, route_r);
}

static void
append_connector(const struct ph_sources *sources, const char *address,
		 GString *value)
{
	struct ph_connector_route route;
	g_autofree char *answer = NULL;

	find_connector(sources, address, &route);
	answer = ph_connector_format(&route);
	g_string_append(value, answer);
	ph_connector_clear(&route);
}

/* Our own Transport service, which resolves. */
static void
append_own(const struct ph_sources *sources, GString *value)
{
	const struct ph_server *own =
	    ph_topology_server(sources->topology, sources->server);

	if (own == NULL || *own->service[PH_SERVICE_TRANSPORT].host == '\0') {
		g_string_append(value, "retry:4.4.4 ExternalEmailAddress is "
				       "not followed");
		return;
	}
	g_string_append(value, "ph-hub:");
	ph_hop_append(value, &own->service[PH_SERVICE_TRANSPORT]);
}

/*
 * A MailUser or MailContact. Postfix sends to the address that it asked for:
 * outside, one that is not the external one would be refused, or come back. So
 * mail that nobody has resolved, such as a report of the MTA's own, goes once
 * through posthub-transport, which puts the external address in its place.
 */
static void
append_external(const struct ph_sources *sources, const char *address,
		const char *external, GString *value)
{
	g_autofree char *asked = ph_fold(address);
	g_autofree char *target = ph_fold(external);
	struct ph_connector_route route;
	g_autofree char *answer = NULL;

	find_connector(sources, external, &route);
	answer = ph_connector_format(&route);
	if (route.nexthop != NULL && strcmp(asked, target) != 0)
		append_own(sources, value);
	else
		g_string_append(value, answer);
	ph_connector_clear(&route);
}

/* The route of a database, or to where a group is opened. */
static void
append_found(const struct ph_sources *sources, const char *database,
	     const char *expansion, GString *value)
{
	const struct ph_route_query query = {.topology = sources->topology,
					     .from = sources->server,
					     .database = database,
					     .expansion = expansion};
	struct ph_route route;
	g_autofree char *hops = NULL;

	ph_route_find(&query, &route);
	hops = ph_route_format(&route);
	g_string_append(value, hops);
	ph_route_clear(&route);
}

/* One that posthub-transport has left whole. */
static void
append_group(const struct ph_sources *sources, const struct ph_object *group,
	     GString *value)
{
	struct ph_group_wishes wishes;

	ph_group_wishes(group, &wishes);
	append_found(sources, NULL, wishes.server ? wishes.server : "", value);
}

static void
append_entry_route(const struct ph_sources *sources,
		   const struct ph_resolution *resolution, GString *value)
{
	const struct ph_object *entry = resolution->entry;
	const char *external = ph_object_text(entry, "ExternalEmailAddress");

	if (ph_entry_is_mailbox(entry)) {
		append_found(sources, ph_object_text(entry, "Database"), NULL,
			     value);
	} else if (ph_entry_is_group(entry)) {
		append_group(sources, entry, value);
	} else if (external != NULL) {
		append_external(sources, resolution->original, external, value);
	} else {
		g_string_append_printf(value, "retry:4.4.4 No route to a %s",
				       ph_object_text(entry, "RecipientType"));
	}
}

static void
append_route(const struct ph_sources *sources,
	     const struct ph_resolution *resolution, GString *value)
{
	switch (resolution->verdict) {
	case PH_RESOLVED_ENTRY:
		append_entry_route(sources, resolution, value);
		break;
	case PH_RESOLVED_RELAY:
	case PH_RESOLVED_OUTSIDE:
		append_connector(sources, resolution->address, value);
		break;
	case PH_RESOLVED_UNKNOWN:
		g_string_append(value, "error:" PH_TEXT_UNKNOWN);
		break;
	case PH_RESOLVED_INVALID:
		g_string_append(value, "error:" PH_TEXT_INVALID);
		break;
	}
}

/* Does mail for a mailbox go round in a circle? It was forwarded before it came
 * to the queue, so this is asked about what nobody has resolved. 1, 0, -1. */
static int
is_circle(const struct ph_sources *sources,
	  const struct ph_resolution *resolution, struct ph_err *err)
{
	g_autoptr(GPtrArray) steps = NULL;
	const char *refusal;

	if (resolution->entry == NULL ||
	    (!ph_object_has(resolution->entry, "ForwardingAddress") &&
	     !ph_object_has(resolution->entry, "ForwardingSmtpAddress")))
		return 0;
	if (ph_resolve_steps(sources->directory, sources->snapshot,
			     resolution->original, NULL, &steps, err) < 0)
		return -1;
	refusal = ph_steps_refusal(steps);
	return refusal != NULL && strcmp(refusal, PH_TEXT_LOOP) == 0;
}

static int
resolve_transport(const struct ph_sources *sources, const char *key,
		  GString *value, struct ph_err *err)
{
	struct ph_resolution resolution;
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (ph_resolve(sources->directory, sources->snapshot, key, &resolution,
		       &why) < 0) {
		if (why.kind != PH_ERR_PERM)
			return ph_err_set(err, why.kind, "%s", why.text);
		g_string_append(value, "error:" PH_TEXT_AMBIGUOUS);
		return 1;
	}
	r = is_circle(sources, &resolution, err);
	if (r == 1)
		g_string_append(value, "error:" PH_TEXT_LOOP);
	else if (r == 0)
		append_route(sources, &resolution, value);
	ph_resolution_clear(&resolution);
	return r < 0 ? -1 : 1;
}

/*
 * A full address is never "not found": Postfix would send it to its MX, past
 * all connectors. What is refused for good is error(8)'s to say, because PERM
 * would only defer.
 */
static int
lookup_transport(const struct ph_sources *sources, const char *key,
		 GString *value, struct ph_err *err)
{
	const char *domain = domain_of(key);
	struct ph_brief brief;

	if (domain == NULL)
		return 0;
	if (g_ascii_strcasecmp(domain, FORK_DOMAIN) == 0) {
		g_string_append(value, FORK_TRANSPORT);
		return 1;
	}
	if (need_state(sources, err) < 0)
		return -1;
	if (!ph_directory_brief(sources->directory, key, &brief))
		return resolve_transport(sources, key, value, err);
	append_found(sources, brief.database, NULL, value);
	return 1;
}

/* ---- recipient, domain, alias, server ------------------------------------ */

/* An address that two entries claim is somebody's: transport refuses it with
 * the code that says so. */
static int
lookup_recipient(const struct ph_sources *sources, const char *key,
		 GString *value, struct ph_err *err)
{
	struct ph_resolution resolution;
	struct ph_err why = PH_ERR_INIT;
	struct ph_brief brief;
	bool valid = true;

	if (domain_of(key) == NULL)
		return 0;
	if (need_state(sources, err) < 0)
		return -1;
	if (ph_directory_brief(sources->directory, key, &brief)) {
		g_string_append(value, "OK");
		return 1;
	}
	if (ph_resolve(sources->directory, sources->snapshot, key, &resolution,
		       &why) == 0) {
		valid = resolution.verdict == PH_RESOLVED_ENTRY ||
			resolution.verdict == PH_RESOLVED_RELAY;
		if (resolution.entry != NULL)
			ph_ahead_address(sources, key);
		ph_resolution_clear(&resolution);
	} else if (why.kind != PH_ERR_PERM) {
		return ph_err_set(err, why.kind, "%s", why.text);
	}
	if (!valid)
		return 0;
	g_string_append(value, "OK");
	return 1;
}

static int
lookup_domain(const struct ph_sources *sources, const char *key, GString *value,
	      struct ph_err *err)
{
	g_autofree char *address = NULL;

	if (strchr(key, '@') != NULL)
		return 0;
	if (need_state(sources, err) < 0)
		return -1;
	address = g_strconcat("postmaster@", key, NULL);
	if (ph_accepted_domain(sources->snapshot, address) == NULL)
		return 0;
	g_string_append(value, "OK");
	return 1;
}

/* All that get the message, and those that are refused, who are refused again
 * where they are routed. */
static void
append_steps(const GPtrArray *steps, GString *value)
{
	for (guint i = 0; i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		if (step->fate == PH_STEP_PASSED || step->fate == PH_STEP_AGAIN)
			continue;
		g_string_append_printf(value, "%s%s", value->len > 0 ? "," : "",
				       ph_step_destination(step));
	}
}

static int
lookup_alias(const struct ph_sources *sources, const char *key, GString *value,
	     struct ph_err *err)
{
	g_autoptr(GPtrArray) steps = NULL;
	struct ph_err why = PH_ERR_INIT;
	struct ph_brief brief;

	if (domain_of(key) == NULL)
		return 0;
	if (need_state(sources, err) < 0)
		return -1;
	if (ph_directory_brief(sources->directory, key, &brief)) {
		g_string_append(value, brief.primary);
		return !ph_fold_same(key, value->str);
	}
	/* Of two owners none is chosen; the address goes on as it is. */
	if (ph_resolve_steps(sources->directory, sources->snapshot, key, NULL,
			     &steps, &why) < 0)
		return why.kind == PH_ERR_PERM
			   ? 0
			   : ph_err_set(err, why.kind, "%s", why.text);
	append_steps(steps, value);
	return !ph_fold_same(key, value->str);
}

static int
lookup_server(const struct ph_sources *sources, const char *key, GString *value,
	      struct ph_err *err)
{
	const struct ph_server *server;

	if (need_state(sources, err) < 0)
		return -1;
	server = ph_peers_find(sources->peers, sources->topology, key);
	if (server == NULL)
		return 0;
	g_string_append(value, "OK");
	return 1;
}

/* ---- login -------------------------------------------------------------- */

/* No name at all: an owner whom nobody can be. "Not found" would leave the
 * address to everybody under reject_known_sender_login_mismatch. */
#define NOBODY ","
/* Postfix separates names there: one that holds such a character would be two
 * others. */
#define SEPARATORS ", \t\r\n"

static int
append_logins(GHashTable *logins, GString *value, struct ph_err *err)
{
	g_autoptr(GList) names =
	    g_list_sort(g_hash_table_get_keys(logins), (GCompareFunc)strcmp);

	for (const GList *name = names; name != NULL; name = name->next) {
		const char *login = name->data;

		if (strpbrk(login, SEPARATORS) != NULL)
			continue;
		g_string_append_printf(value, "%s%s", value->len > 0 ? "," : "",
				       login);
	}
	if (value->len > LOGINS_LIMIT)
		return ph_err_set(err, PH_ERR_TEMP,
				  "more logins than a map can answer");
	if (value->len == 0)
		g_string_append(value, NOBODY);
	return 1;
}

/* Does an address that has no entry lie in a domain of which all are known? */
static bool
is_authoritative(const struct ph_sources *sources, const char *address)
{
	const struct ph_object *domain =
	    ph_accepted_domain(sources->snapshot, address);

	return domain != NULL && ph_domain_is_authoritative(domain);
}

static int
lookup_login(const struct ph_sources *sources, const char *key, GString *value,
	     struct ph_err *err)
{
	g_autoptr(GHashTable) logins =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int r;

	if (domain_of(key) == NULL)
		return 0;
	if (need_state(sources, err) < 0)
		return -1;
	r = ph_send_as_logins(sources->directory, sources->snapshot, key,
			      logins, err);
	if (r < 0 || (r == 0 && !is_authoritative(sources, key)))
		return r;
	return append_logins(logins, value, err);
}

/* ---- the table ---------------------------------------------------------- */

/* Those of ph_map_names, in its order. */
const struct ph_map ph_maps[] = {
    {"transport", lookup_transport}, {"outbound", ph_map_outbound},
    {"recipient", lookup_recipient}, {"domain", lookup_domain},
    {"alias", lookup_alias},	     {"login", lookup_login},
    {"server", lookup_server},	     {"tls", ph_map_tls},
    {"sasl", ph_map_sasl},	     {NULL, NULL},
};

const struct ph_map *
ph_map_find(const char *name)
{
	for (const struct ph_map *map = ph_maps; map->name != NULL; map++)
		if (strcmp(map->name, name) == 0)
			return map;
	return NULL;
}

/* Nothing of ours has such a name. A full address is handed on all the same:
 * it must not be "not found" in every map. */
static bool
is_plain(const char *key)
{
	for (const char *p = key; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return g_utf8_validate(key, -1, NULL);
}

void
ph_map_answer(const struct ph_sources *sources,
	      const struct ph_smap_request *request, GString *out,
	      struct ph_err *err)
{
	const struct ph_map *map = ph_map_find(request->map);
	g_autoptr(GString) value = g_string_new(NULL);
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (map == NULL)
		r = ph_err_set(&why, PH_ERR_PERM, "there is no map \"%.60s\"",
			       request->map);
	else if (!is_plain(request->key) && domain_of(request->key) == NULL)
		r = 0;
	else
		r = map->lookup(sources, request->key, value, &why);
	if (r == 1)
		ph_smap_reply(out, PH_SMAP_OK, value->str);
	else if (r == 0)
		ph_smap_reply(out, PH_SMAP_NOTFOUND, "");
	else
		ph_smap_reply(out, ph_smap_status_of(why.kind), why.text);
	if (r < 0 && err != NULL)
		*err = why;
}
