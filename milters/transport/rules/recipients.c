#include "milters/transport/rules/recipients.h"

#include "lib/base/text.h"
#include "lib/directory/members.h"
#include "lib/directory/resolve_steps.h"
#include "lib/directory/texts.h"
#include "lib/message/replies.h"
#include "lib/smtp/client.h"

#include <string.h>
#include <strings.h>

int
ph_recipient_resolve(struct ph_mail *mail, struct ph_recipient *recipient,
		     struct ph_err *err)
{
	struct ph_resolution resolution;
	g_autofree char *before = ph_fold(recipient->address);
	g_autofree char *after = NULL;

	if (ph_resolve(mail->directory, mail->snapshot, recipient->address,
		       &resolution, err) < 0)
		return -1;
	recipient->entry_state =
	    resolution.entry != NULL ? PH_ENTRY_FOUND : PH_ENTRY_NONE;
	recipient->entry = g_steal_pointer(&resolution.entry);
	after = ph_fold(resolution.address);
	if (strcmp(before, after) != 0) {
		g_free(recipient->address);
		recipient->address = g_steal_pointer(&resolution.address);
	}
	ph_resolution_clear(&resolution);
	return 0;
}

/* ---- forwarding ---------------------------------------------------------- */

char **
ph_recipient_params(const struct ph_recipient *from, bool for_reports)
{
	GPtrArray *params = g_ptr_array_new();
	bool orcpt = false;

	for (char **p = from->params; *p != NULL; p++) {
		bool is_orcpt = strncasecmp(*p, "ORCPT=", 6) == 0;

		if (for_reports && !is_orcpt &&
		    strncasecmp(*p, "NOTIFY=", 7) != 0)
			continue;
		orcpt |= is_orcpt;
		g_ptr_array_add(params, g_strdup(*p));
	}
	if (!orcpt && from->given != NULL && g_str_is_ascii(from->given)) {
		GString *param = g_string_new("ORCPT=rfc822;");

		ph_smtp_append_xtext(param, from->given);
		g_ptr_array_add(params, g_string_free(param, FALSE));
	}
	g_ptr_array_add(params, NULL);
	return (char **)g_ptr_array_free(params, FALSE);
}

static struct ph_recipient *
add_recipient(struct ph_mail *mail, const struct ph_recipient *from,
	      const char *address)
{
	g_auto(GStrv) params = ph_recipient_params(from, false);
	struct ph_recipient *r =
	    ph_mail_add_recipient(mail, address, (const char *const *)params);

	g_clear_pointer(&r->given, g_free);
	return r;
}

static void
note(const struct ph_expansion_notes *notes, const char *event,
     const char *from, const char *to)
{
	if (notes != NULL && notes->step != NULL)
		notes->step(notes->arg, event, from, to);
}

static void
note_steps(const struct ph_expansion_notes *notes, const GPtrArray *steps)
{
	for (guint i = 0; i < steps->len; i++) {
		const struct ph_step *step = steps->pdata[i];
		const char *to = ph_step_destination(step);

		if (step->fate == PH_STEP_REFUSED)
			continue;
		if (step->by == PH_BY_FORWARD) {
			const struct ph_step *before = steps->pdata[i - 1];

			note(notes,
			     step->fate == PH_STEP_AGAIN ? "DUPLICATEREDIRECT"
							 : "REDIRECT",
			     before->at.address, to);
		} else if (!ph_fold_same(step->at.original, to)) {
			note(notes, "RESOLVE", step->at.original, to);
		}
	}
}

/* The recipient becomes what a step has come to. */
static void
become(struct ph_recipient *r, struct ph_step *step)
{
	ph_object_unref(&r->entry);
	r->entry = g_steal_pointer(&step->at.entry);
	r->entry_state = r->entry != NULL ? PH_ENTRY_FOUND : PH_ENTRY_NONE;
	r->refusal = g_steal_pointer(&step->refusal);
	/* As it was written, if that is the same. */
	if (ph_fold_same(r->address, step->at.address))
		return;
	g_free(r->address);
	r->address = g_steal_pointer(&step->at.address);
}

static bool
is_nobody(const struct ph_step *step)
{
	return step->by == PH_BY_SENDER && step->fate == PH_STEP_REFUSED &&
	       step->at.entry == NULL;
}

int
ph_recipient_follow(struct ph_mail *mail, struct ph_recipient *recipient,
		    struct ph_restrict_sender *sender,
		    const struct ph_expansion_notes *notes, struct ph_err *err)
{
	g_autoptr(GPtrArray) steps = NULL;
	bool first = true;

	if (ph_resolve_steps(mail->directory, mail->snapshot,
			     recipient->address, sender, &steps, err) < 0)
		return -1;
	if (is_nobody(steps->pdata[0])) {
		recipient->entry_state = PH_ENTRY_NONE;
		return 0;
	}
	note_steps(notes, steps);
	for (guint i = 0; i < steps->len; i++) {
		struct ph_step *step = steps->pdata[i];

		if (step->fate == PH_STEP_PASSED || step->fate == PH_STEP_AGAIN)
			continue;
		become(first ? recipient
			     : add_recipient(mail, recipient, step->at.address),
		       step);
		first = false;
	}
	return 0;
}

/* ---- each once ----------------------------------------------------------- */

/* Contacts are told apart by where the message leaves to. */
static const char *
find_destination(const struct ph_recipient *r)
{
	return r->entry_state == PH_ENTRY_FOUND &&
		       ph_entry_external(r->entry) != NULL
		   ? ph_entry_external(r->entry)
		   : r->address;
}

static bool
is_as_given(const struct ph_recipient *r)
{
	return r->given != NULL && strcmp(r->given, find_destination(r)) == 0;
}

/*
 * A recipient that is there already is not added again: the MTA's own filter
 * of duplicates compares ORCPT as well and would deliver twice.
 */
void
ph_recipients_merge(struct ph_mail *mail)
{
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed && r->refusal == NULL && is_as_given(r))
			g_hash_table_add(seen, ph_fold(find_destination(r)));
	}
	for (guint i = 0; i < mail->recipients->len; i++) {
		struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed && r->refusal == NULL && !is_as_given(r))
			r->removed = !g_hash_table_add(
			    seen, ph_fold(find_destination(r)));
	}
}

void
ph_recipients_leave(const GPtrArray *copies)
{
	for (guint i = 0; i < copies->len; i++) {
		const struct ph_mail *copy = copies->pdata[i];

		for (guint j = 0; j < copy->recipients->len; j++) {
			struct ph_recipient *r = copy->recipients->pdata[j];
			const char *to = find_destination(r);

			if (r->removed || ph_fold_same(r->address, to))
				continue;
			g_free(r->address);
			r->address = g_strdup(to);
		}
	}
}

/* ---- groups ------------------------------------------------------------- */

bool
ph_recipient_is_whole(const struct ph_mail *mail, struct ph_recipient *r)
{
	const struct ph_object *entry;

	return !r->removed && r->refusal == NULL &&
	       ph_recipient_entry(mail->directory, r, &entry, NULL) == 1 &&
	       ph_entry_is_group(entry);
}

/* One run over the groups of a message. */
struct expansion {
	struct ph_mail *mail;
	struct ph_expand_options options;
	const struct ph_expansion_notes *notes;
	GHashTable *known;  /* folded addresses of recipients */
	GHashTable *opened; /* folded addresses of groups */
	bool circle;	    /* a member forwards to a group that is open */
	bool replies;	    /* somebody may get them */
};

/* One who is nobody, or two, stays as he is: the queue bounces him. */
static void
add_member(const struct expansion *x, const struct ph_recipient *group,
	   const struct ph_member *member)
{
	g_autofree char *folded = ph_fold(member->address);
	struct ph_recipient *r;

	if (!g_hash_table_add(x->known, g_steal_pointer(&folded)))
		return;
	r = add_recipient(x->mail, group, member->address);
	if (member->fate == PH_MEMBER_REFUSED && !member->bare)
		r->refusal = g_strdup(member->refusal);
}

static void
replace(const struct expansion *x, struct ph_recipient *group,
	const struct ph_expansion *expansion)
{
	group->removed = true;
	if (x->notes != NULL)
		ph_expansion_tell(expansion, x->notes);
	for (guint i = 0; i < expansion->members->len; i++) {
		const struct ph_member *member = expansion->members->pdata[i];

		switch (member->fate) {
		case PH_MEMBER_GROUP:
			g_hash_table_add(x->opened, ph_fold(member->address));
			break;
		case PH_MEMBER_RECIPIENT:
		case PH_MEMBER_APART:
		case PH_MEMBER_REFUSED:
			add_member(x, group, member);
			break;
		case PH_MEMBER_PASSED:
		case PH_MEMBER_BEFORE:
			break;
		}
	}
}

/* 0, or -1 TEMP. */
static int
open_group(struct expansion *x, struct ph_recipient *r,
	   const struct ph_object *entry, struct ph_err *err)
{
	struct ph_expansion *expansion = NULL;
	struct ph_group_wishes wishes;
	struct ph_err why = PH_ERR_INIT;
	int answer = 0;

	ph_group_wishes(entry, &wishes);
	x->replies |= !wishes.no_replies;
	/* A notice may be a report, which is not for members. */
	if (*x->mail->sender != '\0' && !ph_group_is_apart(&x->options, entry))
		answer = ph_expand(&x->options, entry, &expansion, &why);
	if (answer == 1)
		replace(x, r, expansion);
	ph_expansion_free(&expansion);
	return answer < 0 && why.kind != PH_ERR_PERM
		   ? ph_err_set(err, why.kind, "%s", why.text)
		   : 0;
}

static int
expand_one(struct expansion *x, struct ph_recipient *r, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(r->address);
	const struct ph_object *entry;

	if (r->removed)
		return 0;
	if (r->refusal != NULL ||
	    ph_recipient_entry(x->mail->directory, r, &entry, NULL) != 1 ||
	    !ph_entry_is_group(entry)) {
		x->replies |= r->given != NULL;
		return 0;
	}
	if (g_hash_table_contains(x->opened, folded)) {
		r->removed = true;
		x->circle = true;
		return 0;
	}
	return open_group(x, r, entry, err);
}

/* A group whose members all forward to it: the message must not vanish. */
static void
end_circle(const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			return;
	}
	for (guint i = 0; i < mail->recipients->len; i++) {
		struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->given == NULL)
			continue;
		r->removed = false;
		r->refusal = g_strdup(PH_TEXT_LOOP);
	}
}

static int
suppress_replies(struct ph_mail *mail, struct ph_err *err)
{
	g_autofree char *value = ph_replies_none(mail->headers);

	return value == NULL
		   ? 0
		   : ph_mail_set_header(mail, PH_HEADER_NO_REPLIES, value, err);
}

static int
expand_all(struct expansion *x, struct ph_err *err)
{
	const GPtrArray *recipients = x->mail->recipients;
	guint n = recipients->len;

	for (guint i = 0; i < n; i++) {
		const struct ph_recipient *r = recipients->pdata[i];

		if (!r->removed)
			g_hash_table_add(x->known, ph_fold(r->address));
	}
	for (guint i = 0; i < n; i++)
		if (expand_one(x, recipients->pdata[i], err) < 0)
			return -1;
	ph_recipients_merge(x->mail);
	if (x->circle)
		end_circle(x->mail);
	if (g_hash_table_size(x->opened) > 0 && !x->replies)
		return suppress_replies(x->mail, err);
	return 0;
}

int
ph_recipients_expand(struct ph_mail *mail, const char *server,
		     struct ph_restrict_sender *sender,
		     const struct ph_expansion_notes *notes, struct ph_err *err)
{
	g_autoptr(GHashTable) known =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) opened =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct expansion x = {
	    .mail = mail,
	    .options = {.directory = mail->directory,
			.snapshot = mail->snapshot,
			.sender = sender,
			.apart = PH_APART_DYNAMIC | PH_APART_REPORTS |
				 (server != NULL ? PH_APART_SERVER : 0),
			.server = server,
			.opened = opened,
			.limit = ph_members_limit(mail->snapshot)},
	    .notes = notes,
	    .known = known,
	    .opened = opened,
	};

	return expand_all(&x, err);
}
