#include "lib/base/text.h"
#include "tracking/join_private.h"

#include <string.h>

#define INTERNAL_CONNECTOR "Intra-Organization SMTP Send Connector"
/* The documented status of a message that was too long in a queue. */
#define EXPIRED_STATUS "550 4.4.7 QUEUE.Expired; message expired"

/* The first that fits. Handing a message to our own fork or expansion service
 * is no transfer to anybody; they write TRANSFER and EXPAND themselves, because
 * they alone know who the recipients of a copy are. */
static const struct ph_join_route routes[] = {
    {"ph-fork", "/fork.sock", NULL, NULL, "ROUTING"},
    {"ph-expand", "/expand.sock", NULL, NULL, "ROUTING"},
    {NULL, NULL, "smtp", "SEND", "SMTP"},
    {NULL, NULL, "lmtp", "SEND", "SMTP"},
    {NULL, NULL, "error", NULL, "ROUTING"}, /* the transport map said so */
    {NULL, NULL, NULL, NULL, "SMTP"},
};

const struct ph_join_route *
ph_join_route_find(const struct ph_maillog *line, const char *address)
{
	for (const struct ph_join_route *r = routes;; r++) {
		if (r->service && (strcmp(r->service, line->service) == 0 ||
				   g_str_has_suffix(address, r->socket)))
			return r;
		if (!r->service &&
		    (!r->daemon || strcmp(r->daemon, line->daemon) == 0))
			return r;
	}
}

static const char *
first_of(const char *a, const char *b)
{
	return a && *a != '\0' ? a : b ? b : "";
}

static void
set_time(struct ph_track_record *record, enum ph_column column, int64_t ms)
{
	char text[PH_DATE_TEXT];

	ph_format_date(ms, text, sizeof text);
	ph_track_set(record, column, text);
}

/* What the RECEIVE row says stays the same for the whole way on this server.
 */
static void
copy_received(const struct ph_join_entry *entry, struct ph_track_record *record)
{
	static const enum ph_column columns[] = {
	    PH_COL_INTERNAL_MESSAGE_ID, PH_COL_MESSAGE_ID,
	    PH_COL_NETWORK_MESSAGE_ID,	PH_COL_TOTAL_BYTES,
	    PH_COL_MESSAGE_SUBJECT,	PH_COL_SENDER_ADDRESS,
	    PH_COL_RETURN_PATH,		PH_COL_DIRECTIONALITY,
	    PH_COL_TENANT_ID,		PH_COL_ORIGINAL_CLIENT_IP,
	    PH_COL_ORIGINAL_SERVER_IP,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		ph_track_set(record, columns[i],
			     ph_track_get(&entry->received, columns[i]));
	/* Of a copy that was made here: when the message came. */
	ph_track_set(record, PH_COL_MESSAGE_INFO,
		     first_of(entry->received.value[PH_COL_MESSAGE_INFO],
			      entry->received.value[PH_COL_DATE_TIME]));
}

/* What every row of a message has. */
static void
describe(const struct ph_join *join, const struct ph_join_entry *entry,
	 const char *queue_id, const char *log_id,
	 struct ph_track_record *record)
{
	static const struct ph_join_entry unknown = {.queue_id = NULL};

	entry = entry ? entry : &unknown;
	copy_received(entry, record);
	ph_track_set(record, PH_COL_CLIENT_HOSTNAME, join->options.server);
	ph_track_set(record, PH_COL_CLIENT_IP, join->options.address);
	ph_track_set(
	    record, PH_COL_MESSAGE_ID,
	    first_of(record->value[PH_COL_MESSAGE_ID], entry->message_id));
	ph_track_set(
	    record, PH_COL_NETWORK_MESSAGE_ID,
	    first_of(record->value[PH_COL_NETWORK_MESSAGE_ID], entry->nmid));
	/* Rules may have changed the message since it was received. */
	ph_track_set(record, PH_COL_TOTAL_BYTES,
		     first_of(entry->size, record->value[PH_COL_TOTAL_BYTES]));
	if (!record->value[PH_COL_RETURN_PATH] && entry->sender)
		ph_track_set(record, PH_COL_RETURN_PATH,
			     first_of(entry->sender, "<>"));
	if (!record->value[PH_COL_SENDER_ADDRESS])
		ph_track_set(record, PH_COL_SENDER_ADDRESS,
			     record->value[PH_COL_RETURN_PATH]);
	ph_track_set(record, PH_COL_TRANSPORT_TRAFFIC_TYPE, "Email");
	ph_track_setf(record, PH_COL_CUSTOM_DATA, "S:QueueId=%s", queue_id);
	ph_track_set(record, PH_COL_LOG_ID, log_id);
}

static void
set_event(struct ph_track_record *record, const char *source, const char *event)
{
	ph_track_set(record, PH_COL_SOURCE, source);
	ph_track_set(record, PH_COL_EVENT_ID, event);
}

/* The next hop: its name as an administrator knows it when it is ours. */
static void
set_relay(const struct ph_join *join, const struct ph_maillog *line,
	  struct ph_track_record *record)
{
	g_autofree char *host = NULL, *address = NULL, *fqdn = NULL;

	ph_maillog_relay(line->relay, &host, &address);
	if (strchr(address, '/'))
		return; /* a UNIX socket is no host */
	if ((*host != '\0' &&
	     join->options.peer(join->options.context, host, &fqdn)) ||
	    (*address != '\0' &&
	     join->options.peer(join->options.context, address, &fqdn)))
		ph_track_set(record, PH_COL_CONNECTOR_ID, INTERNAL_CONNECTOR);
	ph_track_set(record, PH_COL_SERVER_HOSTNAME, fqdn ? fqdn : host);
	ph_track_set(record, PH_COL_SERVER_IP, address);
}

/* A status is one element of a ';' list. */
static void
append_status(struct ph_track_record *record, const char *text)
{
	g_autofree char *status = g_strdelimit(g_strdup(text), ";", ',');

	ph_track_append(record, PH_COL_RECIPIENT_STATUS, status);
}

/*
 * Exchange's time is when the transaction begins. A log of whole seconds cuts
 * up to one off, so that a fast server would seem to send what it has not yet
 * received.
 */
static int64_t
sent_at(const struct ph_join_entry *entry, const struct ph_maillog *line)
{
	int64_t at = line->time - line->transmission, received = 0;
	const char *text =
	    entry ? ph_track_get(&entry->received, PH_COL_DATE_TIME) : "";

	if (*text == '\0' || ph_parse_date(text, &received, NULL) < 0 ||
	    received - line->time >= 1000)
		return at;
	return MAX(at, received);
}

void
ph_join_row_sent(const struct ph_join *join, const struct ph_join_entry *entry,
		 const struct ph_maillog *line,
		 const struct ph_join_origin *origin, const char *event,
		 const char *source, struct ph_track_record *record_r)
{
	describe(join, entry, line->queue_id, origin->log_id, record_r);
	set_event(record_r, source, event);
	set_time(record_r, PH_COL_DATE_TIME, sent_at(entry, line));
	set_relay(join, line, record_r);
	ph_track_set(record_r, PH_COL_SOURCE_CONTEXT, line->text);
	ph_track_setf(record_r, PH_COL_CUSTOM_DATA,
		      "S:QueueId=%s;S:E2ELatency=%s", line->queue_id,
		      line->delay);
}

void
ph_join_row_recipient(struct ph_track_record *record,
		      const struct ph_maillog *line)
{
	ph_track_append(record, PH_COL_RECIPIENT_ADDRESS, line->recipient);
	append_status(record, line->text);
}

void
ph_join_row_failed(const struct ph_join *join,
		   const struct ph_join_entry *entry,
		   const struct ph_maillog *line,
		   const struct ph_join_origin *origin, const char *event,
		   struct ph_track_record *record_r)
{
	g_autofree char *host = NULL, *address = NULL;

	ph_maillog_relay(line->relay, &host, &address);
	describe(join, entry, line->queue_id, origin->log_id, record_r);
	set_event(record_r, ph_join_route_find(line, address)->source, event);
	set_time(record_r, PH_COL_DATE_TIME, line->time);
	set_relay(join, line, record_r);
	ph_track_append(record_r, PH_COL_RECIPIENT_ADDRESS, line->recipient);
	append_status(record_r, line->text);
	ph_track_set(record_r, PH_COL_RECIPIENT_COUNT, "1");
	ph_track_set(record_r, PH_COL_RELATED_RECIPIENT_ADDRESS,
		     line->orig_recipient);
}

/* Recipients with one status each. */
static void
set_recipients(struct ph_track_record *record, const char *list,
	       const char *status)
{
	g_auto(GStrv) recipients = g_strsplit(list, ";", 0);
	size_t n = 0;

	ph_track_set(record, PH_COL_RECIPIENT_ADDRESS, list);
	for (; recipients[n]; n++)
		append_status(record, status);
	ph_track_setf(record, PH_COL_RECIPIENT_COUNT, "%zu", n);
}

/* The queue manager names no recipients: they are those that were deferred
 * last, else all that were received. */
void
ph_join_row_expired(const struct ph_join *join,
		    const struct ph_join_entry *entry,
		    const struct ph_maillog *line,
		    const struct ph_join_origin *origin,
		    struct ph_track_record *record_r)
{
	g_autoptr(GList) keys = NULL;
	g_autoptr(GString) list = g_string_new(NULL);

	describe(join, entry, line->queue_id, origin->log_id, record_r);
	set_event(record_r, "QUEUE", "FAIL");
	set_time(record_r, PH_COL_DATE_TIME, line->time);
	ph_track_set(record_r, PH_COL_SOURCE_CONTEXT, line->status);
	if (entry && entry->deferred)
		keys = g_list_sort(g_hash_table_get_keys(entry->deferred),
				   (GCompareFunc)strcmp);
	for (GList *l = keys; l; l = l->next)
		g_string_append_printf(list, "%s%s", list->len > 0 ? ";" : "",
				       (const char *)l->data);
	if (list->len == 0 && entry)
		g_string_assign(list, ph_track_get(&entry->received,
						   PH_COL_RECIPIENT_ADDRESS));
	set_recipients(record_r, list->str, EXPIRED_STATUS);
}

/* The row of the notification, which refers to the message it is about. */
void
ph_join_row_dsn(const struct ph_join *join, const struct ph_join_entry *entry,
		const struct ph_join_entry *dsn, const struct ph_maillog *line,
		const struct ph_join_origin *origin,
		struct ph_track_record *record_r)
{
	struct ph_track_record about = {{NULL}};
	const char *to;

	describe(join, entry, line->queue_id, origin->log_id, &about);
	describe(join, dsn, line->other_id, origin->log_id, record_r);
	set_event(record_r, "DSN", "DSN");
	set_time(record_r, PH_COL_DATE_TIME, line->time);
	ph_track_set(record_r, PH_COL_SOURCE_CONTEXT, line->status);
	ph_track_set(record_r, PH_COL_REFERENCE,
		     ph_track_get(&about, PH_COL_MESSAGE_ID));
	ph_track_set(record_r, PH_COL_RETURN_PATH, "<>");
	ph_track_set(record_r, PH_COL_SENDER_ADDRESS, "<>");
	to = ph_track_get(&about, PH_COL_RETURN_PATH);
	if (strcmp(to, "<>") != 0 && *to != '\0') {
		ph_track_set(record_r, PH_COL_RECIPIENT_ADDRESS, to);
		ph_track_set(record_r, PH_COL_RECIPIENT_COUNT, "1");
	}
	ph_track_clear(&about);
}

void
ph_join_row_unqueued(const struct ph_join *join,
		     const struct ph_join_entry *entry,
		     struct ph_track_record *record_r)
{
	char log_id[PH_UUID_TEXT];

	ph_join_log_id(join->options.server, entry->received_at,
		       entry->queue_id, log_id);
	describe(join, entry, entry->queue_id, log_id, record_r);
	set_event(record_r, "QUEUE", "FAIL");
	set_time(record_r, PH_COL_DATE_TIME, join->log_time);
	ph_track_setf(
	    record_r, PH_COL_SOURCE_CONTEXT,
	    "queue id %s was not seen in the queue within %" G_GINT64_FORMAT
	    " seconds; the client was not told that it was taken, or "
	    "the queue file was lost",
	    entry->queue_id, join->options.queue_timeout / 1000);
	set_recipients(record_r,
		       ph_track_get(&entry->received, PH_COL_RECIPIENT_ADDRESS),
		       "451 4.3.0 message was not queued");
}
