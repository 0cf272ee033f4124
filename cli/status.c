#include "cli/kind.h"
#include "cli/lease.h"
#include "cli/picture.h"
#include "cli/status_keys.h"
#include "lib/routing/health.h"
#include "lib/routing/setup.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What the shared state says, and what this server's daemons make of it. Each
 * part is a table, or a member of one JSON object.
 */
struct report {
	struct ph_cli *cli;
	struct ph_snapshot *snapshot; /* NULL: Redis is away */
	struct ph_err away;
	json_t *json;
};

/* Takes the table. */
static void
add_part(struct report *report, const char *name, struct ph_table *table)
{
	if (report->cli->json) {
		json_object_set_new(report->json, name, ph_table_json(table));
	} else if (ph_table_rows(table) > 0) {
		printf("%s:\n", name);
		fflush(stdout);
		ph_table_print(table);
		putchar('\n');
	}
	ph_table_free(&table);
}

/* ---- Redis -------------------------------------------------------------- */

/* Would the daemons of this server follow what Redis holds? */
static char *
verdict(const struct report *report)
{
	struct ph_snapshot *local =
	    ph_cli_local_snapshot(report->cli, NULL, NULL);
	struct ph_err err = PH_ERR_INIT;
	int r;

	if (!report->snapshot) {
		ph_snapshot_unref(&local);
		return g_strdup(report->away.text);
	}
	r = ph_state_accept(local, report->snapshot, &err);
	ph_snapshot_unref(&local);
	if (r == 1 && !*ph_snapshot_organization(report->snapshot))
		return g_strdup("holds no state yet");
	return r == 1 ? NULL : g_strdup(err.text);
}

static void
redis_part(struct report *report)
{
	static const char *const columns[] = {"Redis", "Organization",
					      "Adopted", "Problem", NULL};
	const struct ph_snapshot *snapshot = report->snapshot;
	struct ph_table *table = ph_table_new(columns);
	g_autofree char *problem = verdict(report);

	ph_table_add(table,
		     (const char *[]){
			 snapshot ? "connected" : "away",
			 snapshot ? ph_snapshot_organization(snapshot) : NULL,
			 snapshot ? ph_snapshot_adopted(snapshot) : NULL,
			 problem});
	add_part(report, "Redis", table);
}

/* ---- objects ------------------------------------------------------------ */

static size_t
count_drafts(const struct ph_object *const *objects, size_t n)
{
	size_t drafts = 0;

	for (size_t i = 0; i < n; i++)
		drafts += ph_object_draft(objects[i]);
	return drafts;
}

static void
kinds_part(struct report *report)
{
	static const char *const columns[] = {"Kind", "Objects", "Drafts",
					      "Errors", NULL};
	struct ph_table *table = ph_table_new(columns);

	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		g_autofree char *objects = NULL, *drafts = NULL, *errors = NULL;
		const struct ph_object *const *list;
		size_t n, bad;

		if (kind->flags & (PH_KIND_DIRECTORY | PH_KIND_INTERNAL))
			continue;
		list = ph_snapshot_list(report->snapshot, kind->name, &n);
		bad = ph_errors_count(report->snapshot, kind);
		if (n + bad == 0)
			continue;
		objects = g_strdup_printf("%zu", n);
		drafts = g_strdup_printf("%zu", count_drafts(list, n));
		errors = g_strdup_printf("%zu", bad);
		ph_table_add(table, (const char *[]){kind->name, objects,
						     drafts, errors});
	}
	add_part(report, "Objects", table);
}

static void
errors_part(struct report *report)
{
	static const char *const columns[] = {"Key", "Problem", NULL};
	struct ph_table *table = ph_table_new(columns);
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(report->snapshot, &errors);
	struct ph_err err = PH_ERR_INIT;
	void *topology;

	for (size_t i = 0; i < n; i++)
		ph_table_add(table,
			     (const char *[]){errors[i].key, errors[i].text});
	/* What objects say of each other. */
	topology = ph_topology_build(report->snapshot, NULL, NULL, &err);
	ph_topology_free(topology);
	if (err.kind != PH_ERR_NONE)
		ph_table_add(table, (const char *[]){"topology", err.text});
	add_part(report, "Errors", table);
}

static void
drafts_part(struct report *report)
{
	static const char *const columns[] = {"Draft", "Remedy", NULL};
	struct ph_table *table = ph_table_new(columns);
	size_t n;
	const struct ph_object *const *rules =
	    ph_snapshot_list(report->snapshot, "rule", &n);

	for (size_t i = 0; i < n; i++) {
		if (ph_object_draft(rules[i]))
			ph_table_add(
			    table,
			    (const char *[]){ph_object_name(rules[i]),
					     "not run; a condition or Enabled "
					     "makes it a rule"});
	}
	add_part(report, "Drafts", table);
}

/* ---- servers and databases ---------------------------------------------- */

/* All heartbeats in one question: server by server, service by service.
 * NULL: Redis does not say. */
static struct ph_reply *
ask_alive(const struct report *report, const struct ph_server *const *servers,
	  size_t n)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
	struct ph_command command = {0};
	struct ph_reply *reply = NULL;

	g_ptr_array_add(args, g_strdup("MGET"));
	for (size_t i = 0; i < n * PH_SERVICES; i++) {
		g_autofree char *key =
		    g_strconcat("alive:", servers[i / PH_SERVICES]->name, ":",
				ph_service_name(i % PH_SERVICES), NULL);

		g_ptr_array_add(args, ph_cli_key(report->cli, key));
	}
	command.n = args->len;
	command.args = (const char *const *)(gpointer)args->pdata;
	if (n == 0 ||
	    ph_redis_callv(report->cli->redis, &command, &reply, NULL) < 0)
		return NULL;
	return reply;
}

const struct ph_option ph_status_options[] = {
    {"svg", "FILE",
     "draw sites, servers, databases and links into FILE (- is standard "
     "output), and say nothing else"},
    {NULL, NULL, NULL},
};

/* The picture of what is up; NULL alive: Redis does not say. */
static struct ph_picture *
make_picture(const struct report *report, const struct ph_topology *topology)
{
	size_t n;
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n);
	struct ph_reply *reply = ask_alive(report, servers, n);
	g_autofree bool *alive = g_new0(bool, n *PH_SERVICES + 1);
	struct ph_picture *picture;

	for (size_t i = 0; reply && i < n * PH_SERVICES; i++)
		alive[i] =
		    ph_reply_type(ph_reply_at(reply, i)) == PH_REPLY_STRING;
	picture =
	    ph_picture_new(report->snapshot, topology, reply ? alive : NULL);
	ph_reply_free(&reply);
	return picture;
}

static void
picture_part(struct report *report, const struct ph_topology *topology)
{
	struct ph_picture *picture;
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;

	if (report->cli->json)
		return;
	picture = make_picture(report, topology);
	ph_picture_text(picture, text);
	ph_picture_free(&picture);
	if (text->len == 0)
		return;
	puts("Sites (+ up, ~ Draining, o Inactive, X no heartbeat):");
	lines = g_strsplit(text->str, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_autofree char *clean = ph_text_clean(*line);

		/* Cleaning takes the indentation. */
		printf("%.*s%s\n", (int)strspn(*line, " "), *line, clean);
	}
}

static int
draw(struct report *report, const char *file)
{
	struct ph_picture *picture =
	    make_picture(report, ph_snapshot_derived(report->snapshot, 0));
	g_autoptr(GString) svg = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	ph_picture_svg(picture, svg);
	ph_picture_free(&picture);
	if (strcmp(file, "-") == 0) {
		fputs(svg->str, stdout);
		return PH_EXIT_YES;
	}
	if (g_file_set_contents(file, svg->str, (gssize)svg->len, &error))
		return PH_EXIT_YES;
	return ph_cli_fail(PH_EXIT_NO_INPUT, "%s", error->message);
}

/* "transport delivery" */
static char *
alive_text(const struct ph_reply *alive, size_t server)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; alive && i < PH_SERVICES; i++) {
		const struct ph_reply *one =
		    ph_reply_at(alive, server * PH_SERVICES + i);

		if (ph_reply_type(one) == PH_REPLY_STRING)
			g_string_append_printf(out, "%s%s",
					       out->len > 0 ? " " : "",
					       ph_service_name(i));
	}
	return g_string_free(out, FALSE);
}

static void
servers_part(struct report *report, const struct ph_topology *topology)
{
	static const char *const columns[] = {"Server", "Site",	 "Dag",
					      "State",	"Alive", NULL};
	static const char *const states[] = {
	    [PH_SERVER_ACTIVE] = "Active",
	    [PH_SERVER_DRAINING] = "Draining",
	    [PH_SERVER_INACTIVE] = "Inactive",
	};
	struct ph_table *table = ph_table_new(columns);
	size_t n;
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n);
	struct ph_reply *alive = ask_alive(report, servers, n);

	for (size_t i = 0; i < n; i++) {
		const struct ph_server *server = servers[i];
		g_autofree char *services = alive_text(alive, i);

		ph_table_add(
		    table,
		    (const char *[]){server->name,
				     server->site ? server->site->name : NULL,
				     server->dag ? server->dag->name : NULL,
				     states[server->state], services});
	}
	ph_reply_free(&alive);
	add_part(report, "Servers", table);
}

static char *
copies(const struct ph_database *database)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (size_t i = 0; database->servers[i]; i++)
		g_ptr_array_add(names, (gpointer)database->servers[i]->name);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

static void
add_database(struct ph_table *table, const struct ph_database *database,
	     const struct ph_lease_shown *lease)
{
	g_autofree char *servers = copies(database);
	g_autofree char *epoch = g_strdup_printf("%" PRId64, database->epoch);
	const bool leased = database->auto_activation;

	ph_table_add(
	    table,
	    (const char *[]){database->name,
			     database->active ? database->active->name : "none",
			     servers, epoch, leased ? lease->holder : NULL,
			     leased ? lease->state : NULL});
}

static void
databases_part(struct report *report, const struct ph_topology *topology)
{
	static const char *const columns[] = {
	    "Database", "Active", "Copies", "Epoch", "Holder", "Lease", NULL};
	struct ph_table *table = ph_table_new(columns);
	size_t n;
	const struct ph_database *list = ph_topology_databases(topology, &n);
	g_autofree const char **names = g_new0(const char *, n + 1);
	g_autofree struct ph_lease_shown *leases =
	    g_new0(struct ph_lease_shown, n + 1);

	for (size_t i = 0; i < n; i++)
		names[i] = list[i].name;
	ph_leases_read(report->cli, names, n, leases);
	for (size_t i = 0; i < n; i++) {
		add_database(table, &list[i], &leases[i]);
		ph_lease_shown_clear(&leases[i]);
	}
	add_part(report, "Databases", table);
}

/* ---- what Postfix does not do yet ---------------------------------------- */

static void
setup_part(struct report *report, const struct ph_topology *topology)
{
	static const char *const columns[] = {"Server", "Connector", "Change",
					      "Remedy", NULL};
	struct ph_table *table = ph_table_new(columns);
	size_t n;
	const struct ph_server *const *servers =
	    ph_topology_servers(topology, &n);

	for (size_t i = 0; i < n; i++) {
		g_autoptr(GPtrArray) pending =
		    ph_setup_pending(report->snapshot, servers[i]);

		for (guint j = 0; j < pending->len; j++) {
			const struct ph_setup_pending *one = pending->pdata[j];

			ph_table_add(
			    table, (const char *[]){one->server, one->connector,
						    one->change,
						    "posthub setup connectors "
						    "--apply, on that server"});
		}
	}
	add_part(report, "Pending", table);
}

/* ---- the daemons of this server ----------------------------------------- */

static const char *
member(const json_t *status, const char *name)
{
	return json_string_value(json_object_get(status, name));
}

static void
add_daemon(struct ph_table *table, const char *name, const json_t *status)
{
	const char *reason = member(status, "reason");
	g_autofree char *errors = g_strdup_printf(
	    "%zu", json_array_size(json_object_get(status, "errors")));
	const json_t *entries = json_object_get(status, "entries");
	g_autofree char *held =
	    entries ? g_strdup_printf("%" JSON_INTEGER_FORMAT,
				      json_integer_value(entries))
		    : NULL;
	bool refused = json_is_true(json_object_get(status, "refused"));
	bool connected = json_is_true(json_object_get(status, "connected"));

	ph_table_add(table, (const char *[]){name,
					     refused	 ? "refuses Redis"
					     : connected ? "connected"
							 : "not connected",
					     member(status, "since"), held,
					     errors, reason});
}

static void
daemons_part(struct report *report)
{
	static const char *const columns[] = {
	    "Daemon", "State", "Since", "Entries", "Errors", "Reason", NULL};
	struct ph_table *table = ph_table_new(columns);
	g_auto(GStrv) files = ph_cli_state_files(report->cli, ".status");
	json_t *array = json_array();

	for (char **file = files; *file; file++) {
		g_autofree char *name = g_path_get_basename(*file);
		json_error_t error;
		json_t *status = json_load_file(*file, 0, &error);

		name[strlen(name) - strlen(".status")] = '\0';
		if (json_is_object(status)) {
			add_daemon(table, name, status);
			json_array_append(array, status);
		} else {
			ph_table_add(table,
				     (const char *[]){name, "unknown", NULL,
						      NULL, NULL, error.text});
		}
		json_decref(status);
	}
	if (report->cli->json) {
		json_object_set(report->json, "Daemons", array);
		ph_table_free(&table);
	} else {
		add_part(report, "Daemons", table);
	}
	json_decref(array);
}

/* ---- the whole ---------------------------------------------------------- */

static void
state_parts(struct report *report)
{
	const struct ph_topology *topology =
	    ph_snapshot_derived(report->snapshot, 0);

	kinds_part(report);
	picture_part(report, topology);
	servers_part(report, topology);
	databases_part(report, topology);
	drafts_part(report);
	setup_part(report, topology);
	errors_part(report);
	add_part(report, "Unknown", ph_unknown_table(report->cli));
}

int
ph_status_run(struct ph_cli *cli, const struct ph_input *input)
{
	struct report report = {.cli = cli, .away = PH_ERR_INIT};
	const char *svg = ph_input_option(input, "svg");
	int status = PH_EXIT_YES;

	if (svg && !*svg)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--svg is empty; expected a file, or - for "
				   "standard output");
	if (ph_cli_redis(cli, &status) < 0)
		return status;
	if (ph_state_read(cli->redis, ph_topology_derive, &report.snapshot,
			  &report.away) < 0)
		status = PH_EXIT_UNAVAILABLE;
	if (svg) {
		status = report.snapshot
			     ? draw(&report, svg)
			     : ph_cli_fail(status, "%s", report.away.text);
		ph_snapshot_unref(&report.snapshot);
		return status;
	}
	report.json = json_object();
	redis_part(&report);
	if (report.snapshot)
		state_parts(&report);
	daemons_part(&report);
	if (cli->json)
		ph_json_print(json_incref(report.json));
	json_decref(report.json);
	ph_snapshot_unref(&report.snapshot);
	return status;
}
