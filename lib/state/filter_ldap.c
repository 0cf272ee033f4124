#include "lib/state/filter_private.h"

#include "lib/base/text.h"
#include "lib/state/value.h"

#include <string.h>

/*
 * RFC 4515. Matching rules ("attribute:dn:rule:=value") are read, but only a
 * server knows what they are.
 */
struct parser {
	const char *text, *p;
	unsigned depth, tests;
	const char *obstacle;
	char *obstacle_of; /* attribute */
	struct ph_err *err;
};

static int
expected(const struct parser *parser, const char *what)
{
	g_autofree char *found = *parser->p == '\0'
				     ? g_strdup("the end of the filter")
				     : ph_value_quote(parser->p);

	return ph_filter_fail(parser->text, parser->p, parser->err,
			      "found %s; expected %s", found, what);
}

static void
skip_blanks(struct parser *parser)
{
	parser->p += strspn(parser->p, " \t\r\n");
}

static void
note_obstacle(struct parser *parser, const char *attribute, const char *why)
{
	if (why == NULL || parser->obstacle != NULL)
		return;
	parser->obstacle = why;
	parser->obstacle_of = g_strdup(attribute);
}

/* ---- values ------------------------------------------------------------- */

/* After the backslash: two hexadecimal digits. */
static int
read_escape(struct parser *parser, GString *value)
{
	const int byte = ph_hex_byte(parser->p);

	if (byte <= 0)
		return expected(parser, "two hexadecimal digits, not 00");
	g_string_append_c(value, (char)byte);
	parser->p += 2;
	return 0;
}

/*
 * Up to the parenthesis. As OPATH's -like has it: a star is any text, and
 * behind a backtick itself. *stars_r counts those that are any text.
 */
static int
read_value(struct parser *parser, GString *value, size_t *stars_r)
{
	const char *start = parser->p;

	*stars_r = 0;
	while (*parser->p != '\0' && strchr("()", *parser->p) == NULL) {
		const size_t before = value->len;

		if (*parser->p == '\\') {
			parser->p++;
			if (read_escape(parser, value) < 0)
				return -1;
		} else {
			*stars_r += *parser->p == '*';
			g_string_append_c(value, *parser->p++);
			if (value->str[before] == '*')
				continue;
		}
		if (strchr("*`", value->str[before]) != NULL)
			g_string_insert_c(value, (gssize)before, '`');
	}
	if (*parser->p != ')')
		return expected(parser, "\")\"");
	return g_utf8_validate(value->str, (gssize)value->len, NULL)
		   ? 0
		   : ph_filter_fail(parser->text, start, parser->err,
				    "the value is not UTF-8");
}

/* Without the backticks. */
static char *
plain_value(const GString *value)
{
	GString *plain = g_string_new(NULL);

	for (const char *p = value->str; *p != '\0'; p++) {
		if (*p == '`')
			p++;
		g_string_append_c(plain, *p);
	}
	return g_string_free(plain, FALSE);
}

/* ---- tests -------------------------------------------------------------- */

static char *
read_attribute(struct parser *parser)
{
	const char *start = parser->p;

	while (g_ascii_isalnum(*parser->p) ||
	       (*parser->p != '\0' && strchr("-.;", *parser->p) != NULL))
		parser->p++;
	return g_strndup(start, (gsize)(parser->p - start));
}

static const struct {
	const char *text;
	enum ph_test test;
} comparisons[] = {
    {"=", PH_TEST_EQ},
    {"~=", PH_TEST_EQ},
    {">=", PH_TEST_GE},
    {"<=", PH_TEST_LE},
};

static int
read_comparison(struct parser *parser, const char *attribute,
		enum ph_test *test_r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(comparisons); i++)
		if (g_str_has_prefix(parser->p, comparisons[i].text)) {
			parser->p += strlen(comparisons[i].text);
			*test_r = comparisons[i].test;
			return 0;
		}
	if (*parser->p == ':') {
		parser->p += strcspn(parser->p, "=()");
		if (*parser->p == '=' && parser->p[-1] == ':') {
			parser->p++;
			note_obstacle(parser, attribute,
				      "asks for a matching rule");
			*test_r = PH_TEST_EQ;
			return 0;
		}
	}
	return expected(parser, "=, ~=, >=, <= or :=");
}

static int
make_test(struct parser *parser, const char *attribute, enum ph_test test,
	  const GString *value, size_t stars, struct ph_node **node_r)
{
	const bool present = test == PH_TEST_EQ && strcmp(value->str, "*") == 0;
	g_autofree char *plain = plain_value(value);
	struct ph_property property = {0};
	const char *obstacle;

	ph_property_of_attribute(attribute, present, &property, &obstacle);
	note_obstacle(parser, attribute, obstacle);
	if (present)
		return ph_node_test(&property, PH_TEST_NE, NULL, node_r,
				    parser->err);
	if (stars > 0 && test == PH_TEST_EQ)
		return ph_node_test(&property, PH_TEST_LIKE, value->str, node_r,
				    parser->err);
	if (ph_node_test(&property, test, plain, node_r, NULL) == 0)
		return 0;
	/* A value that its field cannot have: an LDAP server would take it, and
	 * find nobody. */
	note_obstacle(parser, attribute, "compares with what it cannot be");
	return ph_node_test(&property, PH_TEST_LIKE, value->str, node_r,
			    parser->err);
}

static int
read_test(struct parser *parser, struct ph_node **node_r)
{
	g_autofree char *attribute = read_attribute(parser);
	g_autoptr(GString) value = g_string_new(NULL);
	enum ph_test test = PH_TEST_EQ;
	size_t stars;

	if (*attribute == '\0' && *parser->p != ':')
		return expected(parser, "an attribute, \"&\", \"|\" or \"!\"");
	if (read_comparison(parser, attribute, &test) < 0 ||
	    read_value(parser, value, &stars) < 0)
		return -1;
	if (++parser->tests > PH_FILTER_TESTS)
		return ph_filter_fail(parser->text, parser->p, parser->err,
				      "more than %d comparisons",
				      PH_FILTER_TESTS);
	return make_test(parser, attribute, test, value, stars, node_r);
}

/* ---- expressions -------------------------------------------------------- */

static int read_filter(struct parser *parser, struct ph_node **node_r);

/* (&) is true and (|) is false: RFC 4526. */
static int
read_list(struct parser *parser, struct ph_node *list)
{
	for (skip_blanks(parser); *parser->p == '('; skip_blanks(parser)) {
		struct ph_node *next = NULL;

		if (read_filter(parser, &next) < 0)
			return -1;
		g_ptr_array_add(list->nodes, next);
		if (list->type == PH_NODE_NOT)
			break;
	}
	skip_blanks(parser);
	return list->type == PH_NODE_NOT && list->nodes->len == 0
		   ? expected(parser, "\"(\"")
		   : 0;
}

static int
read_inside(struct parser *parser, struct ph_node **node_r)
{
	static const char signs[] = "&|!";
	static const enum ph_node_type types[] = {PH_NODE_AND, PH_NODE_OR,
						  PH_NODE_NOT};
	const char *sign = *parser->p ? strchr(signs, *parser->p) : NULL;

	if (sign == NULL)
		return read_test(parser, node_r);
	parser->p++;
	*node_r = ph_node_new(types[sign - signs]);
	return read_list(parser, *node_r);
}

static int
read_filter(struct parser *parser, struct ph_node **node_r)
{
	int r;

	if (++parser->depth > PH_FILTER_DEPTH)
		return ph_filter_fail(parser->text, parser->p, parser->err,
				      "more than %d levels", PH_FILTER_DEPTH);
	if (*parser->p != '(')
		return expected(parser, "\"(\"");
	parser->p++;
	skip_blanks(parser);
	r = read_inside(parser, node_r);
	if (r == 0 && *parser->p != ')')
		r = expected(parser, "\")\"");
	if (r < 0) {
		ph_node_free(*node_r);
		*node_r = NULL;
		return -1;
	}
	parser->p++;
	parser->depth--;
	return 0;
}

int
ph_filter_parse_ldap(const char *text, struct ph_filter **filter_r,
		     struct ph_err *err)
{
	struct parser parser = {.text = text, .p = text, .err = err};
	struct ph_node *root = NULL;
	g_autofree char *obstacle = NULL;
	int r;

	skip_blanks(&parser);
	r = read_filter(&parser, &root);
	if (r == 0)
		skip_blanks(&parser);
	if (r == 0 && *parser.p != '\0')
		r = expected(&parser, "the end");
	if (r == 0 && parser.obstacle != NULL)
		obstacle = g_strdup_printf("\"%s\" %s", parser.obstacle_of,
					   parser.obstacle);
	g_free(parser.obstacle_of);
	if (r < 0) {
		ph_node_free(root);
		return -1;
	}
	*filter_r = ph_filter_new(root, true, obstacle);
	return 0;
}
