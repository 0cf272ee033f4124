#include "cli/kind.h"
#include "cli/lookup.h"
#include "store/mailbox/path.h"
#include "store/mailbox/place.h"
#include "store/mailbox/placement.h"
#include "store/mailbox/quota.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* What is asked about, and with what. */
struct ask {
	struct ph_lookup lookup;
	const struct ph_conf *conf;
	struct ph_place *place;
	struct ph_table *table;
	json_t *array;
};

/* A mailbox: texts of its row in the table. */
struct answer {
	const char *address, *database, *active;
	char *path;
	int64_t quota; /* bytes; 0: none */
	struct ph_quota limit, used;
	bool counted;
};

static void
count(struct answer *answer)
{
	int dir = open(answer->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		answer->counted =
		    ph_quota_read(dir, &answer->limit, &answer->used) == 1;
	ph_path_close(&dir);
	/* As the store driver would write it at the next message. */
	if (answer->quota == 0 && answer->counted)
		answer->quota = answer->limit.bytes;
	else if (answer->quota == INT64_MAX)
		answer->quota = 0;
}

static void
add_row(struct ask *ask, const struct answer *answer)
{
	g_autofree char *quota =
	    answer->quota > 0 ? g_strdup_printf("%" PRId64, answer->quota)
			      : g_strdup("unlimited");
	g_autofree char *bytes =
	    answer->counted ? g_strdup_printf("%" PRId64, answer->used.bytes)
			    : NULL;
	g_autofree char *messages =
	    answer->counted ? g_strdup_printf("%" PRId64, answer->used.messages)
			    : NULL;

	ph_table_add(ask->table,
		     (const char *[]){answer->address, answer->database,
				      answer->active, answer->path, quota,
				      bytes, messages});
}

static void
add_json(struct ask *ask, const struct answer *answer)
{
	json_t *json = json_object();

	json_object_set_new(json, "Address", ph_json_text(answer->address));
	json_object_set_new(json, "Database", ph_json_text(answer->database));
	json_object_set_new(json, "Active", ph_json_text(answer->active));
	json_object_set_new(json, "Path", ph_json_text(answer->path));
	json_object_set_new(json, "Quota",
			    answer->quota > 0 ? json_integer(answer->quota)
					      : ph_json_text("unlimited"));
	if (answer->counted) {
		json_object_set_new(json, "Bytes",
				    json_integer(answer->used.bytes));
		json_object_set_new(json, "Messages",
				    json_integer(answer->used.messages));
	}
	json_array_append_new(ask->array, json);
}

static int
show(struct ask *ask, const struct ph_object *entry)
{
	const char *name = ph_object_text(entry, "Database");
	const struct ph_database *database =
	    ph_topology_database(ask->lookup.topology, name);
	struct answer answer = {.address = ph_entry_primary(entry),
				.database = name,
				.active = database && database->active
					      ? database->active->name
					      : NULL};
	g_autofree char *component = ph_path_component(name);
	g_auto(GStrv) components = NULL;
	g_autofree char *below = NULL;
	struct ph_placement placement;
	struct ph_err err = PH_ERR_INIT;

	components = ph_place_expand(ask->place, answer.address, entry, &err);
	if (!components)
		return ph_cli_fail(PH_EXIT_DATA, "%s", err.text);
	below = g_strjoinv("/", components);
	answer.path =
	    g_build_filename(ph_conf_text(ask->conf, "delivery", "store"),
			     component, below, NULL);
	ph_placement_set(&placement, ask->lookup.snapshot, entry, name, NULL);
	answer.quota = placement.quota.receive;
	ph_placement_clear(&placement);
	count(&answer);
	add_row(ask, &answer);
	add_json(ask, &answer);
	g_free(answer.path);
	return PH_EXIT_YES;
}

/* Of whoever gets mail for an address. */
static int
find(struct ask *ask, const char *address)
{
	g_autoptr(GPtrArray) steps = NULL;
	int status = ph_lookup_resolve(&ask->lookup, address, &steps);
	bool found = false;

	for (guint i = 0; status == PH_EXIT_YES && i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		if (step->fate != PH_STEP_RECIPIENT || !step->at.entry ||
		    !ph_entry_is_mailbox(step->at.entry))
			continue;
		found = true;
		status = show(ask, step->at.entry);
	}
	if (status == PH_EXIT_YES && !found)
		return ph_cli_fail(PH_EXIT_NO,
				   "%s: is not the address of a "
				   "mailbox",
				   address);
	return status;
}

int
ph_mailbox_run(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {"Address",  "Database", "Active",
					      "Path",	  "Quota",    "Bytes",
					      "Messages", NULL};
	struct ask ask = {.conf = cli->conf};
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (ph_place_parse(ph_conf_text(cli->conf, "delivery", "mailbox_path"),
			   &ask.place, &err) < 0)
		return ph_cli_fail(PH_EXIT_CONFIG, "%s", err.text);
	ask.table = ph_table_new(columns);
	ask.array = json_array();
	status = ph_lookup_open(cli, &ask.lookup);
	for (size_t i = 0; ask.lookup.directory && i < input->n; i++) {
		int one = find(&ask, input->words[i]);

		status = MAX(status, one);
	}
	if (cli->json)
		ph_json_print(json_incref(ask.array));
	else if (ph_table_rows(ask.table) > 0)
		ph_table_print(ask.table);
	json_decref(ask.array);
	ph_table_free(&ask.table);
	ph_lookup_close(&ask.lookup);
	ph_place_free(&ask.place);
	return status;
}
