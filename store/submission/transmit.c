#include "store/submission/transmit.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/text.h"
#include "lib/message/nmid.h"
#include "lib/smtp/client.h"
#include "store/submission/mine.h"

#include <inttypes.h>
#include <string.h>

/* One session as it goes on. */
struct session {
	const struct ph_transmit *transmit;
	struct ph_smtp *smtp;
	GPtrArray *accepted; /* struct ph_rcpt: RCPT was answered 2xx */
	bool sink_failed;    /* the connection, not our file */
};

/* ---- what is sent ------------------------------------------------------ */

/* What Transport believes of a server of ours, see the header firewall. */
static GString *
format_top(const struct ph_transmit *transmit)
{
	const char *fqdn = transmit->fqdn;
	const char *nmid = transmit->state->nmid;
	char date[PH_MAIL_DATE];
	GString *out = g_string_new(NULL);

	ph_format_mail_date(ph_clock_wall(), date, sizeof(date));
	g_string_append_printf(out,
			       "Received: from %s by %s with MAPI (posthub)\r\n"
			       "\tid %s via Mailbox Transport; %s\r\n",
			       fqdn, fqdn, nmid, date);
	g_string_append_printf(out,
			       PH_HEADER_NMID
			       ": %s\r\n" PH_HEADER_AUTH_AS
			       ": Internal\r\n" PH_HEADER_AUTH_SOURCE
			       ": %s\r\n" PH_HEADER_AUTH_MECHANISM ": 04\r\n",
			       nmid, fqdn);
	if (*transmit->submission->address != '\0')
		g_string_append_printf(out, PH_HEADER_CLIENT_IP ": %s\r\n",
				       transmit->submission->address);
	return out;
}

/* RFC 3461 section 4. */
static char *
format_auth(const char *address)
{
	GString *out = g_string_new("AUTH=");

	for (const char *p = address; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
		    *p == '+' || *p == '=')
			g_string_append_printf(out, "+%02X", (unsigned char)*p);
		else
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

static bool
needs_utf8(const struct ph_item_state *state)
{
	bool needs = !g_str_is_ascii(state->sender);

	for (guint i = 0; i < state->recipients->len && !needs; i++) {
		const struct ph_rcpt *rcpt = state->recipients->pdata[i];

		needs = rcpt->state == PH_RCPT_WAITING &&
			!g_str_is_ascii(rcpt->address);
	}
	return needs;
}

static int
sink(void *context, const char *data, size_t size, struct ph_err *err)
{
	struct session *session = context;

	if (ph_smtp_content(session->smtp, data, size, err) == 0)
		return 0;
	session->sink_failed = true;
	return -1;
}

/* ---- what is answered -------------------------------------------------- */

/* Takes the reply. */
static void
note(struct ph_rcpt *rcpt, struct ph_smtp_reply *reply)
{
	g_autofree char *text = ph_smtp_reply_format(reply);

	ph_state_text(&rcpt->reply, text);
	if (reply->code >= 500)
		rcpt->state = PH_RCPT_REFUSED;
}

static void
note_all(GPtrArray *rcpts, struct ph_smtp_reply *reply)
{
	for (guint i = 0; i < rcpts->len; i++) {
		struct ph_rcpt *rcpt = rcpts->pdata[i];

		if (rcpt->state == PH_RCPT_WAITING)
			note(rcpt, reply);
	}
}

/* 5xx to a command that is about all: refused; else the next server. */
static enum ph_transmit_end
refuse(const char *verb, GPtrArray *rcpts, struct ph_smtp_reply *reply,
       struct ph_err *err)
{
	g_autofree char *text = ph_smtp_reply_format(reply);

	note_all(rcpts, reply);
	ph_err_set(err, PH_ERR_TEMP, "%s: %s", verb, text);
	return reply->code >= 500 ? PH_TRANSMIT_ENDED : PH_TRANSMIT_NEXT;
}

/* No answer to the user: the next server may be set up better. */
static void
not_let_in(const struct ph_smtp_reply *reply, struct ph_err *err)
{
	g_autofree char *text = ph_smtp_reply_format(reply);

	ph_err_set(err, PH_ERR_TEMP, "MAIL: %s" PH_SMTP_SETUP, text);
}

/* ---- the conversation -------------------------------------------------- */

/* Each answers whether the session goes on; *end_r is NEXT until a step says
 * otherwise. */
static bool
say_mail(struct session *session, enum ph_transmit_end *end_r,
	 struct ph_err *err)
{
	const struct ph_transmit *transmit = session->transmit;
	struct ph_item_state *state = transmit->state;
	g_autofree char *auth = format_auth(transmit->owner);
	g_autofree char *size =
	    g_strdup_printf("SIZE=%" PRIu64, transmit->letter->size);
	const char *params[5];
	size_t n = 0;
	struct ph_smtp_reply reply;
	int code;

	if (ph_smtp_offers(session->smtp, "SIZE"))
		params[n++] = size;
	params[n++] = auth;
	if (transmit->letter->eight_bit &&
	    ph_smtp_offers(session->smtp, "8BITMIME"))
		params[n++] = "BODY=8BITMIME";
	if (needs_utf8(state) && ph_smtp_offers(session->smtp, "SMTPUTF8"))
		params[n++] = "SMTPUTF8";
	params[n] = NULL;
	if (ph_smtp_mail(session->smtp, state->sender, params, &reply, err) < 0)
		return false;
	code = reply.code;
	if (ph_smtp_reply_is_setup(&reply))
		not_let_in(&reply, err);
	else if (code >= 300)
		*end_r = refuse("MAIL", state->recipients, &reply, err);
	ph_smtp_reply_clear(&reply);
	return code < 300;
}

static bool
say_rcpt(struct session *session, struct ph_err *err)
{
	const GPtrArray *rcpts = session->transmit->state->recipients;
	struct ph_smtp_reply reply;

	for (guint i = 0; i < rcpts->len; i++) {
		struct ph_rcpt *rcpt = rcpts->pdata[i];

		if (rcpt->state != PH_RCPT_WAITING)
			continue;
		if (ph_smtp_rcpt(session->smtp, rcpt->address, NULL, &reply,
				 err) < 0)
			return false;
		note(rcpt, &reply);
		if (reply.code < 300)
			g_ptr_array_add(session->accepted, rcpt);
		ph_smtp_reply_clear(&reply);
	}
	return true;
}

static bool
say_data(struct session *session, enum ph_transmit_end *end_r,
	 struct ph_err *err)
{
	const struct ph_transmit *transmit = session->transmit;
	g_autoptr(GString) top = format_top(transmit);
	struct ph_smtp_reply reply;
	int code;

	if (ph_smtp_data(session->smtp, &reply, err) < 0)
		return false;
	code = reply.code;
	if (code != 354)
		*end_r = refuse("DATA", session->accepted, &reply, err);
	ph_smtp_reply_clear(&reply);
	if (code != 354)
		return false;
	if (sink(session, top->str, top->len, err) == 0 &&
	    ph_letter_send(transmit->letter, transmit->fd, sink, session,
			   err) == 0)
		return true;
	if (!session->sink_failed)
		*end_r = PH_TRANSMIT_LOCAL;
	return false;
}

static enum ph_transmit_end
say_dot(struct session *session, GPtrArray *taken_r, struct ph_err *err)
{
	struct ph_smtp_reply reply;
	enum ph_transmit_end end;

	/* No answer: it may have been taken. The next server gets it under the
	 * same network message id, by which delivery knows the second copy. */
	if (ph_smtp_finish(session->smtp, &reply, 1, err) < 0)
		return PH_TRANSMIT_NEXT;
	if (reply.code >= 300) {
		end = refuse("end of message", session->accepted, &reply, err);
		ph_smtp_reply_clear(&reply);
		return end;
	}
	ph_fault(PH_FAULT_SUBMISSION_TAKEN);
	note_all(session->accepted, &reply);
	for (guint i = 0; i < session->accepted->len; i++) {
		struct ph_rcpt *rcpt = session->accepted->pdata[i];

		rcpt->state = PH_RCPT_TAKEN;
		g_ptr_array_add(taken_r, rcpt);
	}
	ph_smtp_reply_clear(&reply);
	return PH_TRANSMIT_TAKEN;
}

/* No recipient was accepted: another server may take those that this one
 * cannot take now. */
static enum ph_transmit_end
nobody(const struct ph_item_state *state, struct ph_err *err)
{
	for (guint i = 0; i < state->recipients->len; i++) {
		const struct ph_rcpt *rcpt = state->recipients->pdata[i];

		if (rcpt->state != PH_RCPT_WAITING)
			continue;
		ph_err_set(err, PH_ERR_TEMP, "RCPT: %s", rcpt->reply);
		return PH_TRANSMIT_NEXT;
	}
	return PH_TRANSMIT_ENDED;
}

static enum ph_transmit_end
converse(struct session *session, GPtrArray *taken_r, struct ph_err *err)
{
	enum ph_transmit_end end = PH_TRANSMIT_NEXT;

	if (!say_mail(session, &end, err) || !say_rcpt(session, err))
		return end;
	if (session->accepted->len == 0)
		return nobody(session->transmit->state, err);
	if (!say_data(session, &end, err))
		return end;
	/* From the end of the message on it is the server's: the last moment at
	 * which it can still be left to whoever has the database now. */
	if (!ph_submission_still_mine(session->transmit->submission,
				      session->transmit->database,
				      session->transmit->epoch, err))
		return PH_TRANSMIT_LOCAL;
	return say_dot(session, taken_r, err);
}

enum ph_transmit_end
ph_transmit(const struct ph_transmit *transmit, GPtrArray *taken_r,
	    struct ph_err *err)
{
	const struct ph_submission *submission = transmit->submission;
	struct ph_smtp_options options = {
	    .endpoint = *transmit->endpoint,
	    .bind_address =
		*submission->address != '\0' ? submission->address : NULL,
	    .hello = transmit->fqdn,
	    .connect_timeout = submission->connect_timeout,
	    .timeout = submission->timeout,
	    .final_timeout = submission->final_timeout,
	};
	g_autoptr(GPtrArray) accepted = g_ptr_array_new();
	struct session session = {transmit, NULL, accepted, false};
	enum ph_transmit_end end;

	if (ph_smtp_open_peer(&options, &submission->tls, transmit->name,
			      &session.smtp, err) < 0)
		return PH_TRANSMIT_NEXT;
	end = converse(&session, taken_r, err);
	ph_smtp_close(&session.smtp);
	return end;
}
