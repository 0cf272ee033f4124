#include "milters/transport/transport.h"

#include "lib/base/log.h"
#include "lib/directory/remote.h"
#include "lib/message/content.h"

#include <string.h>
#include <strings.h>

#define AGENT PH_RESOLVE_AGENT

bool
ph_report_is(const struct ph_mail *mail)
{
	return strcmp(mail->client->daemon, PH_REPORT_LISTENER) == 0;
}

bool
ph_report_needs_body(const struct ph_mail *mail)
{
	return ph_remote_refuses_reports(mail->snapshot);
}

/* ---- of a failure, or of what? ------------------------------------------- */

/* RFC 3464 section 2.3.3: failed, delayed, delivered, relayed, expanded. */
enum report {
	REPORT_UNKNOWN,
	REPORT_OTHER,
	REPORT_FAILURE, /* of somebody, whatever became of others */
};

static bool
is_status(const struct ph_part *part)
{
	return strcmp(part->type, "message/delivery-status") == 0 ||
	       strcmp(part->type, "message/global-delivery-status") == 0;
}

static enum report
read_line(const char *line)
{
	static const char name[] = "Action:", failed[] = "failed";

	if (strncasecmp(line, name, strlen(name)) != 0)
		return REPORT_UNKNOWN;
	line += strlen(name);
	line += strspn(line, " \t");
	return strncasecmp(line, failed, strlen(failed)) == 0 ? REPORT_FAILURE
							      : REPORT_OTHER;
}

static enum report
read_status(const struct ph_part *part)
{
	g_autofree char *text =
	    g_strndup(ph_content_part_data(part), (gsize)part->size);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	enum report report = REPORT_UNKNOWN;

	for (char **line = lines; *line != NULL; line++)
		report = MAX(report, read_line(*line));
	return report;
}

/* A message that is sent back may hold the report of somebody else: the first
 * such part is the MTA's. */
static enum report
read_report(struct ph_mail *mail)
{
	size_t n;
	const struct ph_part *parts =
	    ph_content_parts(ph_mail_content(mail), &n);

	for (size_t i = 0; i < n; i++)
		if (is_status(&parts[i]))
			return read_status(&parts[i]);
	return REPORT_UNKNOWN;
}

/* ---- who takes it -------------------------------------------------------- */

/* Anybody? 1, 0, -1. */
static int
is_taken(const struct ph_mail *mail, bool failure, struct ph_err *err)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];
		int rc = ph_remote_takes_report(mail->directory, mail->snapshot,
						r->address, failure, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	enum report report;
	int rc;

	(void)app;
	if (!mail->report)
		return 0;
	mail->auth_as = PH_AUTH_INTERNAL;
	if (!mail->keep_body)
		return 1;
	report = read_report(mail);
	if (report == REPORT_UNKNOWN)
		return 1;
	rc = is_taken(mail, report == REPORT_FAILURE, err);
	return rc != 0 ? rc : ph_verdict_discard(&mail->verdict, AGENT);
}

const struct ph_agent ph_report_agent = {
    .name = AGENT,
    .on_message = on_message,
};
