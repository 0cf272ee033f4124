#include "lib/match/pattern_private.h"

/* What can be said of all that a node matches: that there is a word character
 * at its end, and how long it is. */

static bool
item_is_word(const struct ph_pattern_item *item)
{
	switch (item->kind) {
	case PH_PATTERN_DIGIT:
	case PH_PATTERN_WORD:
	case PH_PATTERN_ALNUM:
		return !item->negated;
	case PH_PATTERN_SPACE:
		return false;
	case PH_PATTERN_CATEGORY:
		return !item->negated &&
		       (item->name[0] == 'L' || strcmp(item->name, "Nd") == 0);
	case PH_PATTERN_RANGE:
		/* Letters that Unicode has had for long: the tables of GLib
		 * and PCRE2 need not be of the same age. */
		if (item->high >= 0x530)
			return false;
		for (gunichar c = item->low; c <= item->high; c++)
			if (!ph_pattern_is_word(c))
				return false;
		return true;
	}
	g_assert_not_reached();
}

static bool
class_is_word(const struct ph_pattern_class *set)
{
	if (set->negated)
		return false;
	for (size_t i = 0; i < set->items->len; i++)
		if (!item_is_word(
			&g_array_index(set->items, struct ph_pattern_item, i)))
			return false;
	return true;
}

static bool ends_with_word(const struct ph_pattern_node *branch);

static bool
branches_are_word(const struct ph_pattern_node *branch, bool end)
{
	for (; branch != NULL; branch = branch->next)
		if (end ? !ends_with_word(branch)
			: !ph_pattern_is_word_next(branch->child))
			return false;
	return true;
}

/* Does what node matches, if it matches anything, begin (or end) with a word
 * character? */
static bool
is_word(const struct ph_pattern_node *node, bool end)
{
	if (node->kind == PH_PATTERN_CHAR)
		return node->c < 0x530 && ph_pattern_is_word(node->c);
	if (node->kind == PH_PATTERN_CLASS)
		return class_is_word(node->class);
	return ph_pattern_is_group(node) && branches_are_word(node->child, end);
}

bool
ph_pattern_is_word_next(const struct ph_pattern_node *node)
{
	while (node != NULL && is_word(node, false)) {
		if (node->min > 0)
			return true;
		node = node->next;
	}
	return false;
}

bool
ph_pattern_is_word_behind(const struct ph_pattern_node *node, bool before)
{
	return (node->min > 0 || before) && is_word(node, true);
}

static bool
ends_with_word(const struct ph_pattern_node *branch)
{
	bool word = false;

	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next)
		word = ph_pattern_is_word_behind(n, word);
	return word;
}

static int64_t
length_of_branches(const struct ph_pattern_node *first)
{
	int64_t length = ph_pattern_length(first);

	for (const struct ph_pattern_node *b = first->next; b != NULL;
	     b = b->next)
		if (ph_pattern_length(b) != length)
			return -1;
	return length;
}

/* Characters; -1: it varies. */
static int64_t
length_of(const struct ph_pattern_node *node)
{
	int64_t length = -1;

	if (ph_pattern_is_assertion(node))
		return 0;
	if (ph_pattern_is_single(node))
		length = 1;
	else if (ph_pattern_is_group(node))
		length = length_of_branches(node->child);
	if (length < 0 || (node->min != node->max && length > 0))
		return -1;
	length *= node->min;
	return length <= UINT16_MAX ? length : -1;
}

int64_t
ph_pattern_length(const struct ph_pattern_node *branch)
{
	int64_t all = 0;

	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next) {
		int64_t length = length_of(n);

		if (length < 0 || (all += length) > UINT16_MAX)
			return -1;
	}
	return all;
}
