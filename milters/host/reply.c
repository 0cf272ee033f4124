#include "milters/host/host_private.h"

#include "lib/base/text.h"

#include <string.h>

char *
ph_reply_text_escape(const char *text, bool utf8)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	/* RFC 6531 section 3.7.4.2. */
	g_autofree char *plain = utf8 ? g_strdup(valid) : ph_to_ascii(valid);
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

static bool
all_begin(char *const *lines, const char *prefix)
{
	for (; *lines != NULL; lines++)
		if (!g_str_has_prefix(*lines, prefix))
			return false;
	return true;
}

char **
ph_reply_lines(const struct ph_verdict *verdict, bool utf8)
{
	g_autofree char *prefix = g_strconcat(verdict->enhanced, " ", NULL);
	size_t skip =
	    *verdict->enhanced != '\0' && all_begin(verdict->lines, prefix)
		? strlen(prefix)
		: 0;
	size_t n = MIN(g_strv_length(verdict->lines), PH_REPLY_LINES);
	char **lines = g_new0(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		lines[i] = ph_reply_text_escape(verdict->lines[i] + skip, utf8);
	return lines;
}

/* libmilter takes the lines one by one. */
#define FOUR(lines, i) \
	(lines)[i], (lines)[(i) + 1], (lines)[(i) + 2], (lines)[(i) + 3]
#define SIXTEEN(lines, i)                                           \
	FOUR(lines, i), FOUR(lines, (i) + 4), FOUR(lines, (i) + 8), \
	    FOUR(lines, (i) + 12)

static void
pass_reply(SMFICTX *ctx, const struct ph_verdict *verdict, bool utf8)
{
	g_auto(GStrv) lines = ph_reply_lines(verdict, utf8);
	g_autofree char *code = g_strdup(verdict->code);
	g_autofree char *enhanced =
	    *verdict->enhanced != '\0' ? g_strdup(verdict->enhanced) : NULL;
	char *all[PH_REPLY_LINES] = {NULL};

	if (lines[0] == NULL || lines[1] == NULL) {
		(void)smfi_setreply(ctx, code, enhanced, lines[0]);
		return;
	}
	memcpy(all, lines, g_strv_length(lines) * sizeof(*lines));
	(void)smfi_setmlreply(ctx, code, enhanced, SIXTEEN(all, 0),
			      SIXTEEN(all, 16), (char *)NULL);
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

static void
say(SMFICTX *ctx, const struct ph_verdict *verdict, bool utf8)
{
	if (verdict->lines != NULL)
		pass_reply(ctx, verdict, utf8);
	else
		set_reply(ctx, verdict, utf8);
}

sfsistat
ph_reply_verdict(SMFICTX *ctx, const struct ph_verdict *verdict, bool utf8)
{
	switch (verdict->decision) {
	case PH_DECISION_ACCEPT:
		return SMFIS_CONTINUE;
	case PH_DECISION_REJECT:
		say(ctx, verdict, utf8);
		return SMFIS_REJECT;
	case PH_DECISION_DEFER:
		say(ctx, verdict, utf8);
		return SMFIS_TEMPFAIL;
	case PH_DECISION_DISCARD:
		return SMFIS_DISCARD;
	}
	return SMFIS_TEMPFAIL;
}
