#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/membership.h"

#include "lib/base/text.h"
#include "lib/directory/members.h"

#include <string.h>
#include <strings.h>

/*
 * Conditions on the sender and a recipient, or on a relation between them,
 * which obtain their values themselves.
 */

/* The answer of a 1, 0, -1. */
static enum ph_answer
answer_of(int r)
{
	return r < 0	? PH_ANSWER_ERROR
	       : r == 1 ? PH_ANSWER_TRUE
			: PH_ANSWER_FALSE;
}

static void
note(struct ph_evaluation *e, const char *value)
{
	if (e->finding == NULL || value == NULL)
		return;
	g_free(e->finding->value);
	e->finding->value = g_strdup(value);
}

/* ---- BetweenMemberOf1, BetweenMemberOf2 ---- */

struct between {
	struct ph_groups *one, *two;
};

static void *
compile_between(const struct ph_compile *c)
{
	struct between *between = g_new0(struct between, 1);
	g_autofree char *two = g_strconcat(c->prefix, "BetweenMemberOf2", NULL);

	between->one = ph_groups_new(ph_object_list(c->rule, c->field));
	between->two = ph_groups_new(ph_object_list(c->rule, two));
	return between;
}

static void
free_between(void *operand)
{
	struct between *between = operand;

	ph_groups_free(between->one);
	ph_groups_free(between->two);
	g_free(between);
}

/* FALSE beats "cannot say". */
static int
both_in(struct ph_evaluation *e, const struct ph_groups *a, const char *x,
	const struct ph_groups *b, const char *y, struct ph_err *err)
{
	int first = ph_groups_have(a, e, x, err);
	int second;

	if (first == 0)
		return 0;
	second = ph_groups_have(b, e, y, err);
	return second == 0 ? 0 : first < 0 ? -1 : second;
}

static enum ph_answer
ask_between(struct ph_evaluation *e, const struct ph_predicate *p,
	    struct ph_recipient *recipient, struct ph_err *err)
{
	const struct between *b = p->operand;
	const char *sender = ph_identity_sender(e);
	int there = both_in(e, b->one, sender, b->two, recipient->address, err);
	int back;

	note(e, sender);
	if (there == 1)
		return PH_ANSWER_TRUE;
	back = both_in(e, b->two, sender, b->one, recipient->address, err);
	return answer_of(back == 0 ? there : back);
}

const struct ph_comparison ph_compare_between = {.name = "between groups",
						 .compile = compile_between,
						 .free = free_between,
						 .ask = ask_between};

/* ---- managers ---- */

/* Is the Manager of entry the recipient with this address? */
static int
is_manager(struct ph_evaluation *e, const struct ph_object *entry,
	   const char *address, struct ph_err *err)
{
	const char *manager = ph_object_text(entry, "Manager");
	g_autofree char *folded = ph_fold(address);
	const struct ph_identity *identity, *other;

	if (manager == NULL)
		return 0;
	if (ph_identity_find(e, manager, &identity, err) < 0)
		return -1;
	for (guint i = 0; i < identity->addresses->len; i++)
		if (strcmp(identity->addresses->pdata[i], folded) == 0)
			return 1;
	if (identity->entry == NULL)
		return 0;
	if (ph_identity_find(e, address, &other, err) < 0)
		return -1;
	return other->entry != NULL &&
	       strcmp(ph_object_folded(other->entry),
		      ph_object_folded(identity->entry)) == 0;
}

struct manager {
	bool of_recipient;
	char **addresses;
};

static void *
compile_manager(const struct ph_compile *c)
{
	struct manager *m = g_new0(struct manager, 1);
	g_autofree char *addresses =
	    g_strconcat(c->prefix, "ManagerAddresses", NULL);

	m->of_recipient = ph_object_word(c->rule, c->field) == 1;
	m->addresses = g_strdupv((char **)ph_object_list(c->rule, addresses));
	return m;
}

static void
free_manager(void *operand)
{
	struct manager *m = operand;

	g_strfreev(m->addresses);
	g_free(m);
}

static enum ph_answer
ask_manager(struct ph_evaluation *e, const struct ph_predicate *p,
	    struct ph_recipient *recipient, struct ph_err *err)
{
	const struct manager *m = p->operand;
	const struct ph_object *entry;
	int r = m->of_recipient ? ph_recipient_entry(e->mail->directory,
						     recipient, &entry, err)
				: ph_identity_sender_entry(e, &entry, err);
	int answer = 0;

	if (r != 1)
		return answer_of(r);
	note(e, ph_object_text(entry, "Manager"));
	for (char **address = m->addresses; *address != NULL; address++) {
		r = is_manager(e, entry, *address, err);
		if (r == 1)
			return PH_ANSWER_TRUE;
		answer = MIN(answer, r);
	}
	return answer_of(answer);
}

const struct ph_comparison ph_compare_manager = {.name = "manager",
						 .compile = compile_manager,
						 .free = free_manager,
						 .ask = ask_manager};

/* ---- SenderManagementRelationship ---- */

static void *
compile_relationship(const struct ph_compile *c)
{
	bool *direct_report = g_new(bool, 1);

	*direct_report = ph_object_word(c->rule, c->field) == 1;
	return direct_report;
}

static int
relates(struct ph_evaluation *e, bool direct_report, const char *sender,
	struct ph_recipient *recipient, struct ph_err *err)
{
	const struct ph_object *entry;
	int r = direct_report ? ph_identity_sender_entry(e, &entry, err)
			      : ph_recipient_entry(e->mail->directory,
						   recipient, &entry, err);

	if (r != 1)
		return r;
	note(e, ph_object_text(entry, "Manager"));
	return is_manager(e, entry, direct_report ? recipient->address : sender,
			  err);
}

/* Manager: the sender is a recipient's. DirectReport: a recipient is the
 * sender's. One recipient is enough. */
static enum ph_answer
ask_relationship(struct ph_evaluation *e, const struct ph_predicate *p,
		 struct ph_recipient *unused, struct ph_err *err)
{
	const bool *direct_report = p->operand;
	const char *sender = ph_identity_sender(e);
	int answer = 0;

	(void)unused;
	if (*sender == '\0')
		return PH_ANSWER_FALSE;
	for (guint i = 0; i < e->mail->recipients->len; i++) {
		struct ph_recipient *recipient = e->mail->recipients->pdata[i];
		int r;

		if (recipient->removed)
			continue;
		r = relates(e, *direct_report, sender, recipient, err);
		if (r == 1)
			return PH_ANSWER_TRUE;
		answer = MIN(answer, r);
	}
	return answer_of(answer);
}

const struct ph_comparison ph_compare_relationship = {.name = "relationship",
						      .compile =
							  compile_relationship,
						      .ask = ask_relationship};

/* ---- ADComparisonAttribute, ADComparisonOperator ---- */

struct attributes {
	const char *name; /* borrowed of the rule */
	bool differ;
};

static void *
compile_attributes(const struct ph_compile *c)
{
	struct attributes *a = g_new0(struct attributes, 1);
	g_autofree char *operator=
	    g_strconcat(c->prefix, "ADComparisonOperator", NULL);

	a->name = ph_object_text(c->rule, c->field);
	a->differ = ph_object_word(c->rule, operator) == 1;
	return a;
}

static char *
attribute(const struct ph_object *entry, const char *name)
{
	const char *text = ph_object_text(entry, name);

	return ph_fold(text != NULL ? text : "");
}

/* Not for groups, nor for anybody outside the directory. */
static enum ph_answer
ask_attributes(struct ph_evaluation *e, const struct ph_predicate *p,
	       struct ph_recipient *recipient, struct ph_err *err)
{
	const struct attributes *a = p->operand;
	const struct ph_object *sender, *entry;
	g_autofree char *x = NULL;
	g_autofree char *y = NULL;
	int r = ph_identity_sender_entry(e, &sender, err);
	int s = ph_recipient_entry(e->mail->directory, recipient, &entry, err);

	if (r == 0 || s == 0)
		return PH_ANSWER_FALSE;
	if (r < 0 || s < 0)
		return PH_ANSWER_ERROR;
	if (ph_entry_is_group(entry))
		return PH_ANSWER_FALSE;
	x = attribute(sender, a->name);
	y = attribute(entry, a->name);
	note(e, ph_object_text(entry, a->name));
	return answer_of((strcmp(x, y) != 0) == a->differ);
}

const struct ph_comparison ph_compare_attributes = {
    .name = "attributes", .compile = compile_attributes, .ask = ask_attributes};
