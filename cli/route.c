#include "lib/routing/route.h"

#include "cli/kind.h"
#include "cli/lookup.h"
#include "lib/directory/expand.h"
#include "lib/directory/members.h"
#include "lib/routing/connector.h"

#include <stdio.h>
#include <string.h>

const struct ph_option ph_route_options[] = {
    {"from", "SERVER", "as seen from this server; this one unless given"},
    {"size", "SIZE", "of the message, such as 10MB; not known unless given"},
    {NULL, NULL, NULL},
};

static const char *const route_types[] = {
    [PH_ROUTE_MAILBOX] = "mailbox",	[PH_ROUTE_HUB] = "hub",
    [PH_ROUTE_EXPAND] = "expand",	[PH_ROUTE_NONE] = "none",
    [PH_ROUTE_TOO_LARGE] = "too large",
};
static const char *const group_types[] = {
    [PH_GROUP_NONE] = "",
    [PH_GROUP_DAG] = "routable DAG",
    [PH_GROUP_MAILBOX] = "mailbox delivery group",
    [PH_GROUP_SERVERS] = "server list",
};

/* What the question is about. */
struct ask {
	struct ph_cli *cli;
	struct ph_lookup lookup;
	const char *from;
	uint64_t size; /* 0: not known */
	json_t *array;
};

/* ---- an answer ---------------------------------------------------------- */

static json_t *
words_json(char *const *words)
{
	json_t *array = json_array();

	for (; *words; words++)
		json_array_append_new(array, ph_json_text(*words));
	return array;
}

static json_t *
route_json(const struct ph_route *route)
{
	json_t *json = json_object(), *hops = json_array();
	g_autofree char *next = ph_route_format(route);

	json_object_set_new(json, "Type",
			    ph_json_text(route_types[route->type]));
	ph_json_set(json, "DeliveryType", ph_route_delivery_type(route));
	ph_json_set(json, "NextHopDomain", ph_route_next_hop_domain(route));
	if (route->database)
		json_object_set_new(json, "Database",
				    ph_json_text(route->database->name));
	json_object_set_new(json, "GroupType",
			    ph_json_text(group_types[route->group]));
	json_object_set_new(json, "Group", ph_json_text(route->group_name));
	for (size_t i = 0; route->hops[i]; i++)
		json_array_append_new(hops, ph_json_text(route->hops[i]->name));
	json_object_set_new(json, "Hops", hops);
	json_object_set_new(json, "NextHop", ph_json_text(next));
	if (route->reason)
		json_object_set_new(json, "Reason",
				    ph_json_text(route->reason));
	json_object_set_new(json, "Why", words_json(route->why));
	return json;
}

static json_t *
connector_json(const struct ph_connector_route *route)
{
	json_t *json = json_object();
	g_autofree char *next = ph_connector_format(route);

	json_object_set_new(json, "Type",
			    ph_json_text(ph_connector_type_name(route->type)));
	if (route->connector)
		json_object_set_new(
		    json, "Connector",
		    ph_json_text(ph_object_name(route->connector)));
	json_object_set_new(json, "NextHop", ph_json_text(next));
	if (route->reason)
		json_object_set_new(json, "Reason",
				    ph_json_text(route->reason));
	json_object_set_new(json, "Why", words_json(route->why));
	return json;
}

static void
say(const char *name, const char *value)
{
	printf("  %-16s %s\n", name, value);
}

static void
print_why(char *const *why)
{
	for (size_t i = 0; why[i]; i++)
		say(i == 0 ? "Why:" : "", why[i]);
}

static void
print_route(const struct ph_route *route)
{
	g_autofree char *next = ph_route_format(route);
	/* Without a name: servers of no site, a group that is opened here. */
	g_autofree char *group =
	    g_strdup_printf("%s%s%s", group_types[route->group],
			    *route->group_name ? " " : "", route->group_name);

	if (route->database)
		say("Database:", route->database->name);
	if (route->group != PH_GROUP_NONE)
		say("Delivery group:", group);
	say("Delivery type:", ph_route_delivery_type(route));
	say("Next hop:", next);
	print_why(route->why);
}

static void
print_connector(const struct ph_connector_route *route)
{
	g_autofree char *next = ph_connector_format(route);

	if (route->connector)
		say("Connector:", ph_object_name(route->connector));
	say("Next hop:", next);
	print_why(route->why);
}

static void
print_step(const char *asked, const struct ph_step *step)
{
	printf("%s\n", asked);
	say("Resolution:", ph_resolve_verdict_name(step->at.verdict));
	say("Address:", ph_step_destination(step));
	if (step->at.entry)
		say("Entry:", ph_object_name(step->at.entry));
}

/* ---- the question ------------------------------------------------------- */

static const char *
database_of(const struct ph_resolution *resolution)
{
	return resolution->entry && ph_entry_is_mailbox(resolution->entry)
		   ? ph_object_text(resolution->entry, "Database")
		   : NULL;
}

/* The address that a send connector is looked for; NULL: none is. */
static const char *
outside_of(const struct ph_step *step)
{
	if (step->at.verdict == PH_RESOLVED_RELAY ||
	    step->at.verdict == PH_RESOLVED_OUTSIDE)
		return step->at.address;
	return step->at.entry ? ph_entry_external(step->at.entry) : NULL;
}

/* A front end has no queue and is in no delivery group: which servers it tries,
 * those alike in any order, is another question. */
static void
add_servers(struct ask *ask, const char *database, json_t *json)
{
	const struct ph_server *from =
	    ph_topology_server(ask->lookup.topology, ask->from);
	g_autofree const struct ph_server **servers = NULL;
	json_t *array = json_array();

	if (from && from->frontend_role && !from->transport_role)
		servers = ph_select_transport(ask->lookup.topology, ask->from,
					      PH_SELECT_FRONTEND, &database,
					      database ? 1 : 0, NULL, NULL);
	for (size_t i = 0; servers && servers[i]; i++) {
		json_array_append_new(array, ph_json_text(servers[i]->name));
		if (!ask->cli->json)
			say(i == 0 ? "Front end tries:" : "", servers[i]->name);
	}
	if (servers)
		json_object_set(json, "FrontendServers", array);
	json_decref(array);
}

/* Of a mailbox's database, or of a group to where it is opened. */
static int
answer_inside(struct ask *ask, const char *database, const char *expansion,
	      json_t *json)
{
	const struct ph_route_query query = {.topology = ask->lookup.topology,
					     .from = ask->from,
					     .database = database,
					     .expansion = expansion,
					     .size = ask->size,
					     .explain = true};
	struct ph_route route;
	bool found;

	ph_route_find(&query, &route);
	json_object_set_new(json, "Route", route_json(&route));
	if (!ask->cli->json)
		print_route(&route);
	add_servers(ask, database, json);
	found = route.type != PH_ROUTE_NONE && route.type != PH_ROUTE_TOO_LARGE;
	ph_route_clear(&route);
	return found ? PH_EXIT_YES : PH_EXIT_NO;
}

static int
answer_outside(struct ask *ask, const char *address, json_t *json)
{
	const struct ph_connector_query query = {
	    .snapshot = ask->lookup.snapshot,
	    .topology = ask->lookup.topology,
	    .from = ask->from,
	    .address = address,
	    .size = ask->size,
	    .explain = true};
	struct ph_connector_route route;
	int status;

	ph_connector_find(&query, &route);
	json_object_set_new(json, "Route", connector_json(&route));
	if (!ask->cli->json)
		print_connector(&route);
	add_servers(ask, NULL, json);
	status = route.nexthop ? PH_EXIT_YES : PH_EXIT_NO;
	ph_connector_clear(&route);
	return status;
}

/* Where its members are found. */
static int
answer_group(struct ask *ask, const struct ph_object *group, json_t *json)
{
	struct ph_group_wishes wishes;

	ph_group_wishes(group, &wishes);
	return answer_inside(ask, NULL, wishes.server ? wishes.server : "",
			     json);
}

static int
answer(struct ask *ask, const char *asked, const struct ph_step *step)
{
	const char *database = database_of(&step->at);
	const char *outside = outside_of(step);
	json_t *json = json_object();
	int status = PH_EXIT_NO;

	json_object_set_new(json, "Original", ph_json_text(asked));
	json_object_set_new(
	    json, "Resolution",
	    ph_json_text(ph_resolve_verdict_name(step->at.verdict)));
	json_object_set_new(json, "Address",
			    ph_json_text(ph_step_destination(step)));
	if (step->refusal)
		json_object_set_new(json, "Refusal",
				    ph_json_text(step->refusal));
	if (!ask->cli->json)
		print_step(asked, step);
	if (step->refusal) {
		if (!ask->cli->json)
			say("Next hop:", step->refusal);
	} else if (database) {
		status = answer_inside(ask, database, NULL, json);
	} else if (outside) {
		status = answer_outside(ask, outside, json);
	} else if (step->at.entry && ph_entry_is_group(step->at.entry)) {
		status = answer_group(ask, step->at.entry, json);
	} else if (!ask->cli->json) {
		say("Next hop:", "none: not a mailbox of ours");
	}
	json_array_append_new(ask->array, json);
	return status;
}

/* All that get mail for the address, and those that are refused. */
static int
route_one(struct ask *ask, const char *address)
{
	g_autoptr(GPtrArray) steps = NULL;
	int status = ph_lookup_resolve(&ask->lookup, address, &steps);

	for (guint i = 0; steps && i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];
		int one;

		if (step->fate == PH_STEP_PASSED || step->fate == PH_STEP_AGAIN)
			continue;
		one = answer(ask, address, step);
		status = MAX(status, one);
	}
	return status;
}

static int
route_all(struct ask *ask, const struct ph_input *input)
{
	int status = PH_EXIT_YES;

	for (size_t i = 0; i < input->n; i++) {
		int one = route_one(ask, input->words[i]);

		status = MAX(status, one);
	}
	return status;
}

static int
read_size(const struct ph_input *input, uint64_t *size_r)
{
	const char *text = ph_input_option(input, "size");
	struct ph_err err = PH_ERR_INIT;
	int64_t size;

	*size_r = 0;
	if (!text)
		return 0;
	if (ph_parse_size(text, &size, &err) < 0)
		return ph_cli_fail(-1, "--size: %s", err.text);
	*size_r = (uint64_t)MAX(size, 0);
	return 0;
}

int
ph_route_run(struct ph_cli *cli, const struct ph_input *input)
{
	const char *from = ph_input_option(input, "from");
	struct ask ask = {
	    .cli = cli,
	    .from = from ? from : ph_conf_text(cli->conf, "server", "name")};
	int status;

	if (read_size(input, &ask.size) < 0)
		return PH_EXIT_USAGE;
	if (!*ask.from)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "this server has no name in [server]; give "
				   "--from SERVER");
	status = ph_lookup_open(cli, &ask.lookup);
	if (status == PH_EXIT_YES) {
		ask.array = json_array();
		status = route_all(&ask, input);
		if (cli->json)
			ph_json_print(json_incref(ask.array));
		json_decref(ask.array);
	}
	ph_lookup_close(&ask.lookup);
	return status;
}
