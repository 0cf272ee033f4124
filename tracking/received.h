#ifndef PH_TRACKING_RECEIVED_H
#define PH_TRACKING_RECEIVED_H

#include "lib/base/err.h"
#include "lib/track/record.h"

#include <glib.h>

/*
 * The RECEIVE rows that this server's own Transport service wrote to the
 * MSGTRK files, and the TRANSFER and DSN rows of the copies and notifications
 * that it made, by the queue id in their custom-data: what is known about a
 * message whose queue id Postfix logs. Rows are read as they are written;
 * those of earlier days are searched for. Not thread-safe.
 */
struct ph_received;

struct ph_received *ph_received_new(const char *directory);
void ph_received_free(struct ph_received **received);

/* Where reading goes on, in the group [rows] of a key file. */
void ph_received_load(struct ph_received *received, GKeyFile *keys);
/*
 * From now on: files that are there are read from where they were left, or
 * from their end when nothing was loaded; files that come are read whole.
 * Without it the first poll begins. 0 or -1 TEMP.
 */
int ph_received_begin(struct ph_received *received, struct ph_err *err);
void ph_received_save(const struct ph_received *received, GKeyFile *keys);

/* Hands what was written since the last call to visit. 0 or -1 TEMP. */
int ph_received_poll(struct ph_received *received,
		     void (*visit)(void *context, const char *queue_id,
				   struct ph_track_record *record),
		     void *context, struct ph_err *err);

/* The newest row of that queue id of the last two days before the first call:
 * 1 and *record_r (ph_track_clear), 0, -1 TEMP. That call reads these files. */
int ph_received_find(struct ph_received *received, const char *queue_id,
		     struct ph_track_record *record_r, struct ph_err *err);

/* The queue id of such a row of this server, g_free; NULL: it is another
 * row. */
char *ph_received_queue_id(const struct ph_track_record *record);

#endif
