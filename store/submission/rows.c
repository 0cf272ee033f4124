#include "store/submission/rows.h"

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/track/record.h"

#include <inttypes.h>
#include <string.h>

static const char *const events[] = {
    [PH_SUBMISSION_RECEIVE] = "RECEIVE",
    [PH_SUBMISSION_SUBMIT] = "SUBMIT",
    [PH_SUBMISSION_DEFER] = "SUBMITDEFER",
    [PH_SUBMISSION_FAIL] = "SUBMITFAIL",
};

static const char *
status_of(enum ph_submission_row row, const struct ph_submission_facts *facts,
	  const struct ph_rcpt *rcpt)
{
	switch (row) {
	case PH_SUBMISSION_RECEIVE:
		return rcpt->kind;
	case PH_SUBMISSION_SUBMIT:
		return NULL;
	case PH_SUBMISSION_DEFER:
	case PH_SUBMISSION_FAIL:
		return *rcpt->reply != '\0' ? rcpt->reply : facts->reason;
	}
	return NULL;
}

/* A list is separated by ';', which a server's words may hold. */
static void
append_status(struct ph_track_record *record, const char *status)
{
	g_autofree char *text = g_strdup(status);

	ph_track_append(record, PH_COL_RECIPIENT_STATUS,
			g_strdelimit(text, ";\n", ' '));
}

static void
set_recipients(struct ph_track_record *record, enum ph_submission_row row,
	       const struct ph_submission_facts *facts, const GPtrArray *rcpts)
{
	for (guint i = 0; i < rcpts->len; i++) {
		const struct ph_rcpt *rcpt = rcpts->pdata[i];
		const char *status = status_of(row, facts, rcpt);

		ph_track_append(record, PH_COL_RECIPIENT_ADDRESS,
				rcpt->address);
		if (status != NULL)
			append_status(record, status);
	}
	/* Nobody was named: the reason still belongs where it is looked for. */
	if (rcpts->len == 0 && *facts->reason != '\0')
		append_status(record, facts->reason);
	ph_track_setf(record, PH_COL_RECIPIENT_COUNT, "%u", rcpts->len);
}

static void
set_letter(struct ph_track_record *record, const struct ph_letter *letter,
	   const char *primary)
{
	g_autofree char *sender = ph_headers_sender(letter->headers);
	g_autofree char *id =
	    g_strdup(ph_headers_text(letter->headers, "Message-ID", 0));

	ph_track_set(record, PH_COL_SENDER_ADDRESS,
		     sender != NULL ? sender : primary);
	ph_track_set(record, PH_COL_MESSAGE_ID,
		     id != NULL ? g_strstrip(id) : NULL);
	ph_track_set(record, PH_COL_MESSAGE_SUBJECT,
		     ph_headers_text(letter->headers, "Subject", 0));
	ph_track_setf(record, PH_COL_TOTAL_BYTES, "%" PRIu64, letter->size);
}

static void
set_context(struct ph_track_record *record,
	    const struct ph_submission_facts *facts)
{
	char created[PH_DATE_TEXT];

	ph_format_date(facts->state->created, created, sizeof(created));
	ph_track_setf(record, PH_COL_SOURCE_CONTEXT,
		      "MDB:%s, Mailbox:%s, Event:%" PRIu64
		      ", MessageClass:IPM.Note, CreationTime:%s, "
		      "ClientType:User",
		      facts->database, facts->state->sender, facts->state->id,
		      created);
}

/* Where the message comes from and goes to: from the mailbox by its server's
 * full name to the service, from the service to Transport by its full name. */
static void
set_hosts(struct ph_track_record *record, enum ph_submission_row row,
	  const struct ph_submission_facts *facts)
{
	const struct ph_submission *submission = facts->submission;
	bool receive = row == PH_SUBMISSION_RECEIVE;
	bool submit = row == PH_SUBMISSION_SUBMIT;

	ph_track_set(record, PH_COL_CLIENT_IP, submission->address);
	ph_track_set(record, PH_COL_CLIENT_HOSTNAME,
		     receive ? facts->fqdn : submission->server);
	if (receive) {
		ph_track_set(record, PH_COL_SERVER_IP, submission->address);
		ph_track_set(record, PH_COL_SERVER_HOSTNAME,
			     submission->server);
	} else if (submit) {
		ph_track_set(record, PH_COL_SERVER_IP, facts->to_address);
		ph_track_set(record, PH_COL_SERVER_HOSTNAME, facts->to);
	}
}

void
ph_submission_row(enum ph_submission_row row,
		  const struct ph_submission_facts *facts,
		  const GPtrArray *rcpts)
{
	const struct ph_item_state *state = facts->state;
	struct ph_track_record record = {{NULL}};
	struct ph_err err = PH_ERR_INIT;

	ph_track_set(&record, PH_COL_SOURCE, "STOREDRIVER");
	ph_track_set(&record, PH_COL_EVENT_ID, events[row]);
	set_hosts(&record, row, facts);
	set_context(&record, facts);
	ph_track_setf(&record, PH_COL_INTERNAL_MESSAGE_ID, "%" PRIu64,
		      state->id);
	ph_track_set(&record, PH_COL_NETWORK_MESSAGE_ID, state->nmid);
	ph_track_set(&record, PH_COL_RETURN_PATH, state->sender);
	ph_track_set(&record, PH_COL_SENDER_ADDRESS, state->sender);
	if (facts->letter != NULL)
		set_letter(&record, facts->letter, state->sender);
	set_recipients(&record, row, facts, rcpts);
	ph_track_set(&record, PH_COL_DIRECTIONALITY, "Originating");
	ph_track_set(&record, PH_COL_ORIGINAL_CLIENT_IP,
		     facts->submission->address);
	ph_track_set(&record, PH_COL_TRANSPORT_TRAFFIC_TYPE, "Email");
	if (ph_track_log_write(facts->submission->log, &record, &err) < 0)
		ph_warn("%s: tracking row lost: %s", state->nmid, err.text);
	ph_track_clear(&record);
}
