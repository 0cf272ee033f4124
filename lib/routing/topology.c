#include "lib/routing/topology_build.h"

#include <string.h>

void
ph_build_complain(struct ph_build *b, const char *format, ...)
{
	va_list args;

	/* The text of an error is short; the first problems say enough. */
	if (b->problems->len > PH_ERR_TEXT)
		return;
	if (b->problems->len > 0)
		g_string_append(b->problems, "; ");
	va_start(args, format);
	g_string_append_vprintf(b->problems, format, args);
	va_end(args);
}

const char *
ph_build_keep(struct ph_build *b, const char *text)
{
	return g_string_chunk_insert(b->t->text, text ? text : "");
}

/* Enters a folded name; false: it is there already. */
static bool
enter(struct ph_build *b, GHashTable *table, const char *name,
      gconstpointer value)
{
	g_autofree char *folded = ph_fold(name);

	if (g_hash_table_contains(table, folded))
		return false;
	g_hash_table_insert(table, (gpointer)ph_build_keep(b, folded),
			    (gpointer)value);
	return true;
}

const struct ph_server *const *
ph_build_list(struct ph_build *b, GPtrArray *list)
{
	gpointer *array;

	g_ptr_array_add(list, NULL);
	array = g_ptr_array_free(list, FALSE);
	g_ptr_array_add(b->t->lists, array);
	return (const struct ph_server *const *)array;
}

const struct ph_object *const *
ph_build_objects(const struct ph_build *b, const char *kind, size_t *n_r)
{
	return ph_snapshot_list(b->snapshot, kind, n_r);
}

/* ---- sites and links ---------------------------------------------------- */

static void
build_sites(struct ph_build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    ph_build_objects(b, "site", &t->n_sites);

	t->sites = g_new0(struct ph_site, t->n_sites + 1);
	for (size_t i = 0; i < t->n_sites; i++) {
		struct ph_site *site = &t->sites[i];

		site->name = ph_build_keep(b, ph_object_name(list[i]));
		site->index = i;
		site->hub = ph_object_bool(list[i], "HubSiteEnabled");
		site->inbound = ph_object_bool(list[i], "InboundMailEnabled");
		enter(b, t->site_names, site->name, site);
	}
}

static int64_t
link_cost(const struct ph_object *link)
{
	int64_t cost = PH_LINK_COST;

	if (ph_object_has(link, "ExchangeCost"))
		cost = ph_object_int(link, "ExchangeCost");
	else if (ph_object_has(link, "Cost"))
		cost = ph_object_int(link, "Cost");
	return CLAMP(cost, 1, PH_LINK_COST_MAX);
}

static uint64_t
link_size(const struct ph_object *link)
{
	int64_t size = ph_object_int(link, "MaxMessageSize");

	return size > 0 && size < INT64_MAX ? (uint64_t)size : 0;
}

/* The sites of a link, each once. */
static size_t *
link_sites(struct ph_build *b, const struct ph_object *link, size_t *n_r)
{
	const char *const *names = ph_object_list(link, "Sites");
	size_t *sites = g_new(size_t, g_strv_length((char **)names) + 1);
	size_t n = 0;

	for (; *names; names++) {
		const struct ph_site *site = ph_topology_site(b->t, *names);
		size_t i = 0;

		if (!site) {
			ph_build_complain(b,
					  "sitelink %s: site %s does not exist",
					  ph_object_name(link), *names);
			continue;
		}
		while (i < n && sites[i] != site->index)
			i++;
		if (i == n)
			sites[n++] = site->index;
	}
	*n_r = n;
	return sites;
}

static void
build_paths(struct ph_build *b)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_build_objects(b, "sitelink", &n);
	struct ph_link *links = g_new0(struct ph_link, n + 1);
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		links[i].name = ph_build_keep(b, ph_object_name(list[i]));
		links[i].sites = link_sites(b, list[i], &links[i].n);
		links[i].cost = link_cost(list[i]);
		links[i].max_size = link_size(list[i]);
		if (links[i].max_size > 0)
			least = MIN(least, links[i].max_size);
	}
	b->t->least_size = least == UINT64_MAX ? 0 : least;
	b->t->paths = ph_paths_build(b->t->sites, b->t->n_sites, links, n);
	for (size_t i = 0; i < n; i++)
		g_free((gpointer)links[i].sites);
	g_free(links);
}

/* ---- DAGs and databases ------------------------------------------------- */

static int
by_index(gconstpointer a, gconstpointer b)
{
	const struct ph_server *x = *(const struct ph_server *const *)a;
	const struct ph_server *y = *(const struct ph_server *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* DAGs come by name, so of two that claim a server the first has it. */
static void
build_dag(struct ph_build *b, const struct ph_object *object,
	  struct ph_dag *dag)
{
	const char *const *names = ph_object_list(object, "Servers");
	GPtrArray *list = g_ptr_array_new();

	dag->name = ph_build_keep(b, ph_object_name(object));
	for (; *names; names++) {
		/* Topologies are written here alone. */
		struct ph_server *server =
		    (struct ph_server *)ph_topology_server(b->t, *names);

		if (!server) {
			ph_build_complain(b, "dag %s: server %s does not exist",
					  dag->name, *names);
		} else if (server->dag && server->dag != dag) {
			ph_build_complain(b,
					  "server %s is in the DAGs %s and %s; "
					  "%s counts",
					  server->name, server->dag->name,
					  dag->name, server->dag->name);
		} else if (!server->dag) {
			server->dag = dag;
			g_ptr_array_add(list, server);
		}
	}
	g_ptr_array_sort(list, by_index);
	dag->servers = ph_build_list(b, list);
}

static void
build_dags(struct ph_build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    ph_build_objects(b, "dag", &t->n_dags);
	const struct ph_object *const *servers;
	size_t n;

	t->dags = g_new0(struct ph_dag, t->n_dags + 1);
	for (size_t i = 0; i < t->n_dags; i++)
		build_dag(b, list[i], &t->dags[i]);
	servers = ph_build_objects(b, "server", &n);
	for (size_t i = 0; i < n; i++) {
		const struct ph_dag *dag = t->servers[i].dag;
		const char *said =
		    ph_object_text(servers[i], "DatabaseAvailabilityGroup");
		g_autofree char *folded = ph_fold(said ? said : "");
		g_autofree char *truth = ph_fold(dag ? dag->name : "");

		if (*folded && strcmp(folded, truth) != 0)
			ph_build_complain(
			    b,
			    "server %s: DatabaseAvailabilityGroup is %s, "
			    "but %s%s",
			    t->servers[i].name, said,
			    dag ? "it is in the Servers of "
				: "that DAG's Servers do not name it",
			    dag ? dag->name : "");
	}
}

static const struct ph_server *const *
database_servers(struct ph_build *b, const struct ph_object *object)
{
	const char *const *names = ph_object_list(object, "Servers");
	const char *active = ph_object_text(object, "Active");
	const char *const only[] = {active && *active ? active : NULL, NULL};
	GPtrArray *list = g_ptr_array_new();

	/* A database that has but one copy needs no list. */
	for (names = *names ? names : only; *names; names++) {
		const struct ph_server *server =
		    ph_topology_server(b->t, *names);

		if (!server)
			ph_build_complain(
			    b, "database %s: server %s does not exist",
			    ph_object_name(object), *names);
		else if (!g_ptr_array_find(list, server, NULL))
			g_ptr_array_add(list, (gpointer)server);
	}
	return ph_build_list(b, list);
}

/* Active is the truth: mail for a copy that nobody has waits, and is never
 * written into a new, empty database. */
static const char *
no_copy(struct ph_build *b, const struct ph_object *object,
	struct ph_database *database)
{
	const char *active = ph_object_text(object, "Active");
	g_autofree char *why = NULL;

	if (!active || !*active) {
		database->active = *database->servers;
		return database->active ? NULL : "it has no servers";
	}
	database->active = ph_topology_server(b->t, active);
	if (database->active)
		return NULL;
	why = g_strdup_printf("Active names %s, which does not exist", active);
	ph_build_complain(b, "database %s: %s", database->name, why);
	return ph_build_keep(b, why);
}

static void
build_databases(struct ph_build *b)
{
	struct ph_topology *t = b->t;
	const struct ph_object *const *list =
	    ph_build_objects(b, "database", &t->n_databases);

	t->databases = g_new0(struct ph_database, t->n_databases + 1);
	t->no_copy = g_new0(const char *, t->n_databases + 1);
	for (size_t i = 0; i < t->n_databases; i++) {
		struct ph_database *database = &t->databases[i];

		database->name = ph_build_keep(b, ph_object_name(list[i]));
		database->epoch = ph_object_int(list[i], "Epoch");
		database->auto_activation =
		    ph_object_bool(list[i], "AutoActivation");
		database->servers = database_servers(b, list[i]);
		t->no_copy[i] = no_copy(b, list[i], database);
		enter(b, t->database_names, database->name, database);
	}
}

/* ---- the whole ---------------------------------------------------------- */

static struct ph_topology *
topology_new(void)
{
	struct ph_topology *t = g_new0(struct ph_topology, 1);

	t->text = g_string_chunk_new(65536);
	t->lists = g_ptr_array_new_with_free_func(g_free);
	t->site_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->server_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->database_names = g_hash_table_new(g_str_hash, g_str_equal);
	t->peers = g_hash_table_new(g_str_hash, g_str_equal);
	return t;
}

void *
ph_topology_build(const struct ph_snapshot *snapshot, const void *previous,
		  void *context, struct ph_err *err)
{
	g_autoptr(GString) problems = g_string_new(NULL);
	struct ph_build b = {topology_new(), snapshot, problems};

	(void)previous;
	(void)context;
	build_sites(&b);
	build_paths(&b);
	ph_build_servers(&b);
	ph_build_site_servers(&b);
	build_dags(&b);
	build_databases(&b);
	if (problems->len > 0)
		ph_err_set(err, PH_ERR_PERM, "%s", problems->str);
	return b.t;
}

void
ph_topology_free(void *topology)
{
	struct ph_topology *t = topology;

	if (!t)
		return;
	ph_paths_free(&t->paths);
	g_hash_table_destroy(t->site_names);
	g_hash_table_destroy(t->server_names);
	g_hash_table_destroy(t->database_names);
	g_hash_table_destroy(t->peers);
	g_ptr_array_unref(t->lists);
	g_free(t->sites);
	g_free(t->servers);
	g_free(t->dags);
	g_free(t->databases);
	g_free(t->folded);
	g_free(t->hash);
	g_free(t->by_name);
	g_free(t->in_site);
	g_free(t->no_copy);
	g_string_chunk_free(t->text);
	g_free(t);
}

const struct ph_derive ph_topology_derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};
