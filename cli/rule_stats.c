#include "cli/rule.h"

#include <string.h>

/*
 * stats:rule:<name>, which posthub-transport counts: Hits, Audited, Errors,
 * LastHit. A rule that never hit has no key.
 */
#define COUNTS 3

static const char *const columns[] = {"Priority", "Name",    "Hits", "Audited",
				      "Errors",	  "LastHit", NULL};

struct stats {
	struct ph_table *table;
	json_t *json;
	int64_t total[COUNTS];
	char *last; /* ISO 8601: compares as text; NULL: never */
};

/* ---- reading ------------------------------------------------------------ */

/* One command a name, in one round trip. 0, or an exit code. */
static int
read_all(struct ph_cli *cli, const GPtrArray *names, struct ph_reply **replies)
{
	g_autofree struct ph_command *commands =
	    g_new0(struct ph_command, names->len);
	g_autofree const char **words =
	    g_new0(const char *, (gsize)names->len * 6);
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	struct ph_err err = PH_ERR_INIT;

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *key =
		    g_strconcat("stats:rule:", names->pdata[i], NULL);
		const char **args = &words[(gsize)i * 6];

		g_ptr_array_add(keys, ph_cli_key(cli, key));
		args[0] = "HMGET";
		args[1] = keys->pdata[i];
		memcpy(&args[2], &columns[2], 4 * sizeof *args);
		commands[i] = (struct ph_command){.n = 6, .args = args};
	}
	if (ph_redis_pipeline(cli->redis, commands, names->len, false, replies,
			      &err) < 0) {
		(void)ph_cli_unread(&err);
		return ph_cli_err(&err);
	}
	return PH_EXIT_YES;
}

/* ---- showing ------------------------------------------------------------ */

static const char *
field(const struct ph_reply *reply, size_t i)
{
	return ph_reply_type(reply) == PH_REPLY_ARRAY &&
		       i < ph_reply_count(reply)
		   ? ph_reply_text(ph_reply_at(reply, i), NULL)
		   : "";
}

static void
add_json(struct stats *stats, const char *priority, const char *name,
	 const int64_t *counts, const char *last)
{
	json_t *json = json_object();

	if (priority)
		json_object_set_new(json, "Priority", ph_json_text(priority));
	json_object_set_new(json, "Name", ph_json_text(name));
	for (size_t i = 0; i < COUNTS; i++)
		json_object_set_new(json, columns[2 + i],
				    json_integer(counts[i]));
	json_object_set_new(json, "LastHit",
			    last && *last ? ph_json_text(last) : json_null());
	json_array_append_new(stats->json, json);
}

static void
add_row(struct stats *stats, const char *priority, const char *name,
	const int64_t *counts, const char *last)
{
	char text[COUNTS][32];

	for (size_t i = 0; i < COUNTS; i++)
		g_snprintf(text[i], sizeof text[i], "%" G_GINT64_FORMAT,
			   counts[i]);
	ph_table_add(stats->table, (const char *[]){priority, name, text[0],
						    text[1], text[2], last});
}

static void
add_rule(struct stats *stats, const char *name, const char *priority,
	 const struct ph_reply *reply)
{
	const char *last = field(reply, COUNTS);
	int64_t counts[COUNTS];

	for (size_t i = 0; i < COUNTS; i++) {
		counts[i] = g_ascii_strtoll(field(reply, i), NULL, 10);
		stats->total[i] += counts[i];
	}
	if (*last && (!stats->last || strcmp(last, stats->last) > 0)) {
		g_free(stats->last);
		stats->last = g_strdup(last);
	}
	add_row(stats, priority, name, counts, last);
	add_json(stats, priority, name, counts, last);
}

static void
show(const struct ph_cli *cli, struct stats *stats)
{
	if (cli->json) {
		ph_json_print(json_incref(stats->json));
		return;
	}
	add_row(stats, NULL, "Total", stats->total, stats->last);
	ph_table_print(stats->table);
}

/* priorities: fewer than names; those without run as they were. */
static int
show_names(struct ph_cli *cli, const GPtrArray *names,
	   const GPtrArray *priorities)
{
	struct stats stats = {.table = ph_table_new(columns),
			      .json = json_array()};
	g_autofree struct ph_reply **replies =
	    g_new0(struct ph_reply *, names->len + 1);
	int status =
	    names->len > 0 ? read_all(cli, names, replies) : (int)PH_EXIT_YES;

	for (guint i = 0; status == PH_EXIT_YES && i < names->len; i++)
		add_rule(&stats, names->pdata[i],
			 i < priorities->len ? priorities->pdata[i] : NULL,
			 replies[i]);
	for (guint i = 0; i < names->len; i++)
		ph_reply_free(&replies[i]);
	if (status == PH_EXIT_YES)
		show(cli, &stats);
	ph_table_free(&stats.table);
	json_decref(stats.json);
	g_free(stats.last);
	return status;
}

/* only NULL: all. Of a rule that is not valid the daemons may have kept the
 * value before, which is counted. */
static void
find_names(const struct ph_snapshot *snapshot, const char *only,
	   GPtrArray *names, GPtrArray *priorities)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	g_autoptr(GPtrArray) rules = ph_rules_sorted(snapshot);
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(snapshot, &errors);

	for (guint i = 0; i < rules->len; i++) {
		const char *name = ph_object_name(rules->pdata[i]);

		if (only && strcmp(only, name) != 0)
			continue;
		g_ptr_array_add(names, (gpointer)name);
		g_ptr_array_add(priorities, ph_priority_text(ph_rule_priority(
						rules->pdata[i])));
	}
	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], kind);

		if (name && (!only || strcmp(only, name) == 0))
			g_ptr_array_add(names, (gpointer)name);
	}
}

int
ph_rule_stats(struct ph_cli *cli, const struct ph_input *input)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autoptr(GPtrArray) priorities =
	    g_ptr_array_new_with_free_func(g_free);
	struct ph_snapshot *snapshot = NULL;
	g_autofree char *only = NULL;
	int status = PH_EXIT_YES;

	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	if (input->n > 0)
		only = ph_object_known(snapshot, kind, input->words[0]);
	if (input->n > 0 && !only) {
		status = ph_cli_fail(PH_EXIT_NO, "rule %s does not exist",
				     input->words[0]);
	} else {
		find_names(snapshot, only, names, priorities);
		status = show_names(cli, names, priorities);
	}
	ph_snapshot_unref(&snapshot);
	return status;
}
