#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/scan.h"

#include "lib/directory/resolve.h"

#include <string.h>
#include <strings.h>

static const char *const sender_fields[] = {"From", "Sender", NULL};

/* ---- the address, where SenderAddressLocation says ---- */

enum { IN_HEADER = 1, IN_ENVELOPE = 2 };

static unsigned
places(const char *location)
{
	if (strcasecmp(location, "Envelope") == 0)
		return IN_ENVELOPE;
	if (strcasecmp(location, "HeaderOrEnvelope") == 0)
		return IN_HEADER | IN_ENVELOPE;
	return IN_HEADER;
}

/*
 * Every mailbox in From, or if there is none, in Sender; then the reverse-path,
 * which is "" for a report and matches nothing.
 */
static int
value_sender(struct ph_evaluation *e, struct ph_recipient *recipient,
	     const char *selector, size_t *cursor, struct ph_value *value_r,
	     struct ph_err *err)
{
	unsigned in = places(selector);
	const GPtrArray *addresses = ph_scan_addresses(e, "From");
	size_t i = (*cursor)++;

	(void)recipient;
	(void)err;
	if (addresses->len == 0)
		addresses = ph_scan_addresses(e, "Sender");
	if ((in & IN_HEADER) != 0 && i < addresses->len) {
		value_r->text = addresses->pdata[i];
		return 1;
	}
	if ((in & IN_HEADER) != 0)
		i -= addresses->len;
	if ((in & IN_ENVELOPE) == 0 || i > 0 || *e->mail->sender == '\0')
		return 0;
	value_r->text = e->mail->sender;
	return 1;
}

const struct ph_subject ph_subject_sender = {
    "sender", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, sender_fields, value_sender};

/* ---- FromScope ---- */

static bool
is_inside(const struct ph_object *domain)
{
	const char *type = ph_object_text(domain, "DomainType");

	return type == NULL || strcasecmp(type, "ExternalRelay") != 0;
}

/* Of the organisation by its domain, or in the directory as anything but a
 * contact: 1, 0, -1. */
static int
find_sender(struct ph_evaluation *e, const char *sender, struct ph_err *err)
{
	const struct ph_object *domain =
	    ph_accepted_domain(e->mail->snapshot, sender);
	const struct ph_identity *identity;
	const char *type;

	if (domain != NULL && is_inside(domain))
		return 1;
	if (ph_identity_find(e, sender, &identity, err) < 0)
		return ph_err_wrap(err, "sender");
	if (identity->entry == NULL)
		return 0;
	type = ph_object_text(identity->entry, "RecipientType");
	return type == NULL || strcasecmp(type, "MailContact") != 0;
}

/* An unauthenticated client is outside whatever it claims
 * (facts/exchange-rules.md section 3.1). */
static int
value_from_scope(struct ph_evaluation *e, struct ph_recipient *recipient,
		 const char *selector, size_t *cursor, struct ph_value *value_r,
		 struct ph_err *err)
{
	int inside = 0;

	(void)recipient;
	(void)selector;
	if ((*cursor)++ > 0)
		return 0;
	if (e->mail->auth_as == PH_AUTH_INTERNAL) {
		const char *from = ph_identity_sender(e);

		inside = *from == '\0' ? 0 : find_sender(e, from, err);
	}
	if (inside < 0)
		return -1;
	value_r->number = inside == 1 ? PH_SCOPE_INSIDE : PH_SCOPE_OUTSIDE;
	value_r->text = inside == 1 ? "InOrganization" : "NotInOrganization";
	return 1;
}

const struct ph_subject ph_subject_from_scope = {
    "sender's scope", PH_LEVEL_MESSAGE, PH_NEED_HEADERS | PH_NEED_DIRECTORY,
    sender_fields, value_from_scope};

/* ---- attributes, client ---- */

static int
value_attribute(struct ph_evaluation *e, struct ph_recipient *recipient,
		const char *selector, size_t *cursor, struct ph_value *value_r,
		struct ph_err *err)
{
	const struct ph_object *entry;
	int r;

	(void)recipient;
	if ((*cursor)++ > 0)
		return 0;
	r = ph_identity_sender_entry(e, &entry, err);
	if (r != 1)
		return r;
	value_r->text = ph_object_text(entry, selector);
	return value_r->text != NULL;
}

const struct ph_subject ph_subject_sender_attribute = {
    "sender's attribute", PH_LEVEL_MESSAGE, PH_NEED_HEADERS | PH_NEED_DIRECTORY,
    sender_fields, value_attribute};

static int
value_client_ip(struct ph_evaluation *e, struct ph_recipient *recipient,
		const char *selector, size_t *cursor, struct ph_value *value_r,
		struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	value_r->text = e->mail->original_ip;
	return (*cursor)++ == 0 && *value_r->text != '\0';
}

const struct ph_subject ph_subject_client_ip = {
    "client's address", PH_LEVEL_MESSAGE, PH_NEED_ENVELOPE, NULL,
    value_client_ip};

static int
value_size(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	value_r->number = (int64_t)MIN(e->mail->size, (uint64_t)INT64_MAX);
	return (*cursor)++ == 0;
}

const struct ph_subject ph_subject_size = {"message size", PH_LEVEL_MESSAGE,
					   PH_NEED_ENVELOPE, NULL, value_size};
