#include "cli/picture.h"

#include "lib/routing/health.h"
#include "lib/state/object.h"

static void
server_free(void *data)
{
	struct ph_picture_server *server = data;

	g_free(server->fault);
	g_ptr_array_unref(server->databases);
	g_free(server);
}

static void
site_free(void *data)
{
	struct ph_picture_site *site = data;

	g_ptr_array_unref(site->servers);
	g_free(site);
}

static void
link_free(void *data)
{
	struct ph_picture_link *link = data;

	g_free(link->label);
	g_array_unref(link->sites);
	g_free(link);
}

/* ---- servers ------------------------------------------------------------ */

static bool
has_service(const struct ph_server *server, enum ph_service service)
{
	switch (service) {
	case PH_SERVICE_FRONTEND:
		return server->frontend_role;
	case PH_SERVICE_TRANSPORT:
		return server->transport_role;
	case PH_SERVICE_DELIVERY:
		return server->mailbox_role;
	case PH_SERVICES:
		break;
	}
	return false;
}

/* Services that should have a heartbeat and have none; g_free; NULL: all have.
 */
static char *
silent(const struct ph_server *server, const bool *alive)
{
	g_autoptr(GString) out = g_string_new("no heartbeat of");
	size_t missing = 0, expected = 0;

	for (size_t i = 0; alive && i < PH_SERVICES; i++) {
		if (!has_service(server, i) || !*server->service[i].host)
			continue;
		expected++;
		if (alive[server->index * PH_SERVICES + i])
			continue;
		missing++;
		g_string_append_printf(out, " %s", ph_service_name(i));
	}
	if (missing == 0)
		return NULL;
	return g_strdup(missing == expected ? "no heartbeat" : out->str);
}

static struct ph_picture_server *
server_new(const struct ph_server *server, const bool *alive)
{
	struct ph_picture_server *made = g_new0(struct ph_picture_server, 1);

	made->server = server;
	made->databases = g_ptr_array_new();
	switch (server->state) {
	case PH_SERVER_INACTIVE:
		made->light = PH_LIGHT_OFF;
		made->fault = g_strdup("Inactive");
		return made;
	case PH_SERVER_DRAINING:
		made->light = PH_LIGHT_GOING;
		break;
	case PH_SERVER_ACTIVE:
		break;
	}
	made->fault = silent(server, alive);
	if (made->fault)
		made->light = PH_LIGHT_DOWN;
	else if (made->light == PH_LIGHT_GOING)
		made->fault = g_strdup("Draining");
	return made;
}

/* ---- sites, in the order of their indexes; at last servers without one -- */

static struct ph_picture_site *
site_new(const struct ph_site *site)
{
	struct ph_picture_site *made = g_new0(struct ph_picture_site, 1);

	made->site = site;
	made->name = site ? site->name : "(without a site)";
	made->servers = g_ptr_array_new_with_free_func(server_free);
	return made;
}

static void
judge_site(struct ph_picture_site *site, const bool *alive)
{
	size_t services = 0, up = 0;

	for (guint i = 0; i < site->servers->len; i++) {
		const struct ph_picture_server *server =
		    site->servers->pdata[i];
		size_t index = server->server->index;

		if (!server->server->transport_role)
			continue;
		services++;
		up += server->light != PH_LIGHT_OFF &&
		      (!alive ||
		       alive[index * PH_SERVICES + PH_SERVICE_TRANSPORT]);
	}
	site->down = services > 0 && up == 0;
}

static void
add_sites(struct ph_picture *picture, const struct ph_snapshot *snapshot,
	  const struct ph_topology *topology, const bool *alive,
	  struct ph_picture_server **by_index)
{
	size_t n_sites, n;
	const struct ph_object *const *sites =
	    ph_snapshot_list(snapshot, "site", &n_sites);
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n);
	struct ph_picture_site *none = site_new(NULL);

	for (size_t i = 0; i < n_sites; i++)
		g_ptr_array_add(picture->sites,
				site_new(ph_topology_site(
				    topology, ph_object_name(sites[i]))));
	for (size_t i = 0; i < n; i++) {
		const struct ph_site *at = servers[i]->site;
		struct ph_picture_site *site =
		    at ? picture->sites->pdata[at->index] : none;

		by_index[i] = server_new(servers[i], alive);
		g_ptr_array_add(site->servers, by_index[i]);
	}
	if (none->servers->len > 0)
		g_ptr_array_add(picture->sites, none);
	else
		site_free(none);
	for (guint i = 0; i < picture->sites->len; i++)
		judge_site(picture->sites->pdata[i], alive);
}

/* ---- databases and links ------------------------------------------------ */

static const char *
database_fault(const struct ph_database *database, const bool *alive)
{
	const struct ph_server *active = database->active;

	if (!active)
		return "no active copy";
	if (active->state == PH_SERVER_INACTIVE)
		return "its server is Inactive";
	if (alive && !alive[active->index * PH_SERVICES + PH_SERVICE_DELIVERY])
		return "its store driver has no heartbeat";
	return NULL;
}

static void
add_databases(struct ph_picture *picture, const struct ph_snapshot *snapshot,
	      const struct ph_topology *topology, const bool *alive,
	      struct ph_picture_server **by_index)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(snapshot, "database", &n);

	for (size_t i = 0; i < n; i++) {
		struct ph_picture_database *made =
		    g_new0(struct ph_picture_database, 1);

		made->database =
		    ph_topology_database(topology, ph_object_name(list[i]));
		made->fault = database_fault(made->database, alive);
		g_ptr_array_add(picture->databases, made);
		if (made->database->active)
			g_ptr_array_add(
			    by_index[made->database->active->index]->databases,
			    made);
	}
}

static void
add_links(struct ph_picture *picture, const struct ph_snapshot *snapshot,
	  const struct ph_topology *topology)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(snapshot, "sitelink", &n);

	for (size_t i = 0; i < n; i++) {
		struct ph_picture_link *link =
		    g_new0(struct ph_picture_link, 1);
		const char *const *names = ph_object_list(list[i], "Sites");
		int64_t max = ph_object_int(list[i], "MaxMessageSize");

		link->name = ph_object_name(list[i]);
		link->cost = ph_object_int(
		    list[i], ph_object_has(list[i], "ExchangeCost")
				 ? "ExchangeCost"
				 : "Cost");
		link->label = g_strdup_printf(
		    "%" G_GINT64_FORMAT "%s%s", link->cost,
		    max > 0 && max < INT64_MAX ? ", up to " : "",
		    max > 0 && max < INT64_MAX
			? ph_object_text(list[i], "MaxMessageSize")
			: "");
		link->sites = g_array_new(FALSE, FALSE, sizeof(size_t));
		for (; *names; names++) {
			const struct ph_site *site =
			    ph_topology_site(topology, *names);

			if (site)
				g_array_append_val(link->sites, site->index);
		}
		g_ptr_array_add(picture->links, link);
	}
}

/* ---- the whole ---------------------------------------------------------- */

struct ph_picture *
ph_picture_new(const struct ph_snapshot *snapshot,
	       const struct ph_topology *topology, const bool *alive)
{
	struct ph_picture *picture = g_new0(struct ph_picture, 1);
	g_autofree struct ph_picture_server **by_index = NULL;
	size_t n;

	ph_topology_servers(topology, &n);
	by_index = g_new0(struct ph_picture_server *, n + 1);
	picture->sites = g_ptr_array_new_with_free_func(site_free);
	picture->links = g_ptr_array_new_with_free_func(link_free);
	picture->databases = g_ptr_array_new_with_free_func(g_free);
	add_sites(picture, snapshot, topology, alive, by_index);
	add_databases(picture, snapshot, topology, alive, by_index);
	add_links(picture, snapshot, topology);
	return picture;
}

void
ph_picture_free(struct ph_picture **picture)
{
	if (!*picture)
		return;
	g_ptr_array_unref((*picture)->sites);
	g_ptr_array_unref((*picture)->links);
	g_ptr_array_unref((*picture)->databases);
	g_free(*picture);
	*picture = NULL;
}

/* ---- as text ------------------------------------------------------------ */

static void
append_links(const struct ph_picture *picture, size_t site, GString *out)
{
	for (guint l = 0; l < picture->links->len; l++) {
		const struct ph_picture_link *link = picture->links->pdata[l];
		bool here = false, first = true;

		for (guint i = 0; i < link->sites->len; i++)
			here |= g_array_index(link->sites, size_t, i) == site;
		for (guint i = 0; here && i < link->sites->len; i++) {
			size_t other = g_array_index(link->sites, size_t, i);
			const struct ph_picture_site *to =
			    picture->sites->pdata[other];

			if (other == site)
				continue;
			g_string_append_printf(out, "%s%s%s",
					       first ? "  -- " : ", ", to->name,
					       to->down ? " (down)" : "");
			first = false;
		}
		if (!first)
			g_string_append_printf(out, "  cost %s (%s)\n",
					       link->label, link->name);
	}
}

static void
append_server(const struct ph_picture_server *server, GString *out)
{
	static const char *const signs[] = {
	    [PH_LIGHT_UP] = "+",
	    [PH_LIGHT_GOING] = "~",
	    [PH_LIGHT_OFF] = "o",
	    [PH_LIGHT_DOWN] = "X",
	};
	const struct ph_dag *dag = server->server->dag;

	g_string_append_printf(out, "   %s %s", signs[server->light],
			       server->server->name);
	if (dag)
		g_string_append_printf(out, "  [%s]", dag->name);
	for (guint i = 0; i < server->databases->len; i++) {
		const struct ph_picture_database *database =
		    server->databases->pdata[i];

		g_string_append_printf(out, "%s%s%s", i == 0 ? "  " : " ",
				       database->database->name,
				       database->fault ? "(down)" : "");
	}
	if (server->fault)
		g_string_append_printf(out, "  %s", server->fault);
	g_string_append_c(out, '\n');
}

void
ph_picture_text(const struct ph_picture *picture, GString *out)
{
	for (guint i = 0; i < picture->sites->len; i++) {
		const struct ph_picture_site *site = picture->sites->pdata[i];

		g_string_append_printf(
		    out, "%s%s%s%s\n", site->name,
		    site->site && site->site->hub ? "  hub site" : "",
		    site->site && !site->site->inbound
			? "  takes no mail from other sites"
			: "",
		    site->down ? "  DOWN" : "");
		if (site->site)
			append_links(picture, i, out);
		for (guint k = 0; k < site->servers->len; k++)
			append_server(site->servers->pdata[k], out);
	}
	for (guint i = 0; i < picture->databases->len; i++) {
		const struct ph_picture_database *database =
		    picture->databases->pdata[i];

		if (!database->database->active)
			g_string_append_printf(out, "%s  %s\n",
					       database->database->name,
					       database->fault);
	}
}
