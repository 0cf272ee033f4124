#ifndef PH_CLI_TRACK_H
#define PH_CLI_TRACK_H

#include "cli/command.h"
#include "cli/trace.h"

#include <glib.h>

/* Where "posthub track" finds its rows, and which of them it wants. */
struct ph_track_query {
	const struct ph_input *input; /* whose options are the filters */
	int64_t start, end;	      /* ms: start <= row < end */
	size_t limit;		      /* newest rows wanted */

	GPtrArray *rows;  /* struct ph_trace_row, owned */
	size_t wanted;	  /* those that are not hidden */
	GHashTable *seen; /* log-ids: a row may come twice */
	uint64_t bad;	  /* lines that are no rows */
	bool cut;	  /* there were more than limit */
};

/* After input, start, end and limit are set. */
void ph_track_query_init(struct ph_track_query *query);
void ph_track_query_clear(struct ph_track_query *query);

/*
 * Takes the record if it is wanted and new; leaves it empty then. When one
 * message is asked for, its other rows are taken as well, hidden: without them
 * nobody could tell what led to what.
 */
void ph_track_query_offer(struct ph_track_query *query,
			  struct ph_track_record *record, const char *server);

/* Puts the rows in order, without the hidden ones, the newest "limit". */
void ph_track_query_finish(struct ph_track_query *query);

/* Is it a question that can have an answer? 0, or an exit code after saying
 * why. */
int ph_track_check(const struct ph_track_query *query);
/* The rows from where the options say. An exit code, after saying why. */
int ph_track_read(struct ph_cli *cli, struct ph_track_query *query);

/* 0 or -1 with err. */
int ph_track_read_stream(struct ph_cli *cli, struct ph_track_query *query,
			 struct ph_err *err);
int ph_track_read_dir(struct ph_track_query *query, const char *directory,
		      struct ph_err *err);
/* files: a comma list. */
int ph_track_read_files(struct ph_track_query *query, const char *files,
			struct ph_err *err);

#endif
