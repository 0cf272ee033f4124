#include "milters/transport/rules/evaluate.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * The logic of a rule, with conditions whose answer is given: "T", "F" or "E"
 * (cannot say), in every order.
 */
static int
value_true(struct ph_evaluation *e, const struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	(void)e;
	(void)recipient;
	(void)selector;
	(void)value_r;
	(void)err;
	return (*cursor)++ == 0;
}

static int
value_none(struct ph_evaluation *e, const struct ph_recipient *recipient,
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

static int
value_error(struct ph_evaluation *e, const struct ph_recipient *recipient,
	    const char *selector, size_t *cursor, struct ph_value *value_r,
	    struct ph_err *err)
{
	(void)e;
	(void)recipient;
	(void)selector;
	(void)cursor;
	(void)value_r;
	return ph_err_set(err, PH_ERR_TEMP, "cannot say");
}

static bool
match_any(struct ph_evaluation *e, const void *operand,
	  const struct ph_value *value)
{
	(void)e;
	(void)operand;
	(void)value;
	return true;
}

static const struct ph_comparison any = {"any", NULL, NULL, match_any};
static const struct ph_condition says_true = {
    .name = "T", .compare = &any, .value = value_true};
static const struct ph_condition says_false = {
    .name = "F", .compare = &any, .value = value_none};
static const struct ph_condition says_error = {
    .name = "E", .compare = &any, .value = value_error};

static GArray *
predicates(const char *letters)
{
	GArray *array = g_array_new(FALSE, TRUE, sizeof(struct ph_predicate));

	for (; *letters != '\0'; letters++) {
		struct ph_predicate p = {
		    .condition = *letters == 'T'   ? &says_true
				 : *letters == 'F' ? &says_false
						   : &says_error,
		};

		g_array_append_val(array, p);
	}
	return array;
}

static char
ask(const char *conditions, const char *exceptions)
{
	struct ph_rule rule = {
	    .conditions = predicates(conditions),
	    .exceptions = predicates(exceptions),
	};
	struct ph_evaluation e = {.mail = NULL};
	struct ph_err err = PH_ERR_INIT;
	enum ph_answer answer = ph_rule_answer(&rule, &e, &err);

	g_array_unref(rule.conditions);
	g_array_unref(rule.exceptions);
	return "FTE"[answer];
}

START_TEST(test_logic)
{
	static const struct {
		const char *conditions, *exceptions;
		char answer;
	} cases[] = {
	    {"", "", 'T'},    {"T", "", 'T'},	{"F", "", 'F'},
	    {"E", "", 'E'},   {"TT", "", 'T'},	{"TF", "", 'F'},
	    {"FT", "", 'F'},  {"TE", "", 'E'},	{"ET", "", 'E'},
	    {"FE", "", 'F'},  {"EF", "", 'F'},	{"TET", "", 'E'},
	    {"T", "T", 'F'},  {"T", "F", 'T'},	{"T", "E", 'E'},
	    {"T", "FT", 'F'}, {"T", "TF", 'F'}, {"T", "FE", 'E'},
	    {"T", "EF", 'E'}, {"T", "TE", 'F'}, {"T", "ET", 'F'},
	    {"F", "E", 'F'},  {"E", "T", 'F'},	{"E", "F", 'E'},
	    {"", "E", 'E'},   {"", "T", 'F'},	{"E", "E", 'E'},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char is = ask(cases[i].conditions, cases[i].exceptions);

		ck_assert_msg(is == cases[i].answer,
			      "conditions \"%s\", exceptions \"%s\": %c",
			      cases[i].conditions, cases[i].exceptions, is);
	}
}
END_TEST

UNIT_MAIN("milters/transport/rules/evaluate", test_logic)
