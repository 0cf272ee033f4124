#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/names.h"
#include "milters/transport/rules/recipients.h"

#include "lib/base/text.h"
#include "lib/directory/resolve_steps.h"

#include <string.h>

/* ---- loops ---- */

/* Words of Exchange's own refusal. */
#define LOOP_TEXT                                                             \
	"TRANSPORT.RULES.RejectMessage; transport rules loop count exceeded " \
	"and message rejected"

static int
refuse_loop(const struct ph_action_run *run)
{
	struct ph_verdict *verdict = &run->mail->verdict;

	if (verdict->decision != PH_DECISION_ACCEPT)
		return 0;
	ph_verdict_reject(verdict, PH_RULES_AGENT, "5.4.6", LOOP_TEXT);
	verdict->status = g_strdup("[{LED=550 5.4.6 " LOOP_TEXT
				   "};{MSG=};{FQDN=};{IP=};{LRT=}]");
	return 0;
}

static unsigned
loop_count(const struct ph_headers *headers)
{
	const char *said = ph_headers_raw(headers, PH_HEADER_LOOP, 0);
	int64_t n;

	if (said == NULL || ph_parse_int(said, &n, NULL) < 0 || n < 0)
		return 0;
	return (unsigned)MIN(n, 1000);
}

/* Counts this pass once. 1: go on; 0: the message has been round too often. */
static int
count_pass(const struct ph_action_run *run, struct ph_err *err)
{
	unsigned count = loop_count(run->result->before);
	char text[16];

	if (run->options->loop_limit > 0 && count >= run->options->loop_limit)
		return 0;
	g_snprintf(text, sizeof(text), "%u", count + 1);
	return ph_mail_set_header(run->mail, PH_HEADER_LOOP, text, err) < 0 ? -1
									    : 1;
}

/* ---- adding ---- */

/* Folding ASCII is left to the comparison. */
static char *
fold_text(const char *address)
{
	return g_str_is_ascii(address) ? g_strdup(address) : ph_fold(address);
}

static guint
hash_address(gconstpointer key)
{
	guint hash = 5381;

	for (const char *p = key; *p != '\0'; p++)
		hash = hash * 33 + (guchar)g_ascii_tolower(*p);
	return hash;
}

static gboolean
same_address(gconstpointer a, gconstpointer b)
{
	return g_ascii_strcasecmp(a, b) == 0;
}

/* Who gets the message, in any copy that goes on: nobody gets it twice because
 * a rule adds him, and nobody loses it because his own was dropped before. */
static GHashTable *
find_all(const struct ph_action_run *run)
{
	GHashTable *there =
	    g_hash_table_new_full(hash_address, same_address, g_free, NULL);

	for (guint i = 0; i < run->result->copies->len; i++) {
		const struct ph_mail *copy = run->result->copies->pdata[i];

		if (copy->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		for (guint j = 0; j < copy->recipients->len; j++) {
			const struct ph_recipient *r =
			    copy->recipients->pdata[j];

			if (!r->removed)
				g_hash_table_add(there, fold_text(r->address));
		}
	}
	return there;
}

/* Whom mail for the address goes to (char *), g_ptr_array_unref; one whom
 * nobody can tell goes on as he is, and is refused, or tried again, behind the
 * queue. */
static GPtrArray *
follow(const struct ph_action_run *run, const char *address)
{
	GPtrArray *targets = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) steps = NULL;

	(void)ph_resolve_steps(run->mail->directory, run->mail->snapshot,
			       address, NULL, &steps, NULL);
	for (guint i = 0; steps != NULL && i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];

		if (step->fate == PH_STEP_RECIPIENT)
			g_ptr_array_add(targets, g_strdup(step->at.address));
	}
	if (targets->len == 0)
		g_ptr_array_add(targets, g_strdup(address));
	return targets;
}

/* Those that are there already are not added again. Returns how many the copy
 * had before. */
static guint
add_one(const struct ph_action_run *run, const char *address, GHashTable *there)
{
	g_autoptr(GPtrArray) targets = follow(run, address);
	guint before = run->mail->recipients->len;

	for (guint i = 0; i < targets->len; i++) {
		const char *target = targets->pdata[i];
		struct ph_recipient *r;

		if (!g_hash_table_add(there, fold_text(target)))
			continue;
		r = ph_mail_add_recipient(run->mail, target, NULL);
		g_clear_pointer(&r->given, g_free);
	}
	return before;
}

/* Appends to the last field of the name, or makes it. more: addresses, with
 * ",\n " between them. */
static int
add_to_field(struct ph_mail *mail, const char *name, const char *more,
	     struct ph_err *err)
{
	size_t n = ph_headers_count(mail->headers), last = n;
	g_autofree char *value = NULL;

	for (size_t i = ph_headers_find(mail->headers, name, 0); i < n;
	     i = ph_headers_find(mail->headers, name, i + 1))
		last = i;
	if (last == n)
		return ph_mail_set_header(mail, name, more, err);
	value = g_strdup(ph_headers_at(mail->headers, last)->value);
	g_strchomp(value);
	if (*value == '\0')
		return ph_mail_edit_header(mail, last, more, err);
	g_free(value);
	value = g_strconcat(ph_headers_at(mail->headers, last)->value, ",\n ",
			    more, NULL);
	return ph_mail_edit_header(mail, last, value, err);
}

/* The folded addresses in the fields of a name. */
static GHashTable *
find_named(struct ph_mail *mail, const char *name)
{
	GHashTable *named =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);

	ph_headers_addresses(mail->headers, name, addresses);
	for (guint i = 0; i < addresses->len; i++)
		g_hash_table_add(named, ph_fold(addresses->pdata[i]));
	return named;
}

/* Who is named in the field already is not named again. */
static int
name_all(const struct ph_action_run *run, const char *const *addresses,
	 const char *header, struct ph_err *err)
{
	g_autoptr(GHashTable) named = find_named(run->mail, header);
	g_autoptr(GString) more = g_string_new(NULL);

	for (; *addresses != NULL; addresses++)
		if (g_hash_table_add(named, ph_fold(*addresses)))
			g_string_append_printf(more, "%s%s",
					       more->len > 0 ? ",\n " : "",
					       *addresses);
	return more->len > 0 ? add_to_field(run->mail, header, more->str, err)
			     : 0;
}

/* header NULL: blind. */
static int
add_all(const struct ph_action_run *run, const char *const *addresses,
	const char *header, struct ph_err *err)
{
	g_autoptr(GHashTable) there = NULL;
	int r = count_pass(run, err);

	if (r <= 0)
		return r < 0 ? -1 : refuse_loop(run);
	there = find_all(run);
	for (const char *const *a = addresses; *a != NULL; a++)
		(void)add_one(run, *a, there);
	return header != NULL ? name_all(run, addresses, header, err) : 0;
}

int
ph_action_blind_copy(const struct ph_action_run *run, struct ph_err *err)
{
	return add_all(run, ph_object_list(run->rule, "BlindCopyTo"), NULL,
		       err);
}

int
ph_action_add_to(const struct ph_action_run *run, struct ph_err *err)
{
	return add_all(run, ph_object_list(run->rule, "AddToRecipients"), "To",
		       err);
}

int
ph_action_copy_to(const struct ph_action_run *run, struct ph_err *err)
{
	return add_all(run, ph_object_list(run->rule, "CopyTo"), "Cc", err);
}

/* ---- redirecting ---- */

/* In whose place those stand that the rule is about: each once, oldest first.
 * texts: the same as a set, borrowed. */
static GPtrArray *
find_former(const struct ph_action_run *run, GHashTable *texts)
{
	g_autoptr(GHashTable) arrays = g_hash_table_new(NULL, NULL);
	GPtrArray *former = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < run->matched->len; i++) {
		const struct ph_recipient *r = run->matched->pdata[i];

		/* Those whom one rule has put there share it. */
		if (r->instead_of == NULL ||
		    !g_hash_table_add(arrays, r->instead_of))
			continue;
		for (guint j = 0; j < r->instead_of->len; j++)
			if (g_hash_table_add(texts, r->instead_of->pdata[j]))
				g_ptr_array_add(
				    former, g_strdup(r->instead_of->pdata[j]));
	}
	return former;
}

static void
take_place(const struct ph_action_run *run, struct ph_recipient *to,
	   GPtrArray *former)
{
	char **params;

	to->instead_of = g_ptr_array_ref(former);
	if (run->matched->len == 0)
		return;
	params = ph_recipient_params(run->matched->pdata[0], true);
	g_strfreev(to->params);
	to->params = params;
}

/* False: a rule has sent one of those it is about away from one of them before.
 */
static bool
add_targets(const struct ph_action_run *run, const char *address,
	    GHashTable *former, GHashTable *targets)
{
	g_autoptr(GPtrArray) to = follow(run, address);

	for (guint i = 0; i < to->len; i++) {
		g_autofree char *folded = ph_fold(to->pdata[i]);

		if (g_hash_table_contains(former, folded))
			return false;
		g_hash_table_add(targets, g_steal_pointer(&folded));
	}
	return true;
}

/* Folded, each once; NULL: mail would go back. */
static GHashTable *
find_targets(const struct ph_action_run *run, const char *const *addresses,
	     GHashTable *former)
{
	g_autoptr(GHashTable) targets =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (; *addresses != NULL; addresses++)
		if (!add_targets(run, *addresses, former, targets))
			return NULL;
	return g_steal_pointer(&targets);
}

static int
redirect(const struct ph_action_run *run, const char *const *addresses,
	 struct ph_err *err)
{
	g_autoptr(GHashTable) texts = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) former = find_former(run, texts);
	g_autoptr(GHashTable) targets = NULL;
	g_autoptr(GHashTable) there = NULL;
	int r = count_pass(run, err);

	if (r < 0)
		return -1;
	if (r == 1)
		targets = find_targets(run, addresses, texts);
	if (targets == NULL)
		return refuse_loop(run);
	for (guint i = 0; i < run->matched->len; i++) {
		struct ph_recipient *recipient = run->matched->pdata[i];
		char *folded = ph_fold(recipient->address);

		/* One who is sent to himself stays. */
		recipient->removed |= !g_hash_table_contains(targets, folded);
		g_ptr_array_add(former, folded);
	}
	there = find_all(run);
	for (; *addresses != NULL; addresses++) {
		guint i = add_one(run, *addresses, there);

		for (; i < run->mail->recipients->len; i++)
			take_place(run, run->mail->recipients->pdata[i],
				   former);
	}
	return 0;
}

int
ph_action_redirect(const struct ph_action_run *run, struct ph_err *err)
{
	return redirect(run, ph_object_list(run->rule, "RedirectMessageTo"),
			err);
}

/* ---- the sender's manager ---- */

/* Order of the words of AddManagerAsRecipientType. */
enum { AS_TO, AS_CC, AS_BCC, AS_REDIRECT };

int
ph_action_add_manager(const struct ph_action_run *run, struct ph_err *err)
{
	static const char *const headers[] = {
	    [AS_TO] = "To", [AS_CC] = "Cc", [AS_BCC] = NULL};
	size_t as = ph_object_word(run->rule, "AddManagerAsRecipientType");
	const struct ph_object *sender;
	const char *manager;
	int r = ph_identity_sender_entry(run->e, &sender, err);

	if (r != 1)
		return r;
	manager = ph_object_text(sender, "Manager");
	if (manager == NULL)
		return 0;
	return as == AS_REDIRECT
		   ? redirect(run, (const char *const[]){manager, NULL}, err)
		   : add_all(run, (const char *const[]){manager, NULL},
			     headers[as], err);
}
