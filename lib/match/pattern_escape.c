#include "lib/match/pattern_private.h"

#include <string.h>

/* Exactly n hexadecimal digits. */
static int
parse_hex(struct ph_pattern_parser *p, size_t n, gunichar *c_r)
{
	*c_r = 0;
	for (size_t i = 0; i < n; i++) {
		gunichar c = ph_pattern_peek(p, 0);

		if (!g_unichar_isxdigit(c) || c >= 0x80)
			return ph_pattern_fail(p->err, p->at,
					       "this is not a hexadecimal "
					       "digit; expected \\xHH or "
					       "\\uHHHH");
		*c_r = *c_r * 16 + (gunichar)g_unichar_xdigit_value(c);
		p->at++;
	}
	return 0;
}

static bool
is_surrogate(gunichar c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/* A character beyond U+FFFF is two halves in .NET, and one character here. */
static int
parse_utf16(struct ph_pattern_parser *p, gunichar *c_r)
{
	size_t start = p->at;
	gunichar low = 0;

	if (parse_hex(p, 4, c_r) < 0)
		return -1;
	if (!is_surrogate(*c_r))
		return 0;
	if (*c_r < 0xdc00 && ph_pattern_peek(p, 0) == '\\' &&
	    ph_pattern_peek(p, 1) == 'u') {
		p->at += 2;
		if (parse_hex(p, 4, &low) < 0)
			return -1;
	}
	if (low < 0xdc00 || low > 0xdfff)
		return ph_pattern_fail(p->err, start,
				       "half of a surrogate pair matches no "
				       "character; expected both, or the "
				       "character itself");
	*c_r = 0x10000 + ((*c_r - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* Up to three digits; .NET drops what is above eight bits. */
static gunichar
parse_octal(struct ph_pattern_parser *p)
{
	gunichar value = 0;

	for (int i = 0; i < 3; i++) {
		gunichar c = ph_pattern_peek(p, 0);

		if (c < '0' || c > '7')
			break;
		value = value * 8 + (c - '0');
		p->at++;
	}
	return value & 0xff;
}

static int
parse_control(struct ph_pattern_parser *p, gunichar *c_r)
{
	gunichar c = ph_pattern_peek(p, 0);

	if (c >= 'a' && c <= 'z')
		c -= 'a' - 'A';
	if (c < '@' || c > '_')
		return ph_pattern_fail(p->err, p->at,
				       "this is not a control character; "
				       "expected \\cA to \\cZ");
	*c_r = c - '@';
	p->at++;
	return 0;
}

int
ph_pattern_parse_char_escape(struct ph_pattern_parser *p, gunichar *c_r)
{
	static const char letters[] = "abefnrtv";
	static const char values[] = "\a\b\033\f\n\r\t\v";
	gunichar c = ph_pattern_peek(p, 0);
	const char *found;

	if (p->at == p->size)
		return ph_pattern_fail(p->err, p->at - 1,
				       "'\\' stands at the end; expected "
				       "\"\\\\\" to take it literally");
	if (c >= '0' && c <= '7') {
		*c_r = parse_octal(p);
		return 0;
	}
	p->at++;
	if (c == 'x')
		return parse_hex(p, 2, c_r);
	if (c == 'u')
		return parse_utf16(p, c_r);
	if (c == 'c')
		return parse_control(p, c_r);
	found = c > 0 && c < 0x80 ? strchr(letters, (char)c) : NULL;
	*c_r = found != NULL ? (gunichar)values[found - letters] : c;
	if (found == NULL && ph_pattern_is_word(c)) {
		char text[7] = "";

		g_unichar_to_utf8(c, text);
		return ph_pattern_fail(p->err, p->at - 2,
				       "\"\\%s\" is not known to .NET; "
				       "expected '%s' for the character, or an "
				       "escape of .NET",
				       text, text);
	}
	return 0;
}

static int
refer(struct ph_pattern_parser *p, struct ph_pattern_node *node, int found,
      const char *name)
{
	if (p->counting)
		return 0;
	if (found == 0)
		return ph_pattern_fail(p->err, node->at,
				       "there is no group \"%.60s\"; expected "
				       "one of the pattern's",
				       name);
	if (p->behind > 0)
		return ph_pattern_fail(p->err, node->at,
				       "a back-reference in a lookbehind is "
				       "not supported; expected it outside");
	g_array_index(p->tree->groups, struct ph_pattern_group, node->group)
	    .used = true;
	return 0;
}

/* "<name>", "'name'" or "<5>". 1: it is one. 0: it is not, at is as it was. */
static int
parse_angled(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	size_t start = p->at;
	gunichar close = p->text[p->at++] == '<' ? '>' : '\'';
	gunichar c = ph_pattern_peek(p, 0);
	g_autofree char *name = NULL;
	uint32_t number = 0;
	bool is_number = c >= '0' && c <= '9';
	int found;

	if (is_number) {
		if (ph_pattern_parse_number(p, &number) < 0)
			return -1;
		name = g_strdup_printf("%u", number);
	} else {
		name = ph_pattern_parse_name(p);
	}
	if (*name == '\0' || ph_pattern_peek(p, 0) != close) {
		p->at = start;
		return 0;
	}
	p->at++;
	node->kind = PH_PATTERN_REFERENCE;
	found = is_number ? ph_pattern_find_number(p, number, &node->group)
			  : ph_pattern_find_name(p, name, &node->group);
	return refer(p, node, found, name) < 0 ? -1 : 1;
}

/* \k must be a reference; \<name> without k is .NET's old way, and otherwise
 * an escaped '<'. */
static int
parse_named_reference(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	bool must = p->text[p->at] == 'k';
	gunichar c;
	int rc = 0;

	if (must)
		p->at++;
	c = ph_pattern_peek(p, 0);
	if (c == '<' || c == '\'')
		rc = parse_angled(p, node);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (must)
		return ph_pattern_fail(p->err, node->at,
				       "the reference is not valid; expected "
				       "\\k<name>");
	return ph_pattern_parse_char_escape(p, &node->c);
}

/* \1 to \9 are references; from \10 on only where there is such a group. */
static int
parse_number_reference(struct ph_pattern_parser *p,
		       struct ph_pattern_node *node)
{
	size_t start = p->at;
	uint32_t number;
	char name[16];
	int found;

	if (ph_pattern_parse_number(p, &number) < 0)
		return -1;
	found = ph_pattern_find_number(p, number, &node->group);
	if (!p->counting && found == 0 && number > 9) {
		p->at = start;
		return ph_pattern_parse_char_escape(p, &node->c);
	}
	node->kind = PH_PATTERN_REFERENCE;
	g_snprintf(name, sizeof name, "%u", number);
	return refer(p, node, found, name);
}

struct shorthand {
	char letter; /* lower case; upper is its opposite */
	enum ph_pattern_item_kind kind;
};

static int
parse_shorthand(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	static const struct shorthand rows[] = {
	    {'d', PH_PATTERN_DIGIT},
	    {'s', PH_PATTERN_SPACE},
	    {'w', PH_PATTERN_WORD},
	};
	char c = (char)p->text[p->at++];
	bool negated = g_ascii_isupper(c);

	node->kind = PH_PATTERN_CLASS;
	node->class = ph_pattern_class_new(p);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].letter == g_ascii_tolower(c)) {
			node->class->negated = negated;
			ph_pattern_class_add(node->class, rows[i].kind, false);
			return 0;
		}
	return ph_pattern_parse_property(p, negated, node->class);
}

/* 1: it is one. */
static int
parse_anchor(struct ph_pattern_parser *p, struct ph_pattern_node *node)
{
	static const struct {
		gunichar letter;
		enum ph_pattern_kind kind;
	} rows[] = {
	    {'A', PH_PATTERN_BEGIN}, {'B', PH_PATTERN_NOT_BOUNDARY},
	    {'Z', PH_PATTERN_END_Z}, {'b', PH_PATTERN_BOUNDARY},
	    {'z', PH_PATTERN_END},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].letter == p->text[p->at]) {
			p->at++;
			node->kind = rows[i].kind;
			return 1;
		}
	return 0;
}

int
ph_pattern_parse_escape(struct ph_pattern_parser *p,
			struct ph_pattern_node **node_r)
{
	struct ph_pattern_node *node = ph_pattern_node_new(p, PH_PATTERN_CHAR);
	gunichar c;

	*node_r = node;
	p->at++;
	if (p->at == p->size)
		return ph_pattern_parse_char_escape(p, &node->c);
	c = p->text[p->at];
	if (c == 'G')
		return ph_pattern_fail(p->err, node->at,
				       "\"\\G\" is not supported; expected "
				       "\"\\A\"");
	if (parse_anchor(p, node) == 1)
		return 0;
	if (c == 'k' || c == '<' || c == '\'')
		return parse_named_reference(p, node);
	if (c >= '1' && c <= '9')
		return parse_number_reference(p, node);
	if (c < 0x80 && c > 0 && strchr("dDsSwWpP", (char)c) != NULL)
		return parse_shorthand(p, node);
	return ph_pattern_parse_char_escape(p, &node->c);
}
