#include "lib/match/pattern_private.h"

#include <string.h>

/*
 * What the first bytes of a match may be. A row of the tree is walked with the
 * places, as bits, that it can have come to; what is uncertain lets everything
 * through, so a window never hides a match. Numbers in mail differ in how many
 * digits stand together, and that is what it sees.
 */

#define BEYOND PH_PATTERN_WINDOW /* the place behind all others */
#define ALL_PLACES ((UINT32_C(2) << BEYOND) - 1)
/* Of nodes walked: repeats in repeats would take for ever. */
#define STEPS 2000

struct walk {
	struct ph_pattern_window *window;
	unsigned steps;
};

/* What one node takes: one of these ASCII characters, or another. */
struct taken {
	struct ph_symbols ascii;
	bool above; /* U+007F */
};

static void
add_symbol(struct ph_symbols *symbols, unsigned symbol)
{
	symbols->bits[symbol / 64] |= UINT64_C(1) << symbol % 64;
}

static void
remove_symbol(struct ph_symbols *symbols, unsigned symbol)
{
	symbols->bits[symbol / 64] &= ~(UINT64_C(1) << symbol % 64);
}

static void
unite(struct ph_symbols *symbols, const struct ph_symbols *others)
{
	for (size_t i = 0; i < G_N_ELEMENTS(symbols->bits); i++)
		symbols->bits[i] |= others->bits[i];
}

static struct ph_symbols
all_symbols(void)
{
	struct ph_symbols all;

	memset(&all, 0xff, sizeof all);
	return all;
}

/* ---- characters ---------------------------------------------------------- */

/* U+212A and U+017F are k and s without case. */
static bool
has_other_case_above(gunichar c)
{
	return c > 0 && c < 0x80 && strchr("kKsS", (int)c) != NULL;
}

static bool
may_be_above(const struct ph_pattern_class *set, bool caseless)
{
	if (set->negated)
		return true;
	for (guint i = 0; i < set->items->len; i++) {
		const struct ph_pattern_item *item =
		    &g_array_index(set->items, struct ph_pattern_item, i);

		if (item->kind != PH_PATTERN_RANGE || item->high >= 0x80)
			return true;
	}
	for (gunichar c = 0; caseless && c < 0x80; c++)
		if (has_other_case_above(c) &&
		    ph_pattern_class_has(set, c, true))
			return true;
	return false;
}

static bool
is_caseless(const struct ph_pattern_node *node)
{
	return (node->options & PH_PATTERN_I) != 0;
}

static bool
char_is(const struct ph_pattern_node *node, gunichar c)
{
	return node->c == c ||
	       (is_caseless(node) && c < 0x80 && node->c < 0x80 &&
		g_ascii_tolower((char)c) == g_ascii_tolower((char)node->c));
}

/* Of a CHAR, CLASS or ANY. */
static struct taken
taken_by(const struct ph_pattern_node *node)
{
	struct taken taken = {{{0}}, false};
	bool caseless = is_caseless(node);

	for (gunichar c = 0; c < 0x80; c++)
		if (node->kind == PH_PATTERN_ANY ||
		    (node->kind == PH_PATTERN_CHAR && char_is(node, c)) ||
		    (node->kind == PH_PATTERN_CLASS &&
		     ph_pattern_class_has(node->class, c, caseless)))
			add_symbol(&taken.ascii, c);
	if (node->kind == PH_PATTERN_CHAR)
		taken.above = node->c >= 0x80 ||
			      (caseless && has_other_case_above(node->c));
	else
		taken.above = node->kind == PH_PATTERN_ANY ||
			      may_be_above(node->class, caseless);
	for (const char *p = "kKsS"; taken.above && caseless && *p != '\0'; p++)
		add_symbol(&taken.ascii, (unsigned char)*p);
	return taken;
}

/* ---- the walk ------------------------------------------------------------ */

static uint32_t walk_branches(struct walk *w,
			      const struct ph_pattern_node *branch,
			      uint32_t places);

static uint32_t
take(struct walk *w, const struct taken *taken, uint32_t places)
{
	uint32_t next = places << 1;

	if (taken->above)
		next |= places << 2 | places << 3 | places << 4;
	for (unsigned i = 0; i < BEYOND; i++) {
		if ((places >> i & 1) == 0)
			continue;
		unite(&w->window->from[i], &taken->ascii);
		for (unsigned j = i; taken->above && j < MIN(i + 4, BEYOND);
		     j++)
			for (unsigned byte = 0x80; byte < 0x100; byte++)
				add_symbol(&w->window->from[j], byte);
	}
	if ((next & ~(ALL_PLACES >> 1)) != 0)
		next |= UINT32_C(1) << BEYOND;
	return next & ALL_PLACES;
}

/* Whatever comes here may take anything, and any number of it. */
static uint32_t
give_up(struct walk *w, uint32_t places)
{
	unsigned first = 0;

	while (first < BEYOND && (places >> first & 1) == 0)
		first++;
	for (unsigned i = first; i < BEYOND; i++)
		w->window->from[i] = all_symbols();
	return ALL_PLACES << first & ALL_PLACES;
}

static uint32_t
walk_once(struct walk *w, const struct ph_pattern_node *node, uint32_t places)
{
	struct taken taken;

	if (ph_pattern_is_assertion(node))
		return places;
	if (ph_pattern_is_group(node))
		return walk_branches(w, node->child, places);
	if (!ph_pattern_is_single(node))
		return give_up(w, places);
	taken = taken_by(node);
	return take(w, &taken, places);
}

static uint32_t
walk_node(struct walk *w, const struct ph_pattern_node *node, uint32_t places)
{
	uint32_t reached = node->min == 0 ? places : 0;

	/* More often than there are places changes nothing. */
	for (uint32_t i = 1; i <= node->max && i <= BEYOND + 1; i++) {
		if (++w->steps > STEPS)
			return give_up(w, places | reached);
		places = walk_once(w, node, places);
		if (i >= node->min)
			reached |= places;
	}
	return node->min > BEYOND + 1 ? places : reached;
}

static uint32_t
walk_row(struct walk *w, const struct ph_pattern_node *node, uint32_t places)
{
	for (; node != NULL; node = node->next)
		places = walk_node(w, node, places);
	return places;
}

static uint32_t
walk_branches(struct walk *w, const struct ph_pattern_node *branch,
	      uint32_t places)
{
	uint32_t reached = 0;

	for (; branch != NULL; branch = branch->next)
		reached |= walk_row(w, branch->child, places);
	return reached;
}

/* ---- what stands around it ----------------------------------------------- */

static bool
is_plain(const struct ph_pattern_node *node)
{
	if (node == NULL || !ph_pattern_is_once(node))
		return false;
	if (node->kind == PH_PATTERN_CHAR)
		return node->c < 0x80;
	if (node->kind != PH_PATTERN_CLASS || node->class->negated ||
	    node->class->minus != NULL)
		return false;
	for (guint i = 0; i < node->class->items->len; i++)
		if (g_array_index(node->class->items, struct ph_pattern_item, i)
			.kind != PH_PATTERN_RANGE)
			return false;
	return true;
}

/* ASCII alone: it lets more through. */
static struct ph_symbols
certain_of(const struct ph_pattern_node *node)
{
	struct ph_symbols symbols = {{0}};

	for (gunichar c = 0; c < 0x80; c++)
		if (node->kind == PH_PATTERN_CHAR
			? char_is(node, c)
			: ph_pattern_class_has(node->class, c,
					       is_caseless(node)))
			add_symbol(&symbols, c);
	return symbols;
}

static bool
is_one(const struct ph_pattern_node *node, enum ph_pattern_kind kind)
{
	return node->kind == kind && ph_pattern_is_once(node);
}

/* Without what an assertion says must not be there alone. */
static void
remove_single(const struct ph_pattern_node *assertion,
	      struct ph_symbols *symbols)
{
	for (const struct ph_pattern_node *b = assertion->child; b != NULL;
	     b = b->next) {
		struct ph_symbols refused;

		if (!is_plain(b->child) || b->child->next != NULL)
			continue;
		refused = certain_of(b->child);
		for (unsigned c = 0; c < 0x80; c++)
			if (ph_symbols_has(&refused, c))
				remove_symbol(symbols, c);
	}
}

/* Two in a row that must not be there. */
static void
find_pair(const struct ph_pattern_node *assertion,
	  struct ph_symbols not_before[2])
{
	for (const struct ph_pattern_node *b = assertion->child; b != NULL;
	     b = b->next) {
		const struct ph_pattern_node *first = b->child;

		if (!is_plain(first) || !is_plain(first->next) ||
		    first->next->next != NULL)
			continue;
		not_before[0] = certain_of(first);
		not_before[1] = certain_of(first->next);
	}
}

static void
find_before(const struct ph_pattern_tree *tree,
	    struct ph_pattern_window *window)
{
	const struct ph_pattern_node *first = tree->root->child;

	for (const struct ph_pattern_node *b = first; b != NULL; b = b->next) {
		struct ph_symbols before = all_symbols();

		for (const struct ph_pattern_node *n = b->child;
		     n != NULL && ph_pattern_is_assertion(n); n = n->next) {
			if (!is_one(n, PH_PATTERN_NOT_BEHIND))
				continue;
			remove_single(n, &before);
			if (first->next == NULL)
				find_pair(n, window->not_before);
		}
		unite(&window->before, &before);
	}
}

/* What stands behind a branch whose matches end at these places. */
static void
add_behind(struct ph_pattern_window *window,
	   const struct ph_pattern_node *branch, uint32_t places)
{
	struct ph_symbols behind = all_symbols();

	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next) {
		if (!ph_pattern_is_assertion(n))
			behind = all_symbols();
		else if (is_one(n, PH_PATTERN_NOT_AHEAD))
			remove_single(n, &behind);
	}
	for (unsigned i = 0; i < BEYOND; i++) {
		if ((places >> i & 1) == 0)
			continue;
		unite(&window->from[i], &behind);
		for (unsigned j = i + 1; j < BEYOND; j++)
			window->from[j] = all_symbols();
	}
}

void
ph_pattern_find_window(const struct ph_pattern_tree *tree,
		       struct ph_pattern_window *window_r)
{
	struct walk w = {window_r, 0};

	*window_r = (struct ph_pattern_window){0};
	find_before(tree, window_r);
	for (const struct ph_pattern_node *b = tree->root->child; b != NULL;
	     b = b->next)
		add_behind(window_r, b, walk_row(&w, b->child, 1));
}
