#include "lib/fork/report.h"

#include "lib/base/text.h"
#include "lib/fork/copy.h"
#include "lib/message/headers.h"
#include "lib/message/nmid.h"

#include <string.h>
#include <strings.h>

#define COLUMNS ((size_t)76)
/* RFC 5322 section 2.1.1, with some room for a name. */
#define FIELD_LIMIT ((size_t)900)
/* Of the header that is sent back, and that an administrator is shown. */
#define HEADER_LIMIT ((size_t)256 * 1024)
#define SHOWN_LIMIT ((size_t)16 * 1024)
/* ExternalDsnMaxMessageAttachSize, InternalDsnMaxMessageAttachSize. */
#define ATTACH_LIMIT ((size_t)10 * 1024 * 1024)

/* Exchange chooses the user's text by the enhanced code. The first that fits.
 */
static const struct explanation {
	const char *code; /* its beginning */
	const char *text;
} explanations[] = {
    {"5.1.", "The address was not found. Check it and send the message "
	     "again."},
    {"5.2.2", "The recipient's mailbox is full and takes no messages now."},
    {"5.2.3", "The message is larger than the recipient takes."},
    {"5.3.4", "The message is larger than it may be on the way to the "
	      "recipient."},
    {"5.7.", "The message was not delivered, because a rule of an "
	     "organization or of the recipient does not let it pass."},
    {"", "The message could not be delivered."},
};

/* What is being written, and what it is about. */
struct work {
	const struct ph_report *report;
	const struct ph_plan *plan;
	GPtrArray *recipients; /* struct ph_report_recipient, wanted ones */
	struct ph_report_text *text;
	GString *out;
	GString *header; /* the message's, as far as it is sent back */
	size_t rest;	 /* where the message's header ends */
};

/* ---- texts ------------------------------------------------------------- */

char *
ph_report_line(const char *text)
{
	char *line = g_utf8_make_valid(text, -1);

	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return line;
}

static bool
is_ascii(const GString *text)
{
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->str[i] >= 0x80)
			return false;
	return true;
}

/* Where to break a line that is too long: at a blank; a word that is too long
 * for any line inside of it. */
static const char *
break_at(const char *line)
{
	const char *end = line + COLUMNS;

	while (end > line && *end != ' ')
		end--;
	if (end > line)
		return end;
	end = line + 1 + strcspn(line + 1, " ");
	if ((size_t)(end - line) <= FIELD_LIMIT)
		return end;
	end = line + FIELD_LIMIT;
	while (((unsigned char)*end & 0xc0) == 0x80)
		end--;
	return end;
}

/* One line of valid UTF-8, further lines begin with indent. */
static void
append_folded(GString *out, const char *line, const char *indent)
{
	while (strlen(line) > COLUMNS) {
		const char *end = break_at(line);
		const char *next = end + strspn(end, " ");

		g_string_append_len(out, line, end - line);
		line = next;
		/* A line of blanks alone would end a header. */
		if (*line == '\0')
			break;
		g_string_append_printf(out, "\r\n%s", indent);
	}
	g_string_append_printf(out, "%s\r\n", line);
}

/* "Name: value", folded. */
static void
append_field(GString *out, const char *name, const char *value)
{
	g_autofree char *line = ph_report_line(value);
	g_autofree char *field = g_strconcat(name, ": ", line, NULL);

	append_folded(out, field, " ");
}

/* The same for what must be ASCII, since this is no SMTPUTF8 message. */
static void
append_ascii_field(const struct work *work, const char *name, const char *value)
{
	g_autofree char *ascii = NULL;

	if (!work->text->utf8 && !g_str_is_ascii(value)) {
		g_autofree char *line = ph_report_line(value);

		ascii = g_str_to_ascii(line, "C");
	}
	append_field(work->out, name, ascii != NULL ? ascii : value);
}

static void
append_paragraph(GString *out, const char *text)
{
	g_autofree char *line = ph_report_line(text);

	g_string_append(out, "    ");
	append_folded(out, line, "    ");
}

/* ---- who is told, and how ---------------------------------------------- */

bool
ph_report_wanted(const struct ph_plan_recipient *recipient)
{
	g_auto(GStrv) words = NULL;

	if (recipient->notify == NULL || *recipient->notify == '\0')
		return true;
	words = g_strsplit(recipient->notify, ",", -1);
	for (char **word = words; *word != NULL; word++)
		if (strcasecmp(*word, "FAILURE") == 0)
			return true;
	return false;
}

static const char *
shown_address(const struct ph_report_recipient *r)
{
	return r->recipient->original != NULL ? r->recipient->original
					      : r->recipient->address;
}

/* Only then: a sender whose server knows no SMTPUTF8 would never get it. */
static bool
needs_utf8(const struct work *work)
{
	if (work->plan->utf8 || !g_str_is_ascii(work->plan->sender))
		return true;
	for (guint i = 0; i < work->recipients->len; i++)
		if (!g_str_is_ascii(shown_address(work->recipients->pdata[i])))
			return true;
	return false;
}

/* Of what is told about whom. Not of the token: a client that did not hear that
 * its message was taken sends it again, and there is another plan then. */
static void
make_id(const struct work *work, char id_r[PH_UUID_TEXT])
{
	g_autoptr(GString) about = g_string_new("report\n");

	g_string_append(about, work->plan->nmid);
	for (guint i = 0; i < work->recipients->len; i++) {
		const struct ph_report_recipient *r =
		    work->recipients->pdata[i];

		g_string_append_printf(about, "\n%s", r->recipient->address);
	}
	ph_uuid_from_text(about->str, id_r);
}

/* ---- the message's header, without what is ours ------------------------ */

static void
take_header(struct work *work)
{
	static const char ours[] = PH_HEADER_PREFIX;
	const struct ph_report *report = work->report;
	struct ph_copy_field field;
	size_t at = 0;

	while (ph_copy_field_next(report->data, report->size, &at, &field)) {
		if (field.name >= strlen(ours) &&
		    strncasecmp(field.text, ours, strlen(ours)) == 0)
			continue;
		if (work->header->len + field.size > HEADER_LIMIT)
			continue;
		g_string_append_len(work->header, field.text,
				    (gssize)field.size);
	}
	work->rest = at;
}

/* ---- the report's own header ------------------------------------------- */

void
ph_report_append_identity(GString *out, const struct ph_plan *plan)
{
	const char *id = plan->message_id;

	/* It comes from the message: only what is an id goes on. */
	if (*id == '\0' || strlen(id) > FIELD_LIMIT)
		return;
	for (const char *p = id; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return;
	g_string_append_printf(out, "In-Reply-To: %s\r\nReferences: %s\r\n", id,
			       id);
}

static void
append_subject(const struct work *work)
{
	g_autofree char *line = ph_report_line(work->plan->subject);
	g_autofree char *encoded = NULL;
	g_auto(GStrv) parts = NULL;
	g_autofree char *folded = NULL;

	g_strstrip(line);
	work->text->subject = g_strconcat("Undeliverable: ", line, NULL);
	encoded = ph_header_encode(work->text->subject);
	parts = g_strsplit(encoded, "\n", -1);
	folded = g_strjoinv("\r\n", parts);
	g_string_append_printf(work->out, "Subject: %s\r\n", folded);
}

static void
append_header(const struct work *work)
{
	const struct ph_report *report = work->report;
	g_autofree char *to = ph_report_line(work->plan->sender);
	char date[PH_MAIL_DATE];

	ph_format_mail_date(report->now, date, sizeof(date));
	g_string_append_printf(work->out,
			       "From: Mail Delivery System "
			       "<MAILER-DAEMON@%s>\r\n"
			       "To: <%s>\r\n",
			       report->fqdn, to);
	append_subject(work);
	g_string_append_printf(work->out, "Date: %s\r\nMessage-ID: %s\r\n",
			       date, work->text->message_id);
	ph_report_append_identity(work->out, work->plan);
	g_string_append_printf(
	    work->out,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n"
	    "Content-Language: en-US\r\n" PH_HEADER_NMID
	    ": %s\r\n" PH_HEADER_AUTH_AS ": Internal\r\n" PH_HEADER_AUTH_SOURCE
	    ": %s\r\n" PH_HEADER_RULES_EXECUTED ": %s\r\n\r\n",
	    work->text->nmid, work->text->nmid, report->fqdn, report->server);
}

static void
begin_part(const struct work *work, const char *type, bool eight_bit)
{
	g_string_append_printf(work->out,
			       "--%s\r\nContent-Type: %s\r\n"
			       "Content-Transfer-Encoding: %s\r\n\r\n",
			       work->text->nmid, type,
			       eight_bit ? "8bit" : "7bit");
}

/* ---- for people -------------------------------------------------------- */

static const char *
explain(const char *enhanced)
{
	const struct explanation *e = explanations;

	while (strncmp(enhanced, e->code, strlen(e->code)) != 0)
		e++;
	return e->text;
}

static void
append_user(GString *out, const struct work *work)
{
	g_string_append(out, "Delivery has failed to these recipients or "
			     "groups:\r\n\r\n");
	for (guint i = 0; i < work->recipients->len; i++) {
		const struct ph_report_recipient *r =
		    work->recipients->pdata[i];
		g_autofree char *address = ph_report_line(shown_address(r));

		g_string_append_printf(out, "%s\r\n", address);
		append_paragraph(out, explain(r->enhanced));
		append_paragraph(out, r->text);
		g_string_append(out, "\r\n");
	}
}

/* Line by line, since a header may be anything. */
static void
append_shown_header(GString *out, const GString *header)
{
	g_autofree char *shown =
	    g_strndup(header->str, MIN(header->len, SHOWN_LIMIT));
	g_auto(GStrv) lines = g_strsplit(shown, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		g_autofree char *one = ph_report_line(g_strchomp(*line));

		if (*one != '\0')
			append_folded(out, one, "    ");
	}
}

static void
append_human(const struct work *work)
{
	g_autoptr(GString) out = g_string_new(NULL);

	append_user(out, work);
	g_string_append_printf(
	    out,
	    "Diagnostic information for administrators:\r\n\r\n"
	    "Generating server: %s\r\n\r\n",
	    work->report->fqdn);
	for (guint i = 0; i < work->recipients->len; i++) {
		const struct ph_report_recipient *r =
		    work->recipients->pdata[i];
		g_autofree char *address = ph_report_line(shown_address(r));
		g_autofree char *text = ph_report_line(r->text);
		g_autofree char *said =
		    g_strdup_printf("#%s %s%s%s ##", r->code, r->enhanced,
				    *r->enhanced != '\0' ? " " : "", text);

		g_string_append_printf(out, "%s\r\n", address);
		append_folded(out, said, "");
		g_string_append(out, "\r\n");
	}
	g_string_append(out, "Original message headers:\r\n\r\n");
	append_shown_header(out, work->header);
	begin_part(work, "text/plain; charset=utf-8", !is_ascii(out));
	g_string_append_len(work->out, out->str, (gssize)out->len);
	g_string_append(work->out, "\r\n");
}

/* ---- for programs ------------------------------------------------------ */

/* RFC 3463 section 2. */
static bool
is_enhanced(const char *text)
{
	const char *p = text + 1;

	if (*text != '4' && *text != '5')
		return false;
	for (int i = 0; i < 2; i++) {
		size_t n = *p == '.' ? strspn(++p, "0123456789") : 0;

		if (n < 1 || n > 3)
			return false;
		p += n;
	}
	return *p == '\0';
}

/* "rfc822; a@b", "utf-8; ä@b": RFC 6533 section 3. */
static void
append_address(const struct work *work, const char *name, const char *address)
{
	g_autofree char *value = g_strdup_printf(
	    "%s; %s", g_str_is_ascii(address) ? "rfc822" : "utf-8", address);

	append_field(work->out, name, value);
}

/* ORCPT= has the type of the address, and the address in xtext; one of type
 * utf-8 has an encoding of its own, which is good here as well. */
static void
append_original(const struct work *work, const char *orcpt)
{
	const char *address = strchr(orcpt, ';');
	g_autofree char *decoded = NULL, *value = NULL;
	size_t n;

	if (address == NULL)
		return;
	n = (size_t)(address++ - orcpt);
	if (n == 5 && strncasecmp(orcpt, "utf-8", 5) == 0)
		decoded = g_strdup(address);
	else
		decoded = ph_decode_xtext(address);
	if (decoded == NULL || (!work->text->utf8 && !g_str_is_ascii(decoded)))
		return;
	value = g_strdup_printf("%.*s; %s", (int)n, orcpt, decoded);
	append_field(work->out, "Original-Recipient", value);
}

static void
append_recipient(const struct work *work, const struct ph_report_recipient *r)
{
	g_autofree char *said =
	    g_strdup_printf("smtp; %s %s%s%s", r->code, r->enhanced,
			    *r->enhanced != '\0' ? " " : "", r->text);

	g_string_append(work->out, "\r\n");
	if (r->recipient->orcpt != NULL)
		append_original(work, r->recipient->orcpt);
	append_address(work, "Final-Recipient", shown_address(r));
	append_field(work->out, "Action", "failed");
	append_field(work->out, "Status",
		     is_enhanced(r->enhanced) ? r->enhanced : "5.0.0");
	append_ascii_field(work, "Diagnostic-Code", said);
}

static void
append_status(const struct work *work)
{
	const struct ph_plan *plan = work->plan;
	g_autofree char *envid =
	    plan->envid != NULL ? ph_decode_xtext(plan->envid) : NULL;
	g_autofree char *mta = g_strconcat("dns; ", work->report->fqdn, NULL);
	char arrival[PH_MAIL_DATE];

	ph_format_mail_date(plan->created, arrival, sizeof(arrival));
	if (work->text->utf8)
		begin_part(work,
			   "message/global-delivery-status; charset=utf-8",
			   true);
	else
		begin_part(work, "message/delivery-status", false);
	append_field(work->out, "Reporting-MTA", mta);
	if (envid != NULL)
		append_ascii_field(work, "Original-Envelope-Id", envid);
	append_field(work->out, "Arrival-Date", arrival);
	for (guint i = 0; i < work->recipients->len; i++)
		append_recipient(work, work->recipients->pdata[i]);
	g_string_append(work->out, "\r\n");
}

/* ---- the message ------------------------------------------------------- */

static bool
has_eight_bit(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)data[i] >= 0x80)
			return true;
	return false;
}

static void
append_message(const struct work *work)
{
	const struct ph_report *report = work->report;
	struct ph_report_text *text = work->text;
	bool full = work->plan->ret != NULL &&
		    strcasecmp(work->plan->ret, "FULL") == 0 &&
		    report->size <= ATTACH_LIMIT;
	bool eight_bit = !is_ascii(work->header);

	text->body = report->data + work->rest;
	text->body_size = full ? report->size - work->rest : 0;
	eight_bit = eight_bit || has_eight_bit(text->body, text->body_size);
	if (full)
		begin_part(work,
			   text->utf8 ? "message/global" : "message/rfc822",
			   eight_bit);
	else
		begin_part(work,
			   text->utf8 ? "message/global-headers"
				      : "text/rfc822-headers",
			   eight_bit);
	g_string_append_len(work->out, work->header->str,
			    (gssize)work->header->len);
	text->tail = g_string_new(NULL);
	g_string_printf(text->tail, "\r\n--%s--\r\n", text->nmid);
	text->eight_bit = text->utf8 || eight_bit || !is_ascii(work->out);
}

/* ---- all of it --------------------------------------------------------- */

static GPtrArray *
take_recipients(const struct ph_report *report)
{
	GPtrArray *recipients = g_ptr_array_new();

	for (guint i = 0; i < report->recipients->len; i++) {
		struct ph_report_recipient *r = &g_array_index(
		    report->recipients, struct ph_report_recipient, i);

		if (ph_report_wanted(r->recipient))
			g_ptr_array_add(recipients, r);
	}
	return recipients;
}

int
ph_report_make(const struct ph_report *report, struct ph_report_text *text_r)
{
	g_autoptr(GPtrArray) recipients = take_recipients(report);
	g_autoptr(GString) header = g_string_new(NULL);
	struct work work = {
	    .report = report,
	    .plan = report->plan,
	    .recipients = recipients,
	    .text = text_r,
	    .header = header,
	};

	memset(text_r, 0, sizeof(*text_r));
	if (recipients->len == 0 || *report->plan->sender == '\0')
		return 0;
	work.out = text_r->head = g_string_new(NULL);
	text_r->utf8 = needs_utf8(&work);
	make_id(&work, text_r->nmid);
	text_r->message_id =
	    g_strdup_printf("<%s@%s>", text_r->nmid, report->fqdn);
	take_header(&work);
	append_header(&work);
	append_human(&work);
	append_status(&work);
	append_message(&work);
	return 1;
}

void
ph_report_clear(struct ph_report_text *text)
{
	g_clear_pointer(&text->message_id, g_free);
	g_clear_pointer(&text->subject, g_free);
	if (text->head != NULL)
		g_string_free(text->head, TRUE);
	if (text->tail != NULL)
		g_string_free(text->tail, TRUE);
	text->head = text->tail = NULL;
}
