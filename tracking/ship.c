#include "tracking/ship.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/track/files.h"
#include "lib/track/index.h"
#include "lib/track/lines.h"

#include <string.h>
#include <sys/stat.h>

#define GROUP "shipped"
#define BATCH 256
#define BATCH_BYTES (1 << 20)
#define EVENT_BYTES 604 /* measured: memory of an event in a stream */
#define SAVE_INTERVAL 1000
#define TRIM_INTERVAL 60000
/* In the place of -1, which is Redis: this file cannot be read. */
#define UNREADABLE (-2)

/*
 * KEYS: the stream, then index keys. ARGV: row, server, events at most,
 * score, age. What goes wrong with an index key (somebody made it another
 * type) does not keep the event from the stream.
 */
static const char script[] =
    "local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', "
    "'row', ARGV[1], 'server', ARGV[2])\n"
    "for i = 2, #KEYS do\n"
    "  redis.pcall('ZADD', KEYS[i], ARGV[4], id)\n"
    "  redis.pcall('PEXPIRE', KEYS[i], ARGV[5])\n"
    "end\n"
    "return id\n";

/* A tracking log file. */
struct source {
	char *name;
	struct ph_lines *lines; /* NULL: not open, all was sent */
	ino_t inode;		/* a name may be used again */
	int64_t sent;		/* offset */
	bool seen;
};

struct ph_ship {
	char *directory, *position, *server, *stream;
	struct ph_redis *redis;
	int64_t events, age;
	GHashTable *sources;	/* name -> source */
	bool changed;		/* since saved */
	int64_t saved, trimmed; /* monotonic ms */
};

/* One EVAL. */
struct event {
	GPtrArray *args; /* owned texts */
	int64_t end;	 /* offset behind its row */
};

static void
free_source(gpointer data)
{
	struct source *source = data;

	ph_lines_close(&source->lines);
	g_free(source->name);
	g_free(source);
}

/* "<inode>:<offset>" */
static void
load_position(struct ph_ship *ship)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_auto(GStrv) names = NULL;

	if (!g_key_file_load_from_file(keys, ship->position, G_KEY_FILE_NONE,
				       NULL))
		return; /* all files are sent from their beginning */
	names = g_key_file_get_keys(keys, GROUP, NULL, NULL);
	for (size_t i = 0; names && names[i]; i++) {
		g_autofree char *value =
		    g_key_file_get_string(keys, GROUP, names[i], NULL);
		struct source *source = g_new0(struct source, 1);
		char *end;

		source->name = g_strdup(names[i]);
		source->inode = (ino_t)g_ascii_strtoull(value, &end, 10);
		if (*end == ':')
			source->sent =
			    MAX(g_ascii_strtoll(end + 1, NULL, 10), 0);
		g_hash_table_replace(ship->sources, source->name, source);
	}
}

static int
save_position(struct ph_ship *ship, struct ph_err *err)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	GHashTableIter iter;
	gpointer value;
	gsize size;

	g_hash_table_iter_init(&iter, ship->sources);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct source *source = value;
		g_autofree char *text =
		    g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT,
				    (guint64)source->inode, source->sent);

		g_key_file_set_string(keys, GROUP, source->name, text);
	}
	data = g_key_file_to_data(keys, &size, NULL);
	if (!g_file_set_contents_full(ship->position, data, (gssize)size,
				      G_FILE_SET_CONTENTS_CONSISTENT |
					  G_FILE_SET_CONTENTS_DURABLE,
				      0640, &error))
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	ship->changed = false;
	ship->saved = ph_clock_mono();
	return 0;
}

struct ph_ship *
ph_ship_new(const struct ph_ship_options *options)
{
	struct ph_ship *ship = g_new0(struct ph_ship, 1);

	ship->directory = g_strdup(options->directory);
	ship->position = g_strdup(options->position);
	ship->server = g_strdup(options->server);
	ship->redis = options->redis;
	ship->stream =
	    g_strconcat(ph_redis_prefix(options->redis), "track", NULL);
	ship->events = MAX(options->stream_size / EVENT_BYTES, 1);
	ship->age = options->stream_age;
	ship->sources =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_source);
	ship->trimmed = INT64_MIN / 2;
	load_position(ship);
	return ship;
}

void
ph_ship_free(struct ph_ship **ship)
{
	struct ph_err err = PH_ERR_INIT;

	if (!*ship)
		return;
	if ((*ship)->changed && save_position(*ship, &err) < 0)
		ph_warn("%s; rows of the last second will be sent again",
			err.text);
	g_hash_table_unref((*ship)->sources);
	g_free((*ship)->directory);
	g_free((*ship)->position);
	g_free((*ship)->server);
	g_free((*ship)->stream);
	g_clear_pointer(ship, g_free);
}

static void
add_arg(struct event *event, char *text)
{
	g_ptr_array_add(event->args, text);
}

/* NULL: the row does not parse. */
static struct event *
make_event(const struct ph_ship *ship, const char *row, int64_t end)
{
	const char *prefix = ph_redis_prefix(ship->redis);
	struct ph_track_record record;
	g_autoptr(GPtrArray) keys = NULL;
	struct event *event;
	int64_t ms;

	if (ph_track_parse(row, &record, NULL) < 0)
		return NULL;
	if (ph_parse_date(ph_track_get(&record, PH_COL_DATE_TIME), &ms, NULL) <
	    0)
		ms = ph_clock_wall();
	keys = ph_track_index_keys(prefix, &record, ms);
	ph_track_clear(&record);
	event = g_new0(struct event, 1);
	event->end = end;
	event->args = g_ptr_array_new_full(keys->len + 9, g_free);
	add_arg(event, g_strdup("EVAL"));
	add_arg(event, g_strdup(script));
	add_arg(event, g_strdup_printf("%u", keys->len + 1));
	add_arg(event, g_strdup(ship->stream));
	for (guint i = 0; i < keys->len; i++)
		add_arg(event, g_strdup(g_ptr_array_index(keys, i)));
	add_arg(event, g_strdup(row));
	add_arg(event, g_strdup(ship->server));
	add_arg(event, g_strdup_printf("%" G_GINT64_FORMAT, ship->events));
	add_arg(event, g_strdup_printf("%" G_GINT64_FORMAT, ms));
	add_arg(event, g_strdup_printf("%" G_GINT64_FORMAT, ship->age));
	return event;
}

static void
free_event(gpointer data)
{
	struct event *event = data;

	g_ptr_array_unref(event->args);
	g_free(event);
}

/* Sends at most BATCH events in order; *sent_r are in the stream, also after
 * -1. */
static int
send_events(struct ph_ship *ship, const GPtrArray *events, guint *sent_r,
	    struct ph_err *err)
{
	struct ph_command commands[BATCH] = {{0}};
	struct ph_reply *replies[BATCH] = {NULL};
	int rc = 0;

	*sent_r = 0;
	for (guint i = 0; i < events->len; i++) {
		const struct event *event = g_ptr_array_index(events, i);

		commands[i].n = event->args->len;
		commands[i].args = (const char *const *)event->args->pdata;
	}
	if (ph_redis_pipeline(ship->redis, commands, events->len, false,
			      replies, err) < 0)
		return -1;
	for (guint i = 0; i < events->len; i++) {
		if (rc == 0 && ph_reply_type(replies[i]) == PH_REPLY_ERROR)
			rc =
			    ph_err_set(err, PH_ERR_TEMP, "%s: %s", ship->stream,
				       ph_reply_text(replies[i], NULL));
		else if (rc == 0)
			++*sent_r;
		ph_reply_free(&replies[i]);
	}
	return rc;
}

/* 1 there is a row more, 0 none, -1. Rows that do not parse are left out. */
static int
read_events(struct ph_ship *ship, struct source *source, GPtrArray *events,
	    int64_t *end_r, struct ph_err *err)
{
	size_t bytes = 0;
	struct ph_line line;
	int rc = 0;

	*end_r = source->sent;
	while (events->len < BATCH && bytes < BATCH_BYTES &&
	       (rc = ph_lines_next(source->lines, &line, err)) > 0) {
		struct event *event = NULL;

		*end_r = line.end;
		if (line.text && (*line.text == '#' || *line.text == '\0'))
			continue;
		if (line.text)
			event = make_event(ship, line.text, line.end);
		if (event)
			g_ptr_array_add(events, event);
		else
			ph_warn("%s: offset %" G_GINT64_FORMAT
				": not a tracking row, left out",
				source->name, line.start);
		bytes += line.size;
	}
	return rc;
}

static int
ship_source(struct ph_ship *ship, struct source *source, struct ph_err *err)
{
	g_autoptr(GPtrArray) events =
	    g_ptr_array_new_with_free_func(free_event);
	int64_t end;
	guint sent = 0;
	int rc = read_events(ship, source, events, &end, err);

	if (rc < 0) {
		ph_lines_close(&source->lines); /* read again from sent */
		return UNREADABLE;
	}
	if (events->len > 0 && send_events(ship, events, &sent, err) < 0) {
		if (sent > 0) {
			const struct event *last =
			    g_ptr_array_index(events, sent - 1);

			source->sent = last->end;
			ship->changed = true;
		}
		ph_lines_close(&source->lines); /* read again from there */
		return -1;
	}
	ship->changed = ship->changed || source->sent != end;
	source->sent = end;
	return rc;
}

/* 1: the file has unsent bytes and is open; 0: it has none; UNREADABLE. */
static int
open_source(struct ph_ship *ship, struct source *source, struct ph_err *err)
{
	g_autofree char *path =
	    g_build_filename(ship->directory, source->name, NULL);
	struct stat st;

	if (stat(path, &st) < 0)
		return 0; /* expired meanwhile */
	if (st.st_ino != source->inode || st.st_size < source->sent) {
		source->inode = st.st_ino;
		source->sent = 0;
		ph_lines_close(&source->lines);
	}
	if (st.st_size == source->sent) {
		ph_lines_close(&source->lines);
		return 0;
	}
	if (source->lines)
		return 1;
	return ph_lines_open(path, source->sent, &source->lines, err) < 0
		   ? UNREADABLE
		   : source->lines != NULL;
}

static struct source *
find_source(struct ph_ship *ship, const char *name)
{
	struct source *source = g_hash_table_lookup(ship->sources, name);

	if (source)
		return source;
	source = g_new0(struct source, 1);
	source->name = g_strdup(name);
	g_hash_table_replace(ship->sources, source->name, source);
	return source;
}

static gboolean
was_removed(gpointer name, gpointer value, gpointer context)
{
	struct source *source = value;
	bool seen = source->seen;

	(void)name;
	(void)context;
	source->seen = false;
	return !seen;
}

/* What nobody asks for by number of events goes by age. */
static void
trim(struct ph_ship *ship)
{
	g_autofree char *oldest = NULL;
	struct ph_reply *reply = NULL;

	if (ph_clock_mono() - ship->trimmed < TRIM_INTERVAL)
		return;
	oldest = g_strdup_printf("%" G_GINT64_FORMAT,
				 MAX(ph_clock_wall() - ship->age, 0));
	if (ph_redis_call(ship->redis, &reply, NULL, "XTRIM", ship->stream,
			  "MINID", "~", oldest, NULL) == 0)
		ship->trimmed = ph_clock_mono();
	ph_reply_free(&reply);
}

int
ph_ship_run(struct ph_ship *ship, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;
	bool unreadable = false;
	int rc = 0;

	if (ph_track_files_list(ship->directory, NULL, &files, err) < 0)
		return -1;
	for (guint i = 0; i < files->len; i++) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);
		struct source *source = find_source(ship, file->name);
		int one;

		source->seen = true;
		if (rc != 0)
			continue;
		one = open_source(ship, source, err);
		if (one > 0)
			one = ship_source(ship, source, err);
		unreadable |= one == UNREADABLE;
		rc = one == UNREADABLE ? 0 : one;
	}
	(void)g_hash_table_foreach_remove(ship->sources, was_removed, NULL);
	if (rc >= 0)
		trim(ship);
	if (ship->changed && ph_clock_mono() - ship->saved >= SAVE_INTERVAL &&
	    save_position(ship, err) < 0)
		return -1;
	return rc == 0 && unreadable ? -1 : rc;
}
