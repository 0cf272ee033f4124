#include "milters/transport/rules/action.h"

#include <string.h>

/* RFC 5322 section 2.1.1: 998 bytes a line, the name included. */
#define LINE_LIMIT (998 - strlen("Subject: "))

/*
 * May the prefix stand before the field as it came? An encoded word needs a
 * blank before it (RFC 2047 section 5), and the line must not become too long.
 */
static bool
fits_before(const char *prefix, const char *raw)
{
	size_t size = strlen(prefix);

	if (!g_str_is_ascii(prefix) || strstr(prefix, "=?") != NULL ||
	    size + strcspn(raw, "\r\n") > LINE_LIMIT)
		return false;
	return strncmp(raw, "=?", 2) != 0 ||
	       (size > 0 && prefix[size - 1] == ' ');
}

int
ph_action_prepend_subject(const struct ph_action_run *run, struct ph_err *err)
{
	const char *prefix = ph_object_text(run->rule, "PrependSubject");
	struct ph_mail *mail = run->mail;
	size_t i = ph_headers_find(mail->headers, "Subject", 0);
	g_autofree char *text = NULL;
	g_autofree char *value = NULL;
	const char *raw;

	if (i == ph_headers_count(mail->headers)) {
		value = ph_header_encode(prefix);
		return ph_mail_set_header(mail, "Subject", value, err);
	}
	raw = ph_headers_at(mail->headers, i)->value;
	if (fits_before(prefix, raw)) {
		value = g_strconcat(prefix, raw, NULL);
	} else {
		text = g_strconcat(prefix, ph_headers_text_at(mail->headers, i),
				   NULL);
		value = ph_header_encode(text);
	}
	return ph_mail_edit_header(mail, i, value, err);
}
