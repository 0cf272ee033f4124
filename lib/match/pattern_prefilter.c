#include "lib/match/pattern_private.h"

/*
 * The tree again, for Hyperscan without HS_FLAG_UCP: each node becomes
 * something that matches at least what the node does. What takes no room is
 * dropped, and a class is exact in ASCII only.
 */

/* Repeats above it are for ever: Hyperscan unrolls them. */
#define REPEAT 16U
/* Characters of the unrolled expression; above the first, repeats are dropped,
 * and above the second, all of it is. */
#define LOOSE 500U
#define TOO_LARGE 2000U
/* Characters of ASCII above which a class selects nothing. */
#define NARROW 32U

#define NOT_ASCII "\\x{80}-\\x{10ffff}"

/* Hyperscan 5.4 folds case as PCRE2 does, but with an older Unicode: where its
 * letters are all known, or have no case. test_pattern_prefilter.c compares. */
static const struct {
	gunichar low, high;
} trusted[] = {
    {0x80, 0x24f},    {0x370, 0x58f},	{0x590, 0x8ff},
    {0x900, 0x109f},  {0x1e00, 0x2bff}, {0x2e80, 0xa4cf},
    {0xac00, 0xd7af}, {0xff00, 0xffef}, {0x1f300, 0x1faff},
};

static bool
is_trusted(gunichar low, gunichar high)
{
	for (size_t i = 0; i < G_N_ELEMENTS(trusted); i++)
		if (low >= trusted[i].low && high <= trusted[i].high)
			return true;
	return false;
}

/* The variants of Cyrillic letters that Unicode 9 added: a range that has the
 * letters has them to PCRE2. */
static bool
has_late_variants(gunichar low, gunichar high)
{
	return low <= 0x4ff && high >= 0x400;
}

/* ---- classes ---- */

/* Hyperscan folds what it is given: a class that is not folded is one here. */
static bool
class_has(const struct ph_pattern_node *node, gunichar c)
{
	return ph_pattern_class_has(node->class, c,
				    (node->options & PH_PATTERN_I) != 0);
}

static unsigned
count_ascii(const struct ph_pattern_node *node)
{
	unsigned n = 0;

	for (gunichar c = 0; c < 0x80; c++)
		n += class_has(node, c);
	return n;
}

static void
add_ascii(const struct ph_pattern_node *node, GString *out)
{
	for (gunichar c = 0; c < 0x80; c++) {
		gunichar first = c;

		if (!class_has(node, c))
			continue;
		while (c < 0x7f && class_has(node, c + 1))
			c++;
		ph_pattern_emit_char(first, out);
		if (c == first)
			continue;
		g_string_append_c(out, '-');
		ph_pattern_emit_char(c, out);
	}
}

/* Can the characters above ASCII be named? Only for a class of ranges that
 * Hyperscan folds as PCRE2. */
static bool
is_exact(const struct ph_pattern_class *set)
{
	if (set->negated)
		return false;
	for (size_t i = 0; i < set->items->len; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(set->items, struct ph_pattern_item, i);

		if (item->kind != PH_PATTERN_RANGE)
			return false;
		if (item->high >= 0x80 &&
		    !is_trusted(MAX(item->low, 0x80), item->high))
			return false;
	}
	return true;
}

static void
add_above_ascii(const struct ph_pattern_class *set, GString *out)
{
	if (!is_exact(set)) {
		g_string_append(out, NOT_ASCII);
		return;
	}
	for (size_t i = 0; i < set->items->len; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(set->items, struct ph_pattern_item, i);

		if (item->high < 0x80)
			continue;
		ph_pattern_emit_char(MAX(item->low, 0x80), out);
		g_string_append_c(out, '-');
		ph_pattern_emit_char(item->high, out);
		if (has_late_variants(item->low, item->high))
			g_string_append(out, "\\x{1c80}-\\x{1c88}");
	}
}

static void
emit_class(const struct ph_pattern_node *node, GString *out)
{
	g_autoptr(GString) inside = g_string_new(NULL);

	add_ascii(node, inside);
	add_above_ascii(node->class, inside);
	/* What matches nothing, "[a-[a]]", still has to be something. */
	if (inside->len == 0)
		g_string_append(inside, NOT_ASCII);
	g_string_append_printf(out, "[%s]", inside->str);
}

static void
emit_char(gunichar c, GString *out)
{
	if (c >= 0x80 && !is_trusted(c, c))
		g_string_append(out, "[" NOT_ASCII "]");
	else
		ph_pattern_emit_char(c, out);
}

/* ---- what it is worth ---- */

static bool
is_zero_width(const struct ph_pattern_node *node)
{
	return node->max == 0 || ph_pattern_is_assertion(node);
}

/* A group without anything that takes room is nothing either. */
static bool
is_nothing(const struct ph_pattern_node *node)
{
	if (node->kind == PH_PATTERN_CHAR || node->kind == PH_PATTERN_CLASS ||
	    node->kind == PH_PATTERN_ANY ||
	    node->kind == PH_PATTERN_REFERENCE || is_zero_width(node))
		return is_zero_width(node);
	for (const struct ph_pattern_node *b = node->child; b != NULL;
	     b = b->next)
		for (const struct ph_pattern_node *n = b->child; n != NULL;
		     n = n->next)
			if (!is_nothing(n))
				return false;
	return true;
}

static bool is_narrow(const struct ph_pattern_node *node);

/* A condition without "no" has an empty one. */
static bool
has_empty_no(const struct ph_pattern_node *node)
{
	return node->kind == PH_PATTERN_CONDITION && node->child != NULL &&
	       node->child->next == NULL;
}

static bool
is_narrow_branch(const struct ph_pattern_node *branch)
{
	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next)
		if (is_narrow(n))
			return true;
	return false;
}

/* Has every text that is found something that not every text has? */
static bool
is_narrow(const struct ph_pattern_node *node)
{
	if (node->min == 0 || is_nothing(node) ||
	    node->kind == PH_PATTERN_ANY || node->kind == PH_PATTERN_REFERENCE)
		return false;
	if (node->kind == PH_PATTERN_CHAR)
		return node->c < 0x80 || is_trusted(node->c, node->c);
	if (node->kind == PH_PATTERN_CLASS)
		return count_ascii(node) <= NARROW;
	if (has_empty_no(node))
		return false;
	for (const struct ph_pattern_node *b = node->child; b != NULL;
	     b = b->next)
		if (!is_narrow_branch(b))
			return false;
	return true;
}

/* Least and most that a repeat is written as. An upper end tells apart little,
 * and costs much. */
static void
get_repeat(const struct ph_pattern_node *node, bool loose, uint32_t *min_r,
	   uint32_t *max_r)
{
	*min_r = node->min;
	*max_r = node->max;
	if (node->max <= 1)
		return;
	if (loose)
		*min_r = MIN(node->min, 1);
	else
		*min_r = MIN(node->min, REPEAT);
	if (*min_r != node->max)
		*max_r = PH_PATTERN_FOREVER;
}

/* Characters that the expression has once repeats are unrolled. */
static uint64_t
weigh(const struct ph_pattern_node *node, bool loose)
{
	uint64_t weight = 0;
	uint32_t min, max;

	if (is_zero_width(node))
		return 0;
	get_repeat(node, loose, &min, &max);
	for (const struct ph_pattern_node *b = node->child; b != NULL;
	     b = b->next)
		for (const struct ph_pattern_node *n = b->child; n != NULL;
		     n = n->next)
			weight += weigh(n, loose);
	if (node->child == NULL)
		weight = 1;
	/* Depth is bounded, but sixteen to its power is not small. */
	return MIN(weight * (max == PH_PATTERN_FOREVER ? MAX(min, 1) : max),
		   UINT32_MAX);
}

/* ---- the tree ---- */

struct writer {
	GString *out;
	bool loose;
};

/* Is nothing of the expression before, or behind? */
struct place {
	bool first, last;
};

static void emit_node(const struct writer *w,
		      const struct ph_pattern_node *node, struct place place);

/* An ASCII letter, digit or underscore whose other case is ASCII as well: k and
 * s have variants above, U+212A and U+017F. */
static bool
is_plain_word(const struct ph_pattern_node *node)
{
	return node != NULL && node->kind == PH_PATTERN_CHAR &&
	       node->min >= 1 && node->c < 0x80 &&
	       (g_ascii_isalnum((char)node->c) || node->c == '_') &&
	       strchr("kKsS", (int)node->c) == NULL;
}

/* Where a branch stands now. */
struct step {
	const struct ph_pattern_node *previous;
	bool word; /* behind a word character */
	struct place place;
};

/*
 * Hyperscan's \b knows ASCII alone. Beside an ASCII letter it is nevertheless
 * true wherever ours is: what is no letter for Unicode is none for ASCII. (It
 * refuses one between two letters, which is true nowhere.) At the ends of the
 * expression the character on the other side can be taken in instead, whatever
 * letter is on this.
 */
static void
emit_boundary(const struct writer *w, const struct step *step,
	      const struct ph_pattern_node *node)
{
	if (node->min == 0)
		return;
	if (is_plain_word(node->next) != is_plain_word(step->previous))
		g_string_append(w->out, "\\b");
	else if (step->place.first && ph_pattern_is_word_next(node->next))
		g_string_append(w->out, "(?:\\A|\\W)");
	else if (step->place.last && step->word)
		g_string_append(w->out, "(?:\\W|\\z)");
}

static bool
is_solid(const struct ph_pattern_node *node)
{
	return node->kind == PH_PATTERN_BOUNDARY || !is_nothing(node);
}

static void
emit_branch(const struct writer *w, const struct ph_pattern_node *branch,
	    struct place place)
{
	const struct ph_pattern_node *first = NULL, *last = NULL;
	struct step step = {NULL, false, place};

	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next) {
		if (!is_solid(n))
			continue;
		if (first == NULL)
			first = n;
		last = n;
	}
	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next) {
		step.place.first = place.first && n == first;
		step.place.last = place.last && n == last;
		if (n->kind == PH_PATTERN_BOUNDARY)
			emit_boundary(w, &step, n);
		else
			emit_node(w, n, step.place);
		step.word = ph_pattern_is_word_behind(n, step.word);
		step.previous = n;
	}
}

static void
emit_branches(const struct writer *w, const struct ph_pattern_node *parent,
	      struct place place)
{
	g_string_append(w->out, "(?:");
	for (const struct ph_pattern_node *b = parent->child; b != NULL;
	     b = b->next) {
		if (b != parent->child)
			g_string_append_c(w->out, '|');
		emit_branch(w, b, place);
	}
	if (has_empty_no(parent))
		g_string_append_c(w->out, '|');
	g_string_append_c(w->out, ')');
}

static void
emit_node(const struct writer *w, const struct ph_pattern_node *node,
	  struct place place)
{
	bool once = node->max == 1;
	uint32_t min, max;

	if (is_nothing(node))
		return;
	if (node->kind == PH_PATTERN_REFERENCE) {
		g_string_append(w->out, "(?s:.*)");
		return;
	}
	if (node->kind == PH_PATTERN_CHAR)
		emit_char(node->c, w->out);
	else if (node->kind == PH_PATTERN_CLASS)
		emit_class(node, w->out);
	else if (node->kind == PH_PATTERN_ANY)
		g_string_append(w->out, (node->options & PH_PATTERN_S) != 0
					    ? "(?s:.)"
					    : "[^\\n]");
	else
		emit_branches(
		    w, node,
		    (struct place){once && place.first, once && place.last});
	get_repeat(node, w->loose, &min, &max);
	ph_pattern_emit_repeat(min, max, w->out);
}

char *
ph_pattern_emit_prefilter(const struct ph_pattern_tree *tree)
{
	struct writer w = {NULL, weigh(tree->root, false) > LOOSE};

	if (!is_narrow(tree->root) ||
	    (w.loose && weigh(tree->root, true) > TOO_LARGE))
		return NULL;
	w.out = g_string_new(NULL);
	emit_branches(&w, tree->root, (struct place){true, true});
	return g_string_free(w.out, FALSE);
}
