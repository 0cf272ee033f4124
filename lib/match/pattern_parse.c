#include "lib/match/pattern_private.h"

#include <stdarg.h>
#include <stdio.h>

int
ph_pattern_fail(struct ph_err *err, size_t at, const char *format, ...)
{
	char text[PH_ERR_TEXT];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return ph_err_set(err, PH_ERR_PERM, "at offset %zu: %s", at, text);
}

static void
free_class(void *data)
{
	struct ph_pattern_class *set = data;

	g_array_unref(set->items);
	g_free(set);
}

static void
clear_group(void *data)
{
	g_free(((struct ph_pattern_group *)data)->name);
}

void
ph_pattern_tree_init(struct ph_pattern_tree *tree)
{
	tree->nodes = g_ptr_array_new_with_free_func(g_free);
	tree->classes = g_ptr_array_new_with_free_func(free_class);
	tree->groups =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_pattern_group));
	g_array_set_clear_func(tree->groups, clear_group);
	tree->root = NULL;
}

void
ph_pattern_tree_clear(struct ph_pattern_tree *tree)
{
	/* A pattern that was refused before it was parsed has none. */
	if (tree->nodes == NULL)
		return;
	g_ptr_array_unref(tree->nodes);
	g_ptr_array_unref(tree->classes);
	g_array_unref(tree->groups);
	tree->nodes = NULL;
	tree->classes = NULL;
	tree->groups = NULL;
	tree->root = NULL;
}

struct ph_pattern_node *
ph_pattern_node_new(struct ph_pattern_parser *p, enum ph_pattern_kind kind)
{
	struct ph_pattern_node *node = g_new0(struct ph_pattern_node, 1);

	node->kind = kind;
	node->options = p->options;
	node->at = p->at;
	node->min = 1;
	node->max = 1;
	g_ptr_array_add(p->tree->nodes, node);
	return node;
}

int
ph_pattern_parse_number(struct ph_pattern_parser *p, uint32_t *number_r)
{
	size_t start = p->at;
	uint64_t number = 0;

	for (; g_ascii_isdigit(ph_pattern_peek(p, 0) < 0x80
				   ? (char)ph_pattern_peek(p, 0)
				   : ' ');
	     p->at++) {
		number = number * 10 + (ph_pattern_peek(p, 0) - '0');
		if (number > INT32_MAX)
			return ph_pattern_fail(p->err, start,
					       "the number is too large; "
					       "expected 2147483647 at most");
	}
	*number_r = (uint32_t)number;
	return 0;
}

/* Comments, and what option x drops. */
static int
skip_blank(struct ph_pattern_parser *p)
{
	for (;;) {
		gunichar c = ph_pattern_peek(p, 0);
		size_t start = p->at;

		if ((p->options & PH_PATTERN_X) != 0 &&
		    (c == ' ' || c == '\t' || c == '\n' || c == '\f' ||
		     c == '\r')) {
			p->at++;
		} else if ((p->options & PH_PATTERN_X) != 0 && c == '#') {
			while (p->at < p->size && p->text[p->at] != '\n')
				p->at++;
		} else if (c == '(' && ph_pattern_peek(p, 1) == '?' &&
			   ph_pattern_peek(p, 2) == '#') {
			while (p->at < p->size && p->text[p->at] != ')')
				p->at++;
			if (p->at == p->size)
				return ph_pattern_fail(
				    p->err, start,
				    "the comment has no end; expected ')'");
			p->at++;
		} else {
			return 0;
		}
	}
}

/* "{2}", "{2,}", "{2,3}": any other brace is a brace. */
static bool
is_brace_quantifier(const struct ph_pattern_parser *p)
{
	size_t i = 1, digits = 0;
	gunichar c;

	for (; (c = ph_pattern_peek(p, i)) >= '0' && c <= '9'; i++)
		digits++;
	if (digits == 0)
		return false;
	if (c == ',')
		do
			c = ph_pattern_peek(p, ++i);
		while (c >= '0' && c <= '9');
	return c == '}';
}

static bool
is_quantifier(const struct ph_pattern_parser *p)
{
	switch (ph_pattern_peek(p, 0)) {
	case '*':
	case '+':
	case '?':
		return true;
	case '{':
		return is_brace_quantifier(p);
	default:
		return false;
	}
}

static int
parse_braces(struct ph_pattern_parser *p, uint32_t *min_r, uint32_t *max_r)
{
	size_t start = p->at++;

	if (ph_pattern_parse_number(p, min_r) < 0)
		return -1;
	*max_r = *min_r;
	if (ph_pattern_peek(p, 0) == ',') {
		p->at++;
		if (ph_pattern_peek(p, 0) == '}')
			*max_r = PH_PATTERN_FOREVER;
		else if (ph_pattern_parse_number(p, max_r) < 0)
			return -1;
	}
	p->at++;
	if (*min_r > *max_r)
		return ph_pattern_fail(p->err, start,
				       "the repeat {%u,%u} is reversed; "
				       "expected {least,most}",
				       *min_r, *max_r);
	if (*min_r > UINT16_MAX ||
	    (*max_r > UINT16_MAX && *max_r != PH_PATTERN_FOREVER))
		return ph_pattern_fail(p->err, start,
				       "the repeat is too large; expected "
				       "65535 at most");
	return 0;
}

static int
parse_quantifier(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	gunichar c = ph_pattern_peek(p, 0);

	if (!is_quantifier(p))
		return 0;
	if (c == '{') {
		if (parse_braces(p, &node->min, &node->max) < 0)
			return -1;
	} else {
		p->at++;
		node->min = c == '+' ? 1 : 0;
		node->max = c == '?' ? 1 : PH_PATTERN_FOREVER;
	}
	if (skip_blank(p) < 0)
		return -1;
	if (ph_pattern_peek(p, 0) == '?') {
		p->at++;
		node->lazy = true;
	}
	if (skip_blank(p) < 0)
		return -1;
	if (is_quantifier(p))
		return ph_pattern_fail(
		    p->err, p->at,
		    "a quantifier follows a quantifier, and .NET has no "
		    "possessive ones; expected (?>...) or (?:...) around "
		    "what is repeated");
	return 0;
}

static int
parse_set(struct ph_pattern_parser *p, struct ph_pattern_node **node_r)
{
	struct ph_pattern_node *node = ph_pattern_node_new(p, PH_PATTERN_CLASS);

	*node_r = node;
	p->at++;
	return ph_pattern_parse_class(p, &node->class);
}

static int
parse_simple(struct ph_pattern_parser *p, enum ph_pattern_kind kind,
	     struct ph_pattern_node **node_r)
{
	*node_r = ph_pattern_node_new(p, kind);
	(*node_r)->c = p->text[p->at++];
	return 0;
}

static int
parse_item(struct ph_pattern_parser *p, struct ph_pattern_node **node_r)
{
	bool lines = (p->options & PH_PATTERN_M) != 0;

	*node_r = NULL;
	if (is_quantifier(p))
		return ph_pattern_fail(p->err, p->at,
				       "a quantifier follows nothing; expected "
				       "'\\' before it to take it literally");
	switch (p->text[p->at]) {
	case '(':
		return ph_pattern_parse_group(p, false, node_r);
	case '[':
		return parse_set(p, node_r);
	case '\\':
		return ph_pattern_parse_escape(p, node_r);
	case '.':
		return parse_simple(p, PH_PATTERN_ANY, node_r);
	case '^':
		return parse_simple(
		    p, lines ? PH_PATTERN_BEGIN_LINE : PH_PATTERN_BEGIN,
		    node_r);
	case '$':
		return parse_simple(
		    p, lines ? PH_PATTERN_END_LINE : PH_PATTERN_END_Z, node_r);
	default:
		return parse_simple(p, PH_PATTERN_CHAR, node_r);
	}
}

static int
parse_sequence(struct ph_pattern_parser *p, struct ph_pattern_node *branch)
{
	struct ph_pattern_node **tail = &branch->child;

	for (;;) {
		struct ph_pattern_node *node;

		if (skip_blank(p) < 0)
			return -1;
		if (p->at == p->size || p->text[p->at] == '|' ||
		    p->text[p->at] == ')')
			return 0;
		if (parse_item(p, &node) < 0)
			return -1;
		if (node == NULL)
			continue;
		if (skip_blank(p) < 0 || parse_quantifier(p, node) < 0)
			return -1;
		*tail = node;
		tail = &node->next;
	}
}

int
ph_pattern_parse_branches(struct ph_pattern_parser *p,
			  struct ph_pattern_node *parent)
{
	struct ph_pattern_node **tail = &parent->child;

	for (;;) {
		*tail = ph_pattern_node_new(p, PH_PATTERN_BRANCH);
		if (parse_sequence(p, *tail) < 0)
			return -1;
		if (ph_pattern_peek(p, 0) != '|')
			return 0;
		p->at++;
		tail = &(*tail)->next;
	}
}

/* Named groups get the numbers that are free behind the unnamed ones. */
static void
number_groups(struct ph_pattern_parser *p)
{
	uint32_t number = 1;
	size_t found;

	for (size_t i = 0; i < p->tree->groups->len; i++) {
		struct ph_pattern_group *group =
		    &g_array_index(p->tree->groups, struct ph_pattern_group, i);

		if (group->numbered)
			continue;
		while (ph_pattern_find_number(p, number, &found) == 1)
			number++;
		group->number = number;
		group->numbered = true;
	}
}

static int
run_pass(struct ph_pattern_parser *p)
{
	p->at = 0;
	p->options = PH_PATTERN_I;
	p->taken = 0;
	p->unnamed = 0;
	g_ptr_array_set_size(p->tree->nodes, 0);
	g_ptr_array_set_size(p->tree->classes, 0);
	p->tree->root = ph_pattern_node_new(p, PH_PATTERN_GROUP);
	if (ph_pattern_parse_branches(p, p->tree->root) < 0)
		return -1;
	if (p->at < p->size)
		return ph_pattern_fail(p->err, p->at,
				       "')' closes nothing; expected \"\\)\" "
				       "to take it literally");
	return 0;
}

int
ph_pattern_parse(const gunichar *text, size_t size,
		 struct ph_pattern_tree *tree_r, struct ph_err *err)
{
	struct ph_pattern_parser p = {
	    .text = text,
	    .size = size,
	    .counting = true,
	    .tree = tree_r,
	    .err = err,
	};

	ph_pattern_tree_init(tree_r);
	if (run_pass(&p) < 0)
		return -1;
	number_groups(&p);
	p.counting = false;
	return run_pass(&p);
}
