#include "cli/command.h"
#include "cli/output.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/base/uuid.h"

#include <glib.h>
#include <string.h>

/* ---- show --------------------------------------------------------------- */

static void
add_local(const struct ph_cli *cli, struct ph_table *table)
{
	g_auto(GStrv) files = ph_cli_state_files(cli, ".snapshot");

	for (char **file = files; *file; file++) {
		struct ph_snapshot *snapshot = NULL;
		struct ph_err err = PH_ERR_INIT;
		g_autofree char *name = g_path_get_basename(*file);

		if (ph_snapshot_load(*file, NULL, &snapshot, &err) == 1)
			ph_table_add(
			    table, (const char *[]){
				       name, ph_snapshot_organization(snapshot),
				       ph_snapshot_adopted(snapshot), NULL});
		else
			ph_table_add(table, (const char *[]){name, NULL, NULL,
							     err.text});
		ph_snapshot_unref(&snapshot);
	}
}

int
ph_state_show(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {"Source", "Organization",
					      "Adopted", "Problem", NULL};
	struct ph_table *table = NULL;
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *key = NULL;
	int status = PH_EXIT_YES;

	(void)input;
	if (ph_cli_redis(cli, &status) < 0)
		return status;
	key = ph_cli_key(cli, "meta");
	table = ph_table_new(columns);
	if (ph_redis_call(cli->redis, &reply, &err, "HMGET", key,
			  "Organization", "Adopted", NULL) < 0) {
		ph_table_add(table,
			     (const char *[]){"Redis", NULL, NULL, err.text});
		status = PH_EXIT_UNAVAILABLE;
	} else {
		const char *organization =
		    ph_reply_text(ph_reply_at(reply, 0), NULL);

		ph_table_add(
		    table,
		    (const char *[]){"Redis", organization,
				     ph_reply_text(ph_reply_at(reply, 1), NULL),
				     *organization ? NULL : "holds no state"});
		status = *organization ? PH_EXIT_YES : PH_EXIT_NO;
	}
	ph_reply_free(&reply);
	add_local(cli, table);
	ph_table_show(table, cli->json);
	ph_table_free(&table);
	return status;
}

/* ---- adopt -------------------------------------------------------------- */

/* The organisation to go on with when Redis has none: that of this server's
 * daemons, so that those elsewhere know it again; else a new one. */
static char *
organization(const struct ph_cli *cli)
{
	struct ph_snapshot *local = ph_cli_local_snapshot(cli, NULL, NULL);
	char made[PH_UUID_TEXT];
	char *found = NULL;

	if (local && *ph_snapshot_organization(local))
		found = g_strdup(ph_snapshot_organization(local));
	ph_snapshot_unref(&local);
	if (found)
		return found;
	ph_uuid_random(made);
	return g_strdup(made);
}

static int
refuse_adopt(const char *key, const struct ph_reply *error)
{
	const char *text = ph_reply_text(error, NULL);

	return g_str_has_prefix(text, "WRONGTYPE")
		   ? ph_cli_fail(PH_EXIT_DATA,
				 "meta is not a Redis hash; \"redis-cli DEL "
				 "%s\" deletes it",
				 key)
		   : ph_cli_fail(PH_EXIT_DATA, "meta: %s", text);
}

int
ph_state_adopt(struct ph_cli *cli, const struct ph_input *input)
{
	g_autofree char *key = NULL, *uuid = NULL;
	struct ph_reply *replies[3] = {NULL};
	struct ph_err err = PH_ERR_INIT;
	char now[PH_DATE_TEXT];
	int status = PH_EXIT_YES;

	(void)input;
	if (ph_cli_redis(cli, &status) < 0)
		return status;
	key = ph_cli_key(cli, "meta");
	uuid = organization(cli);
	ph_format_date(ph_clock_wall(), now, sizeof now);

	const char *const make[] = {"HSETNX", key, "Organization", uuid};
	const char *const schema[] = {"HSETNX", key, "Schema", "1"};
	const char *const adopt[] = {"HSET", key, "Adopted", now};
	const struct ph_command commands[] = {
	    {G_N_ELEMENTS(make), make, NULL},
	    {G_N_ELEMENTS(schema), schema, NULL},
	    {G_N_ELEMENTS(adopt), adopt, NULL},
	};

	if (ph_redis_pipeline(cli->redis, commands, G_N_ELEMENTS(commands),
			      true, replies, &err) < 0)
		return ph_cli_err(&err);
	for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
		if (ph_reply_type(replies[i]) == PH_REPLY_ERROR &&
		    status == PH_EXIT_YES)
			status = refuse_adopt(key, replies[i]);
		ph_reply_free(&replies[i]);
	}
	return status;
}
