#include "lib/match/pattern_private.h"

/*
 * The syntax of Exchange 2010: \S \s \D \d \w \W | * ( ) \ ^ $ and nothing
 * else (facts/exchange-rules.md section 2). Its \w is a letter or a digit.
 */

static int parse_branches(struct ph_pattern_parser *p,
			  struct ph_pattern_node *parent);

static int
parse_escape(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	static const struct {
		gunichar lower, upper;
		enum ph_pattern_item_kind kind;
	} rows[] = {
	    {'d', 'D', PH_PATTERN_DIGIT},
	    {'s', 'S', PH_PATTERN_SPACE},
	    {'w', 'W', PH_PATTERN_ALNUM},
	};
	gunichar c = ph_pattern_peek(p, 0);

	if (p->at == p->size)
		return ph_pattern_fail(p->err, node->at,
				       "'\\' stands at the end; expected "
				       "\"\\\\\" to take it literally");
	p->at++;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (c == rows[i].lower || c == rows[i].upper) {
			node->kind = PH_PATTERN_CLASS;
			node->class = ph_pattern_class_new(p);
			node->class->negated = c == rows[i].upper;
			ph_pattern_class_add(node->class, rows[i].kind, false);
			return 0;
		}
	if (ph_pattern_is_word(c))
		return ph_pattern_fail(p->err, node->at,
				       "this escape is not known to legacy "
				       "patterns; expected \\d \\D \\s \\S \\w "
				       "\\W or an escaped sign");
	node->c = c;
	return 0;
}

static int
parse_group(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	node->kind = PH_PATTERN_GROUP;
	if (++p->depth > PH_PATTERN_DEPTH)
		return ph_pattern_fail(p->err, node->at,
				       "groups are nested too deeply; expected "
				       "%d levels at most",
				       PH_PATTERN_DEPTH);
	if (parse_branches(p, node) < 0)
		return -1;
	p->depth--;
	if (p->at == p->size)
		return ph_pattern_fail(p->err, node->at,
				       "the group has no end; expected ')', or "
				       "\"\\(\" to take it literally");
	p->at++;
	return 0;
}

static int
parse_item(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	gunichar c = p->text[p->at++];

	switch (c) {
	case '*':
		return ph_pattern_fail(p->err, node->at,
				       "'*' follows nothing that it could "
				       "repeat; expected \"\\*\" to take it "
				       "literally");
	case '\\':
		return parse_escape(p, node);
	case '(':
		return parse_group(p, node);
	case '^':
		node->kind = PH_PATTERN_BEGIN;
		return 0;
	case '$':
		node->kind = PH_PATTERN_END_Z;
		return 0;
	default:
		node->c = c;
		return 0;
	}
}

static int
parse_branches(struct ph_pattern_parser *p, struct ph_pattern_node *parent)
{
	struct ph_pattern_node *branch =
	    ph_pattern_node_new(p, PH_PATTERN_BRANCH);
	struct ph_pattern_node **tail = &branch->child;

	parent->child = branch;
	while (p->at < p->size && p->text[p->at] != ')') {
		if (p->text[p->at] == '|') {
			p->at++;
			branch->next =
			    ph_pattern_node_new(p, PH_PATTERN_BRANCH);
			branch = branch->next;
			tail = &branch->child;
			continue;
		}
		*tail = ph_pattern_node_new(p, PH_PATTERN_CHAR);
		if (parse_item(p, *tail) < 0)
			return -1;
		if (ph_pattern_peek(p, 0) == '*') {
			p->at++;
			(*tail)->min = 0;
			(*tail)->max = PH_PATTERN_FOREVER;
		}
		tail = &(*tail)->next;
	}
	return 0;
}

int
ph_pattern_parse_legacy(const gunichar *text, size_t size,
			struct ph_pattern_tree *tree_r, struct ph_err *err)
{
	struct ph_pattern_parser p = {
	    .text = text,
	    .size = size,
	    .options = PH_PATTERN_I,
	    .tree = tree_r,
	    .err = err,
	};

	ph_pattern_tree_init(tree_r);
	tree_r->root = ph_pattern_node_new(&p, PH_PATTERN_GROUP);
	if (parse_branches(&p, tree_r->root) < 0)
		return -1;
	if (p.at < p.size)
		return ph_pattern_fail(err, p.at,
				       "')' closes nothing; expected \"\\)\" "
				       "to take it literally");
	return 0;
}
