#include "milters/transport/rules/quarantine.h"

#include "lib/directory/resolve.h"
#include "lib/message/nmid.h"

#include <strings.h>

/* A milter can give the MTA 65,535 bytes of a field. */
#define LIST_LIMIT ((gsize)50000)

/* Where mail for the mailbox goes on; g_free. NULL: cannot say, or nobody has
 * the address. */
static char *
find_mailbox(const struct ph_quarantine *quarantine, const struct ph_mail *mail,
	     struct ph_err *err)
{
	struct ph_resolution resolution;
	char *address = NULL;

	if (!quarantine->resolve)
		return g_strdup(quarantine->mailbox);
	if (ph_resolve(mail->directory, mail->snapshot, quarantine->mailbox,
		       &resolution, err) < 0)
		return NULL;
	switch (resolution.verdict) {
	case PH_RESOLVED_ENTRY:
	case PH_RESOLVED_RELAY:
	case PH_RESOLVED_OUTSIDE:
		address = g_strdup(resolution.address);
		break;
	case PH_RESOLVED_UNKNOWN:
	case PH_RESOLVED_INVALID:
		ph_err_set(err, PH_ERR_PERM,
			   "quarantine_mailbox: there is no <%s>",
			   quarantine->mailbox);
		break;
	}
	ph_resolution_clear(&resolution);
	return address;
}

/* "a@b.test,\n c@d.test"; what does not fit is counted. */
static char *
list(const GPtrArray *recipients)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_recipient *r = recipients->pdata[i];

		if (text->len > LIST_LIMIT) {
			g_string_append_printf(text, ",\n (and %u more)",
					       recipients->len - i);
			break;
		}
		g_string_append_printf(text, "%s%s", i > 0 ? ",\n " : "",
				       r->address);
	}
	return g_string_free(text, FALSE);
}

static bool
has_recipient(const struct ph_mail *mail, const char *address)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed && r->refusal == NULL &&
		    strcasecmp(r->address, address) == 0)
			return true;
	}
	return false;
}

int
ph_quarantine_put(const struct ph_quarantine *quarantine, struct ph_mail *mail,
		  const GPtrArray *recipients, struct ph_err *err)
{
	static const char *const params[] = {"NOTIFY=NEVER", NULL};
	g_autofree char *mailbox = find_mailbox(quarantine, mail, err);
	g_autofree char *value = NULL;
	struct ph_recipient *to;

	if (mailbox == NULL)
		return ph_err_wrap(err, "quarantine");
	value = list(recipients);
	if (ph_mail_set_header(mail, PH_HEADER_QUARANTINE, value, err) < 0)
		return -1;
	for (guint i = 0; i < recipients->len; i++) {
		struct ph_recipient *r = recipients->pdata[i];

		r->removed |= strcasecmp(r->address, mailbox) != 0;
	}
	if (has_recipient(mail, mailbox))
		return 0;
	to = ph_mail_add_recipient(mail, mailbox, params);
	g_clear_pointer(&to->given, g_free);
	return 0;
}
