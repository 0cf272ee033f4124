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

struct source {
	char *name;
	struct ph_lines *lines;
};

struct ph_received {
	char *directory;
	GPtrArray *sources;  /* of struct source, oldest first */
	GHashTable *offsets; /* name -> offset as text, from the key file */
	bool started;
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

char *
ph_received_queue_id(const struct ph_track_record *record)
{
	const char *found =
	    strstr(ph_track_get(record, PH_COL_CUSTOM_DATA), MARK);

	if (!found ||
	    strcmp(ph_track_get(record, PH_COL_EVENT_ID), "RECEIVE") != 0 ||
	    strcmp(ph_track_get(record, PH_COL_SOURCE), "SMTP") != 0)
		return NULL;
	found += strlen(MARK);
	return g_strndup(found, strcspn(found, ";"));
}

/* 1: the line is such a row; 0. */
static int
parse_row(const char *line, struct ph_track_record *record_r, char **queue_id_r)
{
	if (!strstr(line, ",RECEIVE,") || !strstr(line, MARK) ||
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

/* The last row of that queue id in a file's text. */
static int
search_text(const char *text, size_t size, const char *queue_id,
	    struct ph_track_record *record_r)
{
	g_autofree char *wanted = g_strconcat(MARK, queue_id, NULL);
	const char *end = text + size, *p = text, *hit;
	int found = 0;

	while ((hit = memmem(p, (size_t)(end - p), wanted, strlen(wanted)))) {
		const char *start = memrchr(text, '\n', (size_t)(hit - text));
		const char *stop = memchr(hit, '\n', (size_t)(end - hit));
		g_autofree char *line = NULL, *row_id = NULL;
		struct ph_track_record record;

		if (!stop)
			break;
		start = start ? start + 1 : text;
		p = stop;
		line = g_strndup(start, (size_t)(stop - start));
		if (!parse_row(g_strchomp(line), &record, &row_id))
			continue;
		if (strcmp(row_id, queue_id) != 0) {
			ph_track_clear(&record);
			continue;
		}
		if (found)
			ph_track_clear(record_r);
		*record_r = record;
		found = 1;
	}
	return found;
}

int
ph_received_find(struct ph_received *received, const char *queue_id,
		 struct ph_track_record *record_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;
	int64_t oldest = ph_track_file_hour(ph_clock_wall() - SEARCH_AGE);
	int64_t bytes = 0;
	int found = 0;

	if (ph_track_files_list(received->directory, PREFIX, &files, err) < 0)
		return -1;
	for (guint i = files->len; !found && i-- > 0;) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);
		g_autofree char *path =
		    g_build_filename(received->directory, file->name, NULL);
		g_autoptr(GMappedFile) map = NULL;

		if (file->hour < oldest || bytes > SEARCH_BYTES)
			break;
		map = g_mapped_file_new(path, FALSE, NULL);
		if (!map || g_mapped_file_get_length(map) == 0)
			continue;
		bytes += (int64_t)g_mapped_file_get_length(map);
		found = search_text(g_mapped_file_get_contents(map),
				    g_mapped_file_get_length(map), queue_id,
				    record_r);
	}
	return found;
}
