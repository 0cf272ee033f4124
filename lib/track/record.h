#ifndef PH_TRACK_RECORD_H
#define PH_TRACK_RECORD_H

#include "lib/base/err.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One row of the message tracking log: the 30 columns of Exchange 2016 and
 * later, in their order. The enum and ph_track_columns are the only list;
 * writer, reader, "posthub track" and tests iterate it. Source:
 * facts/exchange-tracking.md section 3.
 */
enum ph_column {
	PH_COL_DATE_TIME,
	PH_COL_CLIENT_IP,
	PH_COL_CLIENT_HOSTNAME,
	PH_COL_SERVER_IP,
	PH_COL_SERVER_HOSTNAME,
	PH_COL_SOURCE_CONTEXT,
	PH_COL_CONNECTOR_ID,
	PH_COL_SOURCE,
	PH_COL_EVENT_ID,
	PH_COL_INTERNAL_MESSAGE_ID,
	PH_COL_MESSAGE_ID,
	PH_COL_NETWORK_MESSAGE_ID,
	PH_COL_RECIPIENT_ADDRESS,
	PH_COL_RECIPIENT_STATUS,
	PH_COL_TOTAL_BYTES,
	PH_COL_RECIPIENT_COUNT,
	PH_COL_RELATED_RECIPIENT_ADDRESS,
	PH_COL_REFERENCE,
	PH_COL_MESSAGE_SUBJECT,
	PH_COL_SENDER_ADDRESS,
	PH_COL_RETURN_PATH,
	PH_COL_MESSAGE_INFO,
	PH_COL_DIRECTIONALITY,
	PH_COL_TENANT_ID,
	PH_COL_ORIGINAL_CLIENT_IP,
	PH_COL_ORIGINAL_SERVER_IP,
	PH_COL_CUSTOM_DATA,
	PH_COL_TRANSPORT_TRAFFIC_TYPE,
	PH_COL_LOG_ID,
	PH_COL_SCHEMA_VERSION,
	PH_COLUMNS /* how many */
};

struct ph_track_column {
	const char *name;     /* "client-hostname" */
	const char *property; /* Get-MessageTrackingLog's: "ClientHostname" */
	const char *help;
};
extern const struct ph_track_column ph_track_columns[PH_COLUMNS];

/* A value a column, each NULL (empty) or owned. Plain value. */
struct ph_track_record {
	char *value[PH_COLUMNS];
};

void ph_track_set(struct ph_track_record *record, enum ph_column column,
		  const char *value); /* copies; NULL empties */
void ph_track_setf(struct ph_track_record *record, enum ph_column column,
		   const char *format, ...) G_GNUC_PRINTF(3, 4);
const char *ph_track_get(const struct ph_track_record *record,
			 enum ph_column column); /* "" when empty */
/* Appends to a ';' list (recipients and their status). */
void ph_track_append(struct ph_track_record *record, enum ph_column column,
		     const char *value);
/* sender-address and return-path: who sent it by its header (NULL: nobody is
 * named), and its reverse path, without angle brackets. */
void ph_track_set_sender(struct ph_track_record *record, const char *sender,
			 const char *reverse_path);
void ph_track_clear(struct ph_track_record *record);

/* By name or property, without case; -1: there is none. */
int ph_track_column_find(const char *name);

/*
 * The CSV line without line end, g_free. A field is quoted if it holds a comma
 * or a quote (doubled); CR, LF and NUL become blanks, so a record is one line.
 */
char *ph_track_format(const struct ph_track_record *record);

/* A line without its end; fewer columns (older versions) leave the rest empty.
 * 0 and *record_r (ph_track_clear), or -1 PERM: unbalanced quotes, too many
 * columns. */
int ph_track_parse(const char *line, struct ph_track_record *record_r,
		   struct ph_err *err);

#endif
