#ifndef PH_TRACK_INDEX_H
#define PH_TRACK_INDEX_H

#include "lib/track/record.h"

#include <glib.h>
#include <stdint.h>

/*
 * Names of the index of the Redis stream of events:
 * "<prefix>trackix:<kind>:<value>:<yyyymmdd>", a sorted set of stream ids by
 * milliseconds of the row's date-time, whose UTC day is in the name. One place
 * for who writes and who asks. Pure.
 */
struct ph_track_index {
	const char *kind; /* NULL ends the table */
	/* Where values come from, PH_COLUMNS: none. A DSN is found by the
	 * message it is about, a group by its address before expansion. */
	enum ph_column column, also;
	bool list; /* ';' between values */
};
extern const struct ph_track_index ph_track_indexes[];

/* The value is folded, and cut at 512 bytes. g_free. */
char *ph_track_index_key(const char *prefix, const char *kind,
			 const char *value, int64_t ms);

/* All keys of a row, each once; g_ptr_array_unref. */
GPtrArray *ph_track_index_keys(const char *prefix,
			       const struct ph_track_record *record,
			       int64_t ms);

#endif
