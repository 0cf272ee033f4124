#ifndef PH_CLI_TRACE_H
#define PH_CLI_TRACE_H

#include "lib/track/record.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Rows of message tracking from many servers, put into an order that tells the
 * story. Pure.
 */
struct ph_trace_row {
	struct ph_track_record record;
	char *server; /* who wrote it; "" when it is not known */
	bool hidden;  /* only there to put others in order */
};

/* Takes the record's values and leaves it empty; copies server (NULL is
 * fine). */
struct ph_trace_row *ph_trace_row_new(struct ph_track_record *record,
				      const char *server);
void ph_trace_row_free(void *row); /* a GDestroyNotify; NULL is fine */

/*
 * Sorts an array of rows by cause, then by time. Times come from different
 * clocks, and what Postfix logs has whole seconds, so within a message a hop's
 * SEND or SUBMIT stands before the RECEIVE that it led to, a service's RECEIVE
 * before its other rows, and its SEND, DELIVER, FAIL after them; all else by
 * date-time.
 */
void ph_trace_sort(GPtrArray *rows);

#endif
