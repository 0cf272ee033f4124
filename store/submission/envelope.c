#include "store/submission/envelope.h"

#include "lib/base/text.h"
#include "lib/directory/entry.h"
#include "lib/directory/send_as.h"
#include "store/submission/resent.h"

#include <string.h>

/* ---- the owner --------------------------------------------------------- */

static int
judge_entry(const struct ph_object *entry, const struct ph_box_name *name,
	    const char *address, struct ph_err *err)
{
	const char *database = ph_object_text(entry, "Database");
	g_autofree char *has = ph_fold(database != NULL ? database : "");
	g_autofree char *wants = ph_fold(name->database);

	if (!ph_entry_is_mailbox(entry)) {
		ph_err_set(err, PH_ERR_PERM, "%s is no UserMailbox", address);
		return 0;
	}
	if (strcmp(has, wants) != 0) {
		ph_err_set(err, PH_ERR_PERM,
			   "the mailbox of %s is in database %s, not in %s",
			   address, database != NULL ? database : "none",
			   name->database);
		return 0;
	}
	return 1;
}

static struct ph_owner *
make_owner(const struct ph_object *entry)
{
	struct ph_owner *owner = g_new0(struct ph_owner, 1);

	owner->primary = g_strdup(ph_entry_primary(entry));
	owner->addresses = ph_entry_addresses(entry);
	owner->max_size = ph_object_int(entry, "MaxSendSize");
	owner->max_recipients = ph_object_int(entry, "RecipientLimits");
	owner->entry = ph_object_ref(entry);
	return owner;
}

int
ph_owner_find(struct ph_directory *directory, const struct ph_box_name *name,
	      struct ph_owner **owner_r, struct ph_err *err)
{
	g_autofree char *address = ph_box_name_address(name);
	struct ph_object *entry = NULL;
	int r;

	if (address == NULL) {
		ph_err_set(err, PH_ERR_PERM,
			   "the address of mailbox %s/%s cannot be told from "
			   "its directory",
			   name->domain, name->local);
		return 0;
	}
	r = ph_directory_find(directory, address, &entry, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		ph_err_set(err, PH_ERR_PERM, "nobody has the address %s",
			   address);
		return 0;
	}
	r = judge_entry(entry, name, address, err);
	if (r == 1)
		*owner_r = make_owner(entry);
	ph_object_unref(&entry);
	return r;
}

void
ph_owner_free(struct ph_owner **owner)
{
	if (*owner == NULL)
		return;
	g_free((*owner)->primary);
	g_ptr_array_unref((*owner)->addresses);
	ph_object_unref(&(*owner)->entry);
	g_free(*owner);
	*owner = NULL;
}

/* NULL: there is no such field. */
static GPtrArray *
addresses_of(struct ph_headers *headers, const char *field)
{
	GPtrArray *addresses;

	if (ph_headers_raw(headers, field, 0) == NULL)
		return NULL;
	addresses = g_ptr_array_new_with_free_func(g_free);
	ph_headers_addresses(headers, field, addresses);
	return addresses;
}

static bool
is_own(const struct ph_owner *owner, const char *address)
{
	g_autofree char *folded = ph_fold(address);

	for (guint i = 0; i < owner->addresses->len; i++)
		if (strcmp(owner->addresses->pdata[i], folded) == 0)
			return true;
	return false;
}

/* Reports go to whoever seems to have sent it: Sender, else a From that names
 * one. 0 or -1. */
static int
set_sender(struct ph_directory *directory, const struct ph_owner *owner,
	   const GPtrArray *from, const GPtrArray *sender,
	   struct ph_item_state *state, struct ph_err *err)
{
	const GPtrArray *who = sender != NULL ? sender : from;
	struct ph_object *entry = NULL;

	if (who->len != 1 || is_own(owner, who->pdata[0]))
		return 0;
	if (ph_directory_find(directory, who->pdata[0], &entry, err) < 0)
		return -1;
	if (entry != NULL)
		ph_state_text(&state->sender, ph_entry_primary(entry));
	ph_object_unref(&entry);
	return 0;
}

/* prefix: "" or "Resent-", what the fields in headers are called. 1, 0, -1. */
static int
check_sender(struct ph_directory *directory, const struct ph_snapshot *snapshot,
	     const struct ph_owner *owner, struct ph_headers *headers,
	     const char *prefix, struct ph_item_state *state,
	     struct ph_err *err)
{
	g_autoptr(GPtrArray) from = addresses_of(headers, "From");
	g_autoptr(GPtrArray) sender = addresses_of(headers, "Sender");
	struct ph_send_as_no no;
	struct ph_send_as who;
	int r;

	if (from == NULL) {
		ph_err_set(err, PH_ERR_PERM, "it has no %sFrom", prefix);
		return 0;
	}
	ph_send_as_owner(directory, snapshot, owner->addresses, &who);
	r = ph_send_as_check(&who, from, sender, &no, err);
	ph_send_as_clear(&who);
	if (r == 1)
		return set_sender(directory, owner, from, sender, state, err) <
			       0
			   ? -1
			   : 1;
	if (r == 0 && no.address == NULL)
		ph_err_set(err, PH_ERR_PERM, "its %s%s names nobody", prefix,
			   no.field);
	else if (r == 0)
		ph_err_set(err, PH_ERR_PERM,
			   "%s may not send as %.200s, which its %s%s names",
			   owner->primary, no.address, prefix, no.field);
	return r;
}

/* ---- recipients -------------------------------------------------------- */

/* Fit for RCPT TO:<...>: what is special there only within quotes. */
static bool
is_path(const char *address)
{
	g_autofree char *local = NULL, *domain = NULL;

	return g_utf8_validate(address, -1, NULL) &&
	       ph_split_address(address, &local, &domain) == 1 &&
	       strlen(address) <= 900 && strpbrk(domain, "\\\"()<>") == NULL &&
	       (local[0] == '"' || strpbrk(local, " ()<>[]\\,;:\"@") == NULL);
}

static void
add_recipient(struct ph_item_state *state, GHashTable *seen,
	      const char *address, const char *kind)
{
	char *folded = ph_fold(address);
	struct ph_rcpt *rcpt;

	if (!g_hash_table_add(seen, folded))
		return;
	rcpt = ph_item_state_add(state, address, kind);
	if (is_path(address))
		return;
	rcpt->state = PH_RCPT_REFUSED;
	ph_state_text(&rcpt->reply, "501 5.1.3 Invalid address");
}

static void
add_recipients(struct ph_item_state *state, struct ph_headers *headers)
{
	static const char *const kinds[] = {"To", "Cc", "Bcc"};
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
		g_autoptr(GPtrArray) addresses =
		    g_ptr_array_new_with_free_func(g_free);

		ph_headers_addresses(headers, kinds[k], addresses);
		for (guint i = 0; i < addresses->len; i++)
			add_recipient(state, seen, addresses->pdata[i],
				      kinds[k]);
	}
}

/* Both senders of a resent message, or the one of any other. */
static int
check_senders(struct ph_directory *directory, bool resent_any,
	      const struct ph_snapshot *snapshot, const struct ph_owner *owner,
	      const struct ph_letter *letter, struct ph_headers *resent,
	      struct ph_item_state *state, struct ph_err *err)
{
	int r = 1;

	if (resent == NULL || !resent_any)
		r = check_sender(directory, snapshot, owner, letter->headers,
				 "", state, err);
	if (r == 1 && resent != NULL) {
		ph_state_text(&state->sender, owner->primary);
		r = check_sender(directory, snapshot, owner, resent, "Resent-",
				 state, err);
	}
	return r;
}

int
ph_envelope_make(struct ph_directory *directory, bool resent_any,
		 const struct ph_snapshot *snapshot,
		 const struct ph_owner *owner, const struct ph_letter *letter,
		 struct ph_item_state *state, struct ph_err *err)
{
	struct ph_headers *resent = ph_resent_block(letter->headers);
	int r = check_senders(directory, resent_any, snapshot, owner, letter,
			      resent, state, err);

	if (r == 1)
		add_recipients(state,
			       resent != NULL ? resent : letter->headers);
	if (r == 1 && state->recipients->len == 0) {
		ph_err_set(err, PH_ERR_PERM, "it has no recipients in %s",
			   resent == NULL
			       ? "To, Cc or Bcc"
			       : "Resent-To, Resent-Cc or Resent-Bcc");
		r = 0;
	}
	if (r == 1 && state->recipients->len > owner->max_recipients) {
		ph_err_set(err, PH_ERR_PERM,
			   "it has %u recipients, %" G_GINT64_FORMAT
			   " are allowed",
			   state->recipients->len, owner->max_recipients);
		g_ptr_array_set_size(state->recipients, 0);
		r = 0;
	}
	ph_headers_free(&resent);
	return r;
}
