#include "cli/change.h"
#include "cli/kind.h"
#include "lib/base/text.h"
#include "lib/directory/directory.h"
#include "lib/directory/entry.h"
#include "lib/directory/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Recipients are many: they are read in pages and shown page by page, so that
 * memory does not grow with the organisation.
 */
#define PAGE 500

static const char *const columns[] = {
    "Name", "RecipientType", "PrimarySmtpAddress", "Database", "Problem", NULL};

struct listing {
	struct ph_cli *cli;
	const struct ph_kind *kind;
	struct ph_table *table;
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
show_entry(struct listing *l, const char *name, const struct ph_object *object,
	   const char *problem)
{
	if (l->cli->json)
		show_json(l, name, object, problem);
	else if (object)
		ph_table_add(l->table,
			     (const char *[]){
				 name, ph_object_text(object, "RecipientType"),
				 ph_object_text(object, "PrimarySmtpAddress"),
				 ph_object_text(object, "Database"), NULL});
	else
		ph_table_add(l->table,
			     (const char *[]){name, NULL, NULL, NULL, problem});
	if (ph_table_rows(l->table) >= PAGE)
		ph_table_page(l->table, false);
}

static void
show_one(struct listing *l, const char *name, const struct ph_reply *reply)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object;

	/* Removed since the scan. */
	if (ph_reply_type(reply) == PH_REPLY_ARRAY &&
	    ph_reply_count(reply) == 0)
		return;
	object = parse_reply(l, name, reply, &err);
	show_entry(l, name, object, err.text);
	ph_object_unref(&object);
}

static int
show_page(struct listing *l, const struct ph_reply *keys, struct ph_err *err)
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
		return ph_cli_unread(err);
	for (size_t i = 0; i < used; i++) {
		show_one(l, args[2 * i + 1] + skip, replies[i]);
		ph_reply_free(&replies[i]);
	}
	return 0;
}

static int
scan(struct listing *l, struct ph_err *err)
{
	g_autofree char *kind = ph_object_key(l->kind, "");
	g_autofree char *start = ph_cli_key(l->cli, kind);
	g_autofree char *literal = ph_redis_literal(start);
	g_autofree char *pattern = g_strconcat(literal, "*", NULL);
	g_autofree char *cursor = g_strdup("0");

	do {
		struct ph_reply *reply = NULL;
		int r;

		if (ph_redis_call(l->cli->redis, &reply, err, "SCAN", cursor,
				  "MATCH", pattern, "COUNT", G_STRINGIFY(PAGE),
				  NULL) < 0)
			return ph_cli_unread(err);
		g_free(cursor);
		cursor = g_strdup(ph_reply_text(ph_reply_at(reply, 0), NULL));
		r = show_page(l, ph_reply_at(reply, 1), err);
		ph_reply_free(&reply);
		if (r < 0)
			return -1;
	} while (strcmp(cursor, "0") != 0);
	return 0;
}

/* ---- in LDAP ------------------------------------------------------------ */

bool
ph_recipient_in_ldap(const struct ph_cli *cli, const struct ph_kind *kind)
{
	return (kind->flags & PH_KIND_DIRECTORY) != 0 &&
	       !ph_directory_is_fed(cli->conf);
}

bool
ph_recipient_refused(const struct ph_cli *cli, const struct ph_kind *kind,
		     int *status_r)
{
	if (!ph_recipient_in_ldap(cli, kind))
		return false;
	*status_r = ph_cli_fail(PH_EXIT_USAGE,
				"recipients are kept in LDAP ([directory] type "
				"= ldap); change them there");
	return true;
}

static int
open_directory(const struct ph_cli *cli, struct ph_directory **directory_r)
{
	struct ph_err err = PH_ERR_INIT;

	return ph_directory_open(cli->conf, directory_r, &err) < 0
		   ? ph_cli_fail(PH_EXIT_CONFIG, "%s", err.text)
		   : 0;
}

static int
show_found(const struct ph_object *entry, void *arg, struct ph_err *err)
{
	(void)err;
	show_entry(arg, ph_object_name(entry), entry, "");
	return 0;
}

/* As an error of the option, not of the group that stands for it. */
static int
name_option(struct ph_err *err)
{
	static const char field[] = "RecipientFilter: ";
	const char *found = strstr(err->text, field);
	g_autofree char *text =
	    g_strdup(found ? found + strlen(field) : err->text);

	return ph_err_set(err, err->kind, "--filter: %s", text);
}

/* What a group of this filter would be. */
static int
make_group(const char *filter, struct ph_object **group_r, struct ph_err *err)
{
	const struct ph_pair pairs[] = {
	    {"RecipientType", "DynamicDistributionGroup"},
	    {"RecipientFilter", filter},
	};

	if (!*filter)
		return ph_err_set(err, PH_ERR_PERM,
				  "--filter is empty; \"posthub recipient "
				  "list\" without it shows everybody");
	return ph_object_parse(ph_kind_find("recipient"),
			       "filter@posthub.invalid", pairs,
			       G_N_ELEMENTS(pairs), group_r, err) < 0
		   ? name_option(err)
		   : 0;
}

static int
find_group(struct ph_directory *directory, const char *address,
	   struct ph_object **group_r, struct ph_err *err)
{
	int r = ph_directory_find(directory, address, group_r, err);

	if (r == 1 && ph_entry_is_dynamic(*group_r))
		return 0;
	return r < 0 ? -1
		     : ph_err_set(err, PH_ERR_PERM,
				  "%s is no DynamicDistributionGroup", address);
}

/* 0, or an exit code after saying why. */
static int
walk(struct listing *l, const char *address, const char *filter)
{
	struct ph_directory *directory = NULL;
	struct ph_object *group = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = open_directory(l->cli, &directory), r = 0;

	if (status == 0 && address)
		r = find_group(directory, address, &group, &err);
	else if (status == 0 && filter)
		r = make_group(filter, &group, &err);
	if (status == 0 && r == 0)
		r = ph_directory_walk(directory, group, show_found, l, &err);
	ph_object_unref(&group);
	ph_directory_close(&directory);
	return r < 0 ? ph_cli_err(&err) : status;
}

int
ph_recipient_show(struct ph_cli *cli, const char *name, bool all)
{
	struct ph_directory *directory = NULL;
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = open_directory(cli, &directory), r;

	if (status != 0)
		return status;
	r = ph_directory_find(directory, name, &entry, &err);
	if (r == 1)
		ph_object_show(cli, entry, all);
	else if (r == 0)
		status = ph_cli_fail(PH_EXIT_NO, "recipient %s does not exist",
				     name);
	else
		status = ph_cli_err(&err);
	ph_object_unref(&entry);
	ph_directory_close(&directory);
	return status;
}

/* ---- list --------------------------------------------------------------- */

const struct ph_option ph_recipient_list_options[] = {
    {"group", "ADDRESS", "those that a dynamic group holds now"},
    {"filter", "FILTER",
     "those that a dynamic group of this filter would hold"},
    {NULL, NULL, NULL},
};

static int
list_from(struct listing *l, const struct ph_input *input)
{
	const char *group = ph_input_option(input, "group");
	const char *filter = ph_input_option(input, "filter");
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES;

	if (group && filter)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--group and --filter are given; expected "
				   "one of them");
	if (group || filter || ph_recipient_in_ldap(l->cli, l->kind))
		return walk(l, group, filter);
	if (ph_cli_redis(l->cli, &status) < 0)
		return status;
	return scan(l, &err) < 0 ? ph_cli_err(&err) : PH_EXIT_YES;
}

int
ph_recipient_list(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct listing l = {cli, ph_kind_find("recipient"),
			    ph_table_new(columns), seen, true};
	int status = list_from(&l, input);

	/* What was told of so far is a part, and does not end as if it were
	 * all. */
	if (status == PH_EXIT_YES && cli->json)
		puts(l.first ? "[]" : "\n]");
	else if (status == PH_EXIT_YES)
		ph_table_page(l.table, true);
	ph_table_free(&l.table);
	return status;
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
	    ph_fold_same(ph_object_name(entry), name) &&
	    strcmp(ph_object_name(entry), name) != 0)
		*name_r = g_strdup(ph_object_name(entry));
	ph_object_unref(&entry);
	ph_directory_close(&directory);
	return 0;
}

/* Two with one address are refused all mail for it. The file may have the
 * change already, and then it is the file that says so. */
static void
warn_address(struct ph_directory *directory, const char *address,
	     const char *name)
{
	struct ph_object *entry = NULL;
	struct ph_err err = PH_ERR_INIT;
	int r = ph_directory_find(directory, address, &entry, &err);

	if (r == 1 && !ph_fold_same(ph_object_name(entry), name))
		ph_cli_warn("%s belongs to recipient:%s as well; mail for it "
			    "is refused (5.1.4) while both have it",
			    address, ph_object_name(entry));
	else if (r < 0 && err.kind == PH_ERR_PERM)
		ph_cli_warn("%s; mail for it is refused (5.1.4) while both "
			    "have it",
			    err.text);
	ph_object_unref(&entry);
}

void
ph_recipient_warn(struct ph_cli *cli, const struct ph_kind *kind,
		  const char *name)
{
	g_autoptr(GPtrArray) stored = NULL;
	g_autoptr(GPtrArray) addresses = NULL;
	struct ph_directory *directory = NULL;
	struct ph_object *object = NULL;

	if (ph_stored_read(cli, kind, name, &stored, NULL) < 0 ||
	    ph_stored_parse(kind, name, stored, &object, NULL) < 0 ||
	    ph_directory_open(cli->conf, &directory, NULL) < 0) {
		ph_object_unref(&object);
		return;
	}
	addresses = ph_entry_addresses(object);
	for (guint i = 0; i < addresses->len; i++)
		warn_address(directory, addresses->pdata[i], name);
	ph_directory_close(&directory);
	ph_object_unref(&object);
}
