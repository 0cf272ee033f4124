#include "cli/change.h"
#include "cli/kind.h"
#include "lib/base/text.h"
#include "lib/directory/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Recipients are many: they are read in pages and shown page by page, so that
 * memory does not grow with the organisation.
 */
#define PAGE "500"

static const char *const columns[] = {
    "Name", "RecipientType", "PrimarySmtpAddress", "Database", "Problem", NULL};

struct listing {
	struct ph_cli *cli;
	const struct ph_kind *kind;
	GHashTable *seen; /* SCAN may give a key twice */
	bool first;	  /* of JSON: no comma yet */
};

static struct ph_object *
parse_reply(const struct listing *l, const char *name,
	    const struct ph_reply *reply, struct ph_err *err)
{
	g_autoptr(GPtrArray) stored = g_ptr_array_new();
	struct ph_object *object = NULL;

	if (ph_reply_type(reply) == PH_REPLY_ERROR) {
		ph_err_set(err, PH_ERR_PERM, "%s", ph_reply_text(reply, NULL));
		return NULL;
	}
	for (size_t i = 0; i < ph_reply_count(reply); i++)
		g_ptr_array_add(stored, (gpointer)ph_reply_text(
					    ph_reply_at(reply, i), NULL));
	ph_stored_parse(l->kind, name, stored, &object, err);
	return object;
}

static void
show_json(struct listing *l, const char *name, const struct ph_object *object,
	  const char *problem)
{
	json_t *json = object ? ph_object_json(object, false) : json_object();
	char *text;

	if (!object) {
		json_object_set_new(json, "Name", ph_json_text(name));
		json_object_set_new(json, "Problem", ph_json_text(problem));
	}
	text = json_dumps(json, JSON_COMPACT);
	printf("%s%s", l->first ? "[\n" : ",\n", text);
	l->first = false;
	free(text);
	json_decref(json);
}

static void
show_one(struct listing *l, struct ph_table *table, const char *name,
	 const struct ph_reply *reply)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object;

	/* Removed since the scan. */
	if (ph_reply_type(reply) == PH_REPLY_ARRAY &&
	    ph_reply_count(reply) == 0)
		return;
	object = parse_reply(l, name, reply, &err);
	if (l->cli->json)
		show_json(l, name, object, err.text);
	else if (object)
		ph_table_add(table,
			     (const char *[]){
				 name, ph_object_text(object, "RecipientType"),
				 ph_object_text(object, "PrimarySmtpAddress"),
				 ph_object_text(object, "Database"), NULL});
	else
		ph_table_add(
		    table, (const char *[]){name, NULL, NULL, NULL, err.text});
	ph_object_unref(&object);
}

static int
show_page(struct listing *l, struct ph_table *table,
	  const struct ph_reply *keys, struct ph_err *err)
{
	size_t n = ph_reply_count(keys), used = 0;
	size_t skip =
	    strlen(ph_redis_prefix(l->cli->redis)) + strlen(l->kind->name) + 1;
	g_autofree const char **args = g_new(const char *, 2 * n + 1);
	g_autofree struct ph_command *commands =
	    g_new0(struct ph_command, n + 1);
	g_autofree struct ph_reply **replies = g_new0(struct ph_reply *, n + 1);

	for (size_t i = 0; i < n; i++) {
		const char *key = ph_reply_text(ph_reply_at(keys, i), NULL);

		if (strlen(key) <= skip ||
		    !g_hash_table_add(l->seen, g_strdup(key + skip)))
			continue;
		args[2 * used] = "HGETALL";
		args[2 * used + 1] = key;
		commands[used].n = 2;
		commands[used].args = &args[2 * used];
		used++;
	}
	if (used > 0 && ph_redis_pipeline(l->cli->redis, commands, used, false,
					  replies, err) < 0)
		return -1;
	for (size_t i = 0; i < used; i++) {
		show_one(l, table, args[2 * i + 1] + skip, replies[i]);
		ph_reply_free(&replies[i]);
	}
	return 0;
}

/* A glob that matches the text itself. */
static char *
escape_glob(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text; text++) {
		if (strchr("*?[]\\", *text))
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
	return g_string_free(out, FALSE);
}

static int
scan(struct listing *l, struct ph_table *table, struct ph_err *err)
{
	g_autofree char *kind = ph_object_key(l->kind, "");
	g_autofree char *start = ph_cli_key(l->cli, kind);
	g_autofree char *literal = escape_glob(start);
	g_autofree char *pattern = g_strconcat(literal, "*", NULL);
	g_autofree char *cursor = g_strdup("0");

	do {
		struct ph_reply *reply = NULL;
		int r;

		if (ph_redis_call(l->cli->redis, &reply, err, "SCAN", cursor,
				  "MATCH", pattern, "COUNT", PAGE, NULL) < 0)
			return -1;
		g_free(cursor);
		cursor = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
		r = show_page(l, table, ph_reply_at(reply, 1), err);
		ph_reply_free(&reply);
		if (r < 0)
			return -1;
	} while (strcmp(cursor, "0") != 0);
	return 0;
}

int
ph_recipient_list(struct ph_cli *cli, const struct ph_kind *kind)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct listing l = {cli, kind, seen, true};
	struct ph_table *table = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES, r;

	if (ph_cli_redis(cli, &status) < 0)
		return status;
	table = ph_table_new(columns);
	r = scan(&l, table, &err);
	if (r == 0 && cli->json)
		puts(l.first ? "[]" : "\n]");
	else if (r == 0)
		ph_table_print(table);
	ph_table_free(&table);
	return r == 0 ? PH_EXIT_YES : ph_cli_err(&err);
}

static bool
same_name(const char *a, const char *b)
{
	g_autofree char *x = ph_fold(a);
	g_autofree char *y = ph_fold(b);

	return strcmp(x, y) == 0;
}

/* The key as typed, else that of the directory's entry, when the file is there
 * to ask: it knows keys without case. */
int
ph_recipient_known(struct ph_cli *cli, const struct ph_kind *kind,
		   const char *name, char **name_r, int *status_r)
{
	g_autoptr(GPtrArray) stored = NULL;
	struct ph_directory *directory = NULL;
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;

	*name_r = NULL;
	if (ph_cli_redis(cli, status_r) < 0)
		return -1;
	if (ph_stored_read(cli, kind, name, &stored, &err) < 0) {
		*status_r = ph_cli_err(&err);
		return -1;
	}
	if (stored->len > 0) {
		*name_r = g_strdup(name);
		return 0;
	}
	if (ph_directory_open(cli->conf, &directory, NULL) < 0)
		return 0;
	if (ph_directory_find(directory, name, &entry, NULL) == 1 &&
	    same_name(ph_object_name(entry), name) &&
	    strcmp(ph_object_name(entry), name) != 0)
		*name_r = g_strdup(ph_object_name(entry));
	ph_object_unref(&entry);
	ph_directory_close(&directory);
	return 0;
}
