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
		  struct ph_resolution *resolution_r)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_resolve(lookup->directory, lookup->snapshot, address,
		       resolution_r, &err) == 0)
		return PH_EXIT_YES;
	return ph_cli_fail(err.kind == PH_ERR_PERM ? PH_EXIT_DATA
						   : PH_EXIT_TEMPORARY,
			   "%s: %s", address, err.text);
}

bool
ph_lookup_found(const struct ph_resolution *resolution)
{
	return resolution->verdict == PH_RESOLVED_ENTRY ||
	       resolution->verdict == PH_RESOLVED_RELAY ||
	       resolution->verdict == PH_RESOLVED_OUTSIDE;
}

static json_t *
resolution_json(const struct ph_resolution *resolution)
{
	json_t *json = json_object();

	json_object_set_new(json, "Original",
			    ph_json_text(resolution->original));
	json_object_set_new(
	    json, "Resolution",
	    ph_json_text(ph_resolve_verdict_name(resolution->verdict)));
	json_object_set_new(json, "Address", ph_json_text(resolution->address));
	if (resolution->entry)
		json_object_set_new(json, "Entry",
				    ph_object_json(resolution->entry, false));
	return json;
}

static void
add_resolution(struct ph_table *table, const struct ph_resolution *resolution)
{
	const struct ph_object *entry = resolution->entry;

	ph_table_add(table,
		     (const char *[]){
			 resolution->original,
			 ph_resolve_verdict_name(resolution->verdict),
			 resolution->address,
			 entry ? ph_object_name(entry) : NULL,
			 entry ? ph_object_text(entry, "RecipientType") : NULL,
			 entry ? ph_object_text(entry, "Database") : NULL});
}

int
ph_resolve_run(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {
	    "Original", "Resolution", "Address", "Entry",
	    "Type",	"Database",   NULL};
	struct ph_table *table = ph_table_new(columns);
	json_t *array = json_array();
	struct ph_lookup lookup;
	int status = ph_lookup_open(cli, &lookup);

	for (size_t i = 0; lookup.directory && i < input->n; i++) {
		struct ph_resolution resolution;
		int one =
		    ph_lookup_resolve(&lookup, input->words[i], &resolution);

		if (one == PH_EXIT_YES) {
			json_array_append_new(array,
					      resolution_json(&resolution));
			add_resolution(table, &resolution);
			one = ph_lookup_found(&resolution) ? PH_EXIT_YES
							   : PH_EXIT_NO;
			ph_resolution_clear(&resolution);
		}
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
