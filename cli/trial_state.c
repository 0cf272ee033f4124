#include "cli/trial_private.h"

#include "cli/kind.h"
#include "lib/routing/topology.h"

#include <string.h>

/*
 * Which rules are tried: what Redis holds, and in place of a rule that is not
 * valid there the one that the daemons of this server have kept.
 */

static const struct ph_derive derive[] = {
    [PH_TRIAL_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			   NULL},
    [PH_TRIAL_RULES] = {"rules", ph_ruleset_build_all, ph_ruleset_free, NULL},
    [PH_TRIAL_SENSITIVE] = {"sensitive information types", ph_sensitive_build,
			    ph_sensitive_free, NULL},
    {NULL, NULL, NULL, NULL},
};

static void
unref_object(void *data)
{
	struct ph_object *object = data;

	ph_object_unref(&object);
}

static void
add(GPtrArray *objects, const struct ph_object *object)
{
	g_ptr_array_add(objects, ph_object_ref(object));
}

static void
add_kind(const struct ph_trial *trial, GPtrArray *objects, const char *kind)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(trial->stored, kind, &n);

	for (size_t i = 0; i < n; i++)
		add(objects, list[i]);
}

/* The rule as the daemons here still have it; NULL: they have none. */
static const struct ph_object *
kept(const struct ph_trial *trial, const char *name)
{
	return trial->local ? ph_snapshot_find(trial->local, "rule", name)
			    : NULL;
}

static void
add_kept(const struct ph_trial *trial, GPtrArray *objects)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(trial->stored, &errors);

	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], kind);
		const struct ph_object *rule = name ? kept(trial, name) : NULL;

		if (rule && !ph_snapshot_find(trial->stored, "rule", name))
			add(objects, rule);
	}
}

/* Enabled, and valid today. */
static bool
is_switch(const char *field)
{
	static const char *const fields[] = {"Enabled", "State",
					     "ActivationDate", "ExpiryDate"};

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (strcmp(fields[i], field) == 0)
			return true;
	return false;
}

static int
add_alone(GPtrArray *objects, const struct ph_object *rule)
{
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(rule, &pairs), kept_n = 0;
	g_autofree struct ph_pair *own = g_new(struct ph_pair, n + 1);
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;

	for (size_t i = 0; i < n; i++)
		if (!is_switch(pairs[i].field))
			own[kept_n++] = pairs[i];
	own[kept_n++] = (struct ph_pair){"Enabled", "true"};
	if (ph_object_parse(ph_object_kind(rule), ph_object_name(rule), own,
			    kept_n, &object, &err) < 0)
		return ph_cli_err(&err);
	g_ptr_array_add(objects, object);
	return PH_EXIT_YES;
}

/* The rule of --rule: 0, or an exit code. */
static int
find_only(struct ph_trial *trial, const struct ph_object **rule_r)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const struct ph_snapshot_error *error;
	const struct ph_object *rule =
	    ph_snapshot_find(trial->stored, "rule", trial->only);

	error = ph_error_find(trial->stored, kind, trial->only);
	if (!rule && error)
		rule = kept(trial, trial->only);
	if (!rule && !error)
		return ph_cli_fail(PH_EXIT_NO, "rule %s does not exist",
				   trial->only);
	if (!rule && trial->alone)
		return ph_cli_fail(PH_EXIT_DATA, "%s", error->text);
	trial->only_name =
	    g_strdup(rule ? ph_object_name(rule) : ph_error_name(error, kind));
	*rule_r = rule;
	return PH_EXIT_YES;
}

static int
choose(struct ph_trial *trial, GPtrArray *objects)
{
	const struct ph_object *only = NULL;
	int status = trial->only ? find_only(trial, &only) : (int)PH_EXIT_YES;

	if (status != PH_EXIT_YES)
		return status;
	for (const struct ph_kind *kind = ph_kinds; kind->name; kind++) {
		if ((kind->flags & PH_KIND_DIRECTORY) ||
		    (trial->alone && strcmp(kind->name, "rule") == 0))
			continue;
		add_kind(trial, objects, kind->name);
	}
	if (trial->alone)
		return add_alone(objects, only);
	add_kept(trial, objects);
	return PH_EXIT_YES;
}

int
ph_trial_read(struct ph_trial *trial)
{
	g_autoptr(GPtrArray) objects =
	    g_ptr_array_new_with_free_func(unref_object);
	const struct ph_snapshot_error *errors;
	int status = PH_EXIT_YES;

	if (ph_cli_snapshot(trial->cli, true, NULL, &trial->stored, &status) <
	    0)
		return status;
	if (ph_snapshot_errors(trial->stored, &errors) > 0)
		trial->local = ph_cli_local_snapshot(trial->cli, NULL, NULL);
	status = choose(trial, objects);
	if (status != PH_EXIT_YES)
		return status;
	trial->sensitive.directory =
	    ph_conf_text(trial->cli->conf, "transport", "sensitive_types");
	memcpy(trial->derive, derive, sizeof(derive));
	trial->derive[PH_TRIAL_SENSITIVE].context = &trial->sensitive;
	trial->snapshot = ph_snapshot_build(
	    (const struct ph_object *const *)(void *)objects->pdata,
	    objects->len, trial->derive);
	return PH_EXIT_YES;
}
