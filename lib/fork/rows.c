#include "lib/fork/rows.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/message/nmid.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static void
write_row(const struct ph_fork_rows *rows, struct ph_track_record *row)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_track_log_write(rows->track, row, &err) < 0)
		ph_log(PH_LOG_WARN, rows->plan->queue_id,
		       "tracking row lost: %s", err.text);
	ph_track_clear(row);
}

static void
set_event(const struct ph_fork_rows *rows, struct ph_track_record *row,
	  const char *source, const char *event)
{
	char created[PH_DATE_TEXT];

	ph_format_date(rows->plan->created, created, sizeof(created));
	ph_track_set(row, PH_COL_SOURCE, source);
	ph_track_set(row, PH_COL_EVENT_ID, event);
	ph_track_set(row, PH_COL_CLIENT_HOSTNAME, rows->server);
	ph_track_set(row, PH_COL_CLIENT_IP, rows->address);
	ph_track_set(row, PH_COL_MESSAGE_INFO, created);
	ph_track_set(row, PH_COL_TRANSPORT_TRAFFIC_TYPE, "Email");
}

static void
set_sender(const struct ph_fork_rows *rows, struct ph_track_record *row)
{
	g_autofree char *sender = ph_headers_sender(rows->headers);

	ph_track_set_sender(row, sender, rows->plan->sender);
}

/* What the milter wrote into the message tells what its RECEIVE row says. */
static void
set_message(const struct ph_fork_rows *rows, struct ph_track_record *row)
{
	const char *as = ph_headers_raw(rows->headers, PH_HEADER_AUTH_AS, 0);

	ph_track_set(row, PH_COL_MESSAGE_ID, rows->plan->message_id);
	ph_track_set(row, PH_COL_NETWORK_MESSAGE_ID, rows->plan->nmid);
	ph_track_set(row, PH_COL_MESSAGE_SUBJECT, rows->plan->subject);
	ph_track_set(row, PH_COL_DIRECTIONALITY,
		     as != NULL && strcasecmp(as, "Internal") == 0
			 ? "Originating"
			 : "Incoming");
	ph_track_set(row, PH_COL_ORIGINAL_CLIENT_IP,
		     ph_headers_raw(rows->headers, PH_HEADER_CLIENT_IP, 0));
	set_sender(rows, row);
}

/* A status is one element of a ';' list. */
static void
append_recipient(struct ph_track_record *row, const char *address,
		 const char *status)
{
	g_autofree char *one = g_strdelimit(g_strdup(status), ";", ',');

	ph_track_append(row, PH_COL_RECIPIENT_ADDRESS, address);
	ph_track_append(row, PH_COL_RECIPIENT_STATUS, one);
}

static void
set_queue_id(struct ph_track_record *row, const char *queue_id)
{
	if (*queue_id != '\0')
		ph_track_setf(row, PH_COL_CUSTOM_DATA, "S:QueueId=%s",
			      queue_id);
}

/* A rule may have changed it for this copy. */
static void
set_subject(struct ph_track_record *row, const struct ph_plan_group *group)
{
	for (guint i = 0; i < group->headers->len; i++) {
		const struct ph_plan_header *header = group->headers->pdata[i];
		g_autofree char *text = NULL;

		if (strcasecmp(header->name, "Subject") != 0)
			continue;
		if (header->values->len > 0)
			text = ph_header_decode(header->values->pdata[0]);
		ph_track_set(row, PH_COL_MESSAGE_SUBJECT, text);
		return;
	}
}

void
ph_fork_row_transfer(const struct ph_fork_rows *rows,
		     const struct ph_plan_group *group,
		     const GPtrArray *recipients, const char *queue_id,
		     const char *answer, uint64_t size)
{
	struct ph_track_record row = {{NULL}};

	if (rows->track == NULL)
		return;
	set_event(rows, &row, "ROUTING", "TRANSFER");
	set_message(rows, &row);
	set_subject(&row, group);
	for (guint i = 0; i < recipients->len; i++)
		append_recipient(&row, recipients->pdata[i], answer);
	ph_track_setf(&row, PH_COL_RECIPIENT_COUNT, "%u", recipients->len);
	ph_track_setf(&row, PH_COL_TOTAL_BYTES, "%" PRIu64, size);
	ph_track_set(&row, PH_COL_REFERENCE, rows->plan->queue_id);
	set_queue_id(&row, queue_id);
	write_row(rows, &row);
}

/* Made of what the row is about, so that readers know it again. */
static void
set_log_id(struct ph_track_record *row, const char *about)
{
	g_autofree char *text = g_strconcat(
	    about, "\n", ph_track_get(row, PH_COL_RECIPIENT_ADDRESS), NULL);
	char id[PH_UUID_TEXT];

	ph_uuid_from_text(text, id);
	ph_track_set(row, PH_COL_LOG_ID, id);
}

void
ph_fork_row_routing(const struct ph_fork_rows *rows, const char *event,
		    const char *from, const GPtrArray *recipients)
{
	struct ph_track_record row = {{NULL}};
	g_autofree char *about = g_strdup_printf(
	    "%s\n%s\n%s\n%s", event, rows->plan->id, rows->plan->nmid, from);

	if (rows->track == NULL)
		return;
	set_event(rows, &row, "ROUTING", event);
	set_message(rows, &row);
	for (guint i = 0; i < recipients->len; i++)
		ph_track_append(&row, PH_COL_RECIPIENT_ADDRESS,
				recipients->pdata[i]);
	ph_track_setf(&row, PH_COL_RECIPIENT_COUNT, "%u", recipients->len);
	ph_track_setf(&row, PH_COL_TOTAL_BYTES, "%" PRIu64, rows->plan->size);
	ph_track_set(&row, PH_COL_RELATED_RECIPIENT_ADDRESS, from);
	set_log_id(&row, about);
	write_row(rows, &row);
}

void
ph_fork_row_fail(const struct ph_fork_rows *rows,
		 const struct ph_report *report, const char *source,
		 const char *agent, const char *dsn_id)
{
	struct ph_track_record row = {{NULL}};
	g_autofree char *about = NULL;

	if (rows->track == NULL)
		return;
	set_event(rows, &row, source, "FAIL");
	set_message(rows, &row);
	ph_track_set(&row, PH_COL_SOURCE_CONTEXT, agent);
	for (guint i = 0; i < report->recipients->len; i++) {
		const struct ph_report_recipient *r = &g_array_index(
		    report->recipients, struct ph_report_recipient, i);
		g_autofree char *status =
		    g_strdup_printf("%s %s%s%s", r->code, r->enhanced,
				    *r->enhanced != '\0' ? " " : "", r->text);

		append_recipient(&row, r->recipient->address, status);
	}
	ph_track_setf(&row, PH_COL_RECIPIENT_COUNT, "%u",
		      report->recipients->len);
	ph_track_setf(&row, PH_COL_TOTAL_BYTES, "%" PRIu64, rows->plan->size);
	ph_track_set(&row, PH_COL_REFERENCE, dsn_id);
	about = g_strconcat("fail\n", report->token, NULL);
	set_log_id(&row, about);
	write_row(rows, &row);
}

void
ph_fork_row_dsn(const struct ph_fork_rows *rows,
		const struct ph_report_text *report, const char *queue_id,
		uint64_t size)
{
	struct ph_track_record row = {{NULL}};

	if (rows->track == NULL)
		return;
	set_event(rows, &row, "DSN", "DSN");
	ph_track_set(&row, PH_COL_MESSAGE_ID, report->message_id);
	ph_track_set(&row, PH_COL_NETWORK_MESSAGE_ID, report->nmid);
	ph_track_set(&row, PH_COL_MESSAGE_SUBJECT, report->subject);
	ph_track_set(&row, PH_COL_SENDER_ADDRESS, "<>");
	ph_track_set(&row, PH_COL_RETURN_PATH, "<>");
	ph_track_set(&row, PH_COL_DIRECTIONALITY, "Originating");
	ph_track_set(&row, PH_COL_RECIPIENT_ADDRESS, rows->plan->sender);
	ph_track_set(&row, PH_COL_RECIPIENT_COUNT, "1");
	ph_track_setf(&row, PH_COL_TOTAL_BYTES, "%" PRIu64, size);
	ph_track_set(&row, PH_COL_REFERENCE, rows->plan->message_id);
	set_queue_id(&row, queue_id);
	write_row(rows, &row);
}
