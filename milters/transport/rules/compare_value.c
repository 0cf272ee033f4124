#include "milters/transport/rules/membership.h"
#include "milters/transport/rules/vocabulary.h"

#include "lib/base/ip_range.h"
#include "lib/base/text.h"

#include <strings.h>

/* A number, and where it is looked for. */
struct number {
	int64_t value;
	uint32_t source;
};

static void *
number(const struct ph_compile *c, int64_t value)
{
	struct number *operand = g_new(struct number, 1);

	operand->value = value;
	operand->source = ph_vocabulary_source(
	    c->vocabulary, c->condition->subject, c->selector);
	return operand;
}

static char *
show_number(const struct ph_value *value)
{
	return g_strdup_printf("%" G_GINT64_FORMAT, value->number);
}

static int
match_equal(struct ph_evaluation *e, const void *operand,
	    const struct ph_value *value, struct ph_err *err)
{
	const struct number *wanted = operand;

	(void)e;
	(void)err;
	return value->number == wanted->value;
}

static void
gate(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
     uint32_t rule, bool least)
{
	const struct number *wanted = p->operand;

	ph_vocabulary_gate_number(
	    vocabulary, wanted->source,
	    &(struct ph_number_gate){wanted->value, rule, least});
}

static void
gate_equal(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
	   uint32_t rule)
{
	gate(p, vocabulary, rule, false);
}

/* ---- at least ---- */

static void *
compile_number(const struct ph_compile *c)
{
	return number(c, ph_object_int(c->rule, c->field));
}

/* facts/exchange-rules.md section 2: "over" means at least. */
static int
match_least(struct ph_evaluation *e, const void *operand,
	    const struct ph_value *value, struct ph_err *err)
{
	const struct number *wanted = operand;

	(void)e;
	(void)err;
	return value->number >= wanted->value;
}

static void
gate_least(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
	   uint32_t rule)
{
	gate(p, vocabulary, rule, true);
}

const struct ph_comparison ph_compare_least = {.name = "number",
					       .compile = compile_number,
					       .match = match_least,
					       .gate = gate_least,
					       .show = show_number};

/* ---- one of the words of the field ---- */

static void *
compile_word(const struct ph_compile *c)
{
	return number(c, (int64_t)ph_object_word(c->rule, c->field));
}

/* The subject's text is for people; its number is compared. */
static char *
show_word(const struct ph_value *value)
{
	return g_strdup(value->text);
}

const struct ph_comparison ph_compare_word = {.name = "word",
					      .compile = compile_word,
					      .match = match_equal,
					      .gate = gate_equal,
					      .show = show_word};

/* ---- yes or no ---- */

static void *
compile_bool(const struct ph_compile *c)
{
	return number(c, ph_object_bool(c->rule, c->field));
}

static char *
show_bool(const struct ph_value *value)
{
	return g_strdup(value->number != 0 ? "yes" : "no");
}

const struct ph_comparison ph_compare_bool = {.name = "bool",
					      .compile = compile_bool,
					      .match = match_equal,
					      .gate = gate_equal,
					      .show = show_bool};

/* ---- a name ---- */

static void *
compile_name(const struct ph_compile *c)
{
	return ph_fold(ph_object_text(c->rule, c->field));
}

static int
match_name(struct ph_evaluation *e, const void *operand,
	   const struct ph_value *value, struct ph_err *err)
{
	g_autofree char *folded = ph_fold(value->text);

	(void)e;
	(void)err;
	return strcmp(folded, operand) == 0;
}

const struct ph_comparison ph_compare_name = {
    .name = "name", .compile = compile_name, .match = match_name};

/* ---- ranges of IP addresses ---- */

static void *
compile_ranges(const struct ph_compile *c)
{
	const char *const *item = ph_object_list(c->rule, c->field);
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct ph_ip_range));

	for (; *item != NULL; item++) {
		struct ph_ip_range range;

		if (ph_ip_range_parse(*item, &range, NULL) == 0)
			g_array_append_val(ranges, range);
	}
	return ranges;
}

static void
free_array(void *operand)
{
	g_array_unref(operand);
}

static int
match_range(struct ph_evaluation *e, const void *operand,
	    const struct ph_value *value, struct ph_err *err)
{
	const GArray *ranges = operand;

	(void)e;
	(void)err;
	for (guint i = 0; i < ranges->len; i++)
		if (ph_ip_range_has(
			&g_array_index(ranges, struct ph_ip_range, i),
			value->text))
			return 1;
	return 0;
}

const struct ph_comparison ph_compare_range = {.name = "range",
					       .compile = compile_ranges,
					       .free = free_array,
					       .match = match_range};

/* ---- a member of one of the groups ---- */

static void *
compile_groups(const struct ph_compile *c)
{
	return ph_groups_new(ph_object_list(c->rule, c->field));
}

static int
match_member(struct ph_evaluation *e, const void *operand,
	     const struct ph_value *value, struct ph_err *err)
{
	return ph_groups_have(operand, e, value->text, err);
}

const struct ph_comparison ph_compare_member = {.name = "member",
						.compile = compile_groups,
						.free = ph_groups_free,
						.match = match_member};
