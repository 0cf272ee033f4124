#include "milters/transport/rules/condition.h"

#include "lib/directory/resolve.h"

#include <strings.h>

static bool
is_inside(const struct ph_object *domain)
{
	const char *type = ph_object_text(domain, "DomainType");

	return type == NULL || strcasecmp(type, "ExternalRelay") != 0;
}

/* 1 inside, 0 outside, -1 cannot say. */
static int
find_sender(const struct ph_mail *mail, const char *sender, struct ph_err *err)
{
	const struct ph_object *domain =
	    ph_accepted_domain(mail->snapshot, sender);
	struct ph_object *entry = NULL;
	const char *type;
	int r;

	if (domain != NULL && is_inside(domain))
		return 1;
	r = ph_directory_find(mail->directory, sender, &entry, err);
	if (r < 0)
		return ph_err_wrap(err, "sender <%s>", sender);
	if (r == 0)
		return 0;
	type = ph_object_text(entry, "RecipientType");
	r = type == NULL || strcasecmp(type, "MailContact") != 0;
	ph_object_unref(&entry);
	return r;
}

int
ph_subject_from_scope(struct ph_evaluation *e,
		      const struct ph_recipient *recipient,
		      const char *selector, size_t *cursor,
		      struct ph_value *value_r, struct ph_err *err)
{
	struct ph_mail *mail = e->mail;
	g_autofree char *from = NULL;
	int inside = 0;

	(void)recipient;
	(void)selector;
	if ((*cursor)++ > 0)
		return 0;
	if (mail->auth_as == PH_AUTH_INTERNAL) {
		from = ph_headers_address(mail->headers, "From");
		if (from == NULL)
			from = g_strdup(mail->sender);
		inside = *from == '\0' ? 0 : find_sender(mail, from, err);
	}
	if (inside < 0)
		return -1;
	value_r->scope = inside == 1 ? PH_SCOPE_INSIDE : PH_SCOPE_OUTSIDE;
	return 1;
}
