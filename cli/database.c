#include "cli/change.h"
#include "cli/kind.h"
#include "cli/lease.h"
#include "lib/base/text.h"
#include "lib/health/replicas.h"

#include <inttypes.h>

const struct ph_option ph_database_move_options[] = {
    {"to", "SERVER", "the server whose copy becomes the active one"},
    {NULL, NULL, NULL},
};

static bool
has_copy(const struct ph_object *database, const char *server)
{
	const char *const *list = ph_object_list(database, "Servers");
	const char *active = ph_object_text(database, "Active");

	/* A database that has but one copy needs no list. */
	if (!*list)
		return active && ph_fold_same(active, server);
	for (; *list; list++) {
		if (ph_fold_same(*list, server))
			return true;
	}
	return false;
}

/* Whose copy takes mail now: as lib/routing reads it. */
static const char *
active_server(const struct ph_object *database)
{
	const char *active = ph_object_text(database, "Active");

	return active ? active : *ph_object_list(database, "Servers");
}

static int
plan_object(struct ph_change *change, const struct ph_object *database,
	    const char *server)
{
	const char *active = active_server(database);
	g_autofree char *epoch =
	    g_strdup_printf("%" PRId64, ph_object_int(database, "Epoch") + 1);
	g_autofree char *copies =
	    ph_format_list(ph_object_list(database, "Servers"));

	if (!has_copy(database, server))
		return ph_cli_fail(PH_EXIT_DATA,
				   "%s has no copy of database %s; expected "
				   "one of: %s",
				   server, change->name,
				   *copies  ? copies
				   : active ? active
					    : "none");
	if (ph_object_int(database, "Epoch") == INT64_MAX)
		return ph_cli_fail(PH_EXIT_DATA,
				   "database %s: Epoch cannot grow any more",
				   change->name);
	change->nothing = active && ph_fold_same(active, server);
	if (change->nothing)
		return 0;
	ph_change_set(change, "Active", server);
	ph_change_set(change, "Epoch", epoch);
	return 0;
}

static int
plan_move(struct ph_change *change, const void *context)
{
	struct ph_object *database = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (change->stored->len == 0)
		return ph_cli_fail(PH_EXIT_NO, "database %s does not exist",
				   change->name);
	if (ph_stored_parse(change->kind, change->name, change->stored,
			    &database, &err) < 0)
		return ph_cli_fail(PH_EXIT_DATA, "%s", err.text);
	status = plan_object(change, database, context);
	ph_object_unref(&database);
	return status;
}

/* A failover of Redis must not undo it. */
static void
wait_replicas(struct ph_cli *cli)
{
	struct ph_replicas *replicas = ph_replicas_new(cli->redis, cli->conf);
	struct ph_err err = PH_ERR_INIT;

	if (ph_replicas_wait(replicas, &err) < 0)
		ph_cli_warn("%s: a failover of Redis now may undo it",
			    err.text);
	ph_replicas_free(&replicas);
}

int
ph_database_move(struct ph_cli *cli, const struct ph_input *input)
{
	const char *to = ph_input_option(input, "to");
	int status = PH_EXIT_YES;
	g_autofree char *name = NULL, *server = NULL;

	if (!to || !*to)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--to is missing; expected posthub database "
				   "move NAME --to SERVER");
	name = ph_name_find(cli, ph_kind_find("database"), input->words[0],
			    &status);
	if (!name)
		return status;
	server = ph_name_find(cli, ph_kind_find("server"), to, &status);
	if (!server)
		return status;
	status = ph_change_run(cli, ph_kind_find("database"), name, "move",
			       plan_move, server);
	if (status == PH_EXIT_YES)
		wait_replicas(cli);
	return status;
}

/* ---- show --------------------------------------------------------------- */

static void
show_held(struct ph_cli *cli, const struct ph_object *database, bool all)
{
	const char *name = ph_object_name(database);
	struct ph_lease_shown shown;
	struct ph_table *table;
	json_t *json;

	ph_leases_read(cli, &name, 1, &shown);
	if (cli->json) {
		json = ph_object_json(database, all);
		json_object_set_new(json, "Holder",
				    shown.holder ? ph_json_text(shown.holder)
						 : json_null());
		ph_json_set(json, "Lease", shown.state);
		ph_json_print(json);
	} else {
		table = ph_object_table(database, all);
		ph_table_add(table, (const char *[]){"Holder", shown.holder});
		ph_table_add(table, (const char *[]){"Lease", shown.state});
		ph_table_print(table);
		ph_table_free(&table);
	}
	ph_lease_shown_clear(&shown);
}

int
ph_database_show(struct ph_cli *cli, const struct ph_input *input)
{
	const struct ph_kind *kind = ph_kind_find("database");
	struct ph_input plain = *input;
	g_autoptr(GPtrArray) stored = NULL;
	struct ph_object *database = NULL;
	int status = PH_EXIT_YES;
	g_autofree char *name =
	    ph_name_find(cli, kind, input->words[0], &status);

	if (!name)
		return status;
	plain.kind = kind;
	if (ph_stored_read(cli, kind, name, &stored, NULL) < 0 ||
	    ph_stored_parse(kind, name, stored, &database, NULL) < 0 ||
	    !ph_object_bool(database, "AutoActivation"))
		status = ph_kind_show(cli, &plain);
	else
		show_held(cli, database, ph_input_option(input, "all") != NULL);
	if (database)
		ph_object_unref(&database);
	return status;
}
