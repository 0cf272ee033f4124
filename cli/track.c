#include "cli/track.h"
#include "cli/command.h"
#include "cli/output.h"
#include "lib/base/text.h"
#include "lib/track/event.h"

#include <string.h>

#define RESULT_SIZE 1000
#define STATUS_SHOWN 40

const struct ph_option ph_track_options_table[] = {
    {"sender", "ADDRESS", "rows of this sender"},
    {"recipients", "ADDRESS,...", "rows with any of these recipients"},
    {"subject", "TEXT", "rows whose subject has this in it"},
    {"message-id", "ID", "with or without angle brackets"},
    {"network-message-id", "ID", "the same for all copies of a message"},
    {"internal-message-id", "ID", "of one server"},
    {"reference", "TEXT", "rows that refer to this"},
    {"start", "DATE", "not before; ISO 8601, UTC unless it has a zone"},
    {"end", "DATE", "before"},
    {"event-id", "EVENT", "RECEIVE, SEND, DELIVER, FAIL, ..."},
    {"source", "SOURCE", "SMTP, STOREDRIVER, AGENT, ..."},
    {"server", "SERVER", "rows that this server wrote"},
    {"result-size", "NUMBER",
     "the newest so many rows (1000), or \"unlimited\""},
    {"columns", "COLUMN,...", "show these; property names or field names"},
    {"dir", "DIRECTORY", "read the log files there instead of Redis"},
    {"files", "FILE,...", "read these log files instead of Redis"},
    {NULL, NULL, NULL},
};

/* ---- what is asked for -------------------------------------------------- */

static int
take_date(const struct ph_input *input, const char *option, int64_t *ms_r)
{
	const char *text = ph_input_option(input, option);
	struct ph_err err = PH_ERR_INIT;

	if (!text || ph_parse_date(text, ms_r, &err) == 0)
		return 0;
	return ph_cli_fail(PH_EXIT_USAGE, "--%s: %s", option, err.text);
}

static int
take_size(const struct ph_input *input, size_t *size_r)
{
	const char *text = ph_input_option(input, "result-size");
	int64_t size = RESULT_SIZE;

	if (text && g_ascii_strcasecmp(text, "unlimited") == 0)
		size = INT64_MAX;
	else if (text && (ph_parse_int(text, &size, NULL) < 0 || size < 1))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--result-size: \"%s\" is not a number from "
				   "1 or \"unlimited\"",
				   text);
	*size_r = (size_t)size;
	return 0;
}

/* What no row can have is a misspelling: its answer would be "nothing". */
static int
check_word(const struct ph_input *input, const char *option,
	   const char *const *words)
{
	const char *text = ph_input_option(input, option);
	g_autofree char *all = NULL;

	for (const char *const *word = words; text && *word; word++) {
		if (g_ascii_strcasecmp(*word, text) == 0)
			return 0;
	}
	if (!text)
		return 0;
	all = g_strjoinv(", ", (char **)words);
	return ph_cli_fail(PH_EXIT_USAGE,
			   "--%s: there is no \"%s\"; expected one of: %s",
			   option, text, all);
}

/* ---- columns ------------------------------------------------------------ */

static int
take_columns(const struct ph_input *input, GArray *columns)
{
	static const int usual[] = {
	    PH_COL_DATE_TIME,
	    PH_COL_CLIENT_HOSTNAME,
	    PH_COL_SERVER_HOSTNAME,
	    PH_COL_CONNECTOR_ID,
	    PH_COL_SOURCE,
	    PH_COL_EVENT_ID,
	    PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_RECIPIENT_STATUS,
	};
	const char *text = ph_input_option(input, "columns");
	g_auto(GStrv) names = text ? g_strsplit(text, ",", -1) : NULL;

	if (!names)
		g_array_append_vals(columns, usual, G_N_ELEMENTS(usual));
	for (char **name = names; name && *name; name++) {
		int column = ph_track_column_find(g_strstrip(*name));

		if (column < 0)
			return ph_cli_fail(PH_EXIT_USAGE,
					   "--columns: there is no column "
					   "\"%s\"; \"posthub track --json\" "
					   "shows all",
					   *name);
		g_array_append_val(columns, column);
	}
	return columns->len > 0
		   ? 0
		   : ph_cli_fail(PH_EXIT_USAGE,
				 "--columns is empty; expected COLUMN,...");
}

static struct ph_table *
make_table(const GPtrArray *rows, const GArray *columns, const char **names,
	   bool shorten)
{
	struct ph_table *table;

	for (guint i = 0; i < columns->len; i++)
		names[i] =
		    ph_track_columns[g_array_index(columns, int, i)].property;
	table = ph_table_new(names);
	for (guint k = 0; k < rows->len; k++) {
		const struct ph_trace_row *row = g_ptr_array_index(rows, k);
		g_autoptr(GPtrArray) values =
		    g_ptr_array_new_with_free_func(g_free);

		for (guint i = 0; i < columns->len; i++) {
			int column = g_array_index(columns, int, i);
			const char *value =
			    ph_track_get(&row->record, (enum ph_column)column);

			g_ptr_array_add(
			    values, shorten && column == PH_COL_RECIPIENT_STATUS
					? ph_shorten(value, STATUS_SHOWN)
					: g_strdup(value));
		}
		ph_table_add(table,
			     (const char *const *)(gpointer)values->pdata);
	}
	return table;
}

static json_t *
rows_json(const GPtrArray *rows)
{
	json_t *array = json_array();

	for (guint k = 0; k < rows->len; k++) {
		const struct ph_trace_row *row = g_ptr_array_index(rows, k);
		json_t *object = json_object();

		for (int i = 0; i < PH_COLUMNS; i++)
			json_object_set_new(
			    object, ph_track_columns[i].property,
			    ph_json_text(
				ph_track_get(&row->record, (enum ph_column)i)));
		json_object_set_new(object, "Server",
				    ph_json_text(row->server));
		json_array_append_new(array, object);
	}
	return array;
}

static void
show(const struct ph_cli *cli, const struct ph_input *input,
     const GPtrArray *rows, const GArray *columns)
{
	bool chosen = ph_input_option(input, "columns") != NULL;
	g_autofree const char **names = g_new0(const char *, columns->len + 1);
	struct ph_table *table;

	if (cli->json && !chosen) {
		ph_json_print(rows_json(rows));
		return;
	}
	table = make_table(rows, columns, names, !chosen);
	ph_table_show(table, cli->json);
	ph_table_free(&table);
}

/* ---- the verb ----------------------------------------------------------- */

/* Said by name: a directory that is not there is no log without rows. */
static int
read_dir(struct ph_track_query *query, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
	struct ph_err err = PH_ERR_INIT;

	if (!dir)
		return ph_cli_fail(PH_EXIT_NO_INPUT, "--dir: %s",
				   error->message);
	return ph_track_read_dir(query, path, &err) < 0
		   ? ph_cli_fail(PH_EXIT_DATA, "%s", err.text)
		   : PH_EXIT_YES;
}

int
ph_track_read(struct ph_cli *cli, struct ph_track_query *query)
{
	const char *dir = ph_input_option(query->input, "dir");
	const char *files = ph_input_option(query->input, "files");
	struct ph_err err = PH_ERR_INIT, local = PH_ERR_INIT;
	int status = PH_EXIT_YES;

	if (dir)
		return read_dir(query, dir);
	if (files && !*files)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--files is empty; expected FILE,...");
	if (files)
		return ph_track_read_files(query, files, &err) < 0
			   ? ph_cli_fail(PH_EXIT_NO_INPUT, "%s", err.text)
			   : PH_EXIT_YES;
	if (ph_cli_redis(cli, &status) < 0)
		return status;
	if (ph_track_read_stream(cli, query, &err) == 0)
		return PH_EXIT_YES;
	dir = ph_conf_text(cli->conf, "tracking", "log_dir");
	if (err.kind != PH_ERR_TEMP || !g_file_test(dir, G_FILE_TEST_IS_DIR) ||
	    ph_track_read_dir(query, dir, &local) < 0)
		return ph_cli_err(&err);
	ph_cli_warn("%s; what this server alone has written, from %s", err.text,
		    dir);
	return PH_EXIT_YES;
}

/* What would be an empty answer whatever there is. */
int
ph_track_check(const struct ph_track_query *query)
{
	if (query->start >= query->end)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--end is not after --start; no row can be "
				   "between them");
	if (ph_input_option(query->input, "dir") &&
	    ph_input_option(query->input, "files"))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--dir and --files are given; expected one "
				   "of them");
	return 0;
}

int
ph_track_run(struct ph_cli *cli, const struct ph_input *input)
{
	g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(int));
	struct ph_track_query query = {
	    .input = input, .start = INT64_MIN, .end = INT64_MAX};
	int status;

	if ((status = take_date(input, "start", &query.start)) != 0 ||
	    (status = take_date(input, "end", &query.end)) != 0 ||
	    (status = ph_track_check(&query)) != 0 ||
	    (status = take_size(input, &query.limit)) != 0 ||
	    (status = check_word(input, "event-id", ph_track_events)) != 0 ||
	    (status = check_word(input, "source", ph_track_sources)) != 0 ||
	    (status = take_columns(input, columns)) != 0)
		return status;
	ph_track_query_init(&query);
	status = ph_track_read(cli, &query);
	if (status == PH_EXIT_YES) {
		ph_track_query_finish(&query);
		show(cli, input, query.rows, columns);
		if (query.cut)
			ph_cli_warn("these are the newest %zu rows; "
				    "--result-size shows more",
				    query.limit);
		if (query.bad > 0)
			ph_cli_warn("%" G_GUINT64_FORMAT
				    " lines cannot be read and were left out",
				    query.bad);
		if (query.rows->len == 0)
			status = PH_EXIT_NO;
	}
	ph_track_query_clear(&query);
	return status;
}
