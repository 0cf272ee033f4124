#include "lib/fork/notice.h"

#include "lib/base/text.h"
#include "lib/message/encode.h"
#include "lib/message/headers.h"
#include "lib/message/nmid.h"

#include <string.h>

/* As in Exchange's reports: the first ones, and how many there are more. */
#define SHOWN 10

static void
make_id(const struct ph_notice *notice, char id_r[PH_UUID_TEXT])
{
	const GPtrArray *recipients = notice->group->recipients;
	g_autoptr(GString) about = g_string_new("notice\n");

	/* Of each portion of a large group there is one. */
	g_string_append(about, notice->plan->nmid);
	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_plan_recipient *r = recipients->pdata[i];

		g_string_append_printf(about, "\n%s", r->address);
	}
	ph_uuid_from_text(about->str, id_r);
}

static void
append_recipients(GString *body, const GPtrArray *recipients)
{
	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_plan_recipient *r = recipients->pdata[i];
		g_autofree char *line = ph_report_line(
		    r->original != NULL ? r->original : r->address);

		if (i == SHOWN) {
			g_string_append_printf(body, "    and %u more\r\n",
					       recipients->len - SHOWN);
			return;
		}
		g_string_append_printf(body, "    %s\r\n", line);
	}
}

static char *
make_body(const struct ph_notice *notice)
{
	const struct ph_plan *plan = notice->plan;
	g_autoptr(GString) body = g_string_new(NULL);
	g_autofree char *subject = ph_report_line(plan->subject);
	g_autofree char *found = ph_report_line(notice->group->text);
	char date[PH_MAIL_DATE];

	ph_format_mail_date(plan->created, date, sizeof(date));
	g_string_append(
	    body,
	    "Your message was sent on, but it may hold sensitive "
	    "information.\r\n"
	    "Please make sure that everybody who gets it is allowed to have "
	    "it.\r\n\r\n");
	g_string_append_printf(body, "Subject: %s\r\nDate: %s\r\n", subject,
			       date);
	if (*found != '\0')
		g_string_append_printf(body, "Found: %s\r\n", found);
	g_string_append(body, "Recipients:\r\n");
	append_recipients(body, notice->group->recipients);
	return ph_base64_lines(body->str);
}

/* "Notification: " and the subject, as Exchange's; folded. */
static char *
make_subject(const struct ph_notice *notice, struct ph_report_text *text)
{
	g_autofree char *line = ph_report_line(notice->plan->subject);
	g_autofree char *encoded = NULL;
	g_auto(GStrv) parts = NULL;

	text->subject = g_strconcat("Notification: ", g_strstrip(line), NULL);
	encoded = ph_header_encode(text->subject);
	parts = g_strsplit(encoded, "\n", -1);
	return g_strjoinv("\r\n", parts);
}

int
ph_notice_make(const struct ph_notice *notice, struct ph_report_text *text_r)
{
	const struct ph_plan *plan = notice->plan;
	g_autofree char *to = ph_report_line(plan->sender);
	g_autofree char *body = NULL, *subject = NULL;
	char date[PH_MAIL_DATE];

	ph_format_mail_date(notice->now, date, sizeof(date));
	memset(text_r, 0, sizeof(*text_r));
	if (*plan->sender == '\0')
		return 0;
	make_id(notice, text_r->nmid);
	text_r->message_id =
	    g_strdup_printf("<%s@%s>", text_r->nmid, notice->fqdn);
	text_r->utf8 = text_r->eight_bit = !g_str_is_ascii(to);
	text_r->body = "";
	text_r->tail = g_string_new(NULL);
	body = make_body(notice);
	subject = make_subject(notice, text_r);
	text_r->head = g_string_new(NULL);
	g_string_append_printf(text_r->head,
			       "From: Mail Delivery System "
			       "<MAILER-DAEMON@%s>\r\n"
			       "To: <%s>\r\nSubject: %s\r\nDate: %s\r\n"
			       "Message-ID: %s\r\n",
			       notice->fqdn, to, subject, date,
			       text_r->message_id);
	ph_report_append_identity(text_r->head, plan);
	g_string_append_printf(
	    text_r->head,
	    "Auto-Submitted: auto-generated\r\n"
	    "X-MS-Exchange-Transport-Rules-Notification: 1\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Language: en-US\r\n" PH_HEADER_NMID
	    ": %s\r\n" PH_HEADER_AUTH_AS ": Internal\r\n" PH_HEADER_AUTH_SOURCE
	    ": %s\r\n" PH_HEADER_RULES_EXECUTED ": %s\r\n\r\n%s\r\n",
	    text_r->nmid, notice->fqdn, notice->server, body);
	return 1;
}
