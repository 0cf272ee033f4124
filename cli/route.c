#include "lib/routing/route.h"

#include "cli/kind.h"
#include "cli/lookup.h"

#include <stdio.h>

const struct ph_option ph_route_options[] = {
    {"from", "SERVER", "as seen from this server; this one unless given"},
    {NULL, NULL, NULL},
};

static const char *const route_types[] = {
    [PH_ROUTE_MAILBOX] = "mailbox",
    [PH_ROUTE_HUB] = "hub",
    [PH_ROUTE_NONE] = "none",
};
static const char *const group_types[] = {
    [PH_GROUP_NONE] = "",
    [PH_GROUP_DAG] = "routable DAG",
    [PH_GROUP_MAILBOX] = "mailbox delivery group",
};

/* What the question is about. */
struct ask {
	struct ph_cli *cli;
	struct ph_lookup lookup;
	const char *from;
	json_t *array;
};

/* ---- an answer ---------------------------------------------------------- */

static json_t *
route_json(const struct ph_route *route)
{
	json_t *json = json_object(), *hops = json_array(), *why = json_array();
	g_autofree char *next = ph_route_format(route);

	json_object_set_new(json, "Type",
			    ph_json_text(route_types[route->type]));
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
	for (size_t i = 0; route->why[i]; i++)
		json_array_append_new(why, ph_json_text(route->why[i]));
	json_object_set_new(json, "Why", why);
	return json;
}

static void
say(const char *name, const char *value)
{
	printf("  %-16s%s\n", name, value);
}

static void
print_route(const struct ph_route *route)
{
	g_autofree char *next = ph_route_format(route);
	g_autofree char *group = g_strdup_printf(
	    "%s %s", group_types[route->group], route->group_name);

	if (route->database)
		say("Database:", route->database->name);
	if (route->group != PH_GROUP_NONE)
		say("Delivery group:", group);
	say("Next hop:", next);
	for (size_t i = 0; route->why[i]; i++)
		say(i == 0 ? "Why:" : "", route->why[i]);
}

static void
print_resolution(const struct ph_resolution *resolution)
{
	printf("%s\n", resolution->original);
	say("Resolution:", ph_resolve_verdict_name(resolution->verdict));
	say("Address:", resolution->address);
	if (resolution->entry)
		say("Entry:", ph_object_name(resolution->entry));
}

/* ---- the question ------------------------------------------------------- */

static const char *
database_of(const struct ph_resolution *resolution)
{
	return resolution->entry && ph_entry_is_mailbox(resolution->entry)
		   ? ph_object_text(resolution->entry, "Database")
		   : NULL;
}

static int
answer(struct ask *ask, const struct ph_resolution *resolution)
{
	const char *database = database_of(resolution);
	struct ph_route route;
	json_t *json = json_object();
	int status = PH_EXIT_YES;

	json_object_set_new(json, "Original",
			    ph_json_text(resolution->original));
	json_object_set_new(
	    json, "Resolution",
	    ph_json_text(ph_resolve_verdict_name(resolution->verdict)));
	json_object_set_new(json, "Address", ph_json_text(resolution->address));
	if (!ask->cli->json)
		print_resolution(resolution);
	if (database) {
		ph_route_database(ask->lookup.topology, ask->from, database,
				  true, &route);
		json_object_set_new(json, "Route", route_json(&route));
		if (!ask->cli->json)
			print_route(&route);
		status = route.type == PH_ROUTE_NONE ? PH_EXIT_NO : PH_EXIT_YES;
		ph_route_clear(&route);
	} else {
		if (!ask->cli->json)
			say("Next hop:", "none: not a mailbox of ours");
		status = PH_EXIT_NO;
	}
	json_array_append_new(ask->array, json);
	return status;
}

static int
route_all(struct ask *ask, const struct ph_input *input)
{
	int status = PH_EXIT_YES;

	for (size_t i = 0; i < input->n; i++) {
		struct ph_resolution resolution;
		int one = ph_lookup_resolve(&ask->lookup, input->words[i],
					    &resolution);

		if (one == PH_EXIT_YES) {
			one = answer(ask, &resolution);
			ph_resolution_clear(&resolution);
		}
		status = MAX(status, one);
	}
	return status;
}

int
ph_route_run(struct ph_cli *cli, const struct ph_input *input)
{
	const char *from = ph_input_option(input, "from");
	struct ask ask = {
	    .cli = cli,
	    .from = from ? from : ph_conf_text(cli->conf, "server", "name")};
	int status;

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
