#include "cli/rule.h"

#include "cli/change.h"
#include "lib/base/text.h"

#include <string.h>

/* What changes of rules left in the stream history:rule. */

const struct ph_option ph_rule_rollback_options[] = {
    {"to", "ID", "as it was before this change of its history"},
    {NULL, NULL, NULL},
};

enum { SHOWN_LIMIT = 40 }; /* characters of a value */

struct entry {
	char *id, *rule, *verb, *who, *when;
	/* Of text; empty: there was no rule. before NULL: nobody can say. */
	json_t *before, *after;
};

static void
free_entry(gpointer p)
{
	struct entry *entry = p;

	g_free(entry->id);
	g_free(entry->rule);
	g_free(entry->verb);
	g_free(entry->who);
	g_free(entry->when);
	json_decref(entry->before);
	json_decref(entry->after);
	g_free(entry);
}

/* ---- reading ------------------------------------------------------------ */

static char *
word(const struct ph_reply *words, const char *name)
{
	for (size_t i = 0; i + 1 < ph_reply_count(words); i += 2)
		if (strcmp(ph_reply_text(ph_reply_at(words, i), NULL), name) ==
		    0)
			return g_strdup(
			    ph_reply_text(ph_reply_at(words, i + 1), NULL));
	return g_strdup("");
}

/* NULL: somebody else has written there. */
static json_t *
read_fields(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static struct entry *
read_entry(const struct ph_reply *reply)
{
	const struct ph_reply *words = ph_reply_at(reply, 1);
	struct entry *entry = g_new0(struct entry, 1);
	g_autofree char *before = word(words, "before");

	entry->id = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
	entry->rule = word(words, "rule");
	entry->verb = word(words, "verb");
	entry->who = word(words, "who");
	entry->when = word(words, "when");
	entry->before = read_fields(before);
	return entry;
}

/* Newest first, of one rule or (NULL) of all. 0, or an exit code. */
static int
read_history(struct ph_cli *cli, const char *rule, GPtrArray *entries)
{
	g_autofree char *key = NULL;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (ph_cli_redis(cli, &status) < 0)
		return status;
	key = ph_cli_key(cli, "history:rule");
	if (ph_redis_call(cli->redis, &reply, &err, "XREVRANGE", key, "+", "-",
			  NULL) < 0) {
		(void)ph_cli_unread(&err);
		return ph_cli_err(&err);
	}
	for (size_t i = 0; i < ph_reply_count(reply); i++) {
		struct entry *entry = read_entry(ph_reply_at(reply, i));

		if (!rule || ph_fold_same(entry->rule, rule))
			g_ptr_array_add(entries, entry);
		else
			free_entry(entry);
	}
	ph_reply_free(&reply);
	return 0;
}

/* What the rule is now. */
static int
read_now(struct ph_cli *cli, const char *rule, json_t **fields_r)
{
	g_autoptr(GPtrArray) stored = NULL;
	struct ph_err err = PH_ERR_INIT;

	if (ph_stored_read(cli, ph_kind_find("rule"), rule, &stored, &err) < 0)
		return ph_cli_err(&err);
	*fields_r = json_object();
	for (guint i = 0; i + 1 < stored->len; i += 2)
		ph_json_set(*fields_r, stored->pdata[i], stored->pdata[i + 1]);
	return 0;
}

/* After a change the rule was what it was before the next one. */
static int
find_after(struct ph_cli *cli, const GPtrArray *entries)
{
	g_autoptr(GHashTable) newer = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
	int status = 0;

	for (guint i = 0; status == 0 && i < entries->len; i++) {
		struct entry *entry = entries->pdata[i];
		char *folded = ph_fold(entry->rule);
		json_t *after = g_hash_table_lookup(newer, folded);

		if (after)
			entry->after = json_incref(after);
		else
			status = read_now(cli, entry->rule, &entry->after);
		if (entry->before)
			g_hash_table_replace(newer, folded,
					     json_incref(entry->before));
		else
			g_free(folded);
	}
	return status;
}

/* ---- showing ------------------------------------------------------------ */

static void
add_difference(GString *out, const char *field, const char *before,
	       const char *after)
{
	g_autofree char *old = before ? ph_shorten(before, SHOWN_LIMIT) : NULL;
	g_autofree char *new = after ? ph_shorten(after, SHOWN_LIMIT) : NULL;

	if (g_strcmp0(before, after) == 0)
		return;
	g_string_append_printf(out, "%s%s=%s%s%s", out->len > 0 ? "; " : "",
			       field, old ? old : "", old && new ? " -> " : "",
			       new ? new : " -> unset");
}

static char *
differences(const struct entry *entry)
{
	GString *out = g_string_new(NULL);
	const char *field;
	json_t *value;

	if (!entry->before || json_object_size(entry->after) == 0)
		return g_string_free(out, FALSE);
	json_object_foreach(entry->after, field, value)
	{
		add_difference(
		    out, field,
		    json_string_value(json_object_get(entry->before, field)),
		    json_string_value(value));
	}
	json_object_foreach(entry->before, field, value)
	{
		if (!json_object_get(entry->after, field))
			add_difference(out, field, json_string_value(value),
				       NULL);
	}
	return g_string_free(out, FALSE);
}

static void
show_table(const GPtrArray *entries)
{
	static const char *const columns[] = {"Id",   "Date",	"Who", "Verb",
					      "Rule", "Change", NULL};
	struct ph_table *table = ph_table_new(columns);

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = entries->pdata[i];
		g_autofree char *changed = differences(entry);

		ph_table_add(table, (const char *[]){entry->id, entry->when,
						     entry->who, entry->verb,
						     entry->rule, changed});
	}
	ph_table_print(table);
	ph_table_free(&table);
}

static void
show_json(const GPtrArray *entries)
{
	json_t *list = json_array();

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = entries->pdata[i];
		json_t *json = json_object();

		ph_json_set(json, "Id", entry->id);
		ph_json_set(json, "Date", entry->when);
		ph_json_set(json, "Who", entry->who);
		ph_json_set(json, "Verb", entry->verb);
		ph_json_set(json, "Rule", entry->rule);
		json_object_set_new(json, "Before",
				    entry->before ? json_incref(entry->before)
						  : json_null());
		json_object_set(json, "After", entry->after);
		json_array_append_new(list, json);
	}
	ph_json_print(list);
}

int
ph_rule_history(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) entries =
	    g_ptr_array_new_with_free_func(free_entry);
	const char *rule = input->n > 0 ? input->words[0] : NULL;
	int status = read_history(cli, rule, entries);

	if (status == 0 && rule && entries->len == 0)
		return ph_cli_fail(PH_EXIT_NO, "rule %s has no history", rule);
	if (status == 0)
		status = find_after(cli, entries);
	if (status != 0)
		return status;
	if (cli->json)
		show_json(entries);
	else
		show_table(entries);
	return PH_EXIT_YES;
}

/* ---- going back --------------------------------------------------------- */

/* As it was before; a rule that was not there goes. */
static int
plan_rollback(struct ph_change *change, const void *context)
{
	const struct entry *entry = context;
	const char *field;
	json_t *value;

	for (guint i = 0; i + 1 < change->stored->len; i += 2) {
		const char *stored = change->stored->pdata[i];

		if (!json_object_get(entry->before, stored))
			g_ptr_array_add(change->unset, g_strdup(stored));
	}
	json_object_foreach(entry->before, field, value)
	{
		const char *text = json_string_value(value);

		if (text && g_strcmp0(ph_change_get(change, field), text) != 0)
			ph_change_set(change, field, text);
	}
	change->nothing = change->set->len == 0 && change->unset->len == 0;
	return 0;
}

static const struct entry *
find_entry(const GPtrArray *entries, const char *id)
{
	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = entries->pdata[i];

		if (!id || strcmp(entry->id, id) == 0)
			return entry;
	}
	return NULL;
}

int
ph_rule_rollback(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GPtrArray) entries =
	    g_ptr_array_new_with_free_func(free_entry);
	const char *id = ph_input_option(input, "to");
	const char *rule = input->words[0];
	const struct entry *entry;
	int status = read_history(cli, rule, entries);

	if (status != 0)
		return status;
	entry = find_entry(entries, id);
	if (!entry)
		return ph_cli_fail(PH_EXIT_NO,
				   "rule %s has no %s%s; \"posthub rule "
				   "history\" lists what there is",
				   rule, id ? "change " : "history",
				   id ? id : "");
	if (!entry->before)
		return ph_cli_fail(PH_EXIT_DATA,
				   "change %s does not say what rule %s was; "
				   "name an older one with --to",
				   entry->id, rule);
	return ph_change_run(cli, ph_kind_find("rule"), entry->rule, "rollback",
			     plan_rollback, entry);
}
