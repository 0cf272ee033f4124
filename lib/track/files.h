#ifndef PH_TRACK_FILES_H
#define PH_TRACK_FILES_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Names of tracking log files: PREFIXyyyymmddhh-n.LOG. Documents say
 * yyyymmdd, files of real servers have the UTC hour as well; both are read,
 * the second is written. Values, no I/O but ph_track_files_list.
 */

/* MSGTRK, MSGTRKMA, MSGTRKMD, MSGTRKMS; ends with NULL. */
extern const char *const ph_track_prefixes[];

struct ph_track_file {
	char *name;	    /* without directory */
	const char *prefix; /* one of ph_track_prefixes */
	int64_t hour;	    /* yyyymmddhh */
	int64_t number;
};

/* Borrows name. False: not the name of a tracking log. */
bool ph_track_file_parse(const char *name, struct ph_track_file *file_r);

/* g_free. */
char *ph_track_file_name(const char *prefix, int64_t hour, int64_t number);

/* yyyymmddhh of a wall clock time. */
int64_t ph_track_file_hour(int64_t ms);

/*
 * Files of a directory with this prefix (NULL: any), by hour, number, prefix;
 * elements are struct ph_track_file. 0 and *files_r (g_ptr_array_unref), empty
 * where there is no such directory, or -1 TEMP.
 */
int ph_track_files_list(const char *directory, const char *prefix,
			GPtrArray **files_r, struct ph_err *err);

#endif
