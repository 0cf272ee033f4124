#include "cli/command.h"
#include "cli/output.h"
#include "lib/base/conf.h"

#include <glib.h>
#include <string.h>

/* Whoever gets here has a good file: it was loaded before. */
int
ph_config_test(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	(void)input;
	if (ph_redis_open(cli->conf, &redis, &err) < 0)
		return ph_cli_fail(PH_EXIT_CONFIG, "%s", err.text);
	ph_redis_close(&redis);
	return PH_EXIT_YES;
}

/* redis://:password@host is the one place for a secret in the file. */
static char *
hide_password(const char *text)
{
	static const char scheme[] = "redis://";
	const char *host = strrchr(text, '@');

	if (!g_str_has_prefix(text, scheme) || !host)
		return g_strdup(text);
	return g_strconcat(scheme, "(hidden)", host, NULL);
}

int
ph_config_show(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {"Section", "Name", "Value",
					      "Default", "Help", NULL};
	struct ph_table *table = ph_table_new(columns);

	(void)input;
	for (const struct ph_setting *row = ph_settings; row->section; row++) {
		g_autofree char *value = hide_password(
		    ph_conf_text(cli->conf, row->section, row->name));

		ph_table_add(table,
			     (const char *[]){row->section, row->name, value,
					      row->value, row->help});
	}
	ph_table_show(table, cli->json);
	ph_table_free(&table);
	return PH_EXIT_YES;
}
