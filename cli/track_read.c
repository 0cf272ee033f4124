#include "cli/track.h"
#include "lib/base/text.h"
#include "lib/track/log.h"

#include <inttypes.h>
#include <string.h>

#define PAGE "1000"
/* A row is shipped after it was written; clocks of servers may differ. */
#define SKEW_MS (INT64_C(60) * 60 * 1000)

/* ---- filters ------------------------------------------------------------ */

static bool
holds(const char *value, const char *want)
{
	g_autofree char *x = ph_fold(value);
	g_autofree char *y = ph_fold(want);

	return strstr(x, y) != NULL;
}

static bool
is_any(const char *value, const char *want)
{
	g_auto(GStrv) values = g_strsplit(value, ";", -1);
	g_auto(GStrv) wants = g_strsplit(want, ",", -1);

	for (char **w = wants; *w; w++) {
		for (char **v = values; *v; v++) {
			if (ph_fold_same(g_strstrip(*v), g_strstrip(*w)))
				return true;
		}
	}
	return false;
}

static bool
is_id(const char *value, const char *want)
{
	size_t n = strlen(value);
	g_autofree char *bare = NULL;

	if (ph_fold_same(value, want))
		return true;
	if (n < 2 || value[0] != '<' || value[n - 1] != '>')
		return false;
	bare = g_strndup(value + 1, n - 2);
	return ph_fold_same(bare, want);
}

static const struct filter {
	const char *option;
	bool (*match)(const char *value, const char *want);
	enum ph_column column;
	bool message; /* names one message */
} filters[] = {
    {"message-id", is_id, PH_COL_MESSAGE_ID, true},
    {"network-message-id", ph_fold_same, PH_COL_NETWORK_MESSAGE_ID, true},
    {"sender", ph_fold_same, PH_COL_SENDER_ADDRESS, false},
    {"recipients", is_any, PH_COL_RECIPIENT_ADDRESS, false},
    {"subject", holds, PH_COL_MESSAGE_SUBJECT, false},
    {"internal-message-id", ph_fold_same, PH_COL_INTERNAL_MESSAGE_ID, false},
    {"reference", ph_fold_same, PH_COL_REFERENCE, false},
    {"event-id", ph_fold_same, PH_COL_EVENT_ID, false},
    {"source", ph_fold_same, PH_COL_SOURCE, false},
};

/* Does the row fit the filters that name a message, or the others? given_r:
 * there was one of them. */
static bool
fits(const struct ph_track_query *query, const struct ph_track_record *record,
     bool message, bool *given_r)
{
	bool fit = true;

	*given_r = false;
	for (size_t i = 0; fit && i < G_N_ELEMENTS(filters); i++) {
		const char *want =
		    ph_input_option(query->input, filters[i].option);

		if (!want || filters[i].message != message)
			continue;
		*given_r = true;
		fit = filters[i].match(ph_track_get(record, filters[i].column),
				       want);
	}
	return fit;
}

static bool
in_time(const struct ph_track_query *query,
	const struct ph_track_record *record)
{
	int64_t time = 0;

	if (query->start == INT64_MIN && query->end == INT64_MAX)
		return true;
	return ph_parse_date(ph_track_get(record, PH_COL_DATE_TIME), &time,
			     NULL) == 0 &&
	       time >= query->start && time < query->end;
}

/* ---- the query ---------------------------------------------------------- */

void
ph_track_query_init(struct ph_track_query *query)
{
	query->rows = g_ptr_array_new_with_free_func(ph_trace_row_free);
	query->seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	query->wanted = 0;
	query->bad = 0;
	query->cut = false;
}

void
ph_track_query_clear(struct ph_track_query *query)
{
	g_ptr_array_unref(query->rows);
	g_hash_table_destroy(query->seen);
}

/* A file does not say who wrote it; the row does: its own host is the one
 * without domain, that of a peer is a full name. */
static char *
writer(const struct ph_track_record *record)
{
	const char *client = ph_track_get(record, PH_COL_CLIENT_HOSTNAME);
	const char *server = ph_track_get(record, PH_COL_SERVER_HOSTNAME);

	if (*server && !strchr(server, '.'))
		return g_strdup(server);
	return g_strndup(*client ? client : server,
			 strcspn(*client ? client : server, "."));
}

void
ph_track_query_offer(struct ph_track_query *query,
		     struct ph_track_record *record, const char *server)
{
	g_autofree char *who = server ? g_strdup(server) : writer(record);
	const char *id = ph_track_get(record, PH_COL_LOG_ID);
	const char *on = ph_input_option(query->input, "server");
	struct ph_trace_row *row;
	bool one, others, wanted;

	if (!fits(query, record, true, &one))
		return;
	wanted = fits(query, record, false, &others) &&
		 (!on || ph_fold_same(who, on)) && in_time(query, record);
	if ((!wanted && !one) ||
	    (*id && !g_hash_table_add(query->seen, g_strdup(id))))
		return;
	row = ph_trace_row_new(record, who);
	row->hidden = !wanted;
	query->wanted += wanted;
	g_ptr_array_add(query->rows, row);
}

static int
newest_first(gconstpointer a, gconstpointer b)
{
	const struct ph_trace_row *x = *(const struct ph_trace_row *const *)a;
	const struct ph_trace_row *y = *(const struct ph_trace_row *const *)b;

	return strcmp(ph_track_get(&y->record, PH_COL_DATE_TIME),
		      ph_track_get(&x->record, PH_COL_DATE_TIME));
}

/* Hides all but the newest rows. */
static void
cut(struct ph_track_query *query)
{
	size_t left = query->limit;

	query->cut = query->wanted > query->limit;
	if (!query->cut)
		return;
	g_ptr_array_sort(query->rows, newest_first);
	for (guint i = 0; i < query->rows->len; i++) {
		struct ph_trace_row *row = g_ptr_array_index(query->rows, i);

		if (!row->hidden && left > 0)
			left--;
		else
			row->hidden = true;
	}
}

void
ph_track_query_finish(struct ph_track_query *query)
{
	GPtrArray *shown = g_ptr_array_new_with_free_func(ph_trace_row_free);

	cut(query);
	ph_trace_sort(query->rows);
	for (guint i = 0; i < query->rows->len; i++) {
		struct ph_trace_row *row = g_ptr_array_index(query->rows, i);

		if (row->hidden)
			continue;
		query->rows->pdata[i] = NULL;
		g_ptr_array_add(shown, row);
	}
	g_ptr_array_unref(query->rows);
	query->rows = shown;
}

/* ---- Redis -------------------------------------------------------------- */

/* An entry is [id, [field, value, ...]]. */
static const char *
entry_field(const struct ph_reply *entry, const char *name)
{
	const struct ph_reply *fields = ph_reply_at(entry, 1);

	for (size_t i = 0; i + 1 < ph_reply_count(fields); i += 2) {
		if (strcmp(ph_reply_text(ph_reply_at(fields, i), NULL), name) ==
		    0)
			return ph_reply_text(ph_reply_at(fields, i + 1), NULL);
	}
	return NULL;
}

static void
offer_entry(struct ph_track_query *query, const struct ph_reply *entry)
{
	const char *line = entry_field(entry, "row");
	struct ph_track_record record = {{NULL}};

	if (!line || ph_track_parse(line, &record, NULL) < 0)
		query->bad++;
	else
		ph_track_query_offer(query, &record,
				     entry_field(entry, "server"));
	ph_track_clear(&record);
}

/* What a server wrote in one millisecond is in the order of its rows. */
static void
reverse(GPtrArray *rows)
{
	for (guint i = 0; i < rows->len / 2; i++) {
		gpointer row = rows->pdata[i];

		rows->pdata[i] = rows->pdata[rows->len - 1 - i];
		rows->pdata[rows->len - 1 - i] = row;
	}
}

/* Newest first, until there are enough; ids are when a row was shipped. */
int
ph_track_read_stream(struct ph_cli *cli, struct ph_track_query *query,
		     struct ph_err *err)
{
	g_autofree char *key = ph_cli_key(cli, "track");
	g_autofree char *last = g_strdup("+");
	g_autofree char *first =
	    query->start > SKEW_MS
		? g_strdup_printf("%" PRId64, query->start - SKEW_MS)
		: g_strdup("-");
	size_t n = 0;

	do {
		struct ph_reply *reply = NULL;

		if (ph_redis_call(cli->redis, &reply, err, "XREVRANGE", key,
				  last, first, "COUNT", PAGE, NULL) < 0)
			return ph_cli_unread(err);
		n = ph_reply_count(reply);
		for (size_t i = 0; i < n; i++)
			offer_entry(query, ph_reply_at(reply, i));
		if (n > 0) {
			const struct ph_reply *oldest =
			    ph_reply_at(reply, n - 1);

			g_free(last);
			last = g_strconcat(
			    "(", ph_reply_text(ph_reply_at(oldest, 0), NULL),
			    NULL);
		}
		ph_reply_free(&reply);
	} while (n > 0 && query->wanted <= query->limit);
	reverse(query->rows);
	return 0;
}

/* ---- files -------------------------------------------------------------- */

static bool
visit(struct ph_track_record *record, void *context)
{
	ph_track_query_offer(context, record, NULL);
	return true;
}

int
ph_track_read_dir(struct ph_track_query *query, const char *directory,
		  struct ph_err *err)
{
	return ph_track_log_read(directory, MAX(query->start, 0), visit, query,
				 &query->bad, err);
}

static void
offer_line(struct ph_track_query *query, const char *line)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct ph_track_record record = {{NULL}};
	int64_t when;

	if (g_str_has_prefix(line, bom))
		line += strlen(bom);
	if (!*line || *line == '#')
		return;
	/* Any text is a row of one column; a row has a time. */
	if (ph_track_parse(line, &record, NULL) < 0 ||
	    ph_parse_date(ph_track_get(&record, PH_COL_DATE_TIME), &when,
			  NULL) < 0)
		query->bad++;
	else
		ph_track_query_offer(query, &record, NULL);
	ph_track_clear(&record);
}

static int
read_file(struct ph_track_query *query, const char *path, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *content = NULL;
	char *line, *rest;

	if (!g_file_get_contents(path, &content, NULL, &error))
		return ph_err_set(err, PH_ERR_PERM, "%s", error->message);
	for (rest = content; (line = strsep(&rest, "\n"));) {
		size_t n = strlen(line);

		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		offer_line(query, line);
	}
	return 0;
}

int
ph_track_read_files(struct ph_track_query *query, const char *files,
		    struct ph_err *err)
{
	g_auto(GStrv) paths = g_strsplit(files, ",", -1);

	for (char **path = paths; *path; path++) {
		if (**path && read_file(query, *path, err) < 0)
			return -1;
	}
	return 0;
}
