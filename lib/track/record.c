#include "lib/track/record.h"

#include <stdarg.h>

const struct ph_track_column ph_track_columns[PH_COLUMNS] = {
    [PH_COL_DATE_TIME] = {"date-time", "Timestamp", "when, in UTC"},
    [PH_COL_CLIENT_IP] = {"client-ip", "ClientIp",
			  "address of the host that handed the message over"},
    [PH_COL_CLIENT_HOSTNAME] = {"client-hostname", "ClientHostname",
				"host that handed the message over"},
    [PH_COL_SERVER_IP] = {"server-ip", "ServerIp",
			  "address of the host that took the message"},
    [PH_COL_SERVER_HOSTNAME] = {"server-hostname", "ServerHostname",
				"host that took the message"},
    [PH_COL_SOURCE_CONTEXT] = {"source-context", "SourceContext",
			       "what the source adds: a reply, an agent"},
    [PH_COL_CONNECTOR_ID] = {"connector-id", "ConnectorId",
			     "receive or send connector"},
    [PH_COL_SOURCE] = {"source", "Source",
		       "component: SMTP, STOREDRIVER, AGENT, DSN, ROUTING"},
    [PH_COL_EVENT_ID] = {"event-id", "EventId",
			 "what happened: RECEIVE, SEND, DELIVER, DEFER, FAIL"},
    [PH_COL_INTERNAL_MESSAGE_ID] = {"internal-message-id", "InternalMessageId",
				    "number of the message on this server"},
    [PH_COL_MESSAGE_ID] = {"message-id", "MessageId", "Message-ID header"},
    [PH_COL_NETWORK_MESSAGE_ID] = {"network-message-id", "NetworkMessageId",
				   "the same on every server and in each copy"},
    [PH_COL_RECIPIENT_ADDRESS] = {"recipient-address", "Recipients",
				  "recipients, separated by semicolons"},
    [PH_COL_RECIPIENT_STATUS] = {"recipient-status", "RecipientStatus",
				 "a status for each recipient, in their order"},
    [PH_COL_TOTAL_BYTES] = {"total-bytes", "TotalBytes", "size in bytes"},
    [PH_COL_RECIPIENT_COUNT] = {"recipient-count", "RecipientCount",
				"how many recipients"},
    [PH_COL_RELATED_RECIPIENT_ADDRESS] = {"related-recipient-address",
					  "RelatedRecipientAddress",
					  "the group or the address before"},
    [PH_COL_REFERENCE] = {"reference", "Reference",
			  "another message, such as the one a DSN is about"},
    [PH_COL_MESSAGE_SUBJECT] = {"message-subject", "MessageSubject",
				"Subject header"},
    [PH_COL_SENDER_ADDRESS] = {"sender-address", "Sender",
			       "Sender header, else From header"},
    [PH_COL_RETURN_PATH] = {"return-path", "ReturnPath",
			    "address of MAIL FROM, <> when it was null"},
    [PH_COL_MESSAGE_INFO] = {"message-info", "MessageInfo",
			     "origin time and marks"},
    [PH_COL_DIRECTIONALITY] = {"directionality", "Directionality",
			       "Incoming, Originating or Undefined"},
    [PH_COL_TENANT_ID] = {"tenant-id", "TenantId", "always empty"},
    [PH_COL_ORIGINAL_CLIENT_IP] = {"original-client-ip", "OriginalClientIp",
				   "client of the first server"},
    [PH_COL_ORIGINAL_SERVER_IP] = {"original-server-ip", "OriginalServerIp",
				   "address of the first server"},
    [PH_COL_CUSTOM_DATA] = {"custom-data", "CustomData",
			    "what agents add: S:name=value;..."},
    [PH_COL_TRANSPORT_TRAFFIC_TYPE] = {"transport-traffic-type",
				       "TransportTrafficType",
				       "Email or empty"},
    [PH_COL_LOG_ID] = {"log-id", "LogId", "UUID of the row"},
    [PH_COL_SCHEMA_VERSION] = {"schema-version", "SchemaVersion",
			       "version of the program that wrote the row"},
};

/* Takes the value; "" is none. */
static void
put(struct ph_track_record *record, enum ph_column column, char *value)
{
	if (value && *value == '\0')
		g_clear_pointer(&value, g_free);
	g_free(record->value[column]);
	record->value[column] = value;
}

void
ph_track_set(struct ph_track_record *record, enum ph_column column,
	     const char *value)
{
	put(record, column, g_strdup(value));
}

void
ph_track_setf(struct ph_track_record *record, enum ph_column column,
	      const char *format, ...)
{
	char *value;
	va_list ap;

	va_start(ap, format);
	value = g_strdup_vprintf(format, ap);
	va_end(ap);
	put(record, column, value);
}

const char *
ph_track_get(const struct ph_track_record *record, enum ph_column column)
{
	return record->value[column] ? record->value[column] : "";
}

/* A list whose first element is empty is "" and not NULL, so that recipients
 * and their status stay in step. */
void
ph_track_append(struct ph_track_record *record, enum ph_column column,
		const char *value)
{
	char *old = record->value[column];

	record->value[column] = old ? g_strconcat(old, ";", value, NULL)
				    : g_strdup(value ? value : "");
	g_free(old);
}

void
ph_track_set_sender(struct ph_track_record *record, const char *sender,
		    const char *reverse_path)
{
	ph_track_set(record, PH_COL_SENDER_ADDRESS,
		     sender ? sender : reverse_path);
	ph_track_set(record, PH_COL_RETURN_PATH,
		     *reverse_path != '\0' ? reverse_path : "<>");
}

void
ph_track_clear(struct ph_track_record *record)
{
	for (size_t i = 0; i < PH_COLUMNS; i++)
		g_clear_pointer(&record->value[i], g_free);
}

int
ph_track_column_find(const char *name)
{
	for (int i = 0; i < PH_COLUMNS; i++)
		if (g_ascii_strcasecmp(name, ph_track_columns[i].name) == 0 ||
		    g_ascii_strcasecmp(name, ph_track_columns[i].property) == 0)
			return i;
	return -1;
}
