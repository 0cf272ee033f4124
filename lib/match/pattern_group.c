#include "lib/match/pattern_private.h"

#include <string.h>

bool
ph_pattern_is_word(gunichar c)
{
	switch (g_unichar_type(c)) {
	case G_UNICODE_LOWERCASE_LETTER:
	case G_UNICODE_MODIFIER_LETTER:
	case G_UNICODE_OTHER_LETTER:
	case G_UNICODE_TITLECASE_LETTER:
	case G_UNICODE_UPPERCASE_LETTER:
	case G_UNICODE_NON_SPACING_MARK:
	case G_UNICODE_DECIMAL_NUMBER:
	case G_UNICODE_CONNECT_PUNCTUATION:
		return true;
	default:
		return c == 0x200c || c == 0x200d;
	}
}

char *
ph_pattern_parse_name(struct ph_pattern_parser *p)
{
	GString *name = g_string_new(NULL);

	while (p->at < p->size && ph_pattern_is_word(p->text[p->at]))
		g_string_append_unichar(name, p->text[p->at++]);
	return g_string_free(name, FALSE);
}

static struct ph_pattern_group *
group_at(const struct ph_pattern_parser *p, size_t i)
{
	return &g_array_index(p->tree->groups, struct ph_pattern_group, i);
}

int
ph_pattern_find_number(const struct ph_pattern_parser *p, uint32_t number,
		       size_t *group_r)
{
	for (size_t i = 0; i < p->tree->groups->len; i++)
		if (group_at(p, i)->numbered &&
		    group_at(p, i)->number == number) {
			*group_r = i;
			return 1;
		}
	return 0;
}

int
ph_pattern_find_name(const struct ph_pattern_parser *p, const char *name,
		     size_t *group_r)
{
	for (size_t i = 0; i < p->tree->groups->len; i++)
		if (g_strcmp0(group_at(p, i)->name, name) == 0) {
			*group_r = i;
			return 1;
		}
	return 0;
}

/* Two groups of one name are one group to .NET: a reference means whichever
 * matched last. */
static int
refuse_twice(const struct ph_pattern_parser *p, size_t at, const char *name,
	     uint32_t number)
{
	if (name != NULL)
		return ph_pattern_fail(p->err, at,
				       "there are two groups \"%.60s\"; "
				       "expected another name",
				       name);
	return ph_pattern_fail(p->err, at,
			       "there are two groups with the number %u; "
			       "expected a name",
			       number);
}

/* The next group: counted, or taken from those that were. number 0 and name
 * NULL: the next number of an unnamed one. Takes name. */
static int
take_group(struct ph_pattern_parser *p, char *name, uint32_t number,
	   struct ph_pattern_node *node)
{
	struct ph_pattern_group group = {.name = name, .number = number};
	size_t found;

	node->kind = PH_PATTERN_CAPTURE;
	node->group = p->taken++;
	if (!p->counting) {
		g_free(name);
		return 0;
	}
	group.numbered = name == NULL;
	if (group.numbered ? ph_pattern_find_number(p, number, &found)
			   : ph_pattern_find_name(p, name, &found)) {
		refuse_twice(p, node->at, name, number);
		g_free(name);
		return -1;
	}
	g_array_append_val(p->tree->groups, group);
	return 0;
}

static uint32_t
next_number(struct ph_pattern_parser *p)
{
	return ++p->unnamed;
}

static int
refuse_group(struct ph_pattern_parser *p, size_t start)
{
	return ph_pattern_fail(
	    p->err, start,
	    "this group is not known to .NET; expected (?:...), (?=...), "
	    "(?!...), (?<=...), (?<!...), (?>...), (?<name>...), "
	    "(?(test)yes|no), (?imnsx-imnsx) or \"\\(\"");
}

/* Behind "(?<" or "(?'". */
static int
parse_named(struct ph_pattern_parser *p, gunichar close,
	    struct ph_pattern_node *node)
{
	size_t start = p->at;
	uint32_t number = 0;
	g_autofree char *name = NULL;

	if (ph_pattern_peek(p, 0) >= '0' && ph_pattern_peek(p, 0) <= '9') {
		if (ph_pattern_parse_number(p, &number) < 0)
			return -1;
		if (number == 0)
			return ph_pattern_fail(p->err, start,
					       "group 0 is the whole match; "
					       "expected 1 or more");
	} else {
		name = ph_pattern_parse_name(p);
	}
	if (ph_pattern_peek(p, 0) == '-')
		return ph_pattern_fail(p->err, node->at,
				       "balancing groups are not supported; "
				       "expected (?<name>...)");
	if (p->at == start || ph_pattern_peek(p, 0) != close)
		return ph_pattern_fail(p->err, start,
				       "the group's name is not valid; "
				       "expected letters, digits and '_' up to "
				       "'%c'",
				       (char)close);
	p->at++;
	return take_group(p, g_steal_pointer(&name), number, node);
}

static unsigned
option_bit(gunichar c)
{
	static const char letters[] = "imnsx";
	const char *found;

	if (c == 0 || c >= 0x80)
		return 0;
	found = strchr(letters, g_ascii_tolower((char)c));
	return found != NULL ? 1U << (found - letters) : 0;
}

/* "i-m" up to what is not an option. */
static void
parse_options(struct ph_pattern_parser *p)
{
	bool off = false;

	for (;; p->at++) {
		gunichar c = ph_pattern_peek(p, 0);

		if (c == '-' || c == '+')
			off = c == '-';
		else if (option_bit(c) == 0)
			return;
		else if (off)
			p->options &= ~option_bit(c);
		else
			p->options |= option_bit(c);
	}
}

/* Behind "(?(", at what is tested. */
static int
parse_test(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	size_t start = p->at;
	gunichar c = ph_pattern_peek(p, 0);
	uint32_t number;
	int rc;

	if (c >= '0' && c <= '9') {
		if (ph_pattern_parse_number(p, &number) < 0)
			return -1;
		if (ph_pattern_peek(p, 0) != ')')
			return ph_pattern_fail(p->err, start,
					       "the group's number is not "
					       "valid; expected ')' behind it");
		rc = ph_pattern_find_number(p, number, &node->group);
		if (rc == 0 && !p->counting)
			return ph_pattern_fail(p->err, start,
					       "there is no group %u; expected "
					       "one of the pattern's",
					       number);
	} else {
		g_autofree char *name = ph_pattern_parse_name(p);

		rc = *name != '\0' && ph_pattern_peek(p, 0) == ')' &&
		     ph_pattern_find_name(p, name, &node->group);
	}
	if (rc == 0 && !(c >= '0' && c <= '9')) {
		p->at = start - 1;
		return ph_pattern_parse_group(p, true, &node->test);
	}
	if (rc == 1)
		group_at(p, node->group)->used = true;
	p->at++;
	return 0;
}

/* .NET lets neither comments nor names stand in a test. */
static bool
is_test_valid(const struct ph_pattern_parser *p)
{
	gunichar c = ph_pattern_peek(p, 2);

	if (ph_pattern_peek(p, 1) != '?')
		return true;
	if (c == '<')
		return ph_pattern_peek(p, 3) == '=' ||
		       ph_pattern_peek(p, 3) == '!';
	return c == ':' || c == '=' || c == '!' || c == '>';
}

static int
parse_conditional(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	node->kind = PH_PATTERN_CONDITION;
	if (p->behind > 0)
		return ph_pattern_fail(p->err, node->at,
				       "a conditional group in a lookbehind is "
				       "not supported; expected it outside");
	if (!is_test_valid(p))
		return ph_pattern_fail(
		    p->err, p->at,
		    "this cannot be a condition; expected the number or name "
		    "of a group, or an expression");
	p->at++;
	if (parse_test(p, node) < 0)
		return -1;
	if (ph_pattern_parse_branches(p, node) < 0)
		return -1;
	if (node->child->next != NULL && node->child->next->next != NULL)
		return ph_pattern_fail(p->err, node->at,
				       "the conditional group has more than "
				       "two branches; expected yes|no");
	return 0;
}

/* "(?<=" and "(?<!", at the last of them. */
static int
parse_behind(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	node->kind =
	    p->text[p->at++] == '=' ? PH_PATTERN_BEHIND : PH_PATTERN_NOT_BEHIND;
	p->behind++;
	if (ph_pattern_parse_branches(p, node) < 0)
		return -1;
	p->behind--;
	return 0;
}

/* Behind "(?", where c is what says which group this is. */
static int
parse_special(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	gunichar c = ph_pattern_peek(p, 0), second = ph_pattern_peek(p, 1);

	if (c == '(')
		return parse_conditional(p, node);
	if (c == '<' && (second == '=' || second == '!')) {
		p->at++;
		return parse_behind(p, node);
	}
	p->at++;
	switch (c) {
	case ':':
		break;
	case '=':
		node->kind = PH_PATTERN_AHEAD;
		break;
	case '!':
		node->kind = PH_PATTERN_NOT_AHEAD;
		break;
	case '>':
		node->kind = PH_PATTERN_ATOMIC;
		break;
	case '<':
	case '\'':
		if (parse_named(p, c == '<' ? '>' : '\'', node) < 0)
			return -1;
		break;
	default:
		return refuse_group(p, node->at);
	}
	return ph_pattern_parse_branches(p, node);
}

/* Behind "(?". 1: only options were changed, for the rest of the group. */
static int
parse_question(struct ph_pattern_parser *p, bool no_capture,
	       struct ph_pattern_node *node)
{
	gunichar c = ph_pattern_peek(p, 0);

	if (no_capture || (option_bit(c) == 0 && c != '-' && c != '+'))
		return parse_special(p, node);
	parse_options(p);
	c = ph_pattern_peek(p, 0);
	if (c != ')' && c != ':')
		return refuse_group(p, node->at);
	p->at++;
	if (c == ')')
		return 1;
	return ph_pattern_parse_branches(p, node);
}

static int
parse_inside(struct ph_pattern_parser *p, bool no_capture,
	     struct ph_pattern_node *node)
{
	if (ph_pattern_peek(p, 0) == '?') {
		p->at++;
		return parse_question(p, no_capture, node);
	}
	if (!no_capture && (p->options & PH_PATTERN_N) == 0 &&
	    take_group(p, NULL, next_number(p), node) < 0)
		return -1;
	return ph_pattern_parse_branches(p, node);
}

int
ph_pattern_parse_group(struct ph_pattern_parser *p, bool no_capture,
		       struct ph_pattern_node **node_r)
{
	struct ph_pattern_node *node = ph_pattern_node_new(p, PH_PATTERN_GROUP);
	unsigned outer = p->options;
	int rc;

	*node_r = NULL;
	if (++p->depth > PH_PATTERN_DEPTH)
		return ph_pattern_fail(p->err, p->at,
				       "groups are nested too deeply; expected "
				       "%d levels at most",
				       PH_PATTERN_DEPTH);
	p->at++;
	rc = parse_inside(p, no_capture, node);
	p->depth--;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (ph_pattern_peek(p, 0) != ')')
		return ph_pattern_fail(p->err, node->at,
				       "the group has no end; expected ')', or "
				       "\"\\(\" to take it literally");
	p->at++;
	p->options = outer;
	*node_r = node;
	return 0;
}
