#include "cli/kind.h"
#include "cli/lookup.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <unistd.h>

/* Who may not read the file is told so: it would not help to wait. */
static int
check_permission(const struct ph_cli *cli)
{
	const char *path = ph_conf_text(cli->conf, "directory", "file");

	if (!ph_directory_is_fed(cli->conf) || g_access(path, R_OK) == 0 ||
	    errno != EACCES)
		return PH_EXIT_YES;
	return ph_cli_fail(PH_EXIT_PERMISSION,
			   "%s: %s; root and the user of the daemons may read "
			   "it",
			   path, g_strerror(errno));
}

int
ph_lookup_open(struct ph_cli *cli, struct ph_lookup *lookup)
{
	g_autofree char *status_path = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES;

	*lookup = (struct ph_lookup){.snapshot = NULL};
	if (ph_cli_snapshot(cli, true, ph_topology_derive, &lookup->snapshot,
			    &status) < 0)
		return status;
	status = check_permission(cli);
	if (status != PH_EXIT_YES)
		return status;
	lookup->topology = ph_snapshot_derived(lookup->snapshot, 0);
	if (ph_directory_open(cli->conf, &lookup->directory, &err) < 0)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s", err.text);
	status_path = ph_directory_status_path(cli->conf);
	if (ph_directory_is_fed(cli->conf))
		(void)ph_directory_status_read(status_path, &lookup->fed);
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

/* ---- where an answer comes from ----------------------------------------- */

/* A file that is fed is as old as what feeds it has been away. */
static struct ph_found
found_of(const struct ph_lookup *lookup, const struct ph_step *step)
{
	const struct ph_directory_status *fed = &lookup->fed;
	struct ph_found found = step->at.found;

	if (found.source != NULL && fed->since != 0 && !fed->connected) {
		found.age = MAX(ph_clock_wall() - fed->since, 0);
		found.stale = true;
	}
	return found;
}

/* "59s", "3m", "2h (stale)" */
static char *
age_text(const struct ph_found *found)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{INT64_C(86400000), "d"},
		     {INT64_C(3600000), "h"},
		     {INT64_C(60000), "m"},
		     {INT64_C(1000), "s"}};
	const char *note = found->stale ? " (stale)" : "";
	size_t i = 0;

	while (i + 1 < G_N_ELEMENTS(units) && found->age < 2 * units[i].ms)
		i++;
	return g_strdup_printf("%" PRId64 "%s%s", found->age / units[i].ms,
			       units[i].unit, note);
}

static void
add_found(json_t *json, const struct ph_found *found)
{
	if (found->source == NULL)
		return;
	json_object_set_new(json, "Source", ph_json_text(found->source));
	json_object_set_new(json, "AgeSeconds",
			    json_integer(found->age / 1000));
	json_object_set_new(json, "Stale", json_boolean(found->stale));
}

/* ---- steps -------------------------------------------------------------- */

static json_t *
step_json(const struct ph_lookup *lookup, const struct ph_step *step)
{
	const struct ph_found found = found_of(lookup, step);
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
	add_found(json, &found);
	if (at->entry)
		json_object_set_new(json, "Entry",
				    ph_object_json(at->entry, false));
	return json;
}

/* The address that was asked about, with all steps. */
static json_t *
steps_json(const struct ph_lookup *lookup, const GPtrArray *steps)
{
	json_t *json = step_json(lookup, steps->pdata[0]);
	json_t *array = json_array();

	for (guint i = 0; i < steps->len; i++)
		json_array_append_new(array,
				      step_json(lookup, steps->pdata[i]));
	json_object_set_new(json, "Steps", array);
	return json;
}

static void
add_step(const struct ph_lookup *lookup, struct ph_table *table,
	 const struct ph_step *step)
{
	const struct ph_object *entry = step->at.entry;
	const struct ph_found found = found_of(lookup, step);
	g_autofree char *age = found.source != NULL ? age_text(&found) : NULL;

	ph_table_add(
	    table,
	    (const char *[]){
		step->at.original, ph_step_by_name(step->by),
		ph_resolve_verdict_name(step->at.verdict),
		ph_step_destination(step),
		step->refusal ? step->refusal : ph_step_fate_name(step->fate),
		entry ? ph_object_name(entry) : NULL,
		entry ? ph_object_text(entry, "RecipientType") : NULL,
		entry ? ph_object_text(entry, "Database") : NULL, found.source,
		age});
}

static int
resolve_one(const struct ph_lookup *lookup, const char *address,
	    struct ph_table *table, json_t *array)
{
	g_autoptr(GPtrArray) steps = NULL;
	int status = ph_lookup_resolve(lookup, address, &steps);

	if (status != PH_EXIT_YES)
		return status;
	json_array_append_new(array, steps_json(lookup, steps));
	for (guint i = 0; i < steps->len; i++)
		add_step(lookup, table, steps->pdata[i]);
	return ph_steps_refusal(steps) ? PH_EXIT_NO : PH_EXIT_YES;
}

int
ph_resolve_run(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {
	    "Original", "By",	    "Resolution", "Address", "Outcome", "Entry",
	    "Type",	"Database", "Source",	  "Age",     NULL};
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
