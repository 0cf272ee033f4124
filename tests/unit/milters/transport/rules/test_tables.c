#include "lib/state/kinds.h"
#include "milters/transport/rules/ruleset.h"
#include "tests/unit/unit.h"

#include <string.h>

/* How many rows say that they are about the field. */
static int
count_conditions(const char *field)
{
	int n = 0;

	for (const struct ph_condition *c = ph_conditions; c->name != NULL; c++)
		n += strcmp(c->name, field) == 0 ||
		     g_strcmp0(c->with, field) == 0;
	return n;
}

static int
count_actions(const char *field)
{
	int n = 0;

	for (const struct ph_action *a = ph_actions; a->name != NULL; a++)
		n += strcmp(a->name, field) == 0 ||
		     g_strcmp0(a->with, field) == 0;
	return n;
}

/* What can be set acts, and what cannot be set has no row. */
START_TEST(test_each_field_has_a_row)
{
	int conditions = 0, actions = 0;

	for (const struct ph_field *f = ph_kind_find("rule")->fields;
	     f->name != NULL; f++) {
		bool works = (f->flags & PH_FIELD_UNSUPPORTED) == 0;
		bool condition = (f->flags & PH_FIELD_CONDITION) != 0;
		bool action = (f->flags & PH_FIELD_ACTION) != 0;

		ck_assert_msg(count_conditions(f->name) == (works && condition),
			      "condition %s: %d rows", f->name,
			      count_conditions(f->name));
		ck_assert_msg(count_actions(f->name) == (works && action),
			      "action %s: %d rows", f->name,
			      count_actions(f->name));
		conditions += works && condition;
		actions += works && action;
	}
	ck_assert_int_gt(conditions, 0);
	ck_assert_int_gt(actions, 0);
}
END_TEST

static const struct ph_field *
field(const char *name)
{
	bool except = true;
	const struct ph_field *f =
	    ph_kind_field(ph_kind_find("rule"), name, &except);

	ck_assert_msg(f != NULL && !except, "%s is no field of a rule", name);
	return f;
}

START_TEST(test_each_row_has_a_field)
{
	for (const struct ph_condition *c = ph_conditions; c->name != NULL;
	     c++) {
		ck_assert(field(c->name)->flags & PH_FIELD_CONDITION);
		if (c->with != NULL)
			ck_assert(field(c->with)->flags & PH_FIELD_CONDITION);
	}
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++) {
		ck_assert(field(a->name)->flags & PH_FIELD_ACTION);
		if (a->with != NULL)
			ck_assert(field(a->with)->flags & PH_FIELD_ACTION);
	}
}
END_TEST

/* facts/exchange-rules.md section 3, level R; all others hit the whole message.
 */
static const char *const by_recipient[] = {
    "ADComparisonAttribute",
    "BetweenMemberOf1",
    "ManagerForEvaluatedUser",
    "RecipientADAttributeContainsWords",
    "RecipientADAttributeMatchesPatterns",
    "RecipientAddressContainsWords",
    "RecipientAddressMatchesPatterns",
    "RecipientDomainIs",
    "SentTo",
    "SentToMemberOf",
    "SentToScope",
    NULL,
};

/* A subject that is the recipient's cannot be asked about a message. */
static void
check_level(const struct ph_condition *c)
{
	enum ph_level level = g_strv_contains(by_recipient, c->name)
				  ? PH_LEVEL_RECIPIENT
				  : PH_LEVEL_MESSAGE;

	ck_assert_msg(c->level == level, "%s: level", c->name);
	ck_assert_msg(c->subject->level <= level, "%s: %s", c->name,
		      c->subject->name);
	if (c->also != NULL)
		ck_assert_msg(c->also->level <= level, "%s: %s", c->name,
			      c->also->name);
}

START_TEST(test_rows)
{
	size_t n = 0;

	for (const struct ph_condition *c = ph_conditions; c->name != NULL;
	     c++) {
		if (c != ph_conditions)
			ck_assert_str_lt(c[-1].name, c->name);
		ck_assert_ptr_nonnull(c->help);
		ck_assert_uint_gt(strlen(c->help), 10);
		ck_assert_ptr_nonnull(c->compare);
		ck_assert_ptr_nonnull(c->compare->compile);
		ck_assert(c->compare->ask != NULL || c->compare->match != NULL);
		ck_assert_ptr_nonnull(c->subject);
		ck_assert_uint_ne(ph_condition_needs(c), 0);
		ck_assert_ptr_eq(ph_condition_find(c->name), c);
		check_level(c);
		n += c->level == PH_LEVEL_RECIPIENT;
	}
	ck_assert_uint_eq(n, G_N_ELEMENTS(by_recipient) - 1);
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++) {
		if (a != ph_actions)
			ck_assert_str_lt(a[-1].name, a->name);
		ck_assert_ptr_nonnull(a->help);
		ck_assert_uint_gt(strlen(a->help), 10);
		ck_assert_ptr_nonnull(a->track);
		/* The severity of a hit is the log's alone. */
		ck_assert_msg(a->apply != NULL || a->stops ||
				  strcmp(a->name, "SetAuditSeverity") == 0,
			      "%s does nothing", a->name);
	}
}
END_TEST

/* ---- which rules run, and in which order -------------------------------- */

struct rule_row {
	const char *name;
	struct ph_pair pairs[4];
};

static struct ph_snapshot *
build(const struct rule_row *rows, size_t n)
{
	static const struct ph_derive derive[] = {
	    {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	g_autofree struct ph_object **objects = g_new0(struct ph_object *, n);
	struct ph_snapshot *snapshot;

	for (size_t i = 0; i < n; i++) {
		struct ph_err err = PH_ERR_INIT;
		size_t n_pairs = 0;

		while (n_pairs < 4 && rows[i].pairs[n_pairs].field != NULL)
			n_pairs++;
		ck_assert_msg(ph_object_parse(ph_kind_find("rule"),
					      rows[i].name, rows[i].pairs,
					      n_pairs, &objects[i], &err) == 0,
			      "%s", err.text);
	}
	snapshot = ph_snapshot_build((const struct ph_object *const *)objects,
				     n, derive);
	for (size_t i = 0; i < n; i++)
		ph_object_unref(&objects[i]);
	return snapshot;
}

START_TEST(test_order)
{
	static const struct rule_row rows[] = {
	    {"zulu", {{"SubjectContainsWords", "a"}}},
	    {"Alpha", {{"SubjectContainsWords", "a"}}},
	    {"late", {{"SubjectContainsWords", "a"}, {"Priority", "10"}}},
	    {"early", {{"SubjectContainsWords", "a"}, {"Priority", "9"}}},
	    {"also early", {{"SubjectContainsWords", "a"}, {"Priority", "9"}}},
	    {"off", {{"SubjectContainsWords", "a"}, {"Enabled", "no"}}},
	    {"off too", {{"SubjectContainsWords", "a"}, {"State", "Disabled"}}},
	    {"on", {{"SubjectContainsWords", "a"}, {"State", "enabled"}}},
	    {"draft", {{"DeleteMessage", "yes"}}},
	    {"for all", {{"DeleteMessage", "yes"}, {"Enabled", "yes"}}},
	};
	static const char *const order[] = {
	    "also early", "early", "late", "Alpha", "for all", "on", "zulu"};
	struct ph_snapshot *snapshot = build(rows, G_N_ELEMENTS(rows));
	const struct ph_ruleset *set = ph_snapshot_derived(snapshot, 0);

	ck_assert_uint_eq(set->rules->len, G_N_ELEMENTS(order));
	for (guint i = 0; i < set->rules->len; i++) {
		const struct ph_rule *rule = set->rules->pdata[i];

		ck_assert_str_eq(rule->name, order[i]);
	}
	ph_snapshot_unref(&snapshot);
}
END_TEST

START_TEST(test_guid)
{
	static const struct rule_row rows[] = {
	    {"Secret", {{"SubjectContainsWords", "a"}}},
	    {"Other", {{"SubjectContainsWords", "a"}}},
	};
	static const struct rule_row again[] = {
	    {"SECRET", {{"SubjectContainsWords", "b"}}},
	};
	struct ph_snapshot *one = build(rows, 2), *two = build(again, 1);
	const struct ph_ruleset *a = ph_snapshot_derived(one, 0);
	const struct ph_ruleset *b = ph_snapshot_derived(two, 0);
	const struct ph_rule *other = a->rules->pdata[0];
	const struct ph_rule *secret = a->rules->pdata[1];
	const struct ph_rule *secret_again = b->rules->pdata[0];

	ck_assert(ph_uuid_valid(secret->guid));
	ck_assert_str_eq(secret->guid, secret_again->guid);
	ck_assert_str_ne(secret->guid, other->guid);
	ph_snapshot_unref(&one);
	ph_snapshot_unref(&two);
}
END_TEST

UNIT_MAIN("milters/transport/rules/tables", test_each_field_has_a_row,
	  test_each_row_has_a_field, test_rows, test_order, test_guid)
