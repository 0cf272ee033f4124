#include "cli/kind.h"
#include "cli/lookup.h"

static const struct ph_derive derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

int
ph_lookup_open(struct ph_cli *cli, struct ph_lookup *lookup)
{
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES;

	*lookup = (struct ph_lookup){NULL, NULL, NULL};
	if (ph_cli_snapshot(cli, true, derive, &lookup->snapshot, &status) < 0)
		return status;
	lookup->topology = ph_snapshot_derived(lookup->snapshot, 0);
	if (ph_directory_open(cli->conf, &lookup->directory, &err) < 0)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s", err.text);
	return PH_EXIT_YES;
}

void
ph_lookup_close(struct ph_lookup *lookup)
{
	ph_directory_close(&lookup->directory);
	ph_snapshot_unref(&lookup->snapshot);
}

/* The file tells who exists: without it nothing can be said, and "nobody has
 * this address" would be wrong. */
int
ph_lookup_resolve(const struct ph_lookup *lookup, const char *address,
		  GPtrArray **steps_r)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_resolve_steps(lookup->directory, lookup->snapshot, address, NULL,
			     steps_r, &err) == 0)
		return PH_EXIT_YES;
	return ph_cli_fail(err.kind == PH_ERR_PERM ? PH_EXIT_DATA
						   : PH_EXIT_TEMPORARY,
			   "%s: %s", address, err.text);
}

static json_t *
step_json(const struct ph_step *step)
{
	const struct ph_resolution *at = &step->at;
	json_t *json = json_object();

	json_object_set_new(json, "By",
			    ph_json_text(ph_step_by_name(step->by)));
	json_object_set_new(json, "Original", ph_json_text(at->original));
	json_object_set_new(json, "Resolution",
			    ph_json_text(ph_resolve_verdict_name(at->verdict)));
	json_object_set_new(json, "Address",
			    ph_json_text(ph_step_destination(step)));
	json_object_set_new(json, "Outcome",
			    ph_json_text(ph_step_fate_name(step->fate)));
	if (step->refusal)
		json_object_set_new(json, "Refusal",
				    ph_json_text(step->refusal));
	if (at->entry)
		json_object_set_new(json, "Entry",
				    ph_object_json(at->entry, false));
	return json;
}

/* The address that was asked about, with all steps. */
static json_t *
steps_json(const GPtrArray *steps)
{
	json_t *json = step_json(steps->pdata[0]);
	json_t *array = json_array();

	for (guint i = 0; i < steps->len; i++)
		json_array_append_new(array, step_json(steps->pdata[i]));
	json_object_set_new(json, "Steps", array);
	return json;
}

static void
add_step(struct ph_table *table, const struct ph_step *step)
{
	const struct ph_object *entry = step->at.entry;

	ph_table_add(
	    table,
	    (const char *[]){
		step->at.original, ph_step_by_name(step->by),
		ph_resolve_verdict_name(step->at.verdict),
		ph_step_destination(step),
		step->refusal ? step->refusal : ph_step_fate_name(step->fate),
		entry ? ph_object_name(entry) : NULL,
		entry ? ph_object_text(entry, "RecipientType") : NULL,
		entry ? ph_object_text(entry, "Database") : NULL});
}

static int
resolve_one(const struct ph_lookup *lookup, const char *address,
	    struct ph_table *table, json_t *array)
{
	g_autoptr(GPtrArray) steps = NULL;
	int status = ph_lookup_resolve(lookup, address, &steps);

	if (status != PH_EXIT_YES)
		return status;
	json_array_append_new(array, steps_json(steps));
	for (guint i = 0; i < steps->len; i++)
		add_step(table, steps->pdata[i]);
	return ph_steps_refusal(steps) ? PH_EXIT_NO : PH_EXIT_YES;
}

int
ph_resolve_run(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {
	    "Original", "By",	"Resolution", "Address", "Outcome",
	    "Entry",	"Type", "Database",   NULL};
	struct ph_table *table = ph_table_new(columns);
	json_t *array = json_array();
	struct ph_lookup lookup;
	int status = ph_lookup_open(cli, &lookup);

	for (size_t i = 0; lookup.directory && i < input->n; i++) {
		int one = resolve_one(&lookup, input->words[i], table, array);

		status = MAX(status, one);
	}
	if (cli->json)
		ph_json_print(json_incref(array));
	else if (ph_table_rows(table) > 0)
		ph_table_print(table);
	json_decref(array);
	ph_table_free(&table);
	ph_lookup_close(&lookup);
	return status;
}
