#include "tracking/tail.h"

#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "maillog"
#define MARK_SIZE 256

struct ph_tail {
	char *path;
	struct ph_lines *lines; /* NULL: nothing open */
	ino_t inode;
	uint64_t generation;
	bool idle;    /* time may have passed since the last call */
	bool leaving; /* the log daemon uses the next file already */
	bool absent;  /* and said so */
	/* Digest of the file's first bytes, up to MARK_SIZE of them. */
	char *mark;
	size_t mark_size;
	/* From the key file, until that file is open. */
	bool loaded;
	int64_t end;
	int64_t saved;	    /* wall seconds */
	GArray *unfinished; /* of int64_t */
};

struct ph_tail *
ph_tail_new(const char *path)
{
	struct ph_tail *tail = g_new0(struct ph_tail, 1);

	tail->path = g_strdup(path);
	tail->unfinished = g_array_new(FALSE, FALSE, sizeof(int64_t));
	return tail;
}

void
ph_tail_free(struct ph_tail **tail)
{
	if (!*tail)
		return;
	ph_lines_close(&(*tail)->lines);
	g_array_unref((*tail)->unfinished);
	g_free((*tail)->mark);
	g_free((*tail)->path);
	g_clear_pointer(tail, g_free);
}

uint64_t
ph_tail_generation(const struct ph_tail *tail)
{
	return tail->generation;
}

/* NULL: the file has fewer bytes. */
static char *
make_mark(int fd, size_t size)
{
	char buffer[MARK_SIZE];

	if (pread(fd, buffer, size, 0) != (ssize_t)size)
		return NULL;
	return g_compute_checksum_for_data(G_CHECKSUM_SHA256,
					   (const guchar *)buffer, size);
}

static bool
mark_matches(int fd, const char *mark, size_t size)
{
	g_autofree char *found = make_mark(fd, size);

	return found && strcmp(found, mark) == 0;
}

/* As many bytes as were read already, at most MARK_SIZE. */
static void
renew_mark(struct ph_tail *tail)
{
	int64_t offset = ph_lines_offset(tail->lines);
	size_t size = (size_t)MIN(offset, MARK_SIZE);

	if (tail->mark && tail->mark_size >= size)
		return;
	g_free(tail->mark);
	tail->mark = make_mark(ph_lines_fd(tail->lines), size);
	tail->mark_size = tail->mark ? size : 0;
}

void
ph_tail_load(struct ph_tail *tail, GKeyFile *keys)
{
	g_autofree int64_t *offsets = NULL;
	g_auto(GStrv) list = NULL;

	if (!g_key_file_has_group(keys, GROUP))
		return;
	tail->loaded = true;
	tail->inode = (ino_t)g_key_file_get_uint64(keys, GROUP, "inode", NULL);
	tail->end = g_key_file_get_int64(keys, GROUP, "offset", NULL);
	tail->saved = g_key_file_get_int64(keys, GROUP, "saved", NULL);
	tail->mark = g_key_file_get_string(keys, GROUP, "mark", NULL);
	tail->mark_size =
	    (size_t)g_key_file_get_uint64(keys, GROUP, "mark_size", NULL);
	if (tail->mark_size > MARK_SIZE || !tail->mark || tail->end < 0)
		tail->loaded = false;
	list =
	    g_key_file_get_string_list(keys, GROUP, "unfinished", NULL, NULL);
	for (size_t i = 0; list && list[i]; i++) {
		int64_t offset = g_ascii_strtoll(list[i], NULL, 10);

		if (offset >= 0 && offset < tail->end)
			g_array_append_val(tail->unfinished, offset);
	}
}

void
ph_tail_save(const struct ph_tail *tail, GKeyFile *keys,
	     const int64_t *unfinished, size_t n)
{
	g_autoptr(GString) list = g_string_new(NULL);
	struct stat st;

	if (!tail->lines || !tail->mark ||
	    fstat(ph_lines_fd(tail->lines), &st) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(list, "%" G_GINT64_FORMAT ";",
				       unfinished[i]);
	g_key_file_set_uint64(keys, GROUP, "inode", st.st_ino);
	g_key_file_set_int64(keys, GROUP, "offset",
			     ph_lines_offset(tail->lines));
	g_key_file_set_int64(keys, GROUP, "saved",
			     g_get_real_time() / G_USEC_PER_SEC);
	g_key_file_set_string(keys, GROUP, "mark", tail->mark);
	g_key_file_set_uint64(keys, GROUP, "mark_size", tail->mark_size);
	g_key_file_set_string(keys, GROUP, "unfinished", list->str);
}

static bool
is_compressed(const char *name)
{
	static const char *const suffixes[] = {".gz", ".bz2", ".xz", ".zst",
					       ".lz4"};

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (g_str_has_suffix(name, suffixes[i]))
			return true;
	return false;
}

/* What the search among the rotated files looks for. */
struct wanted {
	ino_t inode;	/* this file, or 0: the oldest that ... */
	ino_t not_this; /* ... is not this one and ... */
	int64_t after;	/* ... was written after this time, ms */
};

static int64_t
modified(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000) +
	       st->st_mtim.tv_nsec / 1000000;
}

/* A path beside ours whose name begins with ours; NULL: there is none. */
static char *
find_rotated(const struct ph_tail *tail, const struct wanted *wanted)
{
	g_autofree char *directory = g_path_get_dirname(tail->path);
	g_autofree char *base = g_path_get_basename(tail->path);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	int64_t best = INT64_MAX;
	char *found = NULL;
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = NULL;
		struct stat st;

		if (!g_str_has_prefix(name, base) || is_compressed(name))
			continue;
		path = g_build_filename(directory, name, NULL);
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (wanted->inode != 0 ? st.st_ino != wanted->inode
				       : st.st_ino == wanted->not_this ||
					     modified(&st) <= wanted->after ||
					     modified(&st) >= best)
			continue;
		best = modified(&st);
		g_free(found);
		found = g_steal_pointer(&path);
	}
	return found;
}

/* 1 open, 0 no such file, -1. */
static int
open_at(struct ph_tail *tail, const char *path, int64_t offset,
	struct ph_err *err)
{
	struct ph_lines *lines = NULL;
	int rc = ph_lines_open(path, offset, &lines, err);
	struct stat st;

	if (rc <= 0)
		return rc;
	ph_lines_close(&tail->lines);
	tail->lines = lines;
	tail->inode = fstat(ph_lines_fd(lines), &st) == 0 ? st.st_ino : 0;
	tail->generation++;
	return 1;
}

static int
open_anew(struct ph_tail *tail, const char *path, struct ph_err *err)
{
	int rc = open_at(tail, path, 0, err);

	if (rc <= 0)
		return rc;
	g_clear_pointer(&tail->mark, g_free);
	tail->mark_size = 0;
	tail->end = 0;
	g_array_set_size(tail->unfinished, 0);
	return 1;
}

/* The file that the key file names: 1, 0 it is not there any more, -1. */
static int
open_loaded(struct ph_tail *tail, struct ph_err *err)
{
	struct wanted wanted = {.inode = tail->inode};
	g_autofree char *path = find_rotated(tail, &wanted);
	int64_t low = tail->end;
	struct stat st;
	int rc;

	for (guint i = 0; i < tail->unfinished->len; i++)
		low = MIN(low, g_array_index(tail->unfinished, int64_t, i));
	rc = path ? open_at(tail, path, low, err) : 0;
	if (rc <= 0)
		return rc;
	if (fstat(ph_lines_fd(tail->lines), &st) < 0 ||
	    st.st_size < tail->end ||
	    !mark_matches(ph_lines_fd(tail->lines), tail->mark,
			  tail->mark_size)) {
		ph_lines_close(&tail->lines);
		return 0;
	}
	return 1;
}

/* Without the log there are rows of ours alone, and nothing else says why. */
static int
tell_absent(struct ph_tail *tail, int rc)
{
	if (rc == 0 && !tail->absent)
		ph_warn("%s is not there; it is waited for, and rows SEND, "
			"DEFER, FAIL and DSN with it",
			tail->path);
	if (rc == 1 && tail->absent)
		ph_info("%s is there", tail->path);
	if (rc >= 0)
		tail->absent = rc == 0;
	return rc;
}

static int
open_first(struct ph_tail *tail, struct ph_err *err)
{
	g_autofree char *path = NULL;
	int rc = 0;

	if (tail->loaded) {
		struct wanted wanted = {.after = tail->saved * 1000};

		rc = open_loaded(tail, err);
		if (rc >= 0)
			tail->loaded = false;
		if (rc == 0) {
			ph_warn("%s: the file that was read before is gone, "
				"lines may be missing",
				tail->path);
			path = find_rotated(tail, &wanted);
		}
	}
	if (rc == 0)
		rc = open_anew(tail, path ? path : tail->path, err);
	return tell_absent(tail, rc);
}

/* Was what we have read already replaced by something else? */
static bool
was_truncated(const struct ph_tail *tail)
{
	int fd = ph_lines_fd(tail->lines);
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (st.st_size < ph_lines_offset(tail->lines) ||
		(tail->mark && !mark_matches(fd, tail->mark, tail->mark_size)));
}

/* The open file has no more lines. 1: read again: another one is open now, or
 * there may be a last line; 0: go on with it; -1. */
static int
look_for_next(struct ph_tail *tail, struct ph_err *err)
{
	struct stat open_st, path_st;
	struct wanted wanted;
	g_autofree char *path = NULL;

	if (fstat(ph_lines_fd(tail->lines), &open_st) < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", tail->path,
				  g_strerror(errno));
	if (stat(tail->path, &path_st) < 0)
		return 0; /* renamed, and the new one is not there yet */
	if (path_st.st_ino == open_st.st_ino) {
		if (open_st.st_size >= ph_lines_offset(tail->lines) &&
		    (!tail->mark || mark_matches(ph_lines_fd(tail->lines),
						 tail->mark, tail->mark_size)))
			return 0;
		return open_anew(tail, tail->path, err);
	}
	/* The log daemon goes on with the renamed file until it is told; it
	 * has been when the new one is not empty. */
	if (path_st.st_size == 0)
		return 0;
	/* What it wrote here before it went there may have come after our last
	 * read. */
	if (!tail->leaving) {
		tail->leaving = true;
		return 1;
	}
	tail->leaving = false;
	wanted = (struct wanted){.not_this = open_st.st_ino,
				 .after = modified(&open_st)};
	path = find_rotated(tail, &wanted);
	return open_anew(tail, path ? path : tail->path, err);
}

static bool
is_done(const struct ph_tail *tail, int64_t offset)
{
	if (offset >= tail->end)
		return false;
	for (guint i = 0; i < tail->unfinished->len; i++)
		if (g_array_index(tail->unfinished, int64_t, i) == offset)
			return false;
	return true;
}

/* 1 a line; 0 none; -1. */
static int
read_line(struct ph_tail *tail, struct ph_tail_line *line_r, struct ph_err *err)
{
	struct ph_line line;
	int rc;

	do
		rc = ph_lines_next(tail->lines, &line, err);
	while (rc > 0 && !line.text);
	if (rc <= 0)
		return rc;
	renew_mark(tail);
	line_r->text = line.text;
	line_r->offset = line.start;
	line_r->done = is_done(tail, line.start);
	return 1;
}

int
ph_tail_next(struct ph_tail *tail, struct ph_tail_line *line_r,
	     struct ph_err *err)
{
	int rc;

	if (!tail->lines && (rc = open_first(tail, err)) <= 0)
		return rc;
	if (tail->idle && was_truncated(tail) &&
	    (rc = open_anew(tail, tail->path, err)) < 0)
		return rc;
	tail->idle = false;
	do {
		rc = read_line(tail, line_r, err);
		if (rc != 0)
			return rc;
		rc = look_for_next(tail, err);
	} while (rc > 0);
	tail->idle = rc == 0;
	return rc;
}
