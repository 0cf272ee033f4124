#include "lib/smtp/lmtp_private.h"

#include "lib/base/text.h"

#include <string.h>

/* http://www.postfix.org/XFORWARD_README.html */
static const char *const xforward_names[PH_LMTP_XFORWARDS] = {
    "NAME", "ADDR", "PROTO", "HELO", "SOURCE", "PORT", "IDENT"};

static enum ph_lmtp_event
answer(struct ph_lmtp *lmtp, const char *text)
{
	ph_lmtp_put(lmtp, text);
	return PH_LMTP_MORE;
}

static enum ph_lmtp_event
run_lhlo(struct ph_lmtp *lmtp, const char *arguments)
{
	g_autoptr(GString) text = g_string_new(NULL);
	bool lost = lmtp->transaction;

	if (!*arguments)
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: LHLO hostname");
	g_free(lmtp->helo);
	lmtp->helo = g_utf8_make_valid(arguments, -1);
	ph_lmtp_end_transaction(lmtp);
	g_string_printf(text,
			"250 %s\n250 PIPELINING\n250 8BITMIME\n"
			"250 SMTPUTF8\n",
			lmtp->hostname);
	if (lmtp->limits.size > 0)
		g_string_append_printf(text, "250 SIZE %" G_GUINT64_FORMAT "\n",
				       lmtp->limits.size);
	if (lmtp->trusted) {
		g_string_append(text, "250 XFORWARD");
		for (size_t i = 0; i < G_N_ELEMENTS(xforward_names); i++)
			g_string_append_printf(text, " %s", xforward_names[i]);
		g_string_append(text, "\n250 " PH_LMTP_REROUTED "\n");
	}
	if (lmtp->limits.dsn)
		g_string_append(text, "250 DSN\n");
	if (lmtp->limits.tls && !lmtp->secure)
		g_string_append(text, "250 STARTTLS\n");
	g_string_append(text, "250 ENHANCEDSTATUSCODES");
	ph_lmtp_put(lmtp, text->str);
	return lost ? PH_LMTP_RESET : PH_LMTP_MORE;
}

static enum ph_lmtp_event
run_helo(struct ph_lmtp *lmtp, const char *arguments)
{
	(void)arguments;
	return ph_lmtp_bad(lmtp, "500 5.5.1 This is LMTP: say LHLO");
}

/* One row a parameter of MAIL; 0 or the refusal. */
struct parameter {
	const char *name;
	const char *(*check)(struct ph_lmtp *lmtp, const char *value);
};

static const char *
check_size(struct ph_lmtp *lmtp, const char *value)
{
	guint64 size;

	if (!value ||
	    !g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &size, NULL))
		return "501 5.5.4 Bad SIZE";
	if (lmtp->limits.size > 0 && size > lmtp->limits.size)
		return "552 5.3.4 Message size exceeds the limit";
	return NULL;
}

static const char *
check_body(struct ph_lmtp *lmtp, const char *value)
{
	(void)lmtp;
	if (value && (g_ascii_strcasecmp(value, "7BIT") == 0 ||
		      g_ascii_strcasecmp(value, "8BITMIME") == 0))
		return NULL;
	return "501 5.5.4 Bad BODY";
}

static const char *
check_utf8(struct ph_lmtp *lmtp, const char *value)
{
	if (value)
		return "501 5.5.4 Bad SMTPUTF8";
	lmtp->utf8 = true;
	return NULL;
}

/* No MTA says this: it is between servers that know each other. */
static const char *
check_rerouted(struct ph_lmtp *lmtp, const char *value)
{
	if (!lmtp->trusted)
		return "555 5.5.4 Unknown parameter of MAIL";
	return value ? "501 5.5.4 Bad " PH_LMTP_REROUTED : NULL;
}

/* The other end has checked it; RFC 3461 says what it may be. */
static const char *
check_mail_dsn(struct ph_lmtp *lmtp, const char *value)
{
	if (!lmtp->limits.dsn)
		return "555 5.5.4 Unknown parameter of MAIL";
	return value && *value ? NULL : "501 5.5.4 Bad parameter of MAIL";
}

static const char *
check_rcpt_dsn(struct ph_lmtp *lmtp, const char *value)
{
	if (!lmtp->limits.dsn)
		return "555 5.5.4 Unknown parameter of RCPT";
	return value && *value ? NULL : "501 5.5.4 Bad parameter of RCPT";
}

static const struct parameter mail_parameters[] = {
    {"SIZE", check_size},
    {"BODY", check_body},
    {"SMTPUTF8", check_utf8},
    {PH_LMTP_REROUTED, check_rerouted},
    {"RET", check_mail_dsn},
    {"ENVID", check_mail_dsn},
    {NULL, NULL},
};

static const struct parameter rcpt_parameters[] = {
    {"NOTIFY", check_rcpt_dsn},
    {"ORCPT", check_rcpt_dsn},
    {NULL, NULL},
};

/* NULL, or the refusal. */
static const char *
check_parameter(struct ph_lmtp *lmtp, const struct parameter *rows,
		const char *text)
{
	size_t size = strcspn(text, "=");
	const char *value = text[size] ? text + size + 1 : NULL;

	for (const struct parameter *row = rows; row->name; row++)
		if (strlen(row->name) == size &&
		    g_ascii_strncasecmp(text, row->name, size) == 0)
			return row->check(lmtp, value);
	return rows == mail_parameters ? "555 5.5.4 Unknown parameter of MAIL"
				       : "555 5.5.4 Unknown parameter of RCPT";
}

static enum ph_lmtp_event
run_mail(struct ph_lmtp *lmtp, const char *arguments)
{
	const char *rest, *refusal;

	if (!lmtp->helo)
		return answer(lmtp, "503 5.5.1 Say LHLO first");
	if (lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Nested MAIL command");
	/* A fault of some set-up, for which no mail should be returned. */
	if (lmtp->limits.tls_required && !lmtp->secure)
		return answer(lmtp, "454 4.7.0 TLS is required: STARTTLS "
				    "first");
	if (!ph_lmtp_path(arguments, "FROM:", lmtp->address, &rest))
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: MAIL FROM:<path>");
	ph_lmtp_split(rest, lmtp->params);
	for (guint i = 0; i + 1 < lmtp->params->len; i++) {
		refusal = check_parameter(lmtp, mail_parameters,
					  lmtp->params->pdata[i]);
		if (refusal) {
			lmtp->utf8 = false;
			return answer(lmtp, refusal);
		}
	}
	return ph_lmtp_ask(lmtp, PH_LMTP_MAIL);
}

static enum ph_lmtp_event
run_rcpt(struct ph_lmtp *lmtp, const char *arguments)
{
	const char *rest, *refusal;

	if (!lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Need MAIL command");
	if (!ph_lmtp_path(arguments, "TO:", lmtp->address, &rest))
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: RCPT TO:<path>");
	if (lmtp->address->len == 0)
		return answer(lmtp, "550 5.1.3 Empty recipient address");
	ph_lmtp_split(rest, lmtp->params);
	for (guint i = 0; i + 1 < lmtp->params->len; i++) {
		refusal = check_parameter(lmtp, rcpt_parameters,
					  lmtp->params->pdata[i]);
		if (refusal)
			return answer(lmtp, refusal);
	}
	if (lmtp->recipients >= lmtp->limits.recipients)
		return answer(lmtp, "452 4.5.3 Too many recipients");
	return ph_lmtp_ask(lmtp, PH_LMTP_RCPT);
}

static enum ph_lmtp_event
run_data(struct ph_lmtp *lmtp, const char *arguments)
{
	if (*arguments)
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: DATA");
	if (!lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Need MAIL command");
	/* RFC 2033 section 4.2 */
	if (lmtp->recipients == 0)
		return answer(lmtp, "503 5.5.1 No valid recipients");
	return ph_lmtp_ask(lmtp, PH_LMTP_DATA);
}

static enum ph_lmtp_event
run_rset(struct ph_lmtp *lmtp, const char *arguments)
{
	bool lost = lmtp->transaction;

	(void)arguments;
	ph_lmtp_end_transaction(lmtp);
	ph_lmtp_put(lmtp, "250 2.0.0 Ok");
	return lost ? PH_LMTP_RESET : PH_LMTP_MORE;
}

static enum ph_lmtp_event
run_noop(struct ph_lmtp *lmtp, const char *arguments)
{
	(void)arguments;
	return answer(lmtp, "250 2.0.0 Ok");
}

static enum ph_lmtp_event
run_vrfy(struct ph_lmtp *lmtp, const char *arguments)
{
	(void)arguments;
	return answer(lmtp, "252 2.0.0 Send some mail, it will be tried");
}

/* What the client has sent behind it, in clear, is not its word
 * (CVE-2011-0411). */
static enum ph_lmtp_event
run_starttls(struct ph_lmtp *lmtp, const char *arguments)
{
	if (!lmtp->limits.tls || lmtp->secure)
		return ph_lmtp_bad(lmtp, "502 5.5.1 STARTTLS is not offered");
	if (*arguments)
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: STARTTLS");
	if (lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Mail transaction in progress");
	ph_lmtp_put(lmtp, "220 2.0.0 Ready to start TLS");
	lmtp->used = lmtp->in->len;
	lmtp->stage = PH_LMTP_STAGE_TLS;
	return PH_LMTP_TLS;
}

static enum ph_lmtp_event
run_quit(struct ph_lmtp *lmtp, const char *arguments)
{
	(void)arguments;
	ph_lmtp_put(lmtp, "221 2.0.0 Bye");
	lmtp->stage = PH_LMTP_STAGE_QUIT;
	return PH_LMTP_QUIT;
}

int
ph_lmtp_xforward_index(const char *name, size_t size)
{
	for (size_t i = 0; i < G_N_ELEMENTS(xforward_names); i++)
		if (strlen(xforward_names[i]) == size &&
		    g_ascii_strncasecmp(xforward_names[i], name, size) == 0)
			return (int)i;
	return -1;
}

static bool
set_xforward(struct ph_lmtp *lmtp, const char *attribute)
{
	size_t size = strcspn(attribute, "=");
	int i = ph_lmtp_xforward_index(attribute, size);
	char *value;

	if (i < 0 || attribute[size] != '=')
		return false;
	value = ph_decode_xtext(attribute + size + 1);
	if (!value)
		return false;
	if (strcmp(value, "[UNAVAILABLE]") == 0 ||
	    strcmp(value, "[TEMPUNAVAIL]") == 0)
		*value = '\0';
	g_free(lmtp->xforward[i]);
	lmtp->xforward[i] = value;
	return true;
}

static enum ph_lmtp_event
run_xforward(struct ph_lmtp *lmtp, const char *arguments)
{
	if (!lmtp->trusted)
		return ph_lmtp_bad(lmtp, "550 5.7.0 XFORWARD is not for you");
	if (!lmtp->helo)
		return answer(lmtp, "503 5.5.1 Say LHLO first");
	if (lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Mail transaction in progress");
	ph_lmtp_split(arguments, lmtp->params);
	if (lmtp->params->len <= 1)
		return ph_lmtp_bad(lmtp, "501 5.5.4 Syntax: XFORWARD "
					 "attribute=value...");
	for (guint i = 0; i + 1 < lmtp->params->len; i++)
		if (!set_xforward(lmtp, lmtp->params->pdata[i]))
			return ph_lmtp_bad(lmtp, "501 5.5.4 Bad XFORWARD "
						 "attribute");
	return answer(lmtp, "250 2.0.0 Ok");
}

static const struct verb {
	const char *name;
	enum ph_lmtp_event (*run)(struct ph_lmtp *lmtp, const char *arguments);
} verbs[] = {
    {"LHLO", run_lhlo}, {"MAIL", run_mail},	    {"RCPT", run_rcpt},
    {"DATA", run_data}, {"RSET", run_rset},	    {"NOOP", run_noop},
    {"QUIT", run_quit}, {"XFORWARD", run_xforward}, {"VRFY", run_vrfy},
    {"HELO", run_helo}, {"EHLO", run_helo},	    {"STARTTLS", run_starttls},
};

enum ph_lmtp_event
ph_lmtp_run_line(struct ph_lmtp *lmtp, char *line)
{
	size_t size = strcspn(line, " ");
	char *arguments = line + size;

	while (*arguments == ' ')
		arguments++;
	g_strchomp(arguments);
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
		if (strlen(verbs[i].name) == size &&
		    g_ascii_strncasecmp(line, verbs[i].name, size) == 0)
			return verbs[i].run(lmtp, arguments);
	return ph_lmtp_bad(lmtp, "500 5.5.2 Command not recognized");
}
