#include "milters/transport/rules/evaluate.h"
#include "milters/transport/rules/names.h"

#include <strings.h>

/* Order of the words of NotifySender. */
enum {
	NOTIFY_ONLY,
	REJECT,
	UNLESS_FALSE_POSITIVE,
	UNLESS_SILENT,
	UNLESS_EXPLICIT,
};

enum ph_override
ph_override_of(struct ph_headers *headers)
{
	const char *text = ph_headers_text(headers, PH_HEADER_OVERRIDE, 0);
	g_autofree char *word = g_strstrip(g_strdup(text != NULL ? text : ""));

	if (*word == '\0')
		return PH_OVERRIDE_NONE;
	if (strcasecmp(word, "FalsePositive") == 0)
		return PH_OVERRIDE_FALSE_POSITIVE;
	return strcasecmp(word, "Override") == 0 ? PH_OVERRIDE_SILENT
						 : PH_OVERRIDE_EXPLICIT;
}

/* Programs are not told (RFC 3834), nor is who has no address, nor, as in
 * Exchange, a stranger. */
static bool
can_be_told(struct ph_mail *mail)
{
	const char *made = ph_headers_text(mail->headers, "Auto-Submitted", 0);

	return *mail->sender != '\0' && mail->auth_as == PH_AUTH_INTERNAL &&
	       (made == NULL || strcasecmp(made, "no") == 0);
}

int
ph_action_tell_sender(const struct ph_action_run *run, struct ph_err *err)
{
	(void)err;
	for (guint i = 0; can_be_told(run->mail) && i < run->matched->len;
	     i++) {
		struct ph_recipient *r = run->matched->pdata[i];

		r->tell_sender = true;
	}
	return 0;
}

static bool
is_overridden(size_t word, enum ph_override said)
{
	switch (said) {
	case PH_OVERRIDE_NONE:
		return false;
	case PH_OVERRIDE_FALSE_POSITIVE:
		return word == UNLESS_FALSE_POSITIVE;
	case PH_OVERRIDE_SILENT:
		return word == UNLESS_SILENT;
	case PH_OVERRIDE_EXPLICIT:
		return word == UNLESS_SILENT || word == UNLESS_EXPLICIT;
	}
	return false;
}

/* Who is refused in the session is told by that: the server that sent it
 * writes the notice. */
int
ph_action_notify_sender(const struct ph_action_run *run, struct ph_err *err)
{
	size_t word = ph_object_word(run->rule, "NotifySender");

	if (word == NOTIFY_ONLY)
		return ph_action_tell_sender(run, err);
	return is_overridden(word, ph_override_of(run->mail->headers))
		   ? 0
		   : ph_action_reject(run, err);
}

bool
ph_notify_sender_rejects(const struct ph_object *rule)
{
	return ph_object_has(rule, "NotifySender") &&
	       ph_object_word(rule, "NotifySender") != NOTIFY_ONLY;
}
