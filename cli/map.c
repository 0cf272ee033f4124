#include "cli/command.h"

#include "cli/output.h"
#include "lib/base/socketmap.h"
#include "lib/base/stream.h"
#include "lib/state/map_names.h"

#include <stdio.h>
#include <string.h>

/* Longer than any look-up of posthub-policy may take. */
#define TIMEOUT_MS 20000

/* What Postfix would make of the answer. */
static const int statuses[] = {
    [PH_SMAP_OK] = PH_EXIT_YES,		[PH_SMAP_NOTFOUND] = PH_EXIT_NO,
    [PH_SMAP_TEMP] = PH_EXIT_TEMPORARY, [PH_SMAP_TIMEOUT] = PH_EXIT_TEMPORARY,
    [PH_SMAP_PERM] = PH_EXIT_DATA,
};

static int
list(const struct ph_cli *cli)
{
	static const char *const columns[] = {"Name", "Help", NULL};
	struct ph_table *table = ph_table_new(columns);

	for (const struct ph_map_name *map = ph_map_names; map->name; map++)
		ph_table_add(table, (const char *[]){map->name, map->help});
	ph_table_show(table, cli->json);
	ph_table_free(&table);
	return PH_EXIT_YES;
}

static int
show(const struct ph_cli *cli, const struct ph_smap_answer *answer)
{
	const char *word = ph_smap_status_word(answer->status);
	g_autofree char *text = ph_text_clean(answer->text);

	if (cli->json) {
		json_t *json = json_object();

		json_object_set_new(json, "Status", ph_json_text(word));
		json_object_set_new(json, "Text", ph_json_text(answer->text));
		ph_json_print(json);
	} else if (answer->status == PH_SMAP_OK) {
		puts(text);
	} else {
		ph_cli_fail(0, "%s%s%s", word, *text ? ": " : "", text);
	}
	return statuses[answer->status];
}

/* 1: *answer_r, borrowed from the parser; -1. */
static int
await(struct ph_stream *stream, struct ph_smap *parser,
      struct ph_smap_answer *answer_r, struct ph_err *err)
{
	char buffer[4096];
	ssize_t n;
	int r;

	while ((r = ph_smap_next_answer(parser, answer_r, err)) == 0) {
		n = ph_stream_read(stream, buffer, sizeof buffer, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "closed without an answer");
		ph_smap_feed(parser, buffer, (size_t)n);
	}
	return r;
}

static int
ask(struct ph_cli *cli, struct ph_stream *stream, const char *map,
    const char *key)
{
	g_autoptr(GString) request = g_string_new(NULL);
	struct ph_smap *parser = ph_smap_new();
	struct ph_smap_answer answer;
	struct ph_err err = PH_ERR_INIT;
	int status;

	ph_stream_set_timeout(stream, TIMEOUT_MS);
	ph_smap_request(request, map, key);
	if (ph_stream_write(stream, request->str, request->len, &err) == 0 &&
	    await(stream, parser, &answer, &err) == 1)
		status = show(cli, &answer);
	else
		status = ph_cli_fail(PH_EXIT_UNAVAILABLE, "[policy] map: %s",
				     err.text);
	ph_smap_free(&parser);
	return status;
}

int
ph_map_run(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_endpoint endpoint;
	struct ph_stream *stream = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (input->n == 0)
		return list(cli);
	if (input->n == 1)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "KEY is missing; expected posthub map NAME "
				   "KEY, as Postfix asks");
	if (!*input->words[0] || strchr(input->words[0], ' '))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "\"%s\" is no map; \"posthub map\" lists "
				   "those there are",
				   input->words[0]);
	if (strlen(input->words[0]) + 1 + strlen(input->words[1]) >
	    PH_SMAP_REQUEST_LIMIT)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "KEY is longer than Postfix would ask for");
	/* The setting was read before: it is an endpoint. */
	(void)ph_parse_endpoint(ph_conf_text(cli->conf, "policy", "map"),
				&endpoint, NULL);
	if (ph_stream_connect(&endpoint, NULL, TIMEOUT_MS, &stream, &err) < 0)
		return ph_cli_fail(PH_EXIT_UNAVAILABLE,
				   "[policy] map: %s; posthub-policy answers "
				   "there when it runs",
				   err.text);
	status = ask(cli, stream, input->words[0], input->words[1]);
	ph_stream_free(&stream);
	return status;
}
