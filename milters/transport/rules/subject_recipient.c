#include "milters/transport/rules/evaluate.h"

#include "lib/directory/members.h"
#include "lib/directory/remote.h"
#include "lib/directory/resolve.h"

#include <string.h>
#include <strings.h>

/*
 * What RecipientAddressType says; one that a rule has added has no other. The
 * resolved one is the primary address: where the message goes on to may have an
 * extension.
 */
static const char *
address_of(const struct ph_recipient *recipient, const char *type)
{
	if (type != NULL && strcasecmp(type, "Original") == 0 &&
	    recipient->given != NULL)
		return recipient->given;
	return recipient->entry_state == PH_ENTRY_FOUND
		   ? ph_entry_primary(recipient->entry)
		   : recipient->address;
}

/* Conditions on one recipient's address are not for groups
 * (facts/exchange-rules.md rows 11, 14 to 17). 1, 0, -1. */
static int
is_group(struct ph_evaluation *e, struct ph_recipient *recipient,
	 struct ph_err *err)
{
	const struct ph_object *entry;
	int r = ph_recipient_entry(e->mail->directory, recipient, &entry, err);

	return r == 1 ? ph_entry_is_group(entry) : r;
}

static int
value_recipient(struct ph_evaluation *e, struct ph_recipient *recipient,
		const char *selector, size_t *cursor, struct ph_value *value_r,
		struct ph_err *err)
{
	int group;

	if ((*cursor)++ > 0)
		return 0;
	group = is_group(e, recipient, err);
	if (group != 0)
		return group < 0 ? -1 : 0;
	value_r->text = address_of(recipient, selector);
	return 1;
}

const struct ph_subject ph_subject_recipient = {
    "recipient", PH_LEVEL_RECIPIENT, PH_NEED_RECIPIENTS | PH_NEED_DIRECTORY,
    NULL, value_recipient};

static int
value_any_recipient(struct ph_evaluation *e, struct ph_recipient *unused,
		    const char *selector, size_t *cursor,
		    struct ph_value *value_r, struct ph_err *err)
{
	(void)unused;
	(void)err;
	while (*cursor < e->mail->recipients->len) {
		const struct ph_recipient *r =
		    e->mail->recipients->pdata[(*cursor)++];

		if (r->removed)
			continue;
		value_r->text = address_of(r, selector);
		return 1;
	}
	return 0;
}

const struct ph_subject ph_subject_any_recipient = {
    "recipients", PH_LEVEL_MESSAGE, PH_NEED_RECIPIENTS, NULL,
    value_any_recipient};

/* ---- SentToScope ---- */

static const char *const scope_names[] = {
    [PH_SCOPE_INSIDE] = "InOrganization",
    [PH_SCOPE_OUTSIDE] = "NotInOrganization",
    [PH_SCOPE_PARTNER] = "ExternalPartner",
    [PH_SCOPE_NOT_PARTNER] = "ExternalNonPartner",
};

/* In the directory as anything but a contact, which is judged by its address.
 */
static int
is_ours(struct ph_evaluation *e, struct ph_recipient *recipient,
	const char **address_r, struct ph_err *err)
{
	const struct ph_object *entry;
	int r = ph_recipient_entry(e->mail->directory, recipient, &entry, err);
	const char *outside;

	*address_r = recipient->address;
	if (r != 1)
		return r;
	if (strcasecmp(ph_object_text(entry, "RecipientType"), "MailContact") !=
	    0)
		return 1;
	outside = ph_object_text(entry, "ExternalEmailAddress");
	if (outside != NULL)
		*address_r = outside;
	return 0;
}

static bool
is_internal_remote(const struct ph_mail *mail, const char *domain)
{
	const struct ph_object *remote = ph_remote_find(mail->snapshot, domain);

	return remote != NULL && ph_object_bool(remote, "IsInternal");
}

static bool
is_partner(const struct ph_mail *mail, const char *domain)
{
	const struct ph_object *config =
	    ph_snapshot_find(mail->snapshot, "transportconfig", NULL);
	const char *const *secure =
	    config != NULL ? ph_object_list(config, "TLSSendDomainSecureList")
			   : NULL;

	for (; secure != NULL && *secure != NULL; secure++)
		if (strcasecmp(*secure, domain) == 0)
			return true;
	return false;
}

/*
 * An accepted domain is inside for authenticated senders alone; an address in
 * one that is not in the directory is neither inside nor outside for others:
 * false.
 */
static bool
judge(const struct ph_mail *mail, const char *address, enum ph_scope *scope_r)
{
	const struct ph_object *accepted =
	    ph_accepted_domain(mail->snapshot, address);
	const char *type =
	    accepted != NULL ? ph_object_text(accepted, "DomainType") : NULL;
	const char *at = strrchr(address, '@');

	if (accepted != NULL &&
	    (type == NULL || strcasecmp(type, "ExternalRelay") != 0)) {
		*scope_r = PH_SCOPE_INSIDE;
		return mail->auth_as == PH_AUTH_INTERNAL;
	}
	if (at != NULL && is_internal_remote(mail, at + 1)) {
		*scope_r = PH_SCOPE_INSIDE;
		return false;
	}
	*scope_r = at != NULL && is_partner(mail, at + 1)
		       ? PH_SCOPE_PARTNER
		       : PH_SCOPE_NOT_PARTNER;
	return true;
}

/* First what is outside in general, then which kind of outside. */
static int
value_sent_to_scope(struct ph_evaluation *e, struct ph_recipient *recipient,
		    const char *selector, size_t *cursor,
		    struct ph_value *value_r, struct ph_err *err)
{
	enum ph_scope scope = PH_SCOPE_INSIDE;
	const char *address;
	int ours = is_ours(e, recipient, &address, err);
	size_t i = (*cursor)++;

	(void)selector;
	if (ours < 0)
		return i == 0 ? -1 : 0;
	if (ours == 0 && !judge(e->mail, address, &scope))
		return 0;
	if (scope == PH_SCOPE_INSIDE ? i > 0 : i > 1)
		return 0;
	if (scope != PH_SCOPE_INSIDE && i == 1)
		scope = PH_SCOPE_OUTSIDE;
	value_r->number = scope;
	value_r->text = scope_names[scope];
	return 1;
}

const struct ph_subject ph_subject_sent_to_scope = {
    "recipient's scope", PH_LEVEL_RECIPIENT,
    PH_NEED_RECIPIENTS | PH_NEED_DIRECTORY, NULL, value_sent_to_scope};

/* ---- attributes ---- */

static int
value_attribute(struct ph_evaluation *e, struct ph_recipient *recipient,
		const char *selector, size_t *cursor, struct ph_value *value_r,
		struct ph_err *err)
{
	const struct ph_object *entry;
	int r;

	if ((*cursor)++ > 0)
		return 0;
	r = ph_recipient_entry(e->mail->directory, recipient, &entry, err);
	if (r != 1)
		return r;
	if (ph_entry_is_group(entry))
		return 0;
	value_r->text = ph_object_text(entry, selector);
	return value_r->text != NULL;
}

const struct ph_subject ph_subject_recipient_attribute = {
    "recipient's attribute", PH_LEVEL_RECIPIENT,
    PH_NEED_RECIPIENTS | PH_NEED_DIRECTORY, NULL, value_attribute};

/* ---- for comparisons that obtain their values themselves ---- */

static int
value_none(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	(void)e;
	(void)recipient;
	(void)selector;
	(void)cursor;
	(void)value_r;
	(void)err;
	return 0;
}

#define PAIR_NEEDS (PH_NEED_HEADERS | PH_NEED_RECIPIENTS | PH_NEED_DIRECTORY)

const struct ph_subject ph_subject_pair = {
    "sender and recipient", PH_LEVEL_RECIPIENT, PAIR_NEEDS, NULL, value_none};
const struct ph_subject ph_subject_pair_message = {
    "sender and recipients", PH_LEVEL_MESSAGE, PAIR_NEEDS, NULL, value_none};
