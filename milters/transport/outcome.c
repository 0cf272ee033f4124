#include "milters/transport/outcome_private.h"

#include "lib/base/log.h"
#include "milters/transport/rules/action.h"
#include "milters/transport/rules/recipients.h"

#include <string.h>
#include <strings.h>

/* ---- notes for tracking rows ---- */

static void
free_row(void *data)
{
	struct ph_outcome_row *row = data;

	g_ptr_array_unref(row->addresses);
	g_free(row->status);
	g_free(row);
}

static void
free_expanded(void *data)
{
	struct ph_outcome_group *group = data;

	g_free(group->address);
	g_ptr_array_unref(group->members);
	g_free(group);
}

static void
free_step(void *data)
{
	struct ph_outcome_step *step = data;

	g_free(step->from);
	g_free(step->to);
	g_free(step);
}

static void
free_outcome(void *data)
{
	struct ph_outcome *outcome = data;

	g_ptr_array_unref(outcome->steps);
	g_ptr_array_unref(outcome->recipients);
	g_ptr_array_unref(outcome->rows);
	g_ptr_array_unref(outcome->groups);
	g_free(outcome);
}

static struct ph_outcome *
get(struct ph_mail *mail)
{
	struct ph_outcome *outcome;

	if (mail->work.free == free_outcome)
		return mail->work.data;
	outcome = g_new0(struct ph_outcome, 1);
	outcome->steps = g_ptr_array_new_with_free_func(free_step);
	outcome->recipients = g_ptr_array_new_with_free_func(g_free);
	outcome->rows = g_ptr_array_new_with_free_func(free_row);
	outcome->groups = g_ptr_array_new_with_free_func(free_expanded);
	ph_keep_clear(&mail->work);
	mail->work = (struct ph_keep){outcome, free_outcome};
	return outcome;
}

static void
add_addresses(GPtrArray *addresses, const struct ph_mail *mail)
{
	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_ptr_array_add(addresses, g_strdup(r->address));
	}
}

void
ph_outcome_expanded(struct ph_mail *mail, const char *event,
		    const char *address, const GPtrArray *members)
{
	struct ph_outcome_group *group = g_new0(struct ph_outcome_group, 1);

	group->event = event;
	group->address = g_strdup(address);
	group->members = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < members->len; i++)
		g_ptr_array_add(group->members, g_strdup(members->pdata[i]));
	g_ptr_array_add(get(mail)->groups, group);
}

void
ph_outcome_resolved(struct ph_mail *mail, const char *event, const char *from,
		    const char *to)
{
	struct ph_outcome_step *step = g_new0(struct ph_outcome_step, 1);

	step->event = event;
	step->from = g_strdup(from);
	step->to = g_strdup(to);
	g_ptr_array_add(get(mail)->steps, step);
}

void
ph_outcome_begin(struct ph_mail *mail)
{
	add_addresses(get(mail)->recipients, mail);
}

const struct ph_outcome *
ph_outcome_of(const struct ph_mail *mail)
{
	return mail->work.free == free_outcome ? mail->work.data : NULL;
}

static void
note_row(struct ph_mail *mail, const struct ph_mail *copy)
{
	struct ph_outcome *outcome = get(mail);
	struct ph_outcome_row *row = g_new0(struct ph_outcome_row, 1);
	const struct ph_verdict *v = &copy->verdict;

	row->dropped = v->decision == PH_DECISION_DISCARD;
	row->agent = v->agent;
	row->addresses = g_ptr_array_new_with_free_func(g_free);
	add_addresses(row->addresses, copy);
	if (!row->dropped)
		row->status = v->status != NULL
				  ? g_strdup(v->status)
				  : g_strdup_printf("%s %s %s", v->code,
						    v->enhanced, v->text);
	g_ptr_array_add(outcome->rows, row);
}

/* ---- what makes an outcome ---- */

static bool
same_fields(const struct ph_headers *a, const struct ph_headers *b,
	    const char *name)
{
	size_t i = ph_headers_find(a, name, 0), j = ph_headers_find(b, name, 0);

	while (i < ph_headers_count(a) && j < ph_headers_count(b)) {
		if (strcmp(ph_headers_at(a, i)->value,
			   ph_headers_at(b, j)->value) != 0)
			return false;
		i = ph_headers_find(a, name, i + 1);
		j = ph_headers_find(b, name, j + 1);
	}
	return i == ph_headers_count(a) && j == ph_headers_count(b);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
ph_outcome_changed(const struct ph_mail *copy, const struct ph_headers *before)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < copy->touched->len; i++) {
		const struct ph_touched *touched = copy->touched->pdata[i];

		if (!same_fields(copy->headers, before, touched->name))
			g_ptr_array_add(names, g_strdup(touched->name));
	}
	g_ptr_array_sort(names, compare_names);
	return names;
}

static void
append_fields(GString *key, const struct ph_headers *headers, const char *name)
{
	g_autofree char *folded = g_ascii_strdown(name, -1);
	size_t n = ph_headers_count(headers);

	g_string_append_printf(key, "%s\n", folded);
	for (size_t i = ph_headers_find(headers, name, 0); i < n;
	     i = ph_headers_find(headers, name, i + 1)) {
		const char *value = ph_headers_at(headers, i)->value;

		g_string_append_printf(key, "\t%zu %s\n", strlen(value), value);
	}
}

/* "" where nothing was changed; else a hash: the fields may be long, and the
 * copies many. */
static char *
make_key(const struct ph_mail *copy, const struct ph_headers *before)
{
	g_autoptr(GPtrArray) names = ph_outcome_changed(copy, before);
	const struct ph_verdict *v = &copy->verdict;
	g_autoptr(GString) key = g_string_new(NULL);

	if (v->decision != PH_DECISION_ACCEPT)
		g_string_append_printf(key, "%d %s %s %s", (int)v->decision,
				       v->code, v->enhanced,
				       v->text != NULL ? v->text : "");
	else
		for (guint i = 0; i < names->len; i++)
			append_fields(key, copy->headers, names->pdata[i]);
	if (key->len == 0)
		return g_strdup("");
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, key->str,
					     (gssize)key->len);
}

/* ---- moving recipients ---- */

static void
move_all(GPtrArray *from, GPtrArray *to)
{
	size_t n;
	g_autofree gpointer *recipients = g_ptr_array_steal(from, &n);

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(to, recipients[i]);
}

/* They come back to the message as such that it does not go on to. */
static void
take_back(struct ph_mail *mail, struct ph_mail *copy)
{
	if (copy == mail)
		return;
	move_all(copy->recipients, mail->recipients);
}

static void
remove_everybody(struct ph_mail *copy)
{
	for (guint i = 0; i < copy->recipients->len; i++) {
		struct ph_recipient *r = copy->recipients->pdata[i];

		r->removed = true;
	}
}

static bool
has_recipients(const struct ph_mail *copy)
{
	for (guint i = 0; i < copy->recipients->len; i++) {
		const struct ph_recipient *r = copy->recipients->pdata[i];

		if (!r->removed)
			return true;
	}
	return false;
}

/* ---- refused before the rules ---- */

static struct ph_mail *
find_aside(GPtrArray *aside, struct ph_mail *mail, const char *refusal)
{
	g_auto(GStrv) words = g_strsplit(refusal, " ", 2);
	struct ph_mail *copy;

	for (guint i = 0; i < aside->len; i++) {
		const struct ph_recipient *first;

		copy = aside->pdata[i];
		first = copy->recipients->pdata[0];
		if (strcmp(first->refusal, refusal) == 0)
			return copy;
	}
	copy = ph_mail_fork(mail);
	ph_verdict_reject(&copy->verdict, PH_RESOLVE_AGENT, words[0], words[1]);
	g_ptr_array_add(aside, copy);
	return copy;
}

GPtrArray *
ph_outcome_set_aside(struct ph_mail *mail)
{
	GPtrArray *aside = NULL;

	for (guint i = 0; i < mail->recipients->len;) {
		struct ph_recipient *r = mail->recipients->pdata[i];

		if (r->removed || r->refusal == NULL) {
			i++;
			continue;
		}
		if (aside == NULL)
			aside = g_ptr_array_new();
		g_ptr_array_add(find_aside(aside, mail, r->refusal)->recipients,
				g_ptr_array_steal_index(mail->recipients, i));
	}
	return aside;
}

void
ph_outcome_add_aside(struct ph_rules_result *result, GPtrArray *aside)
{
	for (guint i = 0; i < aside->len; i++) {
		g_ptr_array_add(result->copies, aside->pdata[i]);
		g_ptr_array_insert(result->decided, (gint)i, aside->pdata[i]);
	}
	g_ptr_array_unref(aside);
}

/* ---- groups ---- */

static void
free_group(void *data)
{
	struct ph_group *group = data;

	g_free(group->key);
	g_free(group);
}

static struct ph_group *
find_group(const GPtrArray *groups, const char *key)
{
	for (guint i = 0; i < groups->len; i++) {
		struct ph_group *group = groups->pdata[i];

		if (strcmp(group->key, key) == 0)
			return group;
	}
	return NULL;
}

/* Copies with recipients, those that came out alike together. */
static GPtrArray *
make_groups(const GPtrArray *copies, const struct ph_headers *before)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(free_group);

	for (guint i = 0; i < copies->len; i++) {
		struct ph_mail *copy = copies->pdata[i];
		g_autofree char *key = NULL;
		struct ph_group *group;

		if (!has_recipients(copy))
			continue;
		key = make_key(copy, before);
		group = find_group(groups, key);
		if (group != NULL) {
			move_all(copy->recipients, group->mail->recipients);
			continue;
		}
		group = g_new0(struct ph_group, 1);
		group->mail = copy;
		group->key = g_steal_pointer(&key);
		g_ptr_array_add(groups, group);
	}
	return groups;
}

/* Not for a null sender (RFC 3464 section 2), and by setting not for one who
 * may well be forged. */
static bool
wants_reports(const struct ph_transport *transport, const struct ph_mail *mail)
{
	return *mail->sender != '\0' && (transport->report_to_strangers ||
					 mail->auth_as == PH_AUTH_INTERNAL);
}

/* Takes what needs nothing further out of the groups: dropped recipients, and
 * refused ones that nobody is told of. Returns how many groups go on. */
static guint
settle_groups(const struct ph_transport *transport, struct ph_mail *mail,
	      GPtrArray *groups)
{
	guint going = 0;

	for (guint i = 0; i < groups->len; i++) {
		const struct ph_group *group = groups->pdata[i];

		going += group->mail->verdict.decision == PH_DECISION_ACCEPT;
	}
	for (guint i = 0; i < groups->len;) {
		struct ph_group *group = groups->pdata[i];
		enum ph_decision decision = group->mail->verdict.decision;

		if (decision == PH_DECISION_DISCARD ||
		    (going > 0 && decision == PH_DECISION_REJECT &&
		     !wants_reports(transport, mail))) {
			note_row(mail, group->mail);
			remove_everybody(group->mail);
			g_ptr_array_remove_index(groups, i);
		} else {
			i++;
		}
	}
	return going;
}

/* ---- the message itself ---- */

static void
take_verdict(struct ph_mail *mail, struct ph_mail *copy)
{
	if (copy == mail)
		return;
	ph_verdict_clear(&mail->verdict);
	mail->verdict = copy->verdict;
	copy->verdict = (struct ph_verdict){.decision = PH_DECISION_ACCEPT};
}

/* The message becomes as the copy is, which goes on. */
static void
become(struct ph_mail *mail, struct ph_mail *copy)
{
	struct ph_headers *headers = mail->headers;
	GPtrArray *touched = mail->touched;

	if (copy == mail)
		return;
	ph_verdict_clear(&mail->verdict);
	mail->headers = copy->headers;
	mail->touched = copy->touched;
	copy->headers = headers;
	copy->touched = touched;
	remove_everybody(mail);
}

/* As it was before the first rule. */
static void
restore(struct ph_mail *mail, struct ph_headers **before)
{
	ph_headers_free(&mail->headers);
	mail->headers = g_steal_pointer(before);
	ph_verdict_clear(&mail->verdict);
}

/* A verdict about the session is one about everybody. */
static struct ph_mail *
find_whole(const GPtrArray *copies)
{
	for (guint i = 0; i < copies->len; i++) {
		struct ph_mail *copy = copies->pdata[i];

		if (copy->verdict.whole)
			return copy;
	}
	return NULL;
}

static int
all_the_same(struct ph_mail *mail, struct ph_group *group)
{
	if (group->mail->verdict.decision == PH_DECISION_ACCEPT) {
		become(mail, group->mail);
		return 0;
	}
	take_verdict(mail, group->mail);
	return 1;
}

/* All refused: the client gets one answer, that of the rule that came first. */
static struct ph_group *
find_first(const GPtrArray *groups, const struct ph_rules_result *result)
{
	struct ph_group *first = NULL;

	for (guint i = 0; first == NULL && i < result->decided->len; i++) {
		g_autofree char *key =
		    make_key(result->decided->pdata[i], result->before);

		first = find_group(groups, key);
	}
	return first != NULL ? first : groups->pdata[0];
}

/* Recipients of whom the sender is told that they get the message. */
static GPtrArray *
find_told(const GPtrArray *groups)
{
	GPtrArray *told = g_ptr_array_new();

	for (guint i = 0; i < groups->len; i++) {
		const struct ph_group *group = groups->pdata[i];
		const GPtrArray *recipients = group->mail->recipients;

		if (group->mail->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		for (guint j = 0; j < recipients->len; j++) {
			struct ph_recipient *r = recipients->pdata[j];

			if (r->tell_sender && !r->removed)
				g_ptr_array_add(told, r);
		}
	}
	return told;
}

/* One outcome for all, of which the sender is told behind the queue. */
static int
tell_sender(const struct ph_transport *transport, struct ph_mail *mail,
	    const GPtrArray *groups, struct ph_headers *before,
	    struct ph_err *err)
{
	g_autoptr(GPtrArray) told = find_told(groups);
	const struct ph_outcome_parts parts = {.groups = NULL, .told = told};
	struct ph_plan *plan = NULL;
	int r;

	if (told->len == 0)
		return 0;
	r = ph_outcome_plan(transport, mail, &parts, before, &plan, err);
	if (r != 0)
		return r;
	ph_outcome_add_tokens(mail, plan);
	ph_plan_free(&plan);
	return 0;
}

/* A mailbox takes a message once: what is put aside for some is another message
 * than what is put aside for others, or is for the mailbox itself. */
static int
tell_apart(const GPtrArray *groups, struct ph_err *err)
{
	for (guint i = 0; i < groups->len; i++) {
		const struct ph_group *group = groups->pdata[i];
		struct ph_mail *copy = group->mail;
		const char *whose =
		    ph_headers_raw(copy->headers, PH_HEADER_QUARANTINE, 0);
		g_autofree char *text = NULL;
		char nmid[PH_UUID_TEXT];

		if (*group->key == '\0' || whose == NULL ||
		    copy->verdict.decision != PH_DECISION_ACCEPT)
			continue;
		text = g_strconcat(copy->nmid, "\n", whose, NULL);
		ph_uuid_from_text(text, nmid);
		if (ph_mail_set_header(copy, PH_HEADER_NMID, nmid, err) < 0)
			return -1;
	}
	return 0;
}

/* The message goes on as it came; tokens stand for whom it does not. */
static int
fork_message(const struct ph_transport *transport, struct ph_mail *mail,
	     const GPtrArray *groups, struct ph_headers **before,
	     struct ph_err *err)
{
	g_autoptr(GPtrArray) told = find_told(groups);
	const struct ph_outcome_parts parts = {.groups = groups, .told = told};
	struct ph_plan *plan = NULL;
	int r;

	if (tell_apart(groups, err) < 0)
		return -1;
	r = ph_outcome_plan(transport, mail, &parts, *before, &plan, err);
	if (r != 0)
		return r;
	for (guint i = 0; i < groups->len; i++) {
		const struct ph_group *group = groups->pdata[i];

		if (*group->key != '\0')
			remove_everybody(group->mail);
	}
	restore(mail, before);
	ph_outcome_add_tokens(mail, plan);
	ph_plan_free(&plan);
	return 0;
}

static int
conclude(const struct ph_transport *transport, struct ph_mail *mail,
	 GPtrArray *groups, struct ph_rules_result *result, struct ph_err *err)
{
	guint going = settle_groups(transport, mail, groups);

	if (groups->len == 0) {
		ph_verdict_clear(&mail->verdict);
		ph_verdict_discard(&mail->verdict, PH_RULES_AGENT);
		return 1;
	}
	if (going == 0)
		return all_the_same(mail, find_first(groups, result));
	if (groups->len == 1) {
		int r = all_the_same(mail, groups->pdata[0]);

		return r == 0 ? tell_sender(transport, mail, groups,
					    result->before, err)
			      : r;
	}
	return fork_message(transport, mail, groups, &result->before, err);
}

void
ph_outcome_gather(struct ph_mail *mail, struct ph_rules_result *result)
{
	for (guint i = 0; i < result->copies->len; i++)
		take_back(mail, result->copies->pdata[i]);
}

int
ph_outcome_apply(const struct ph_transport *transport, struct ph_mail *mail,
		 struct ph_rules_result *result, struct ph_err *err)
{
	GPtrArray *copies = result->copies;
	g_autoptr(GPtrArray) groups = NULL;
	struct ph_mail *whole = find_whole(copies);
	int r;

	if (whole != NULL) {
		take_verdict(mail, whole);
		r = 1;
	} else {
		if (result->before == NULL)
			result->before = ph_headers_copy(mail->headers);
		ph_recipients_leave(copies);
		r = ph_outcome_remote(copies, err);
		if (r == 0)
			r = ph_outcome_route(transport, copies, err);
	}
	if (whole == NULL && r == 0) {
		groups = make_groups(copies, result->before);
		r = conclude(transport, mail, groups, result, err);
	}
	/* The answer is the error, not what some were refused with. */
	if (r < 0)
		ph_verdict_clear(&mail->verdict);
	ph_outcome_gather(mail, result);
	return r;
}
