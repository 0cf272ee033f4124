#include "lib/routing/setup.h"

#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

#define SLUG_LIMIT 32
#define DIGEST_SIZE 16
#define SUFFIX_SIZE 8

static bool
is_setup(const struct ph_object *connector, const char *field)
{
	const struct ph_field *row =
	    ph_kind_field(ph_object_kind(connector), field, NULL);

	return (row->flags & PH_FIELD_SETUP) != 0;
}

bool
ph_setup_has(const struct ph_object *connector)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(connector, &pairs);

	for (size_t i = 0; i < n; i++)
		if (is_setup(connector, pairs[i].field))
			return true;
	return false;
}

/* ---- whose are they ------------------------------------------------------ */

static bool
is_named(const char *const *names, const char *server)
{
	if (*names == NULL)
		return true;
	for (; *names != NULL; names++)
		if (strcasecmp(*names, server) == 0)
			return true;
	return false;
}

static bool
listens(const struct ph_object *connector, const struct ph_server *server)
{
	const char *owner = ph_object_text(connector, "Server");

	return owner == NULL || strcasecmp(owner, server->name) == 0;
}

static bool
sends(const struct ph_object *connector, const struct ph_server *server)
{
	return server->transport_role &&
	       !ph_object_bool(connector, "FrontendProxyEnabled") &&
	       is_named(ph_object_list(connector, "SourceTransportServers"),
			server->name);
}

static const struct {
	const char *kind;
	bool (*has)(const struct ph_object *connector,
		    const struct ph_server *server);
} families[] = {
    {"receiveconnector", listens},
    {"sendconnector", sends},
};

GPtrArray *
ph_setup_connectors(const struct ph_snapshot *snapshot,
		    const struct ph_server *server)
{
	GPtrArray *found = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
		size_t n;
		const struct ph_object *const *list =
		    ph_snapshot_list(snapshot, families[i].kind, &n);

		for (size_t j = 0; j < n; j++)
			if (ph_object_bool(list[j], "Enabled") &&
			    families[i].has(list[j], server) &&
			    ph_setup_has(list[j]))
				g_ptr_array_add(found, (gpointer)list[j]);
	}
	return found;
}

/* ---- what they say ------------------------------------------------------- */

/* "sendconnector:internet"; g_free. */
static char *
mark_name(const struct ph_object *connector)
{
	return g_strdup_printf("%s:%s", ph_object_kind(connector)->name,
			       ph_object_folded(connector));
}

/* Where a mark's name ends: a name may hold "=", what follows it does not. */
static size_t
name_size(const char *mark)
{
	const char *end = strrchr(mark, '=');

	return end != NULL ? (size_t)(end - mark) : strlen(mark);
}

/* Fields come in the table's order, and are checked to hold no control
 * character, so the text is unambiguous. */
char *
ph_setup_mark(const struct ph_object *connector)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(connector, &pairs);
	g_autoptr(GString) said = g_string_new(NULL);
	g_autofree char *name = mark_name(connector);
	g_autofree char *sum = NULL;

	for (size_t i = 0; i < n; i++)
		if (is_setup(connector, pairs[i].field))
			g_string_append_printf(said, "%s=%s\n", pairs[i].field,
					       pairs[i].value);
	sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, said->str, -1);
	sum[DIGEST_SIZE] = '\0';
	return g_strconcat(name, "=", sum, NULL);
}

/* ---- by which Postfix instance ------------------------------------------- */

static const struct {
	const char *role, *field;
} roles[] = {
    {"HubTransport", "Applied"},
    {"FrontendTransport", "AppliedFrontend"},
};

#define HUB 0

const char *
ph_setup_field(const char *role)
{
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
		if (strcmp(roles[i].role, role) == 0)
			return roles[i].field;
	g_assert_not_reached();
}

bool
ph_setup_is_of(const struct ph_object *connector, const char *role)
{
	const char *its =
	    strcmp(ph_object_kind(connector)->name, "receiveconnector") == 0
		? ph_object_text(connector, "TransportRole")
		: roles[HUB].role;

	return its == NULL || strcmp(its, role) == 0;
}

static const char *const *
applied_marks(const struct ph_snapshot *snapshot, const char *server,
	      const char *field)
{
	static const char *const none[] = {NULL};
	const struct ph_object *setup =
	    ph_snapshot_find(snapshot, "setup", server);

	return setup != NULL ? ph_object_list(setup, field) : none;
}

static bool
is_about(const char *mark, const struct ph_object *connector)
{
	g_autofree char *name = mark_name(connector);

	return name_size(mark) == strlen(name) &&
	       strncmp(mark, name, strlen(name)) == 0;
}

/* The mark about the connector; NULL: none. */
static const char *
find_mark(const char *const *marks, const struct ph_object *connector)
{
	for (; *marks != NULL; marks++)
		if (is_about(*marks, connector))
			return *marks;
	return NULL;
}

/* Does the mark stand for a connector that this instance still has? */
static bool
is_wanted(const GPtrArray *connectors, const char *role, const char *mark)
{
	for (guint i = 0; i < connectors->len; i++)
		if (ph_setup_is_of(connectors->pdata[i], role) &&
		    is_about(mark, connectors->pdata[i]))
			return true;
	return false;
}

bool
ph_setup_kept(const struct ph_snapshot *snapshot,
	      const struct ph_server *server, const char *role,
	      GPtrArray **kept_r)
{
	g_autoptr(GPtrArray) connectors = ph_setup_connectors(snapshot, server);
	const char *const *marks =
	    applied_marks(snapshot, server->name, ph_setup_field(role));
	bool all = true;

	*kept_r = g_ptr_array_new_with_free_func(g_free);
	for (; *marks != NULL; marks++) {
		if (is_wanted(connectors, role, *marks))
			g_ptr_array_add(*kept_r, g_strdup(*marks));
		else
			all = false;
	}
	return all;
}

/* ---- what is pending ----------------------------------------------------- */

void
ph_setup_pending_free(gpointer pending)
{
	struct ph_setup_pending *one = pending;

	g_free(one->connector);
	g_free(one);
}

static void
add_pending(GPtrArray *all, const struct ph_server *server, const char *mark,
	    const char *change)
{
	struct ph_setup_pending *one = g_new0(struct ph_setup_pending, 1);

	one->server = server->name;
	one->connector = g_strndup(mark, name_size(mark));
	one->change = change;
	g_ptr_array_add(all, one);
}

/* A receive connector of no role is applied by whichever instance there is. */
static void
add_wanted(GPtrArray *all, const struct ph_snapshot *snapshot,
	   const struct ph_server *server, const struct ph_object *connector)
{
	g_autofree char *mark = ph_setup_mark(connector);
	const char *change = "new";

	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
		const char *before = find_mark(
		    applied_marks(snapshot, server->name, roles[i].field),
		    connector);

		if (before == NULL || !ph_setup_is_of(connector, roles[i].role))
			continue;
		if (strcmp(before, mark) != 0)
			change = "changed";
		else if (change != NULL && strcmp(change, "new") == 0)
			change = NULL;
	}
	if (change != NULL)
		add_pending(all, server, mark, change);
}

GPtrArray *
ph_setup_pending(const struct ph_snapshot *snapshot,
		 const struct ph_server *server)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(ph_setup_pending_free);
	g_autoptr(GPtrArray) connectors = ph_setup_connectors(snapshot, server);

	for (guint i = 0; i < connectors->len; i++)
		add_wanted(all, snapshot, server, connectors->pdata[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
		const char *const *applied =
		    applied_marks(snapshot, server->name, roles[i].field);

		for (; *applied != NULL; applied++)
			if (!is_wanted(connectors, roles[i].role, *applied))
				add_pending(all, server, *applied, "removed");
	}
	return all;
}

/* ---- transports of send connectors --------------------------------------- */

bool
ph_setup_applied(const struct ph_snapshot *snapshot, const char *server,
		 const struct ph_object *connector)
{
	/* Asked with every decision, and nearly always no. */
	if (!ph_setup_has(connector) ||
	    ph_object_bool(connector, "FrontendProxyEnabled"))
		return false;
	return find_mark(applied_marks(snapshot, server, roles[HUB].field),
			 connector) != NULL;
}

/* A name as master.cf and file names take it: what is lost of it is made up
 * for by a part of its hash. */
static char *
slug(const char *folded)
{
	GString *out = g_string_new(NULL);

	for (; *folded != '\0' && out->len < SLUG_LIMIT; folded++)
		g_string_append_c(out,
				  g_ascii_isalnum(*folded) ? *folded : '-');
	return g_string_free(out, FALSE);
}

char *
ph_setup_transport(const char *transport, const struct ph_object *connector)
{
	const char *folded = ph_object_folded(connector);
	g_autofree char *name = slug(folded);
	g_autofree char *sum = NULL;

	if (strcmp(name, folded) == 0)
		return g_strconcat(transport, "-for-", name, NULL);
	sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, folded, -1);
	sum[SUFFIX_SIZE] = '\0';
	return g_strconcat(transport, "-for-", name, "-", sum, NULL);
}
