#include "lib/match/pattern_private.h"

/*
 * Does every match of a pattern have digits, and how early? Patterns of numbers
 * have no letters to be found by, and automata of many of them together are
 * slower than each of them where there are digits (measured: 20 ms for 100 kB,
 * and 0.1 ms).
 */

#define NEVER UINT32_MAX

/* Of a node, or of some in a row. */
struct reach {
	uint32_t within; /* behind so many characters one was a digit */
	uint32_t length; /* characters at most */
	uint32_t digits; /* at least */
	uint32_t span;	 /* characters that are looked at, at most */
};

static uint32_t
add(uint32_t a, uint32_t b)
{
	return a > NEVER - 1 - MIN(b, NEVER - 1) ? NEVER : a + b;
}

static uint32_t
times(uint32_t a, uint32_t b)
{
	uint64_t product = (uint64_t)a * b;

	if (a == 0 || b == 0)
		return 0;
	return a == NEVER || b == NEVER || product >= NEVER ? NEVER
							    : (uint32_t)product;
}

static bool
is_ascii_digits(const struct ph_pattern_class *class)
{
	if (class->negated || class->items->len == 0)
		return false;
	for (guint i = 0; i < class->items->len; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(class->items, struct ph_pattern_item, i);

		if (item->kind != PH_PATTERN_RANGE || item->low < '0' ||
		    item->high > '9')
			return false;
	}
	return true;
}

static struct reach of_branches(const struct ph_pattern_node *branch);

static bool
is_digit(const struct ph_pattern_node *node)
{
	if (node->kind == PH_PATTERN_CHAR)
		return node->c >= '0' && node->c <= '9';
	return node->kind == PH_PATTERN_CLASS && is_ascii_digits(node->class);
}

/* It takes no room. */
static struct reach
of_assertion(const struct ph_pattern_node *node)
{
	struct reach reach;

	if (node->kind != PH_PATTERN_AHEAD &&
	    node->kind != PH_PATTERN_NOT_AHEAD)
		return (struct reach){NEVER, 0, 0, 1};
	reach = of_branches(node->child);
	if (node->kind == PH_PATTERN_NOT_AHEAD)
		reach.within = NEVER;
	return (struct reach){reach.within, 0, 0, reach.span};
}

static struct reach
of_one(const struct ph_pattern_node *node)
{
	if (ph_pattern_is_assertion(node))
		return of_assertion(node);
	if (ph_pattern_is_group(node))
		return of_branches(node->child);
	if (!ph_pattern_is_single(node))
		return (struct reach){NEVER, NEVER, 0, NEVER};
	return is_digit(node) ? (struct reach){1, 1, 1, 1}
			      : (struct reach){NEVER, 1, 0, 1};
}

static struct reach
of_row(const struct ph_pattern_node *node)
{
	struct reach row = {NEVER, 0, 0, 0};

	for (; node != NULL; node = node->next) {
		struct reach one = of_one(node);

		if (node->min > 0)
			row.within =
			    MIN(row.within, add(row.length, one.within));
		row.length = add(row.length, times(one.length, node->max));
		row.digits = add(row.digits, times(one.digits, node->min));
		row.span = add(row.span, times(one.span, node->max));
	}
	return row;
}

static struct reach
of_branches(const struct ph_pattern_node *branch)
{
	struct reach all = of_row(branch->child);

	for (branch = branch->next; branch != NULL; branch = branch->next) {
		struct reach one = of_row(branch->child);

		all.within = MAX(all.within, one.within);
		all.length = MAX(all.length, one.length);
		all.digits = MIN(all.digits, one.digits);
		all.span = MAX(all.span, one.span);
	}
	return all;
}

bool
ph_pattern_find_digits(const struct ph_pattern_tree *tree,
		       struct ph_pattern_digits *digits_r, uint32_t *span_r)
{
	struct reach reach = of_one(tree->root);

	*digits_r = (struct ph_pattern_digits){reach.within, reach.length,
					       reach.digits};
	*span_r = reach.span;
	return reach.within != NEVER;
}
