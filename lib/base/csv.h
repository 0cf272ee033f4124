#ifndef PH_BASE_CSV_H
#define PH_BASE_CSV_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Comma separated values (RFC 4180): a field in quotes may hold commas, line
 * breaks and doubled quotes. Lines end with LF or CRLF; empty ones are passed
 * over, and a UTF-8 byte order mark at the beginning. A parser, not
 * thread-safe; no descriptor.
 */
struct ph_csv;

#define PH_CSV_ROW_LIMIT ((size_t)32 << 20) /* bytes */

struct ph_csv *ph_csv_new(void);
void ph_csv_free(struct ph_csv **csv); /* NULL is fine */

void ph_csv_feed(struct ph_csv *csv, const void *data, size_t size);
void ph_csv_end(struct ph_csv *csv); /* nothing more will be fed */

/*
 * 1: *fields_r (char *), borrowed until the next call, of the row that begins
 * in *line_r (from 1). 0: feed more, or all was read. -1 PERM: that row is not
 * well formed, or not UTF-8, or holds a NUL, or is too long; the next call goes
 * on behind it.
 */
int ph_csv_next(struct ph_csv *csv, const GPtrArray **fields_r, size_t *line_r,
		struct ph_err *err);

#endif
