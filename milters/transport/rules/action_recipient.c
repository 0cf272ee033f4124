#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/names.h"

#include "lib/base/text.h"
#include "lib/directory/resolve_steps.h"
#include "lib/smtp/client.h"

#include <string.h>
#include <strings.h>

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

static bool
gets_it(const struct ph_mail *copy, const char *folded)
{
	for (guint i = 0; i < copy->recipients->len; i++) {
		const struct ph_recipient *r = copy->recipients->pdata[i];
		g_autofree char *other = NULL;

		/* Folding may change the length, but hardly ever does: look at
		 * what is cheap first. */
		if (r->removed)
			continue;
		if (strcasecmp(r->address, folded) == 0)
			return true;
		if (g_str_is_ascii(r->address))
			continue;
		other = ph_fold(r->address);
		if (strcmp(other, folded) == 0)
			return true;
	}
	return false;
}

/* In any copy that goes on: nobody gets a message twice because a rule adds
 * him, and nobody loses it because his own was dropped before. */
static bool
is_there(const struct ph_action_run *run, const char *address)
{
	g_autofree char *folded = ph_fold(address);

	for (guint i = 0; i < run->result->copies->len; i++) {
		const struct ph_mail *copy = run->result->copies->pdata[i];

		if (copy->verdict.decision == PH_DECISION_ACCEPT &&
		    gets_it(copy, folded))
			return true;
	}
	return false;
}

/* Whom mail for the address goes to (char *), g_ptr_array_unref; one whom
 * nobody can tell goes on as he is, and is refused, or tried again, behind the
 * queue. */
static GPtrArray *
find_targets(const struct ph_action_run *run, const char *address)
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
add_one(const struct ph_action_run *run, const char *address)
{
	g_autoptr(GPtrArray) targets = find_targets(run, address);
	guint before = run->mail->recipients->len;

	for (guint i = 0; i < targets->len; i++) {
		struct ph_recipient *r;

		if (is_there(run, targets->pdata[i]))
			continue;
		r = ph_mail_add_recipient(run->mail, targets->pdata[i], NULL);
		g_clear_pointer(&r->given, g_free);
	}
	return before;
}

/* Appends to the last field of the name, or makes it. */
static int
add_to_field(struct ph_mail *mail, const char *name, const char *address,
	     struct ph_err *err)
{
	size_t n = ph_headers_count(mail->headers), last = n;
	g_autofree char *value = NULL;

	for (size_t i = ph_headers_find(mail->headers, name, 0); i < n;
	     i = ph_headers_find(mail->headers, name, i + 1))
		last = i;
	if (last == n)
		return ph_mail_set_header(mail, name, address, err);
	value = g_strdup(ph_headers_at(mail->headers, last)->value);
	g_strchomp(value);
	if (*value == '\0')
		return ph_mail_edit_header(mail, last, address, err);
	g_free(value);
	value = g_strconcat(ph_headers_at(mail->headers, last)->value, ",\n ",
			    address, NULL);
	return ph_mail_edit_header(mail, last, value, err);
}

/* The folded addresses in the fields of a name; NULL: none. */
static GHashTable *
find_named(struct ph_mail *mail, const char *name)
{
	GHashTable *named =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);

	if (name != NULL)
		ph_headers_addresses(mail->headers, name, addresses);
	for (guint i = 0; i < addresses->len; i++)
		g_hash_table_add(named, ph_fold(addresses->pdata[i]));
	return named;
}

/* header NULL: blind. Who is named there already is not named again. */
static int
add_all(const struct ph_action_run *run, const char *const *addresses,
	const char *header, struct ph_err *err)
{
	g_autoptr(GHashTable) named = NULL;
	int r = count_pass(run, err);

	if (r <= 0)
		return r < 0 ? -1 : refuse_loop(run);
	named = find_named(run->mail, header);
	for (; *addresses != NULL; addresses++) {
		(void)add_one(run, *addresses);
		if (header != NULL &&
		    g_hash_table_add(named, ph_fold(*addresses)) &&
		    add_to_field(run->mail, header, *addresses, err) < 0)
			return -1;
	}
	return 0;
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

static bool
has_text(GPtrArray *array, const char *text)
{
	return array != NULL &&
	       g_ptr_array_find_with_equal_func(array, text, g_str_equal, NULL);
}

/* Has a rule sent one of them away from this address before? */
static bool
goes_back(const struct ph_action_run *run, const char *folded)
{
	for (guint i = 0; i < run->matched->len; i++) {
		const struct ph_recipient *r = run->matched->pdata[i];

		if (has_text(r->instead_of, folded))
			return true;
	}
	return false;
}

static void
inherit(struct ph_recipient *to, const struct ph_recipient *from)
{
	for (guint i = 0; from->instead_of != NULL && i < from->instead_of->len;
	     i++)
		g_ptr_array_add(to->instead_of,
				g_strdup(from->instead_of->pdata[i]));
	g_ptr_array_add(to->instead_of, ph_fold(from->address));
}

/* Reports name the recipient that the sender knows. */
static void
inherit_params(struct ph_recipient *to, const struct ph_recipient *from)
{
	GPtrArray *params = g_ptr_array_new();
	bool orcpt = false;

	for (char **p = from->params; *p != NULL; p++) {
		if (strncasecmp(*p, "NOTIFY=", 7) != 0 &&
		    strncasecmp(*p, "ORCPT=", 6) != 0)
			continue;
		orcpt |= strncasecmp(*p, "ORCPT=", 6) == 0;
		g_ptr_array_add(params, g_strdup(*p));
	}
	if (!orcpt && from->given != NULL && g_str_is_ascii(from->given)) {
		GString *param = g_string_new("ORCPT=rfc822;");

		ph_smtp_append_xtext(param, from->given);
		g_ptr_array_add(params, g_string_free(param, FALSE));
	}
	g_ptr_array_add(params, NULL);
	g_strfreev(to->params);
	to->params = (char **)g_ptr_array_free(params, FALSE);
}

static void
take_place(const struct ph_action_run *run, struct ph_recipient *to)
{
	to->instead_of = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < run->matched->len; i++)
		inherit(to, run->matched->pdata[i]);
	if (run->matched->len > 0)
		inherit_params(to, run->matched->pdata[0]);
}

static int
redirect(const struct ph_action_run *run, const char *const *addresses,
	 struct ph_err *err)
{
	g_autoptr(GHashTable) targets =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int r = count_pass(run, err);

	if (r <= 0)
		return r < 0 ? -1 : refuse_loop(run);
	for (const char *const *a = addresses; *a != NULL; a++) {
		g_autoptr(GPtrArray) to = find_targets(run, *a);

		for (guint i = 0; i < to->len; i++) {
			g_autofree char *folded = ph_fold(to->pdata[i]);

			if (goes_back(run, folded))
				return refuse_loop(run);
			g_hash_table_add(targets, g_steal_pointer(&folded));
		}
	}
	/* One who is sent to himself stays. */
	for (guint i = 0; i < run->matched->len; i++) {
		struct ph_recipient *recipient = run->matched->pdata[i];
		g_autofree char *folded = ph_fold(recipient->address);

		recipient->removed |= !g_hash_table_contains(targets, folded);
	}
	for (; *addresses != NULL; addresses++) {
		guint i = add_one(run, *addresses);

		for (; i < run->mail->recipients->len; i++)
			take_place(run, run->mail->recipients->pdata[i]);
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
