#include "cli/lookup.h"
#include "cli/output.h"

#include "lib/base/text.h"
#include "lib/directory/expand.h"
#include "lib/directory/members.h"

#include <string.h>

/* Of one who is in a group by so many ways the first are shown. */
#define WAYS ((size_t)1000)

const struct ph_option ph_group_expand_options[] = {
    {"why", "USER", "every way by which this one is in it; exit 1: is not"},
    {NULL, NULL, NULL},
};

/* What is printed. */
struct shown {
	const struct ph_expansion *expansion;
	struct ph_table *table;
	json_t *array;
};

static const struct ph_member *
member_at(const struct ph_expansion *expansion, guint i)
{
	return expansion->members->pdata[i];
}

static void
add_way(const struct shown *shown, guint i, const GArray *way)
{
	const struct ph_member *member = member_at(shown->expansion, i);
	json_t *json = json_object(), *path = json_array();
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint k = 0; k < way->len; k++) {
		const struct ph_member *on =
		    member_at(shown->expansion, g_array_index(way, guint, k));

		g_string_append_printf(text, "%s%s", k > 0 ? " > " : "",
				       on->address);
		json_array_append_new(path, ph_json_text(on->address));
	}
	ph_table_add(shown->table,
		     (const char *[]){member->address,
				      member->refusal
					  ? member->refusal
					  : ph_member_fate_name(member->fate),
				      text->str});
	ph_json_set(json, "Address", member->address);
	ph_json_set(json, "Outcome", ph_member_fate_name(member->fate));
	ph_json_set(json, "Refusal", member->refusal);
	json_object_set_new(json, "Path", path);
	json_array_append_new(shown->array, json);
}

static void
add_ways(const struct shown *shown, guint i, size_t limit)
{
	g_autoptr(GPtrArray) ways =
	    ph_expansion_paths(shown->expansion, i, limit);

	for (guint k = 0; k < ways->len; k++)
		add_way(shown, i, ways->pdata[k]);
}

/* Those who get the message, and those who would be refused. */
static int
show_all(const struct shown *shown)
{
	for (guint i = 1; i < shown->expansion->members->len; i++) {
		enum ph_member_fate fate = member_at(shown->expansion, i)->fate;

		if (fate == PH_MEMBER_RECIPIENT || fate == PH_MEMBER_REFUSED)
			add_ways(shown, i, 1);
	}
	return PH_EXIT_YES;
}

/* One who sends on, and gets it as well, is two members. */
static int
show_one(const struct shown *shown, const char *address)
{
	g_autofree char *wanted = ph_fold(address);

	for (guint i = 1; i < shown->expansion->members->len; i++) {
		g_autofree char *is =
		    ph_fold(member_at(shown->expansion, i)->address);

		if (strcmp(is, wanted) == 0)
			add_ways(shown, i, WAYS);
	}
	return ph_table_rows(shown->table) > 0 ? PH_EXIT_YES : PH_EXIT_NO;
}

/* The primary address of somebody, who need not be in the directory; g_free. */
static int
find_primary(const struct ph_lookup *lookup, const char *address,
	     char **primary_r)
{
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_directory_find(lookup->directory, address, &entry, &err);

	if (r < 0)
		return ph_cli_fail(err.kind == PH_ERR_PERM ? PH_EXIT_DATA
							   : PH_EXIT_TEMPORARY,
				   "%s: %s", address, err.text);
	*primary_r = g_strdup(r == 1 ? ph_entry_primary(entry) : address);
	ph_object_unref(&entry);
	return PH_EXIT_YES;
}

static int
show(struct ph_cli *cli, const struct ph_lookup *lookup,
     const struct ph_expansion *expansion, const char *why)
{
	static const char *const columns[] = {"Address", "Outcome", "Path",
					      NULL};
	struct shown shown = {expansion, ph_table_new(columns), json_array()};
	g_autofree char *primary = NULL;
	int status = PH_EXIT_YES;

	if (why)
		status = find_primary(lookup, why, &primary);
	if (status == PH_EXIT_YES)
		status = why ? show_one(&shown, primary) : show_all(&shown);
	if (why && status == PH_EXIT_NO)
		ph_cli_warn("%s is not in %s", why,
			    member_at(expansion, 0)->address);
	if (cli->json && status <= PH_EXIT_NO)
		ph_json_print(json_incref(shown.array));
	else if (ph_table_rows(shown.table) > 0)
		ph_table_print(shown.table);
	json_decref(shown.array);
	ph_table_free(&shown.table);
	return status;
}

static int
find_group(const struct ph_lookup *lookup, const char *address,
	   struct ph_object **group_r)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_directory_find(lookup->directory, address, group_r, &err);

	if (r < 0)
		return ph_cli_fail(err.kind == PH_ERR_PERM ? PH_EXIT_DATA
							   : PH_EXIT_TEMPORARY,
				   "%s: %s", address, err.text);
	if (r == 1 && ph_entry_is_group(*group_r))
		return PH_EXIT_YES;
	return ph_cli_fail(PH_EXIT_NO, "%s is %s", address,
			   r == 1 ? "no group" : "not in the directory");
}

static int
expand(struct ph_cli *cli, const struct ph_lookup *lookup,
       const struct ph_input *input)
{
	const struct ph_expand_options options = {
	    .directory = lookup->directory,
	    .snapshot = lookup->snapshot,
	};
	struct ph_expansion *expansion = NULL;
	struct ph_object *group = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = find_group(lookup, input->words[0], &group);

	if (status == PH_EXIT_YES &&
	    ph_expand(&options, group, &expansion, &err) < 0)
		status = ph_cli_fail(
		    err.kind == PH_ERR_PERM ? PH_EXIT_DATA : PH_EXIT_TEMPORARY,
		    "%s", err.text);
	if (status == PH_EXIT_YES)
		status =
		    show(cli, lookup, expansion, ph_input_option(input, "why"));
	ph_expansion_free(&expansion);
	ph_object_unref(&group);
	return status;
}

int
ph_group_expand(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_lookup lookup;
	int status = ph_lookup_open(cli, &lookup);

	if (status == PH_EXIT_YES)
		status = expand(cli, &lookup, input);
	ph_lookup_close(&lookup);
	return status;
}
