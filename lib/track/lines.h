#ifndef PH_TRACK_LINES_H
#define PH_TRACK_LINES_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Lines of a file that others append to. Only complete lines are returned: a
 * last one without its line end is waited for. Reads with pread(2), so a line
 * has an offset to go back to. Not thread-safe.
 */
struct ph_lines;

/* A longer line is skipped. */
#define PH_LINES_LIMIT ((size_t)4 << 20)

struct ph_line {
	char *text; /* borrowed until the next call, may be changed; without
		     * LF or CR LF; a NUL inside becomes '?'. NULL: the line
		     * was longer than PH_LINES_LIMIT */
	size_t size;
	int64_t start; /* offset of its first byte */
	int64_t end;   /* of the next line */
};

/* 1 and *lines_r; 0: no such file; -1 TEMP. */
int ph_lines_open(const char *path, int64_t offset, struct ph_lines **lines_r,
		  struct ph_err *err);
void ph_lines_close(struct ph_lines **lines); /* NULL is fine */

/* 1 a line; 0 no further complete line now; -1 TEMP. */
int ph_lines_next(struct ph_lines *lines, struct ph_line *line_r,
		  struct ph_err *err);

/* Where the next line begins. */
int64_t ph_lines_offset(const struct ph_lines *lines);

/* For fstat(2) and pread(2). */
int ph_lines_fd(const struct ph_lines *lines);

#endif
