#ifndef PH_TRACK_LOG_H
#define PH_TRACK_LOG_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/track/record.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Writer of tracking log files: MSGTRK[MA|MD|MS]yyyymmddhh-n.LOG (UTC hour) in
 * a directory, with Exchange's header lines, a new file each hour and when one
 * is full. Several processes may share a prefix: rows are written whole, by one
 * write(2) to a file opened with O_APPEND. Thread-safe. The log line is the
 * truth; nothing waits for Redis here.
 */
struct ph_track_log;

struct ph_track_options {
	const char *directory;
	const char *prefix;    /* "MSGTRK", "MSGTRKMD", "MSGTRKMS" */
	const char *server;    /* short name, in internal use of rows */
	int64_t max_file_size; /* bytes */
	bool subjects;	       /* MessageTrackingLogSubjectLoggingEnabled */
};

/* As the [tracking] settings and [server] name say; prefix is borrowed for
 * ever. As ph_track_log_open. */
int ph_track_log_configure(const struct ph_conf *conf, const char *prefix,
			   struct ph_track_log **log_r, struct ph_err *err);
/* ph_track_log_expire with the [tracking] limits; a failure is logged. */
void ph_track_log_tidy(struct ph_track_log *log, const struct ph_conf *conf);

/* Makes the directory if needed. 0, or -1 PERM (cannot be written). */
int ph_track_log_open(const struct ph_track_options *options,
		      struct ph_track_log **log_r, struct ph_err *err);
void ph_track_log_close(struct ph_track_log **log);

/*
 * Fills in what is empty: date-time (now), log-id (random), schema-version,
 * internal-message-id stays the caller's. 0, or -1 TEMP (disk full, ...):
 * the caller logs it and the mail goes on.
 */
int ph_track_log_write(struct ph_track_log *log, struct ph_track_record *record,
		       struct ph_err *err);
/* Several rows next to each other, in one write(2); n 0: none. -1: some or
 * all are missing, from the end. */
int ph_track_log_write_rows(struct ph_track_log *log,
			    struct ph_track_record *records, size_t n,
			    struct ph_err *err);

/* Puts the rows written so far on disk; 0 or -1 TEMP. For who records
 * elsewhere that they were written. */
int ph_track_log_sync(struct ph_track_log *log, struct ph_err *err);

/* Removes files of the prefix older than max_age_ms, then the oldest until the
 * prefix's files are at most max_size bytes; never the newest. 0 limits: off.
 */
int ph_track_log_expire(struct ph_track_log *log, int64_t max_age_ms,
			int64_t max_size, struct ph_err *err);

/*
 * Reader: rows of all files of a directory with any of the prefixes that were
 * last written at or after start (wall ms, 0: all), in file order. visit
 * returns false to stop. Lines that do not parse are counted, not fatal.
 */
int ph_track_log_read(const char *directory, int64_t start,
		      bool (*visit)(struct ph_track_record *record,
				    void *context),
		      void *context, uint64_t *bad_r, struct ph_err *err);

#endif
