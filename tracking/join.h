#ifndef PH_TRACKING_JOIN_H
#define PH_TRACKING_JOIN_H

#include "lib/base/uuid.h"
#include "lib/track/record.h"
#include "tracking/maillog.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes tracking rows of what Postfix logs: knows for each queue id what the
 * RECEIVE row and the log said about the message, and groups the recipients of
 * one transaction. No I/O of its own, bounded memory, not thread-safe.
 */
struct ph_join;

struct ph_join_options {
	const char *server;  /* short name */
	const char *address; /* of this server, "" if not set */
	size_t queue_ids;    /* how many are remembered */
	/* A RECEIVE row whose queue id never becomes active fails after this
	 * time of the log, ms; 0: never. */
	int64_t queue_timeout;

	/* The server of ours behind a relay's host name or address: true and
	 * its full name, g_free. */
	bool (*peer)(void *context, const char *host, char **fqdn_r);
	/* The RECEIVE row of a queue id from before this process: 1 and
	 * *record_r (ph_track_clear), 0, -1. */
	int (*find)(void *context, const char *queue_id,
		    struct ph_track_record *record_r);
	/* Asks for RECEIVE rows that are new: ph_join_received is called for
	 * each. */
	void (*poll)(void *context);
	/* Takes a finished row; it is cleared afterwards. */
	void (*row)(void *context, struct ph_track_record *record);
	void *context;
};

struct ph_join *ph_join_new(const struct ph_join_options *options);
void ph_join_free(struct ph_join **join); /* without writing what is open */

/* Where a row comes from. */
struct ph_join_origin {
	int64_t offset;
	char log_id[PH_UUID_TEXT];
	/* The line's rows were written before: it is only remembered. */
	bool done;
};

/*
 * The log-id of a row: the same whenever the same line of the same server's
 * log is read again, so that readers recognise a row written twice.
 */
void ph_join_log_id(const char *server, int64_t offset, const char *line,
		    char log_id_r[PH_UUID_TEXT]);

void ph_join_line(struct ph_join *join, const struct ph_maillog *line,
		  const struct ph_join_origin *origin);

/* A row of ph_received; the queue id of a RECEIVE row is waited for. */
void ph_join_received(struct ph_join *join, const char *queue_id,
		      const struct ph_track_record *record);

/* Writes transactions that have been quiet for a second, and fails messages
 * that were never queued. now_ms: monotonic. */
void ph_join_tick(struct ph_join *join, int64_t now_ms);
/* Writes all open transactions. */
void ph_join_flush(struct ph_join *join);

/* Offsets of the lines in open transactions; g_array_unref, of int64_t. */
GArray *ph_join_unfinished(const struct ph_join *join);

/* Queue ids that are waited for, in the group [waiting] of a key file. */
void ph_join_load(struct ph_join *join, GKeyFile *keys);
void ph_join_save(const struct ph_join *join, GKeyFile *keys);

#endif
