#include "milters/transport/rules/evaluate.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * The logic of a rule, with conditions whose answer is given: "T", "F" or "E"
 * (cannot say), in every order; of the recipient's level "t", "f" and "e".
 */
static int
value_once(struct ph_evaluation *e, struct ph_recipient *recipient,
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
value_none(struct ph_evaluation *e, struct ph_recipient *recipient,
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
value_error(struct ph_evaluation *e, struct ph_recipient *recipient,
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

static int
match_any(struct ph_evaluation *e, const void *operand,
	  const struct ph_value *value, struct ph_err *err)
{
	(void)e;
	(void)operand;
	(void)value;
	(void)err;
	return 1;
}

static int
match_error(struct ph_evaluation *e, const void *operand,
	    const struct ph_value *value, struct ph_err *err)
{
	(void)e;
	(void)operand;
	(void)value;
	return ph_err_set(err, PH_ERR_PERM, "cannot compare");
}

static const struct ph_comparison any = {.name = "any", .match = match_any};
static const struct ph_comparison failing = {.name = "failing",
					     .match = match_error};
static const struct ph_subject once = {.name = "once", .value = value_once};
static const struct ph_subject none = {.name = "none", .value = value_none};
static const struct ph_subject error = {.name = "error", .value = value_error};

/* "X" cannot be compared; "+" has a second subject that is true, "-" one that
 * cannot say. */
static const struct ph_condition conditions[] = {
    {.name = "T", .compare = &any, .subject = &once},
    {.name = "F", .compare = &any, .subject = &none},
    {.name = "E", .compare = &any, .subject = &error},
    {.name = "X", .compare = &failing, .subject = &once},
    {.name = "+", .compare = &any, .subject = &error, .also = &once},
    {.name = "-", .compare = &any, .subject = &none, .also = &error},
    {.name = "t",
     .level = PH_LEVEL_RECIPIENT,
     .compare = &any,
     .subject = &once},
    {.name = "f",
     .level = PH_LEVEL_RECIPIENT,
     .compare = &any,
     .subject = &none},
    {.name = "e",
     .level = PH_LEVEL_RECIPIENT,
     .compare = &any,
     .subject = &error},
};

static const struct ph_condition *
find(char letter)
{
	for (size_t i = 0; i < G_N_ELEMENTS(conditions); i++)
		if (*conditions[i].name == letter)
			return &conditions[i];
	ck_abort_msg("no condition %c", letter);
}

static void
add(GArray *predicates, const char *letters, bool except)
{
	for (; *letters != '\0'; letters++) {
		struct ph_predicate p = {.condition = find(*letters),
					 .except = except};

		g_array_append_val(predicates, p);
	}
}

static char
ask(const char *letters, const char *exceptions, struct ph_recipient *recipient)
{
	g_autoptr(GArray) predicates =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_predicate));
	struct ph_rule rule = {.predicates = predicates};
	struct ph_evaluation e = {.mail = NULL};
	struct ph_err err = PH_ERR_INIT;

	add(predicates, letters, false);
	add(predicates, exceptions, true);
	return "FTE"[ph_rule_answer(&rule, &e, recipient, &err)];
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
	    {"X", "", 'E'},   {"XF", "", 'F'},	{"T", "X", 'E'},
	    {"+", "", 'T'},   {"-", "", 'E'},	{"T", "+", 'F'},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char is = ask(cases[i].conditions, cases[i].exceptions, NULL);

		ck_assert_msg(is == cases[i].answer,
			      "conditions \"%s\", exceptions \"%s\": %c",
			      cases[i].conditions, cases[i].exceptions, is);
	}
}
END_TEST

/* What is asked of the message decides first; what is asked of the recipient is
 * not asked when there is none. */
START_TEST(test_levels)
{
	static const struct {
		const char *conditions, *exceptions;
		char for_one, for_none;
	} cases[] = {
	    {"t", "", 'T', 'T'},   {"f", "", 'F', 'T'},	 {"e", "", 'E', 'T'},
	    {"Tf", "", 'F', 'T'},  {"Ft", "", 'F', 'F'}, {"fT", "", 'F', 'T'},
	    {"Et", "", 'E', 'E'},  {"Ef", "", 'F', 'E'}, {"Fe", "", 'F', 'F'},
	    {"tf", "", 'F', 'T'},  {"te", "", 'E', 'T'}, {"ef", "", 'F', 'T'},
	    {"T", "t", 'F', 'T'},  {"T", "f", 'T', 'T'}, {"T", "e", 'E', 'T'},
	    {"t", "T", 'F', 'F'},  {"t", "E", 'E', 'E'}, {"f", "E", 'F', 'E'},
	    {"T", "Et", 'F', 'E'}, {"t", "t", 'F', 'T'}, {"e", "t", 'F', 'T'},
	};
	struct ph_recipient recipient = {.address = NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *c = cases[i].conditions, *x = cases[i].exceptions;
		char one = ask(c, x, &recipient), no = ask(c, x, NULL);

		ck_assert_msg(one == cases[i].for_one &&
				  no == cases[i].for_none,
			      "conditions \"%s\", exceptions \"%s\": %c, %c", c,
			      x, one, no);
	}
}
END_TEST

UNIT_MAIN("milters/transport/rules/evaluate", test_logic, test_levels)
