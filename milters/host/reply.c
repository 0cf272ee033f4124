#include "milters/host/host_private.h"

#include <string.h>

/*
 * A reply is ASCII unless the client asked for SMTPUTF8 (RFC 6531 section
 * 3.7.4.2). GLib's table for "C" has Latin letters and signs, the one for "uk"
 * Cyrillic.
 */
static char *
transliterate(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		g_autofree char *one =
		    g_strndup(p, (gsize)(g_utf8_next_char(p) - p));
		g_autofree char *latin = g_str_to_ascii(one, "C");
		g_autofree char *cyrillic = g_str_to_ascii(one, "uk");

		g_string_append(out, latin[0] == '?' ? cyrillic : latin);
	}
	return g_string_free(out, FALSE);
}

char *
ph_reply_text_escape(const char *text, bool utf8)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *plain = utf8 ? g_strdup(valid) : transliterate(valid);
	GString *out = g_string_new(NULL);

	for (const char *p = plain; *p != '\0'; p = g_utf8_next_char(p)) {
		size_t size = (size_t)(g_utf8_next_char(p) - p);

		if (out->len + size + 1 > PH_REPLY_LIMIT)
			break;
		if (*p == '%')
			g_string_append(out, "%%");
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			g_string_append_c(out, ' ');
		else
			g_string_append_len(out, p, (gssize)size);
	}
	return g_string_free(out, FALSE);
}

/* Never 5xx: what cannot be said is not a refusal. */
static const struct {
	enum ph_err_kind kind;
	const char *enhanced;
	const char *text;
} errors[] = {
    {PH_ERR_NONE, "4.3.0", "Temporary server error. Please try again later"},
    {PH_ERR_TEMP, "4.3.0", "Temporary server error. Please try again later"},
    {PH_ERR_PERM, "4.3.5", "Server configuration problem"},
    {PH_ERR_PEER, "4.3.0", "Temporary server error. Please try again later"},
    {PH_ERR_MAYBE, "4.3.0", "Temporary server error. Please try again later"},
};

void
ph_reply_error(struct ph_verdict *verdict, const char *agent,
	       const struct ph_err *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
		if (errors[i].kind == err->kind)
			ph_verdict_defer(verdict, agent, errors[i].enhanced,
					 errors[i].text);
}

static void
set_reply(SMFICTX *ctx, const struct ph_verdict *verdict, bool utf8)
{
	g_autofree char *text = ph_reply_text_escape(verdict->text, utf8);
	g_autofree char *code = g_strdup(verdict->code);
	g_autofree char *enhanced = g_strdup(verdict->enhanced);

	/* If libmilter does not like it, its own text for the same kind of
	 * answer is sent. */
	(void)smfi_setreply(ctx, code, enhanced, text);
}

sfsistat
ph_reply_verdict(SMFICTX *ctx, const struct ph_verdict *verdict, bool utf8)
{
	switch (verdict->decision) {
	case PH_DECISION_ACCEPT:
		return SMFIS_CONTINUE;
	case PH_DECISION_REJECT:
		set_reply(ctx, verdict, utf8);
		return SMFIS_REJECT;
	case PH_DECISION_DEFER:
		set_reply(ctx, verdict, utf8);
		return SMFIS_TEMPFAIL;
	case PH_DECISION_DISCARD:
		return SMFIS_DISCARD;
	}
	return SMFIS_TEMPFAIL;
}
