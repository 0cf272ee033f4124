#include "lib/smtp/lmtp_private.h"

#include <string.h>

static enum ph_lmtp_event
answer(struct ph_lmtp *lmtp, const char *text)
{
	ph_lmtp_put(lmtp, text);
	return PH_LMTP_MORE;
}

/* "250 XFORWARD NAME ADDR..." */
static void
offer_attributes(GString *text, const char *verb, const char *const *names)
{
	g_string_append_printf(text, "250 %s", verb);
	for (; *names; names++)
		g_string_append_printf(text, " %s", *names);
	g_string_append_c(text, '\n');
}

static void
offer_trusted(const struct ph_lmtp *lmtp, GString *text)
{
	if (!lmtp->trusted)
		return;
	offer_attributes(text, "XFORWARD", ph_lmtp_xforwards);
	if (lmtp->limits.xclient)
		offer_attributes(text, "XCLIENT", ph_lmtp_xclients);
	g_string_append(text, "250 " PH_LMTP_REROUTED "\n");
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
			"250 SMTPUTF8\n250 CHUNKING\n",
			lmtp->hostname);
	if (lmtp->limits.size > 0)
		g_string_append_printf(text, "250 SIZE %" G_GUINT64_FORMAT "\n",
				       lmtp->limits.size);
	offer_trusted(lmtp, text);
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
	if (lmtp->chunk.begun)
		return answer(lmtp, "503 5.5.1 The message has begun");
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
	/* RFC 3030 section 3: DATA and BDAT cannot be used together. */
	if (lmtp->chunk.begun || lmtp->chunk.refused)
		return answer(lmtp, "503 5.5.1 The message came by BDAT");
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

/* XFORWARD and XCLIENT: NULL and values are set, or the refusal. */
static const char *
set_attributes(struct ph_lmtp *lmtp, const char *arguments,
	       const char *const *names, char **values)
{
	ph_lmtp_split(arguments, lmtp->params);
	if (lmtp->params->len <= 1)
		return "501 5.5.4 Syntax: attribute=value...";
	for (guint i = 0; i + 1 < lmtp->params->len; i++)
		if (!ph_lmtp_attribute_set(names, values,
					   lmtp->params->pdata[i]))
			return "501 5.5.4 Bad attribute";
	return NULL;
}

/* Those of a command work on copies: nothing stays of one that is refused. */
static void
copy_values(char *const *values, char **copies_r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		copies_r[i] = g_strdup(values[i]);
}

/* In place of the values before, if they are good. The others are freed. */
static void
take_values(char **values, char **copies, size_t n, bool good)
{
	for (size_t i = 0; i < n; i++) {
		char *old = good ? values[i] : copies[i];

		if (good)
			values[i] = copies[i];
		g_free(old);
	}
}

static enum ph_lmtp_event
run_xforward(struct ph_lmtp *lmtp, const char *arguments)
{
	char *values[PH_LMTP_XFORWARDS];
	const char *refusal;

	if (!lmtp->trusted)
		return ph_lmtp_bad(lmtp, "550 5.7.0 XFORWARD is not for you");
	if (!lmtp->helo)
		return answer(lmtp, "503 5.5.1 Say LHLO first");
	if (lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Mail transaction in progress");
	copy_values(lmtp->xforward, values, G_N_ELEMENTS(values));
	refusal = set_attributes(lmtp, arguments, ph_lmtp_xforwards, values);
	take_values(lmtp->xforward, values, G_N_ELEMENTS(values), !refusal);
	return refusal ? ph_lmtp_bad(lmtp, refusal)
		       : answer(lmtp, "250 2.0.0 Ok");
}

/* "IPV6:" before an address of that kind; what is none is no answer to the
 * question who is there. */
static bool
tidy_address(char **address)
{
	static const char prefix[] = "IPV6:";

	if (!*address || !**address)
		return true;
	if (g_ascii_strncasecmp(*address, prefix, sizeof prefix - 1) == 0)
		memmove(*address, *address + sizeof prefix - 1,
			strlen(*address) - sizeof prefix + 2);
	return g_hostname_is_ip_address(*address);
}

/* Who may speak for others is asked anew of those. */
static enum ph_lmtp_event
run_xclient(struct ph_lmtp *lmtp, const char *arguments)
{
	g_autofree char *greeting = NULL;
	char *values[PH_LMTP_XCLIENTS];
	const char *refusal;

	if (!lmtp->trusted || !lmtp->limits.xclient)
		return ph_lmtp_bad(lmtp, "550 5.7.0 XCLIENT is not for you");
	if (lmtp->transaction)
		return answer(lmtp, "503 5.5.1 Mail transaction in progress");
	copy_values(lmtp->xclient, values, G_N_ELEMENTS(values));
	refusal = set_attributes(lmtp, arguments, ph_lmtp_xclients, values);
	if (!refusal && !tidy_address(&values[ph_lmtp_attribute_index(
			    ph_lmtp_xclients, "ADDR", strlen("ADDR"))]))
		refusal = "501 5.5.4 Bad ADDR";
	take_values(lmtp->xclient, values, G_N_ELEMENTS(values), !refusal);
	if (refusal)
		return ph_lmtp_bad(lmtp, refusal);
	lmtp->trusted = false;
	g_clear_pointer(&lmtp->helo, g_free);
	ph_lmtp_end_transaction(lmtp);
	greeting = g_strdup_printf("220 %s LMTP posthub", lmtp->hostname);
	ph_lmtp_put(lmtp, greeting);
	return PH_LMTP_XCLIENT;
}

static const struct verb {
	const char *name;
	enum ph_lmtp_event (*run)(struct ph_lmtp *lmtp, const char *arguments);
} verbs[] = {
    {"LHLO", run_lhlo},	    {"MAIL", run_mail},
    {"RCPT", run_rcpt},	    {"DATA", run_data},
    {"RSET", run_rset},	    {"NOOP", run_noop},
    {"QUIT", run_quit},	    {"XFORWARD", run_xforward},
    {"VRFY", run_vrfy},	    {"HELO", run_helo},
    {"EHLO", run_helo},	    {"STARTTLS", run_starttls},
    {"BDAT", ph_lmtp_bdat}, {"XCLIENT", run_xclient},
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
