#include "lib/match/pattern_private.h"

/* \b also takes the zero-width joiners for word characters. */
#define WORD "[\\p{L}\\p{Mn}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]"

/* Repeats above it are runs, that may go through all of the text. */
#define RUN 8U

struct writer {
	GString *out;
	GArray *marks;
	struct ph_pattern_tree *tree;
	bool caseless; /* as it was written last in this group */
	bool begun;    /* more than the beginning of groups was written */
	bool watched;  /* a callout stands on the way here */
	bool chosen;   /* there was a group of alternatives */
	struct ph_err *err;
};

/* Cyrillic letters that got one more variant in Unicode 9, which neither
 * Exchange nor Hyperscan knows. */
static bool
has_late_variant(gunichar c)
{
	static const gunichar upper[] = {0x412, 0x414, 0x41e, 0x421,
					 0x422, 0x42a, 0x462};

	for (size_t i = 0; i < G_N_ELEMENTS(upper); i++)
		if (g_unichar_toupper(c) == upper[i] && c < 0x1c80)
			return true;
	return false;
}

static void
emit_literal(gunichar c, bool caseless, GString *out)
{
	if (!caseless || !has_late_variant(c)) {
		ph_pattern_emit_char(c, out);
		return;
	}
	g_string_append(out, "(?-i:[");
	ph_pattern_emit_char(g_unichar_toupper(c), out);
	ph_pattern_emit_char(g_unichar_tolower(c), out);
	g_string_append(out, "])");
}

static void
emit_boundary(struct writer *w, bool after_word,
	      const struct ph_pattern_node *node)
{
	bool is = node->kind == PH_PATTERN_BOUNDARY;

	if (ph_pattern_is_word_next(node->next))
		g_string_append(w->out, is ? "(?<!" WORD ")" : "(?<=" WORD ")");
	else if (after_word)
		g_string_append(w->out, is ? "(?!" WORD ")" : "(?=" WORD ")");
	else
		g_string_append(w->out, is ? "(?:(?<=" WORD ")(?!" WORD
					     ")|(?<!" WORD ")(?=" WORD "))"
					   : "(?:(?<=" WORD ")(?=" WORD
					     ")|(?<!" WORD ")(?!" WORD "))");
}

/* Only the alternatives of a lookbehind itself may differ in length, so those
 * of "(?<=(a|bc))" become its own. */
static const struct ph_pattern_node *
unwrap(const struct ph_pattern_tree *tree, const struct ph_pattern_node *node)
{
	for (;;) {
		const struct ph_pattern_node *only = node->child->child;

		if (node->child->next != NULL || only == NULL ||
		    only->next != NULL || !ph_pattern_is_once(only))
			return node;
		if (only->kind == PH_PATTERN_CAPTURE &&
		    g_array_index(tree->groups, struct ph_pattern_group,
				  only->group)
			.used)
			return node;
		if (only->kind != PH_PATTERN_GROUP &&
		    only->kind != PH_PATTERN_CAPTURE)
			return node;
		node = only;
	}
}

/* ---- the tree ---- */

static int emit_node(struct writer *w, bool after_word,
		     const struct ph_pattern_node *node);

static int
emit_branches(struct writer *w, const struct ph_pattern_node *parent)
{
	bool outer = w->caseless, watched = w->watched, all = true;

	for (const struct ph_pattern_node *b = parent->child; b != NULL;
	     b = b->next) {
		bool word = false;

		if (b != parent->child)
			g_string_append_c(w->out, '|');
		w->watched = watched;
		for (const struct ph_pattern_node *n = b->child; n != NULL;
		     word = ph_pattern_is_word_behind(n, word), n = n->next)
			if (emit_node(w, word, n) < 0)
				return -1;
		all = all && w->watched;
	}
	w->caseless = outer;
	w->watched = all;
	return 0;
}

static int
emit_group(struct writer *w, const char *open,
	   const struct ph_pattern_node *node)
{
	g_string_append(w->out, open);
	if (emit_branches(w, node) < 0)
		return -1;
	g_string_append_c(w->out, ')');
	return 0;
}

static unsigned
index_of(const struct writer *w, const struct ph_pattern_node *node)
{
	return g_array_index(w->tree->groups, struct ph_pattern_group,
			     node->group)
	    .index;
}

/* A group that nothing refers to need not be kept. */
static int
emit_capture(struct writer *w, const struct ph_pattern_node *node)
{
	return emit_group(w, index_of(w, node) == 0 ? "(?:" : "(", node);
}

static int
emit_behind(struct writer *w, const struct ph_pattern_node *node)
{
	const struct ph_pattern_node *inner = unwrap(w->tree, node);

	for (const struct ph_pattern_node *b = inner->child; b != NULL;
	     b = b->next)
		if (ph_pattern_length(b) < 0)
			return ph_pattern_fail(
			    w->err, node->at,
			    "variable-length lookbehind is not supported; "
			    "expected alternatives that have each a fixed "
			    "length");
	return emit_group(w, node->kind == PH_PATTERN_BEHIND ? "(?<=" : "(?<!",
			  inner);
}

static int
emit_test(struct writer *w, const struct ph_pattern_node *test)
{
	bool outer = w->caseless;

	if (test->kind >= PH_PATTERN_AHEAD &&
	    test->kind <= PH_PATTERN_NOT_BEHIND)
		return emit_node(w, false, test);
	g_string_append(w->out, "(?=");
	if (emit_node(w, false, test) < 0)
		return -1;
	g_string_append_c(w->out, ')');
	w->caseless = outer;
	return 0;
}

static int
emit_conditional(struct writer *w, const struct ph_pattern_node *node)
{
	g_string_append(w->out, "(?");
	if (node->test == NULL)
		g_string_append_printf(w->out, "(%u)", index_of(w, node));
	else if (emit_test(w, node->test) < 0)
		return -1;
	return emit_group(w, "", node);
}

/* Only what depends on it asks for the other case. */
static void
set_case(struct writer *w, const struct ph_pattern_node *node)
{
	bool caseless = (node->options & PH_PATTERN_I) != 0;

	if (w->caseless != caseless)
		g_string_append(w->out, caseless ? "(?i)" : "(?-i)");
	w->caseless = caseless;
}

static int
emit_atom(struct writer *w, bool after_word, const struct ph_pattern_node *node)
{
	switch (node->kind) {
	case PH_PATTERN_CHAR:
		emit_literal(node->c, w->caseless, w->out);
		return 0;
	case PH_PATTERN_CLASS:
		ph_pattern_emit_class(node->class, w->caseless, w->out);
		return 0;
	case PH_PATTERN_ANY:
		g_string_append(w->out, (node->options & PH_PATTERN_S) != 0
					    ? "(?s:.)"
					    : "[^\\n]");
		return 0;
	case PH_PATTERN_BEGIN:
		g_string_append(w->out, "\\A");
		return 0;
	case PH_PATTERN_BEGIN_LINE:
		g_string_append(w->out, "(?m:^)");
		return 0;
	case PH_PATTERN_END:
		g_string_append(w->out, "\\z");
		return 0;
	case PH_PATTERN_END_Z:
		g_string_append(w->out, "\\Z");
		return 0;
	case PH_PATTERN_END_LINE:
		g_string_append(w->out, "(?m:$)");
		return 0;
	case PH_PATTERN_BOUNDARY:
	case PH_PATTERN_NOT_BOUNDARY:
		emit_boundary(w, after_word, node);
		return 0;
	case PH_PATTERN_GROUP:
		return emit_group(w, "(?:", node);
	case PH_PATTERN_CAPTURE:
		return emit_capture(w, node);
	case PH_PATTERN_ATOMIC:
		return emit_group(w, "(?>", node);
	case PH_PATTERN_AHEAD:
		return emit_group(w, "(?=", node);
	case PH_PATTERN_NOT_AHEAD:
		return emit_group(w, "(?!", node);
	case PH_PATTERN_BEHIND:
	case PH_PATTERN_NOT_BEHIND:
		return emit_behind(w, node);
	case PH_PATTERN_REFERENCE:
		g_string_append_printf(w->out, "\\g{%u}", index_of(w, node));
		return 0;
	case PH_PATTERN_CONDITION:
		return emit_conditional(w, node);
	case PH_PATTERN_BRANCH:
		break;
	}
	g_assert_not_reached();
}

void
ph_pattern_emit_repeat(uint32_t min, uint32_t max, GString *out)
{
	if (max == PH_PATTERN_FOREVER && min <= 1)
		g_string_append_c(out, min == 0 ? '*' : '+');
	else if (max == PH_PATTERN_FOREVER)
		g_string_append_printf(out, "{%u,}", min);
	else if (min == 0 && max == 1)
		g_string_append_c(out, '?');
	else if (min != max)
		g_string_append_printf(out, "{%u,%u}", min, max);
	else if (min != 1)
		g_string_append_printf(out, "{%u}", min);
}

/* PCRE2 repeats no bare assertion. */
static bool
is_repeatable(const struct ph_pattern_node *node)
{
	return ph_pattern_is_single(node) || ph_pattern_is_group(node);
}

/*
 * pattern.c watches the time, in a callout before each run over the text and
 * before the first thing that can be tried in more than one way; one group of
 * alternatives alone is harmless, and so is a run at the very beginning: JIT
 * knows from where it failed once.
 */
static void
watch(struct writer *w, const struct ph_pattern_node *node)
{
	bool run = node->max > RUN && node->max > node->min;
	bool alternatives = node->child != NULL && node->child->next != NULL;
	bool first = !w->begun && ph_pattern_is_single(node) &&
		     node->max == PH_PATTERN_FOREVER;

	if (!is_repeatable(node) || ph_pattern_is_single(node) ||
	    alternatives || !ph_pattern_is_once(node))
		w->begun = true;
	if (!first && (run || (!w->watched && (node->min != node->max ||
					       (alternatives && w->chosen))))) {
		g_string_append(w->out, "(?C)");
		w->watched = true;
	}
	w->chosen = w->chosen || alternatives;
}

static int
emit_node(struct writer *w, bool after_word, const struct ph_pattern_node *node)
{
	struct ph_pattern_mark mark = {.emitted = w->out->len, .at = node->at};
	bool repeated = !ph_pattern_is_once(node);
	bool wrap = repeated && !is_repeatable(node), watched;

	g_array_append_val(w->marks, mark);
	watch(w, node);
	if (node->kind == PH_PATTERN_CHAR || node->kind == PH_PATTERN_CLASS ||
	    node->kind == PH_PATTERN_REFERENCE)
		set_case(w, node);
	if (wrap)
		g_string_append(w->out, "(?:");
	watched = w->watched;
	if (emit_atom(w, after_word, node) < 0)
		return -1;
	if (node->min == 0)
		w->watched = watched;
	if (wrap)
		g_string_append_c(w->out, ')');
	ph_pattern_emit_repeat(node->min, node->max, w->out);
	if (node->lazy && repeated)
		g_string_append_c(w->out, '?');
	return 0;
}

/* In the order of the text, which is PCRE2's. */
static void
number_groups(struct ph_pattern_tree *tree)
{
	unsigned index = 0;

	for (size_t i = 0; i < tree->groups->len; i++) {
		struct ph_pattern_group *group =
		    &g_array_index(tree->groups, struct ph_pattern_group, i);

		if (group->used)
			group->index = ++index;
	}
}

int
ph_pattern_emit(struct ph_pattern_tree *tree, GString *out, GArray *marks,
		struct ph_err *err)
{
	struct writer w = {
	    .out = out,
	    .marks = marks,
	    .tree = tree,
	    .caseless = true,
	    .chosen = tree->root->child->next != NULL,
	    .err = err,
	};

	number_groups(tree);
	return emit_branches(&w, tree->root);
}
