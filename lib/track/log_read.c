#include "lib/track/files.h"
#include "lib/track/lines.h"
#include "lib/track/log.h"

#include <string.h>
#include <sys/stat.h>

/* A row that is no row: header, blank line after a torn row. */
static bool
is_comment(const char *text)
{
	static const char bom[] = "\xef\xbb\xbf";

	if (strncmp(text, bom, sizeof bom - 1) == 0)
		text += sizeof bom - 1;
	return *text == '#' || *text == '\0';
}

/* 1: go on; 0: visit wants no more; -1. */
static int
read_file(const char *path, bool (*visit)(struct ph_track_record *, void *),
	  void *context, uint64_t *bad, struct ph_err *err)
{
	struct ph_lines *lines = NULL;
	struct ph_line line;
	int rc = ph_lines_open(path, 0, &lines, err);
	bool more = true;

	if (rc <= 0)
		return rc < 0 ? -1 : 1; /* expired meanwhile */
	while (more && (rc = ph_lines_next(lines, &line, err)) > 0) {
		struct ph_track_record record = {{NULL}};

		if (line.text && is_comment(line.text))
			continue;
		if (!line.text ||
		    ph_track_parse(line.text, &record, NULL) < 0) {
			++*bad;
			continue;
		}
		more = visit(&record, context);
		ph_track_clear(&record);
	}
	ph_lines_close(&lines);
	return rc < 0 ? -1 : more;
}

int
ph_track_log_read(const char *directory, int64_t start,
		  bool (*visit)(struct ph_track_record *record, void *context),
		  void *context, uint64_t *bad_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) files = NULL;
	uint64_t bad = 0;
	int rc = 1;

	if (ph_track_files_list(directory, NULL, &files, err) < 0)
		return -1;
	for (guint i = 0; rc > 0 && i < files->len; i++) {
		const struct ph_track_file *file = g_ptr_array_index(files, i);
		g_autofree char *path =
		    g_build_filename(directory, file->name, NULL);
		struct stat st;

		if (stat(path, &st) < 0 ||
		    (st.st_mtim.tv_sec + 1) * INT64_C(1000) < start)
			continue;
		rc = read_file(path, visit, context, &bad, err);
	}
	if (bad_r)
		*bad_r = bad;
	return rc < 0 ? -1 : 0;
}
