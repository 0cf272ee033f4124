#include "tracking/collect.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tracking/join.h"
#include "tracking/maillog.h"
#include "tracking/received.h"
#include "tracking/tail.h"

#include <string.h>

#define LINES 1000
#define QUEUE_IDS 100000
#define SAVE_INTERVAL 1000
/* Rows written this long before the last position was saved are looked at
 * after a restart, ms. */
#define OVERLAP 60000

struct ph_collect {
	char *directory, *position, *server;
	struct ph_track_log *log;
	struct ph_tail *tail;
	struct ph_join *join;
	struct ph_received *received;
	bool (*peer)(void *context, const char *host, char **fqdn_r);
	void *context;
	uint64_t generation; /* of the tail */
	GQueue rows;	     /* of struct ph_track_record, to be written */
	GHashTable *written; /* log-ids before the restart; NULL: caught up */
	GString *copy;
	bool changed; /* since saved */
	int64_t saved;
};

static bool
on_peer(void *context, const char *host, char **fqdn_r)
{
	struct ph_collect *collect = context;

	return collect->peer && collect->peer(collect->context, host, fqdn_r);
}

static int
on_find(void *context, const char *queue_id, struct ph_track_record *record_r)
{
	struct ph_collect *collect = context;
	struct ph_err err = PH_ERR_INIT;
	int rc = ph_received_find(collect->received, queue_id, record_r, &err);

	if (rc < 0)
		ph_warn("%s", err.text);
	return rc;
}

static void
on_received(void *context, const char *queue_id, struct ph_track_record *record)
{
	struct ph_collect *collect = context;

	ph_join_received(collect->join, queue_id, record);
}

static void
on_poll(void *context)
{
	struct ph_collect *collect = context;
	struct ph_err err = PH_ERR_INIT;

	if (ph_received_poll(collect->received, on_received, collect, &err) < 0)
		ph_warn("%s", err.text);
}

static void
on_row(void *context, struct ph_track_record *record)
{
	struct ph_collect *collect = context;

	if (collect->written &&
	    g_hash_table_contains(collect->written,
				  ph_track_get(record, PH_COL_LOG_ID)))
		return;
	g_queue_push_tail(&collect->rows, g_memdup2(record, sizeof *record));
	memset(record, 0, sizeof *record);
}

static bool
remember_row(struct ph_track_record *record, void *context)
{
	g_hash_table_add(context,
			 g_strdup(ph_track_get(record, PH_COL_LOG_ID)));
	return true;
}

static int
load_position(struct ph_collect *collect, struct ph_err *err)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GError) error = NULL;
	int64_t saved;

	if (!g_key_file_load_from_file(keys, collect->position, G_KEY_FILE_NONE,
				       &error)) {
		if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return 0;
		if (error->domain == G_FILE_ERROR)
			return ph_err_set(err, PH_ERR_PERM, "%s: %s",
					  collect->position, error->message);
		/* Rows that this writes again have the same log-id. */
		ph_warn("%s: %s; the mail log is read from its beginning",
			collect->position, error->message);
	}
	ph_tail_load(collect->tail, keys);
	ph_received_load(collect->received, keys);
	ph_join_load(collect->join, keys);
	saved = g_key_file_get_int64(keys, "maillog", "saved", NULL);
	collect->written =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return ph_track_log_read(collect->directory, saved * 1000 - OVERLAP,
				 remember_row, collect->written, NULL, err);
}

int
ph_collect_new(const struct ph_collect_options *options,
	       struct ph_collect **collect_r, struct ph_err *err)
{
	struct ph_collect *collect = g_new0(struct ph_collect, 1);
	struct ph_join_options join = {
	    .server = options->server,
	    .address = options->address,
	    .queue_ids = QUEUE_IDS,
	    .queue_timeout = options->queue_timeout,
	    .peer = on_peer,
	    .find = on_find,
	    .poll = on_poll,
	    .row = on_row,
	    .context = collect,
	};

	collect->directory = g_strdup(options->directory);
	collect->position = g_strdup(options->position);
	collect->server = g_strdup(options->server);
	collect->log = options->log;
	collect->peer = options->peer;
	collect->context = options->context;
	collect->tail = ph_tail_new(options->maillog);
	collect->received = ph_received_new(options->directory);
	collect->join = ph_join_new(&join);
	collect->copy = g_string_new(NULL);
	g_queue_init(&collect->rows);
	/* Before the first message comes, or its row would pass for old. */
	if (load_position(collect, err) < 0 ||
	    ph_received_begin(collect->received, err) < 0) {
		ph_collect_free(&collect);
		return -1;
	}
	*collect_r = collect;
	return 0;
}

static int
save_position(struct ph_collect *collect, struct ph_err *err)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GArray) unfinished = ph_join_unfinished(collect->join);
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	gsize size;

	if (ph_track_log_sync(collect->log, err) < 0)
		return -1;
	ph_tail_save(collect->tail, keys, (const int64_t *)unfinished->data,
		     unfinished->len);
	ph_received_save(collect->received, keys);
	ph_join_save(collect->join, keys);
	data = g_key_file_to_data(keys, &size, NULL);
	if (!g_file_set_contents_full(collect->position, data, (gssize)size,
				      G_FILE_SET_CONTENTS_CONSISTENT |
					  G_FILE_SET_CONTENTS_DURABLE,
				      0640, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	collect->changed = false;
	return 0;
}

static void
free_row(gpointer data)
{
	struct ph_track_record *record = data;

	ph_track_clear(record);
	g_free(record);
}

void
ph_collect_free(struct ph_collect **collect)
{
	struct ph_collect *c = *collect;
	struct ph_err err = PH_ERR_INIT;

	if (!c)
		return;
	/* With rows that could not be written the old position stays. */
	if (c->changed && c->rows.length == 0 && save_position(c, &err) < 0)
		ph_warn("%s", err.text);
	g_queue_clear_full(&c->rows, free_row);
	ph_tail_free(&c->tail);
	ph_join_free(&c->join);
	ph_received_free(&c->received);
	g_clear_pointer(&c->written, g_hash_table_unref);
	g_string_free(c->copy, TRUE);
	g_free(c->directory);
	g_free(c->position);
	g_free(c->server);
	g_clear_pointer(collect, g_free);
}

bool
ph_collect_pending(const struct ph_collect *collect)
{
	g_autoptr(GArray) unfinished = ph_join_unfinished(collect->join);

	return unfinished->len > 0;
}

static int
write_rows(struct ph_collect *collect, struct ph_err *err)
{
	struct ph_track_record *record;

	while ((record = g_queue_peek_head(&collect->rows)) != NULL) {
		if (ph_track_log_write(collect->log, record, err) < 0)
			return -1;
		free_row(g_queue_pop_head(&collect->rows));
	}
	return 0;
}

static void
feed(struct ph_collect *collect, const struct ph_tail_line *line)
{
	struct ph_join_origin origin = {.offset = line->offset,
					.done = line->done};
	struct ph_maillog parsed;

	g_string_assign(collect->copy, line->text);
	if (ph_maillog_parse(collect->copy->str, ph_clock_wall(), &parsed) == 0)
		return;
	ph_join_log_id(collect->server, line->offset, line->text,
		       origin.log_id);
	ph_join_line(collect->join, &parsed, &origin);
}

/* As ph_collect_run. */
static int
read_lines(struct ph_collect *collect, struct ph_err *err)
{
	for (int i = 0; i < LINES; i++) {
		struct ph_tail_line line;
		int rc = ph_tail_next(collect->tail, &line, err);

		if (ph_tail_generation(collect->tail) != collect->generation) {
			ph_join_flush(collect->join);
			collect->generation = ph_tail_generation(collect->tail);
		}
		if (rc > 0) {
			feed(collect, &line);
			collect->changed = true;
		}
		if (write_rows(collect, err) < 0)
			return -1;
		if (rc <= 0)
			return rc;
	}
	return 1;
}

int
ph_collect_run(struct ph_collect *collect, int64_t now_ms, struct ph_err *err)
{
	int rc;

	if (write_rows(collect, err) < 0)
		return -1;
	rc = read_lines(collect, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		g_clear_pointer(&collect->written, g_hash_table_unref);
	ph_join_tick(collect->join, now_ms);
	if (write_rows(collect, err) < 0)
		return -1;
	if (collect->changed && now_ms - collect->saved >= SAVE_INTERVAL) {
		if (save_position(collect, err) < 0)
			return -1;
		collect->saved = now_ms;
	}
	return rc;
}
