#include "store/submission/notice.h"

#include "lib/base/text.h"
#include "lib/base/uuid.h"
#include "store/submission/letter.h"

#include <string.h>

/* Of the message's header in the report. */
#define HEADER_LIMIT ((size_t)64 * 1024)

/* A line of a header or of a delivery status: no line break may come from a
 * server or from the message. */
static char *
one_line(const char *text)
{
	char *out = g_utf8_make_valid(text, -1);

	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return out;
}

static void
append_identity(GString *out, const struct ph_notice *notice)
{
	const char *id =
	    notice->headers == NULL
		? NULL
		: ph_headers_text(notice->headers, "Message-ID", 0);
	g_autofree char *line = id == NULL ? NULL : one_line(id);

	if (line == NULL || *g_strstrip(line) == '\0')
		return;
	g_string_append_printf(out, "In-Reply-To: %s\nReferences: %s\n", line,
			       line);
}

static void
append_subject(GString *out, const struct ph_notice *notice)
{
	const char *subject =
	    notice->headers == NULL
		? NULL
		: ph_headers_text(notice->headers, "Subject", 0);
	g_autofree char *text = g_strconcat(
	    "Undeliverable: ", subject != NULL ? subject : "", NULL);
	g_autofree char *encoded = ph_header_encode(text);

	g_string_append_printf(out, "Subject: %s\n", encoded);
}

static void
append_header(GString *out, const struct ph_notice *notice)
{
	char date[PH_MAIL_DATE];
	g_autofree char *id = g_strdup(notice->name);

	ph_format_mail_date(notice->now, date, sizeof(date));
	/* A name of a file to an identifier of RFC 5322. */
	g_strdelimit(id, ",:;", '.');
	g_string_append_printf(out,
			       "Return-Path: <>\n"
			       "From: postmaster@%s\n"
			       "To: %s\n",
			       notice->domain, notice->owner);
	append_subject(out, notice);
	g_string_append_printf(out, "Date: %s\nMessage-ID: <%s@%s>\n", date, id,
			       notice->fqdn);
	append_identity(out, notice);
	g_string_append(out, "Auto-Submitted: auto-replied\n"
			     "MIME-Version: 1.0\n");
}

/* ---- texts ------------------------------------------------------------- */

static void
append_text(GString *out, const struct ph_notice *notice)
{
	const struct ph_item_state *state = notice->state;
	bool sent = ph_item_state_count(state, PH_RCPT_TAKEN) > 0;
	bool waits = ph_item_state_count(state, PH_RCPT_WAITING) > 0;

	if (*state->reason != '\0')
		g_string_append_printf(
		    out,
		    "Your message was not sent:\n\n    %s\n\n"
		    "It is in your Drafts folder.\n",
		    state->reason);
	else
		g_string_append(
		    out,
		    waits  ? "Your message did not reach these recipients. It "
			     "goes on being sent to the others.\n\n"
		    : sent ? "Your message did not reach these recipients. "
			     "To the others it was sent.\n\n"
			   : "Your message did not reach these "
			     "recipients. It is in your Drafts folder.\n\n");
	for (guint i = 0; *state->reason == '\0' && i < state->recipients->len;
	     i++) {
		const struct ph_rcpt *rcpt = state->recipients->pdata[i];
		g_autofree char *address = one_line(rcpt->address);
		g_autofree char *reply = one_line(rcpt->reply);

		if (rcpt->state == PH_RCPT_REFUSED)
			g_string_append_printf(out, "    %s\n        %s\n",
					       address, reply);
	}
}

/* "5.1.1" of "550 5.1.1 text". */
static void
append_status(GString *out, const char *reply)
{
	const char *p = strchr(reply, ' ');
	size_t n = p == NULL ? 0 : strspn(++p, "0123456789.");

	if (n >= 5 && (p[0] == '4' || p[0] == '5') && p[1] == '.')
		g_string_append_printf(out, "Status: %.*s\n", (int)n, p);
	else
		g_string_append(out, "Status: 5.0.0\n");
}

static void
append_delivery_status(GString *out, const struct ph_notice *notice)
{
	const GPtrArray *recipients = notice->state->recipients;

	g_string_append_printf(out, "Reporting-MTA: dns; %s\n", notice->fqdn);
	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_rcpt *rcpt = recipients->pdata[i];
		g_autofree char *address = one_line(rcpt->address);
		g_autofree char *reply = one_line(rcpt->reply);

		if (rcpt->state != PH_RCPT_REFUSED)
			continue;
		g_string_append_printf(out,
				       "\nFinal-Recipient: rfc822; %s\n"
				       "Action: failed\n",
				       address);
		append_status(out, reply);
		g_string_append_printf(out, "Diagnostic-Code: smtp; %s\n",
				       reply);
	}
}

static void
append_message_header(GString *out, const struct ph_headers *headers)
{
	size_t begin = out->len;

	for (size_t i = 0; headers != NULL && i < ph_headers_count(headers);
	     i++) {
		const struct ph_header *field = ph_headers_at(headers, i);

		if (out->len - begin + strlen(field->value) > HEADER_LIMIT)
			break;
		g_string_append_printf(out, "%s: %s\n", field->name,
				       field->value);
	}
}

static void
append_report(GString *out, const struct ph_notice *notice)
{
	char boundary[PH_UUID_TEXT];

	ph_uuid_random(boundary);
	g_string_append_printf(
	    out,
	    "Content-Type: multipart/report; report-type=delivery-status;\n"
	    "\tboundary=\"%s\"\n\n"
	    "--%s\nContent-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 8bit\n\n",
	    boundary, boundary);
	append_text(out, notice);
	g_string_append_printf(
	    out, "\n--%s\nContent-Type: message/delivery-status\n\n", boundary);
	append_delivery_status(out, notice);
	g_string_append_printf(
	    out, "\n--%s\nContent-Type: text/rfc822-headers\n\n", boundary);
	append_message_header(out, notice->headers);
	g_string_append_printf(out, "\n--%s--\n", boundary);
}

GString *
ph_notice_make(const struct ph_notice *notice)
{
	GString *out = g_string_new(NULL);

	append_header(out, notice);
	if (*notice->state->reason == '\0') {
		append_report(out, notice);
		return out;
	}
	g_string_append(out, "Content-Type: text/plain; charset=utf-8\n"
			     "Content-Transfer-Encoding: 8bit\n\n");
	append_text(out, notice);
	return out;
}
