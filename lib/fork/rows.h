#ifndef PH_FORK_ROWS_H
#define PH_FORK_ROWS_H

#include "lib/fork/plan.h"
#include "lib/fork/report.h"
#include "lib/message/headers.h"
#include "lib/track/log.h"

#include <glib.h>
#include <stdint.h>

/*
 * Tracking rows of what was made of a message. posthub-tracking takes TRANSFER
 * and DSN for what is known of the queue id in their custom-data, as it takes
 * RECEIVE for that of the message; so they are written as soon as that queue
 * id is known. A row that cannot be written is logged, and the mail goes on.
 */
struct ph_fork_rows {
	struct ph_track_log *track; /* NULL: none are written */
	const char *server;	    /* short name */
	const char *address;	    /* of it, or "" */
	const struct ph_plan *plan;
	struct ph_headers *headers; /* of the message as it came */
};

/* TRANSFER: these recipients (const char *) are in the copy of that queue id.
 */
void ph_fork_row_transfer(const struct ph_fork_rows *rows,
			  const struct ph_plan_group *group,
			  const GPtrArray *recipients, const char *queue_id,
			  const char *answer, uint64_t size);

/*
 * A row of source ROUTING before there are copies: these recipients
 * (const char *) came out of that address, which is beside them
 * (facts/exchange-tracking.md section 3). The same row when it is written
 * again.
 */
void ph_fork_row_routing(const struct ph_fork_rows *rows, const char *event,
			 const char *from, const GPtrArray *recipients);

/* FAIL of those in the report. source says who refused them: "AGENT" with the
 * agent's name, "ROUTING", "SMTP" the server behind us. The same row when it is
 * written again. */
void ph_fork_row_fail(const struct ph_fork_rows *rows,
		      const struct ph_report *report, const char *source,
		      const char *agent, const char *dsn_id);

/* DSN: the report, under that queue id. */
void ph_fork_row_dsn(const struct ph_fork_rows *rows,
		     const struct ph_report_text *report, const char *queue_id,
		     uint64_t size);

#endif
