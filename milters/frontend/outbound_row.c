#include "milters/frontend/outbound.h"

#include "lib/base/log.h"
#include "lib/message/nmid.h"

#include <inttypes.h>

static void
set_text(struct ph_track_record *row, enum ph_column column,
	 struct ph_mail *mail, const char *header)
{
	const char *text = ph_headers_text(mail->headers, header, 0);
	g_autofree char *tidy = g_strdup(text != NULL ? text : "");

	ph_track_set(row, column, g_strstrip(tidy));
}

static void
set_sender(struct ph_track_record *row, struct ph_mail *mail)
{
	g_autofree char *sender = ph_headers_sender(mail->headers);

	ph_track_set_sender(row, sender, mail->sender);
}

static void
set_message(struct ph_track_record *row, struct ph_mail *mail)
{
	const struct ph_recipient *recipient = mail->recipients->pdata[0];

	set_text(row, PH_COL_MESSAGE_ID, mail, "Message-ID");
	set_text(row, PH_COL_NETWORK_MESSAGE_ID, mail, PH_HEADER_NMID);
	set_text(row, PH_COL_MESSAGE_SUBJECT, mail, "Subject");
	set_text(row, PH_COL_ORIGINAL_CLIENT_IP, mail, PH_HEADER_CLIENT_IP);
	set_text(row, PH_COL_ORIGINAL_SERVER_IP, mail, PH_HEADER_SERVER_IP);
	set_sender(row, mail);
	ph_track_set(row, PH_COL_RECIPIENT_ADDRESS, recipient->given);
	ph_track_set(row, PH_COL_RECIPIENT_COUNT, "1");
	ph_track_setf(row, PH_COL_TOTAL_BYTES, "%" PRIu64, mail->size);
	ph_track_set(row, PH_COL_DIRECTIONALITY, "Originating");
	ph_track_set(row, PH_COL_TRANSPORT_TRAFFIC_TYPE, "Email");
}

void
ph_outbound_row(const struct ph_frontend *frontend, struct ph_mail *mail,
		const struct ph_way *way, const struct ph_remote *remote,
		const char *answer)
{
	struct ph_track_record row = {{NULL}};
	struct ph_err err = PH_ERR_INIT;

	if (frontend->outbound.track == NULL)
		return;
	set_message(&row, mail);
	ph_track_set(&row, PH_COL_SOURCE, "SMTP");
	ph_track_set(&row, PH_COL_EVENT_ID, "SEND");
	ph_track_set(&row, PH_COL_CLIENT_IP, frontend->address);
	ph_track_set(&row, PH_COL_CLIENT_HOSTNAME, frontend->server);
	ph_track_set(&row, PH_COL_SERVER_IP, remote->address);
	ph_track_set(&row, PH_COL_SERVER_HOSTNAME, remote->host);
	ph_track_set(&row, PH_COL_SOURCE_CONTEXT, answer);
	ph_track_set(&row, PH_COL_RECIPIENT_STATUS, answer);
	ph_track_set(&row, PH_COL_CONNECTOR_ID, ph_object_name(way->connector));
	if (ph_track_log_write(frontend->outbound.track, &row, &err) < 0)
		ph_log(PH_LOG_WARN, mail->queue_id, "tracking row lost: %s",
		       err.text);
	ph_track_clear(&row);
}
