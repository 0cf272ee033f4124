#include "lib/match/pattern_private.h"

#include <string.h>

/*
 * A piece of text that every match of a pattern holds: what a pattern is looked
 * for by as long as no database has it. ASCII alone, and without k and s, whose
 * other case may lie above (U+212A, U+017F): so the text, with its ASCII
 * letters made small, holds it as it is.
 */
struct factor {
	GString *run;  /* what is contiguous now */
	GString *best; /* the longest so far */
};

static void
end_run(struct factor *f)
{
	if (f->run->len > f->best->len)
		g_string_assign(f->best, f->run->str);
	g_string_truncate(f->run, 0);
}

static bool
is_fit(gunichar c)
{
	return c > 0 && c < 0x80 && strchr("kKsS", (int)c) == NULL;
}

static void add_branch(struct factor *f, const struct ph_pattern_node *branch);

static void
add_node(struct factor *f, const struct ph_pattern_node *node)
{
	/* Takes no room, so what stands around it is contiguous. */
	if (ph_pattern_is_assertion(node))
		return;
	if (ph_pattern_is_once(node) && node->kind == PH_PATTERN_CHAR &&
	    is_fit(node->c))
		g_string_append_c(f->run, g_ascii_tolower((char)node->c));
	else if (ph_pattern_is_once(node) && ph_pattern_is_group(node) &&
		 node->child != NULL && node->child->next == NULL)
		add_branch(f, node->child);
	else
		end_run(f);
}

static void
add_branch(struct factor *f, const struct ph_pattern_node *branch)
{
	for (const struct ph_pattern_node *n = branch->child; n != NULL;
	     n = n->next)
		add_node(f, n);
}

char *
ph_pattern_find_factor(const struct ph_pattern_tree *tree)
{
	struct factor f = {g_string_new(NULL), g_string_new(NULL)};

	add_node(&f, tree->root);
	end_run(&f);
	g_string_free(f.run, TRUE);
	if (f.best->len >= PH_FACTOR_MIN)
		return g_string_free(f.best, FALSE);
	g_string_free(f.best, TRUE);
	return NULL;
}
