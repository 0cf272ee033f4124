#include "milters/transport/outcome_private.h"

#include "lib/directory/remote.h"
#include "lib/directory/resolve.h"
#include "lib/message/content.h"

#include <string.h>

/* What may not go to a remote domain, by what the header says of the message
 * (facts/exchange-routing.md section 8). */
static bool
no_replies(const struct ph_object *remote)
{
	return !ph_object_bool(remote, "AutoReplyEnabled") ||
	       strcmp(ph_object_text(remote, "AllowedOOFType"), "None") == 0;
}

static bool
no_forwards(const struct ph_object *remote)
{
	return !ph_object_bool(remote, "AutoForwardEnabled");
}

static const struct {
	unsigned type;
	bool (*forbids)(const struct ph_object *remote);
} rows[] = {
    {PH_CONTENT_OOF, no_replies},
    {PH_CONTENT_AUTO_FORWARD, no_forwards},
};

static bool
forbids(const struct ph_object *remote, unsigned types)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if ((types & rows[i].type) != 0 && rows[i].forbids(remote))
			return true;
	return false;
}

/* Hardly any organisation forbids anything, and then no header is looked at. */
static bool
is_any_forbidden(const struct ph_snapshot *snapshot)
{
	size_t n;
	const struct ph_object *const *list =
	    ph_snapshot_list(snapshot, "remotedomain", &n);

	for (size_t i = 0; i < n; i++)
		if (no_replies(list[i]) || no_forwards(list[i]))
			return true;
	return false;
}

/* Of the header alone: both are said there. */
static unsigned
types_of(const struct ph_mail *copy)
{
	struct ph_content *content = ph_content_new(copy->headers, "", 0);
	unsigned types = ph_content_types(content);

	ph_content_free(&content);
	return types;
}

/* The domain outside that a copy for the recipient goes to, borrowed; NULL:
 * inside. 0; -1: cannot say. Of what two entries claim (PERM) transport says so
 * later. */
static int
find_domain_outside(const struct ph_mail *copy, struct ph_recipient *recipient,
		    const char **domain_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	const struct ph_object *entry;
	int r = ph_recipient_entry(copy->directory, recipient, &entry, &why);
	const char *address =
	    r == 1 ? ph_object_text(entry, "ExternalEmailAddress")
		   : recipient->address;

	*domain_r = NULL;
	if (r < 0 && why.kind != PH_ERR_PERM)
		return ph_err_set(err, why.kind, "%s", why.text);
	if (r >= 0 && address != NULL &&
	    ph_accepted_domain(copy->snapshot, address) == NULL)
		*domain_r = ph_address_domain(address);
	return 0;
}

/* 1, 0, -1. */
static int
is_forbidden(const struct ph_mail *copy, struct ph_recipient *recipient,
	     unsigned types, struct ph_err *err)
{
	const struct ph_object *remote;
	const char *domain;

	if (find_domain_outside(copy, recipient, &domain, err) < 0)
		return -1;
	remote = domain != NULL ? ph_remote_find(copy->snapshot, domain) : NULL;
	return remote != NULL && forbids(remote, types);
}

/* Silently, as Exchange does. 0 or -1. */
static int
drop_some(GPtrArray *copies, struct ph_mail *copy, unsigned types,
	  struct ph_err *err)
{
	struct ph_mail *dropped = NULL;

	for (guint i = 0; i < copy->recipients->len;) {
		struct ph_recipient *recipient = copy->recipients->pdata[i];
		int r = recipient->removed
			    ? 0
			    : is_forbidden(copy, recipient, types, err);

		if (r < 0)
			return -1;
		if (r == 0) {
			i++;
			continue;
		}
		if (dropped == NULL) {
			dropped = ph_mail_fork(copy);
			ph_verdict_discard(&dropped->verdict, PH_RESOLVE_AGENT);
			g_ptr_array_add(copies, dropped);
		}
		g_ptr_array_add(dropped->recipients,
				g_ptr_array_steal_index(copy->recipients, i));
	}
	return 0;
}

int
ph_outcome_remote(GPtrArray *copies, struct ph_err *err)
{
	guint n = copies->len;

	for (guint i = 0; i < n; i++) {
		struct ph_mail *copy = copies->pdata[i];
		unsigned types;

		if (copy->verdict.decision != PH_DECISION_ACCEPT ||
		    !is_any_forbidden(copy->snapshot))
			continue;
		types = types_of(copy);
		if (types != 0 && drop_some(copies, copy, types, err) < 0)
			return -1;
	}
	return 0;
}
