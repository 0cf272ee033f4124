#include "tracking/received.h"

#include "lib/base/clock.h"
#include "lib/track/files.h"
#include "lib/track/lines.h"

#include <string.h>
#include <sys/stat.h>

#define GROUP "rows"
#define PREFIX "MSGTRK"
#define MARK "S:QueueId="
/* Daemons that share a prefix may still add to a file when another has begun
 * the next; older ones than these are closed. */
#define OPEN_FILES 4
#define SEARCH_AGE (INT64_C(48) * 3600 * 1000)
#define SEARCH_BYTES (INT64_C(256) << 20)
#define INDEX_LIMIT 200000

struct source {
	char *name;
	struct ph_lines *lines;
};

/* Where a row stands. */
struct place {
	guint file;
	int64_t offset;
};

struct ph_received {
	char *directory;
	GPtrArray *sources;  /* of struct source, oldest first */
	GHashTable *offsets; /* name -> offset as text, from the key file */
	bool started;
	GHashTable *index;	/* queue id -> place; NULL: not built yet */
	GPtrArray *indexed;	/* paths, by place.file */
	struct timespec listed; /* mtime of the directory when it was read */
};

static void
free_source(gpointer data)
{
	struct source *source = data;

	ph_lines_close(&source->lines);
	g_free(source->name);
	g_free(source);
}

struct ph_received *
ph_received_new(const char *directory)
{
	struct ph_received *received = g_new0(struct ph_received, 1);

	received->directory = g_strdup(directory);
	received->sources = g_ptr_array_new_with_free_func(free_source);
	received->offsets =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return received;
}

void
ph_received_free(struct ph_received **received)
{
	if (!*received)
		return;
	g_ptr_array_unref((*received)->sources);
	g_hash_table_unref((*received)->offsets);
	g_clear_pointer(&(*received)->index, g_hash_table_unref);
	g_clear_pointer(&(*received)->indexed, g_ptr_array_unref);
	g_free((*received)->directory);
	g_clear_pointer(received, g_free);
}

void
ph_received_load(struct ph_received *received, GKeyFile *keys)
{
	g_auto(GStrv) names = g_key_file_get_keys(keys, GROUP, NULL, NULL);

	for (size_t i = 0; names && names[i]; i++)
		g_hash_table_insert(
		    received->offsets, g_strdup(names[i]),
		    g_key_file_get_string(keys, GROUP, names[i], NULL));
}

void
ph_received_save(const struct ph_received *received, GKeyFile *keys)
{
	for (guint i = 0; i < received->sources->len; i++) {
		const struct source *source =
		    g_ptr_array_index(received->sources, i);

		g_key_file_set_int64(keys, GROUP, source->name,
				     ph_lines_offset(source->lines));
	}
}

static bool
is_open(const struct ph_received *received, const char *name)
{
	for (guint i = 0; i < received->sources->len; i++) {
		const struct source *source =
		    g_ptr_array_index(received->sources, i);

		if (strcmp(source->name, name) == 0)
			return true;
	}
	return false;
}

/* Where reading a file begins: where it was left; at its end when it is older
 * than this process, and nothing was left. */
static int64_t
first_offset(struct ph_received *received, const char *name, const char *path)
{
	const char *left = g_hash_table_lookup(received->offsets, name);
	struct stat st;

	if (left)
		return MAX(g_ascii_strtoll(left, NULL, 10), 0);
	if (received->started || g_hash_table_size(received->offsets) > 0)
		return 0;
	return stat(path, &st) == 0 ? st.st_size : 0;
}

static int
open_source(struct ph_received *received, const char *name, struct ph_err *err)
{
	g_autofree char *path =
	    g_build_filename(received->directory, name, NULL);
	struct ph_lines *lines = NULL;
	struct source *source;
	int rc = ph_lines_open(path, first_offset(received, name, path), &lines,
			       err);

	if (rc <= 0)
		return rc;
	source = g_new0(struct source, 1);
	source->name = g_strdup(name);
	source->lines = lines;
	g_ptr_array_add(received->sources, source);
	return 0;
}

/*
 * True when no file can have come since the last look: a directory's mtime
 * changes with each new name, but within its resolution two changes look the
 * same.
 */
static bool
unchanged(struct ph_received *received)
{
	struct timespec now;
	struct stat st;
	bool same;

	if (stat(received->directory, &st) < 0)
		return false;
	same = st.st_mtim.tv_sec == received->listed.tv_sec &&
	       st.st_mtim.tv_nsec == received->listed.tv_nsec;
	received->listed = st.st_mtim;
	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec - st.st_mtim.tv_sec <= 1)
		received->listed = (struct timespec){0};
	return same;
}

static int
open_new_files(struct ph_received *received, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;

	if (unchanged(received))
		return 0;
	if (ph_track_files_list(received->directory, PREFIX, &files, err) < 0)
		return -1;
	for (guint i = files->len > OPEN_FILES ? files->len - OPEN_FILES : 0;
	     i < files->len; i++) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);

		if (!is_open(received, file->name) &&
		    open_source(received, file->name, err) < 0)
			return -1;
	}
	received->started = true;
	return 0;
}

int
ph_received_begin(struct ph_received *received, struct ph_err *err)
{
	return open_new_files(received, err);
}

/* Rows that say what a queue id stands for: a message that came, a copy that
 * was made of one, a notification. */
static const struct kind {
	const char *source, *event;
	const char *mark; /* in the line, to pass over others fast */
} kinds[] = {
    {"SMTP", "RECEIVE", ",RECEIVE,"},
    {"ROUTING", "TRANSFER", ",TRANSFER,"},
    {"DSN", "DSN", ",DSN,DSN,"},
};

static bool
is_kind(const struct ph_track_record *record)
{
	const char *source = ph_track_get(record, PH_COL_SOURCE);
	const char *event = ph_track_get(record, PH_COL_EVENT_ID);

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(source, kinds[i].source) == 0 &&
		    strcmp(event, kinds[i].event) == 0)
			return true;
	return false;
}

static bool
may_be_kind(const char *text, size_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (memmem(text, size, kinds[i].mark, strlen(kinds[i].mark)))
			return true;
	return false;
}

char *
ph_received_queue_id(const struct ph_track_record *record)
{
	const char *found =
	    strstr(ph_track_get(record, PH_COL_CUSTOM_DATA), MARK);

	if (!found || !is_kind(record))
		return NULL;
	found += strlen(MARK);
	return g_strndup(found, strcspn(found, ";"));
}

/* 1: the line is such a row; 0. */
static int
parse_row(const char *line, struct ph_track_record *record_r, char **queue_id_r)
{
	if (!may_be_kind(line, strlen(line)) || !strstr(line, MARK) ||
	    ph_track_parse(line, record_r, NULL) < 0)
		return 0;
	*queue_id_r = ph_received_queue_id(record_r);
	if (!*queue_id_r)
		ph_track_clear(record_r);
	return *queue_id_r != NULL;
}

int
ph_received_poll(struct ph_received *received,
		 void (*visit)(void *context, const char *queue_id,
			       struct ph_track_record *record),
		 void *context, struct ph_err *err)
{
	if (open_new_files(received, err) < 0)
		return -1;
	for (guint i = 0; i < received->sources->len; i++) {
		struct source *source = g_ptr_array_index(received->sources, i);
		struct ph_track_record record;
		g_autofree char *queue_id = NULL;
		struct ph_line line;
		int rc;

		while ((rc = ph_lines_next(source->lines, &line, err)) > 0) {
			if (!line.text ||
			    !parse_row(line.text, &record, &queue_id))
				continue;
			visit(context, queue_id, &record);
			g_clear_pointer(&queue_id, g_free);
			ph_track_clear(&record);
		}
		if (rc < 0)
			return -1;
	}
	if (received->sources->len > OPEN_FILES)
		g_ptr_array_remove_range(received->sources, 0,
					 received->sources->len - OPEN_FILES);
	return 0;
}

/* The queue id of the row around a mark, g_free, and where the row begins;
 * NULL: it is another row, or cut. */
static char *
row_around(const char *text, const char *end, const char *mark, size_t *start_r)
{
	const char *start = memrchr(text, '\n', (size_t)(mark - text));
	const char *stop = memchr(mark, '\n', (size_t)(end - mark));
	struct ph_track_record record;
	g_autofree char *line = NULL;
	char *queue_id = NULL;

	start = start ? start + 1 : text;
	/* Most rows are others: no need to take them apart. */
	if (!stop || !may_be_kind(start, (size_t)(mark - start)))
		return NULL;
	line = g_strchomp(g_strndup(start, (size_t)(stop - start)));
	if (parse_row(line, &record, &queue_id))
		ph_track_clear(&record);
	*start_r = (size_t)(start - text);
	return queue_id;
}

/* Notes where each queue id's last row of a file stands; what a newer file
 * said stays. */
static void
index_text(struct ph_received *received, const char *text, size_t size,
	   guint file)
{
	const char *end = text + size, *mark = text;

	while (
	    (mark = memmem(mark, (size_t)(end - mark), MARK, strlen(MARK)))) {
		size_t start = 0;
		g_autofree char *queue_id = row_around(text, end, mark, &start);
		struct place *place;

		mark += strlen(MARK);
		if (!queue_id)
			continue;
		place = g_hash_table_lookup(received->index, queue_id);
		if (place && place->file != file)
			continue;
		if (!place) {
			if (g_hash_table_size(received->index) >= INDEX_LIMIT)
				return;
			place = g_new0(struct place, 1);
			g_hash_table_insert(received->index,
					    g_steal_pointer(&queue_id), place);
		}
		place->file = file;
		place->offset = (int64_t)start;
	}
}

/* All rows of the last two days, once: a search for each queue id would read
 * the files as often as there are messages in the mail log. */
static int
build_index(struct ph_received *received, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;
	int64_t oldest = ph_track_file_hour(ph_clock_wall() - SEARCH_AGE);
	int64_t bytes = 0;

	if (ph_track_files_list(received->directory, PREFIX, &files, err) < 0)
		return -1;
	received->index =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	received->indexed = g_ptr_array_new_with_free_func(g_free);
	for (guint i = files->len; i-- > 0;) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);
		char *path =
		    g_build_filename(received->directory, file->name, NULL);
		g_autoptr(GMappedFile) map =
		    g_mapped_file_new(path, FALSE, NULL);
		size_t size = map ? g_mapped_file_get_length(map) : 0;

		g_ptr_array_add(received->indexed, path);
		if (file->hour < oldest || bytes > SEARCH_BYTES)
			break;
		if (size > 0)
			index_text(received, g_mapped_file_get_contents(map),
				   size, received->indexed->len - 1);
		bytes += (int64_t)size;
	}
	return 0;
}

int
ph_received_find(struct ph_received *received, const char *queue_id,
		 struct ph_track_record *record_r, struct ph_err *err)
{
	g_autofree char *row_id = NULL;
	const struct place *place;
	struct ph_lines *lines = NULL;
	struct ph_line line;
	int rc;

	if (!received->index && build_index(received, err) < 0)
		return -1;
	place = g_hash_table_lookup(received->index, queue_id);
	if (!place)
		return 0;
	rc = ph_lines_open(g_ptr_array_index(received->indexed, place->file),
			   place->offset, &lines, err);
	if (rc <= 0)
		return rc;
	rc = ph_lines_next(lines, &line, err);
	if (rc > 0)
		rc = line.text && parse_row(line.text, record_r, &row_id);
	ph_lines_close(&lines);
	if (rc > 0 && strcmp(row_id, queue_id) != 0) {
		ph_track_clear(record_r);
		rc = 0;
	}
	return rc;
}
