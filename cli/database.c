#include "cli/change.h"
#include "cli/kind.h"
#include "lib/base/text.h"

#include <inttypes.h>
#include <string.h>

const struct ph_option ph_database_move_options[] = {
    {"to", "SERVER", "the server whose copy becomes the active one"},
    {NULL, NULL, NULL},
};

static bool
same_name(const char *a, const char *b)
{
	g_autofree char *x = ph_fold(a);
	g_autofree char *y = ph_fold(b);

	return strcmp(x, y) == 0;
}

static bool
has_copy(const struct ph_object *database, const char *server)
{
	const char *const *list = ph_object_list(database, "Servers");
	const char *active = ph_object_text(database, "Active");

	/* A database that has but one copy needs no list. */
	if (!*list)
		return active && same_name(active, server);
	for (; *list; list++) {
		if (same_name(*list, server))
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
	change->nothing = active && same_name(active, server);
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
	return ph_change_run(cli, ph_kind_find("database"), name, "move",
			     plan_move, server);
}
