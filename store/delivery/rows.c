#include "store/delivery/rows.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/message/nmid.h"

#include <glib.h>
#include <inttypes.h>

static const struct {
	const char *source, *event;
} kinds[] = {
    [PH_ROW_RECEIVE] = {"SMTP", "RECEIVE"},
    [PH_ROW_DELIVER] = {"STOREDRIVER", "DELIVER"},
    [PH_ROW_DUPLICATE] = {"STOREDRIVER", "DUPLICATEDELIVER"},
    [PH_ROW_SEND] = {"SMTP", "SEND"},
};

/* What X-PostHub-AuthAs says about where a message comes from. */
static const struct {
	const char *auth_as, *directionality;
} directions[] = {
    {"Internal", "Originating"},
    {"Anonymous", "Incoming"},
    {"External", "Incoming"},
    {"Partner", "Incoming"},
};

static const char *
directionality(struct ph_headers *headers)
{
	const char *auth_as = ph_headers_text(headers, PH_HEADER_AUTH_AS, 0);

	for (size_t i = 0; auth_as && i < G_N_ELEMENTS(directions); i++)
		if (g_ascii_strcasecmp(auth_as, directions[i].auth_as) == 0)
			return directions[i].directionality;
	return "Undefined";
}

static void
set_sender(struct ph_track_record *record, const struct ph_row_facts *facts)
{
	g_autofree char *sender = ph_headers_sender(facts->headers);

	ph_track_set_sender(record, sender, facts->reverse_path);
}

/* What all rows of a message have in common. */
static void
set_message(struct ph_track_record *record, const struct ph_row_facts *facts,
	    const char *const *recipients)
{
	size_t n;

	ph_track_setf(record, PH_COL_INTERNAL_MESSAGE_ID, "%" PRIu64,
		      facts->id);
	ph_track_set(record, PH_COL_MESSAGE_ID,
		     ph_headers_text(facts->headers, "Message-ID", 0));
	ph_track_set(record, PH_COL_NETWORK_MESSAGE_ID, facts->nmid);
	for (n = 0; recipients[n]; n++)
		ph_track_append(record, PH_COL_RECIPIENT_ADDRESS,
				recipients[n]);
	ph_track_setf(record, PH_COL_RECIPIENT_COUNT, "%zu", n);
	ph_track_setf(record, PH_COL_TOTAL_BYTES, "%" PRIu64, facts->size);
	ph_track_set(record, PH_COL_MESSAGE_SUBJECT,
		     ph_headers_text(facts->headers, "Subject", 0));
	set_sender(record, facts);
	ph_track_set(record, PH_COL_DIRECTIONALITY,
		     directionality(facts->headers));
	ph_track_set(record, PH_COL_ORIGINAL_CLIENT_IP,
		     ph_headers_text(facts->headers, PH_HEADER_CLIENT_IP, 0));
	ph_track_set(record, PH_COL_ORIGINAL_SERVER_IP,
		     ph_headers_text(facts->headers, PH_HEADER_SERVER_IP, 0));
	ph_track_set(record, PH_COL_TRANSPORT_TRAFFIC_TYPE, "Email");
}

static void
set_receive(struct ph_track_record *record, const struct ph_row_facts *facts)
{
	char connected[PH_DATE_TEXT];

	ph_format_date(facts->connected, connected, sizeof(connected));
	ph_track_set(record, PH_COL_CLIENT_IP, facts->client_address);
	ph_track_set(record, PH_COL_CLIENT_HOSTNAME, facts->client);
	ph_track_setf(record, PH_COL_SOURCE_CONTEXT, "%s;%s;0", facts->session,
		      connected);
	ph_track_setf(record, PH_COL_CONNECTOR_ID,
		      "%s\\Default Mailbox Delivery %s", facts->server,
		      facts->server);
	if (*facts->queue_id)
		ph_track_setf(record, PH_COL_CUSTOM_DATA, "S:QueueId=%s",
			      facts->queue_id);
}

static void
set_deliver(struct ph_track_record *record, const struct ph_row_facts *facts)
{
	char received[PH_DATE_TEXT];

	ph_format_date(facts->received, received, sizeof(received));
	ph_track_set(record, PH_COL_CLIENT_IP, facts->server_address);
	ph_track_set(record, PH_COL_CLIENT_HOSTNAME, facts->server);
	ph_track_setf(record, PH_COL_SOURCE_CONTEXT,
		      "%s;%s;ClientSubmitTime:", facts->session, received);
	ph_track_setf(record, PH_COL_MESSAGE_INFO, "%s;SRV=%s:TOTAL-DEL=%.3f",
		      received, facts->server,
		      (double)(facts->stored - facts->received) / 1000);
}

static void
set_send(struct ph_track_record *record, const struct ph_row_facts *facts)
{
	char received[PH_DATE_TEXT];

	ph_format_date(facts->received, received, sizeof(received));
	ph_track_set(record, PH_COL_CLIENT_IP, facts->server_address);
	ph_track_set(record, PH_COL_CLIENT_HOSTNAME, facts->server);
	ph_track_set(record, PH_COL_SERVER_IP, facts->peer_address);
	ph_track_set(record, PH_COL_SERVER_HOSTNAME, facts->peer);
	ph_track_set(record, PH_COL_SOURCE_CONTEXT, "Rerouted");
	ph_track_set(record, PH_COL_CONNECTOR_ID,
		     "Intra-Organization SMTP Send Connector");
	ph_track_set(record, PH_COL_MESSAGE_INFO, received);
}

/* What differs between the rows. */
static void (*const setters[])(struct ph_track_record *record,
			       const struct ph_row_facts *facts) = {
    [PH_ROW_RECEIVE] = set_receive,
    [PH_ROW_DELIVER] = set_deliver,
    [PH_ROW_DUPLICATE] = set_deliver,
    [PH_ROW_SEND] = set_send,
};

static void
clear_record(gpointer record)
{
	ph_track_clear(record);
}

GArray *
ph_rows_new(void)
{
	GArray *rows =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_track_record));

	g_array_set_clear_func(rows, clear_record);
	return rows;
}

void
ph_rows_add(GArray *rows, enum ph_row row, const struct ph_row_facts *facts,
	    const char *const *recipients)
{
	struct ph_track_record record = {{NULL}};
	char date[PH_DATE_TEXT];

	if (!recipients[0])
		return;
	ph_format_date(row == PH_ROW_RECEIVE ? facts->received : facts->stored,
		       date, sizeof(date));
	ph_track_set(&record, PH_COL_DATE_TIME, date);
	ph_track_set(&record, PH_COL_SOURCE, kinds[row].source);
	ph_track_set(&record, PH_COL_EVENT_ID, kinds[row].event);
	ph_track_set(&record, PH_COL_SERVER_IP, facts->server_address);
	ph_track_set(&record, PH_COL_SERVER_HOSTNAME, facts->server);
	set_message(&record, facts, recipients);
	setters[row](&record, facts);
	g_array_append_val(rows, record);
}

void
ph_rows_write(GArray *rows, struct ph_track_log *log, const char *queue_id)
{
	struct ph_err err = PH_ERR_INIT;

	if (ph_track_log_write_rows(log, (struct ph_track_record *)rows->data,
				    rows->len, &err) < 0)
		ph_log(PH_LOG_WARN, queue_id, "tracking row lost: %s",
		       err.text);
}
