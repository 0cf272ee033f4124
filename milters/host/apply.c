#include "milters/host/host_private.h"

#include <string.h>
#include <strings.h>

static int
failed(const char *what, const char *name, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "the MTA did not take %s %s", what,
			  name);
}

/*
 * The milter protocol takes 65,535 bytes with the name, and Postfix shows at
 * most 60,000 of a field anyway: what is longer is cut here as there, since a
 * refused change would defer the message for ever.
 */
#define VALUE_LIMIT 60000

/* A value as it is given to the MTA; g_free. */
static char *
wire_value(const char *value, bool leading)
{
	GString *out = g_string_new(leading ? " " : "");

	g_string_append(out, value);
	if (out->len > VALUE_LIMIT)
		g_string_truncate(out, VALUE_LIMIT);
	return g_string_free(out, FALSE);
}

/* value NULL removes. */
static int
change(SMFICTX *ctx, const char *name, size_t index, const char *value,
       bool leading)
{
	g_autofree char *n = g_strdup(name);
	g_autofree char *v = value == NULL ? NULL : wire_value(value, leading);

	return smfi_chgheader(ctx, n, (int)index, v) == MI_SUCCESS ? 0 : -1;
}

static int
add(SMFICTX *ctx, const char *name, const char *value, bool leading)
{
	g_autofree char *n = g_strdup(name);
	g_autofree char *v = wire_value(value, leading);

	return smfi_addheader(ctx, n, v) == MI_SUCCESS ? 0 : -1;
}

/* What is told to the MTA about a field costs it a pass over the header: 1,000
 * take it a sixth of a second, 5,000 two, and at 20,000 it gives up. */
#define FIELDS_LIMIT 1000

bool
ph_apply_bearable(const struct ph_mail *mail)
{
	const struct ph_headers *headers = mail->headers;
	size_t n = ph_headers_count(headers), gone = 0;

	for (guint i = 0; i < mail->touched->len; i++) {
		const struct ph_touched *touched = mail->touched->pdata[i];
		size_t now = 0;

		for (size_t j = ph_headers_find(headers, touched->name, 0);
		     j < n; j = ph_headers_find(headers, touched->name, j + 1))
			now++;
		if (touched->before->len > now)
			gone += touched->before->len - now;
	}
	return gone <= FIELDS_LIMIT;
}

/*
 * One name: its values now, against those that came. The MTA counts fields of
 * a name from 1 and counts again after each removal, so the last go first.
 */
static int
apply_header(SMFICTX *ctx, const struct ph_mail *mail,
	     const struct ph_touched *touched, bool leading)
{
	const struct ph_headers *headers = mail->headers;
	size_t n = ph_headers_count(headers);
	size_t before = touched->before->len, now = 0;

	for (size_t i = ph_headers_find(headers, touched->name, 0); i < n;
	     i = ph_headers_find(headers, touched->name, i + 1)) {
		const char *value = ph_headers_at(headers, i)->value;

		if (now >= before) {
			if (add(ctx, touched->name, value, leading) < 0)
				return -1;
		} else if (touched->always ||
			   strcmp(value, touched->before->pdata[now]) != 0) {
			if (change(ctx, touched->name, now + 1, value,
				   leading) < 0)
				return -1;
		}
		now++;
	}
	for (size_t i = before; i > now; i--)
		if (change(ctx, touched->name, i, NULL, leading) < 0)
			return -1;
	return 0;
}

/* RFC 3461 section 4: what is not printable, '+' and '=' as "+XX". */
static void
append_xtext(GString *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0';
	     p++)
		if (*p < '!' || *p > '~' || *p == '+' || *p == '=')
			g_string_append_printf(out, "+%02X", *p);
		else
			g_string_append_c(out, (char)*p);
}

static const char *
find_param(const struct ph_recipient *recipient, const char *prefix)
{
	for (char **p = recipient->params; *p != NULL; p++)
		if (strncasecmp(*p, prefix, strlen(prefix)) == 0)
			return *p;
	return NULL;
}

char *
ph_apply_params(const struct ph_recipient *recipient)
{
	const char *notify = find_param(recipient, "NOTIFY=");
	const char *orcpt = find_param(recipient, "ORCPT=");
	GString *out = g_string_new(notify);

	if (orcpt == NULL && recipient->given == NULL)
		return g_string_free(out, FALSE);
	if (out->len > 0)
		g_string_append_c(out, ' ');
	if (orcpt != NULL) {
		g_string_append(out, orcpt);
	} else {
		g_string_append(out, "ORCPT=rfc822;");
		append_xtext(out, recipient->given);
	}
	return g_string_free(out, FALSE);
}

/* By what is deleted under one spelling the MTA deletes others as well: then
 * all of them come anew. */
static bool
is_any_respelt(const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->typed != NULL)
			return true;
	}
	return false;
}

static bool
is_unchanged(const struct ph_recipient *recipient)
{
	return recipient->given != NULL && !recipient->removed &&
	       strcmp(recipient->given, recipient->address) == 0;
}

static bool
are_unchanged(const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++)
		if (!is_unchanged(mail->recipients->pdata[i]))
			return false;
	return true;
}

static int
delete_recipient(SMFICTX *ctx, const char *name, struct ph_err *err)
{
	g_autofree char *address = g_strdup_printf("<%s>", name);

	return smfi_delrcpt(ctx, address) == MI_SUCCESS
		   ? 0
		   : failed("removal of recipient", name, err);
}

static int
delete_recipients(SMFICTX *ctx, const struct ph_mail *mail, bool all,
		  struct ph_err *err)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->given == NULL || (!all && is_unchanged(r)))
			continue;
		if (delete_recipient(ctx, r->given, err) < 0 ||
		    (r->typed != NULL &&
		     delete_recipient(ctx, r->typed, err) < 0))
			return -1;
	}
	return 0;
}

static int
add_recipients(SMFICTX *ctx, const struct ph_mail *mail, bool all,
	       struct ph_err *err)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];
		g_autofree char *address = NULL;
		g_autofree char *params = NULL;

		if (r->removed || (!all && is_unchanged(r)))
			continue;
		address = g_strdup_printf("<%s>", r->address);
		params = ph_apply_params(r);
		if (smfi_addrcpt_par(ctx, address, params) != MI_SUCCESS)
			return failed("recipient", r->address, err);
	}
	return 0;
}

static int
apply_recipients(SMFICTX *ctx, const struct ph_mail *mail, struct ph_err *err)
{
	bool all;

	if (are_unchanged(mail))
		return 0;
	all = is_any_respelt(mail);
	return delete_recipients(ctx, mail, all, err) < 0
		   ? -1
		   : add_recipients(ctx, mail, all, err);
}

int
ph_apply_changes(SMFICTX *ctx, const struct ph_mail *mail, bool leading,
		 struct ph_err *err)
{
	for (guint i = 0; i < mail->touched->len; i++) {
		const struct ph_touched *touched = mail->touched->pdata[i];

		if (apply_header(ctx, mail, touched, leading) < 0)
			return failed("header field", touched->name, err);
	}
	if (mail->new_body &&
	    smfi_replacebody(ctx, mail->body->data, (int)mail->body->len) !=
		MI_SUCCESS)
		return failed("another", "body", err);
	return apply_recipients(ctx, mail, err);
}
