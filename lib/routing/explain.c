#include "lib/routing/topology_private.h"

#include <inttypes.h>

/* Decisions in words: what an administrator reads in "posthub route". */

void
ph_explain(GPtrArray *why, const char *format, ...)
{
	va_list args;

	if (!why)
		return;
	va_start(args, format);
	g_ptr_array_add(why, g_strdup_vprintf(format, args));
	va_end(args);
}

const char *
ph_site_text(const struct ph_server *server)
{
	return server->site ? server->site->name : "none";
}

static void
append_link(GString *out, const struct ph_path_link *link)
{
	g_string_append_printf(out, " (link %s, cost %" PRId64, link->name,
			       link->cost);
	if (link->max_size > 0)
		g_string_append_printf(out, ", MaxMessageSize %" PRIu64,
				       link->max_size);
	g_string_append_c(out, ')');
}

void
ph_explain_path(GPtrArray *why, const struct ph_group_query *query,
		const struct ph_group_answer *answer)
{
	const struct ph_site *from = query->from->site;
	g_autoptr(GString) path = NULL;

	if (!why)
		return;
	if (!from || answer->n_path == 0) {
		ph_explain(why, "the nearest of them is in this site");
		return;
	}
	path = g_string_new(from->name);
	for (size_t i = 0; i < answer->n_path; i++) {
		struct ph_path_link link;

		ph_topology_last_link(query->topology, from, answer->path[i],
				      &link);
		g_string_append_printf(path, " > %s", answer->path[i]->name);
		append_link(path, &link);
	}
	ph_explain(why,
		   "the nearest of them is in site %s: least-cost path %s, "
		   "cost %" PRId64 ", hops %zu",
		   answer->primary->name, path->str, answer->cost,
		   answer->n_path);
	if (answer->hub)
		ph_explain(why,
			   "site %s on that path is a hub site: stop there",
			   answer->hub->name);
	else if (answer->primary->hub)
		ph_explain(why,
			   "site %s is a hub site: its servers alone are "
			   "connected to",
			   answer->primary->name);
	else if (answer->n_path > 1)
		ph_explain(why, "no site before it is a hub site: straight "
				"there");
}

void
ph_explain_hops(GPtrArray *why, const GArray *hops,
		const struct ph_server *active)
{
	static const char *const reasons[] = {
	    [PH_HOP_MEMBER] = "of the delivery group, in its nearest site",
	    [PH_HOP_HUB] = "in the hub site",
	    [PH_HOP_ELSEWHERE] = "of the delivery group, in another site",
	    [PH_HOP_PRIMARY] = "not of the group, but in that site",
	    [PH_HOP_BACK] = "on the way back, where mail can wait",
	};

	for (guint i = 0; why && i < hops->len; i++) {
		const struct ph_candidate *hop =
		    &g_array_index(hops, struct ph_candidate, i);

		ph_explain(
		    why, "next hop %u: %s (site %s, cost %" PRId64 "): %s%s",
		    i + 1, hop->server->name, ph_site_text(hop->server),
		    hop->cost, reasons[hop->reason],
		    hop->server == active ? "; has the active copy" : "");
	}
}

static const char *
fault(const struct ph_server *server, enum ph_group_end end)
{
	switch (end) {
	case PH_GROUP_NO_INBOUND:
		return "its site takes no mail from others "
		       "(InboundMailEnabled)";
	case PH_GROUP_NO_PATH:
		return "no link leads to its site";
	case PH_GROUP_NO_SERVICE:
	case PH_GROUP_FOUND:
		break;
	}
	if (!server->transport_role)
		return "it has no HubTransport role";
	if (server->service[PH_SERVICE_TRANSPORT].host[0] == '\0')
		return "it has no Transport endpoint";
	switch (server->state) {
	case PH_SERVER_INACTIVE:
		return "it is Inactive";
	case PH_SERVER_DRAINING:
		return "it is Draining";
	case PH_SERVER_ACTIVE:
		break;
	}
	return "it has no heartbeat";
}

void
ph_explain_left_out(GPtrArray *why, const struct ph_server *server,
		    enum ph_group_end end)
{
	ph_explain(why, "%s (site %s) is left out: %s", server->name,
		   ph_site_text(server), fault(server, end));
}
