#include "cli/track.h"

#include "cli/output.h"
#include "lib/base/text.h"

#include <string.h>

/*
 * posthub report: what has become of one message, recipient by recipient. The
 * rows are those of "posthub track", in its order; of each recipient the last
 * one counts, but nothing takes back that somebody has the message.
 */
const struct ph_option ph_report_options[] = {
    {"dir", "DIRECTORY", "read the log files there instead of Redis"},
    {"files", "FILE,...", "read these log files instead of Redis"},
    {NULL, NULL, NULL},
};

enum weight {
	GOES_ON,
	ENDED, /* only that he has it after all is more */
	HAS_IT,
};

static const struct meaning {
	const char *event;
	const char *status; /* of the row's recipients; NULL: none */
	/* Of the one they are there for (related-recipient-address). */
	const char *related;
	enum weight weight;
	bool says; /* recipient-status is about what became of him */
} meanings[] = {
    {"RECEIVE", "Pending", NULL, GOES_ON, false},
    {"SUBMIT", "Pending", NULL, GOES_ON, false},
    {"TRANSFER", "Pending", NULL, GOES_ON, false},
    {"RESOLVE", "Pending", "Resolved", GOES_ON, false},
    {"REDIRECT", "Pending", "Redirected", GOES_ON, false},
    {"DUPLICATEREDIRECT", NULL, "Redirected", GOES_ON, false},
    {"EXPAND", "Pending", "Expanded", GOES_ON, false},
    {"SEND", "Sent", NULL, GOES_ON, true},
    {"SENDEXTERNAL", "Sent", NULL, GOES_ON, true},
    {"DEFER", "Deferred", NULL, GOES_ON, true},
    {"SUBMITDEFER", "Deferred", NULL, GOES_ON, true},
    {"FAIL", "Failed", NULL, ENDED, true},
    {"SUBMITFAIL", "Failed", NULL, ENDED, true},
    {"DROP", "Dropped", NULL, ENDED, true},
    {"DELIVER", "Delivered", NULL, HAS_IT, true},
    {"DUPLICATEDELIVER", "Delivered", NULL, HAS_IT, true},
};

struct fate {
	char *address;
	const char *status;
	enum weight weight;
	const struct ph_trace_row *row; /* borrowed */
	char *detail;
};

struct report {
	GHashTable *by_address; /* folded; borrowed from all */
	GPtrArray *all;		/* struct fate, as they come up */
};

static void
free_fate(void *data)
{
	struct fate *fate = data;

	g_free(fate->address);
	g_free(fate->detail);
	g_free(fate);
}

static const struct meaning *
find_meaning(const char *event)
{
	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
		if (strcmp(meanings[i].event, event) == 0)
			return &meanings[i];
	return NULL;
}

static struct fate *
find_fate(struct report *report, const char *address)
{
	char *folded = ph_fold(address);
	struct fate *fate = g_hash_table_lookup(report->by_address, folded);

	if (fate != NULL) {
		g_free(folded);
		return fate;
	}
	fate = g_new0(struct fate, 1);
	fate->address = g_strdup(address);
	g_hash_table_insert(report->by_address, folded, fate);
	g_ptr_array_add(report->all, fate);
	return fate;
}

static void
settle(struct report *report, const char *address, const char *status,
       enum weight weight, const struct ph_trace_row *row, const char *detail)
{
	struct fate *fate;

	if (*address == '\0')
		return;
	fate = find_fate(report, address);
	if (fate->status != NULL && fate->weight > weight)
		return;
	fate->status = status;
	fate->weight = weight;
	fate->row = row;
	g_free(fate->detail);
	fate->detail = g_strdup(detail);
}

/* One for each recipient, or the same for all: a text may hold a ';'. */
static const char *
status_of(char **statuses, guint recipients, guint i, const char *whole)
{
	return g_strv_length(statuses) == recipients ? statuses[i] : whole;
}

static void
take_recipients(struct report *report, const struct meaning *meaning,
		const struct ph_trace_row *row)
{
	const char *status =
	    ph_track_get(&row->record, PH_COL_RECIPIENT_STATUS);
	g_auto(GStrv) recipients = g_strsplit(
	    ph_track_get(&row->record, PH_COL_RECIPIENT_ADDRESS), ";", -1);
	g_auto(GStrv) statuses = g_strsplit(status, ";", -1);
	const guint n = g_strv_length(recipients);

	for (guint i = 0; i < n; i++)
		settle(report, recipients[i], meaning->status, meaning->weight,
		       row,
		       meaning->says ? status_of(statuses, n, i, status) : "");
}

static void
take_row(struct report *report, const struct ph_trace_row *row)
{
	const struct ph_track_record *record = &row->record;
	const char *to = ph_track_get(record, PH_COL_RECIPIENT_ADDRESS);
	const char *from =
	    ph_track_get(record, PH_COL_RELATED_RECIPIENT_ADDRESS);
	const struct meaning *meaning =
	    find_meaning(ph_track_get(record, PH_COL_EVENT_ID));

	if (meaning == NULL)
		return;
	if (meaning->related != NULL && !ph_fold_same(from, to))
		settle(report, from, meaning->related, ENDED, row, to);
	if (meaning->status != NULL)
		take_recipients(report, meaning, row);
}

static int
show(struct ph_cli *cli, const GPtrArray *rows)
{
	static const char *const columns[] = {"Recipient", "Status", "Server",
					      "Timestamp", "Detail", NULL};
	struct ph_table *table = ph_table_new(columns);
	struct report report = {
	    .by_address =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	    .all = g_ptr_array_new_with_free_func(free_fate),
	};

	for (guint i = 0; i < rows->len; i++)
		take_row(&report, rows->pdata[i]);
	for (guint i = 0; i < report.all->len; i++) {
		const struct fate *fate = report.all->pdata[i];

		ph_table_add(table,
			     (const char *[]){fate->address, fate->status,
					      fate->row->server,
					      ph_track_get(&fate->row->record,
							   PH_COL_DATE_TIME),
					      fate->detail});
	}
	ph_table_show(table, cli->json);
	ph_table_free(&table);
	g_hash_table_unref(report.by_address);
	g_ptr_array_unref(report.all);
	return rows->len > 0 ? PH_EXIT_YES : PH_EXIT_NO;
}

/* As if "posthub track" had been asked. */
static void
ask(struct ph_input *track, const char *option, const char *value)
{
	size_t i = 0;

	while (strcmp(track->options[i].name, option) != 0)
		i++;
	track->values[i] = value;
}

int
ph_report_run(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_input track = {.options = ph_track_options_table};
	struct ph_track_query query = {.input = &track,
				       .start = INT64_MIN,
				       .end = INT64_MAX,
				       .limit = (size_t)INT64_MAX};
	int status;

	ask(&track, "message-id", input->words[0]);
	ask(&track, "dir", ph_input_option(input, "dir"));
	ask(&track, "files", ph_input_option(input, "files"));
	if ((status = ph_track_check(&query)) != 0)
		return status;
	ph_track_query_init(&query);
	status = ph_track_read(cli, &query);
	if (status == PH_EXIT_YES) {
		ph_track_query_finish(&query);
		status = show(cli, query.rows);
	}
	ph_track_query_clear(&query);
	return status;
}
