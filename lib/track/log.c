#include "lib/track/log.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/program.h"
#include "lib/base/text.h"
#include "lib/base/uuid.h"
#include "lib/track/files.h"
#include "lib/track/log_private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ph_track_log {
	GMutex mutex;
	char *directory;
	char *prefix;
	int64_t max_file_size;
	bool subjects;
	int64_t (*now)(void);
	int fd;	      /* -1: none open */
	int64_t hour; /* of the open file */
	int64_t number;
	int64_t end; /* of its last row, when that was ours and whole; else 0 */
};

int
ph_track_log_open(const struct ph_track_options *options,
		  struct ph_track_log **log_r, struct ph_err *err)
{
	struct ph_track_log *log;

	if (g_mkdir_with_parents(options->directory, 0750) < 0 ||
	    access(options->directory, W_OK | X_OK) < 0)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s",
				  options->directory, g_strerror(errno));
	log = g_new0(struct ph_track_log, 1);
	g_mutex_init(&log->mutex);
	log->directory = g_strdup(options->directory);
	log->prefix = g_strdup(options->prefix);
	log->max_file_size = options->max_file_size;
	log->subjects = options->subjects;
	log->now = ph_clock_wall;
	log->fd = -1;
	*log_r = log;
	return 0;
}

static void
close_file(struct ph_track_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

void
ph_track_log_close(struct ph_track_log **log)
{
	if (!*log)
		return;
	close_file(*log);
	g_mutex_clear(&(*log)->mutex);
	g_free((*log)->directory);
	g_free((*log)->prefix);
	g_clear_pointer(log, g_free);
}

void
ph_track_log_set_clock(struct ph_track_log *log, int64_t (*now)(void))
{
	log->now = now;
}

static char *
format_header(int64_t now)
{
	GString *text = g_string_new("#Software: posthub\r\n"
				     "#Version: " PH_VERSION "\r\n"
				     "#Log-type: Message Tracking Log\r\n");
	char date[PH_DATE_TEXT];

	ph_format_date(now, date, sizeof date);
	g_string_append_printf(text, "#Date: %s\r\n#Fields: ", date);
	for (size_t i = 0; i < PH_COLUMNS; i++)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "",
				       ph_track_columns[i].name);
	g_string_append(text, "\r\n");
	return g_string_free(text, FALSE);
}

/*
 * A new file with its header appears whole or not at all: it is written under
 * another name and link(2)ed, which fails where another process was first.
 * 1 made, 0 there is one already, -1.
 */
static int
create_file(struct ph_track_log *log, const char *path, int64_t now,
	    struct ph_err *err)
{
	g_autofree char *header = format_header(now);
	g_autofree char *temporary = NULL;
	char unique[PH_UUID_TEXT];
	int fd, rc = -1;

	ph_uuid_random(unique);
	temporary =
	    g_strdup_printf("%s/.%s.%s", log->directory, log->prefix, unique);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd >= 0 && ph_file_write(fd, header, strlen(header)) == 0) {
		if (link(temporary, path) == 0)
			rc = 1;
		else if (errno == EEXIST)
			rc = 0;
	}
	if (rc < 0)
		ph_err_set(err, PH_ERR_TEMP, "%s: %s", path, g_strerror(errno));
	if (fd >= 0) {
		close(fd);
		unlink(temporary);
	}
	return rc;
}

/* The highest number of this hour; 0: no file yet. */
static int
find_last(struct ph_track_log *log, int64_t hour, int64_t *number_r,
	  struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;

	if (ph_track_files_list(log->directory, log->prefix, &files, err) < 0)
		return -1;
	*number_r = 0;
	for (guint i = 0; i < files->len; i++) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);

		if (file->hour == hour)
			*number_r = file->number;
	}
	return 0;
}

static int
open_file(struct ph_track_log *log, int64_t hour, int64_t number,
	  struct ph_err *err)
{
	g_autofree char *name = ph_track_file_name(log->prefix, hour, number);
	g_autofree char *path = g_build_filename(log->directory, name, NULL);

	log->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	if (log->fd < 0 && errno == ENOENT)
		return 0;
	if (log->fd < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", path,
				  g_strerror(errno));
	log->hour = hour;
	log->number = number;
	log->end = 0;
	return 1;
}

/* 1: the open file takes size more bytes; 0: it is full, deleted or of
 * another hour. *torn_r: its last row has no line end. */
static int
fits(struct ph_track_log *log, int64_t hour, size_t size, bool *torn_r)
{
	struct stat st;
	char last = '\n';

	if (log->fd < 0 || log->hour != hour || fstat(log->fd, &st) < 0 ||
	    st.st_nlink == 0)
		return 0;
	if (st.st_size > 0 && st.st_size != log->end &&
	    pread(log->fd, &last, 1, st.st_size - 1) == 1)
		*torn_r = last != '\n';
	log->end = st.st_size;
	return st.st_size + (int64_t)size <= log->max_file_size;
}

/* Opens the file that takes the next size bytes. */
static int
select_file(struct ph_track_log *log, int64_t now, size_t size, bool *torn_r,
	    struct ph_err *err)
{
	int64_t hour = ph_track_file_hour(now);
	int64_t number;

	if (fits(log, hour, size, torn_r))
		return 0;
	if (log->fd >= 0)
		(void)fdatasync(log->fd); /* ph_track_log_sync sees the next */
	close_file(log);
	if (find_last(log, hour, &number, err) < 0)
		return -1;
	if (number > 0) {
		if (open_file(log, hour, number, err) < 0)
			return -1;
		if (fits(log, hour, size, torn_r))
			return 0;
		close_file(log);
	}
	/* A row larger than a whole file still gets one. */
	*torn_r = false;
	for (number++; log->fd < 0; number++) {
		g_autofree char *name =
		    ph_track_file_name(log->prefix, hour, number);
		g_autofree char *path =
		    g_build_filename(log->directory, name, NULL);
		int made = create_file(log, path, now, err);

		if (made < 0 || open_file(log, hour, number, err) < 0)
			return -1;
		if (made == 0 && !fits(log, hour, size, torn_r))
			close_file(log);
	}
	return 0;
}

static void
complete(struct ph_track_record *record, int64_t now)
{
	char text[MAX(PH_DATE_TEXT, PH_UUID_TEXT)];

	if (!record->value[PH_COL_DATE_TIME]) {
		ph_format_date(now, text, sizeof text);
		ph_track_set(record, PH_COL_DATE_TIME, text);
	}
	if (!record->value[PH_COL_LOG_ID]) {
		ph_uuid_random(text);
		ph_track_set(record, PH_COL_LOG_ID, text);
	}
	if (!record->value[PH_COL_SCHEMA_VERSION])
		ph_track_set(record, PH_COL_SCHEMA_VERSION, PH_VERSION);
}

static void
append_row(const struct ph_track_log *log, struct ph_track_record *record,
	   GString *out)
{
	char *subject = record->value[PH_COL_MESSAGE_SUBJECT];
	g_autofree char *line = NULL;

	if (!log->subjects)
		record->value[PH_COL_MESSAGE_SUBJECT] = NULL;
	line = ph_track_format(record);
	record->value[PH_COL_MESSAGE_SUBJECT] = subject;
	g_string_append(out, line);
	g_string_append(out, "\r\n");
}

/* Another process writes to the file as well: what a full disk has cut is not
 * gone on with, or two rows would be mixed. */
static int
write_text(int fd, const char *data, size_t size)
{
	ssize_t n;

	do
		n = write(fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < size)
		errno = ENOSPC;
	return n >= 0 && (size_t)n == size ? 0 : -1;
}

/* text: a line end, which counts when a full disk tore the row before, and the
 * rows. */
static int
write_locked(struct ph_track_log *log, int64_t now, const GString *text,
	     struct ph_err *err)
{
	const char *data;
	bool torn = false;
	size_t size;
	int rc;

	if (select_file(log, now, text->len, &torn, err) < 0)
		return -1;
	data = torn ? text->str : text->str + 2;
	size = torn ? text->len : text->len - 2;
	rc = write_text(log->fd, data, size);
	log->end = rc < 0 ? 0 : log->end + (int64_t)size;
	if (rc < 0)
		ph_err_set(err, PH_ERR_TEMP, "%s: tracking row: %s",
			   log->directory, g_strerror(errno));
	return rc;
}

int
ph_track_log_write_rows(struct ph_track_log *log,
			struct ph_track_record *records, size_t n,
			struct ph_err *err)
{
	g_autoptr(GString) text = g_string_sized_new(1024);
	int64_t now = log->now();
	int rc;

	if (n == 0)
		return 0;
	g_string_append(text, "\r\n");
	for (size_t i = 0; i < n; i++) {
		complete(&records[i], now);
		append_row(log, &records[i], text);
	}
	g_mutex_lock(&log->mutex);
	rc = write_locked(log, now, text, err);
	g_mutex_unlock(&log->mutex);
	return rc;
}

int
ph_track_log_write(struct ph_track_log *log, struct ph_track_record *record,
		   struct ph_err *err)
{
	return ph_track_log_write_rows(log, record, 1, err);
}

int
ph_track_log_sync(struct ph_track_log *log, struct ph_err *err)
{
	int rc = 0;

	g_mutex_lock(&log->mutex);
	if (log->fd >= 0 && fdatasync(log->fd) < 0)
		rc = ph_err_set(err, PH_ERR_TEMP, "%s: %s", log->directory,
				g_strerror(errno));
	g_mutex_unlock(&log->mutex);
	return rc;
}

static int
remove_file(const char *path, struct ph_err *err)
{
	if (g_unlink(path) == 0 || errno == ENOENT)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s: %s", path, g_strerror(errno));
}

/* Oldest first; NULL: err. */
static GPtrArray *
list_paths(struct ph_track_log *log, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;
	GPtrArray *paths;

	if (ph_track_files_list(log->directory, log->prefix, &files, err) < 0)
		return NULL;
	paths = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < files->len; i++) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);

		g_ptr_array_add(
		    paths, g_build_filename(log->directory, file->name, NULL));
	}
	return paths;
}

int
ph_track_log_expire(struct ph_track_log *log, int64_t max_age_ms,
		    int64_t max_size, struct ph_err *err)
{
	g_autoptr(GPtrArray) paths = list_paths(log, err);
	int64_t total = 0, now = log->now();
	struct stat st;
	int rc = 0;

	if (!paths)
		return -1;
	for (guint i = 0; i < paths->len; i++)
		if (stat(g_ptr_array_index(paths, i), &st) == 0)
			total += st.st_size;
	for (guint i = 0; i + 1 < paths->len; i++) {
		const char *path = g_ptr_array_index(paths, i);
		bool old, full;

		if (stat(path, &st) < 0)
			continue;
		old = max_age_ms > 0 &&
		      st.st_mtime * INT64_C(1000) < now - max_age_ms;
		full = max_size > 0 && total > max_size;
		if (!old && !full)
			continue;
		if (remove_file(path, err) < 0)
			rc = -1;
		else
			total -= st.st_size;
	}
	return rc;
}
