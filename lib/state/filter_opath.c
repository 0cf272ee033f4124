#include "lib/state/filter_private.h"

#include "lib/state/value.h"

#include <string.h>

/* A parser by descent: each function reads what it is called after, from p on,
 * and leaves p behind it. */
struct parser {
	const char *text, *p;
	unsigned depth, tests;
	struct ph_err *err;
};

static const char *
skip_blanks(struct parser *parser)
{
	parser->p += strspn(parser->p, " \t\r\n");
	return parser->p;
}

/* Names, operators and words. */
static size_t
word_length(const char *p)
{
	return strcspn(p, " \t\r\n()'\"");
}

static char *
quote_rest(const struct parser *parser)
{
	return *parser->p == '\0' ? g_strdup("the end of the filter")
				  : ph_value_quote(parser->p);
}

static int
expected(const struct parser *parser, const char *what)
{
	g_autofree char *found = quote_rest(parser);

	return ph_filter_fail(parser->text, parser->p, parser->err,
			      "found %s; expected %s", found, what);
}

static bool
take_word(struct parser *parser, const char *word)
{
	const size_t n = word_length(skip_blanks(parser));

	if (n != strlen(word) || g_ascii_strncasecmp(parser->p, word, n) != 0)
		return false;
	parser->p += n;
	return true;
}

/* ---- values ------------------------------------------------------------- */

/* 'It''s': *value_r is the caller's. */
static int
read_quoted(struct parser *parser, char **value_r)
{
	const char *start = parser->p, quote = *start;
	GString *value = g_string_new(NULL);
	const char *p = start + 1;

	for (; *p != '\0' && (*p != quote || p[1] == quote); p++) {
		if (*p == quote)
			p++;
		g_string_append_c(value, *p);
	}
	if (*p == '\0') {
		g_string_free(value, TRUE);
		return ph_filter_fail(parser->text, start, parser->err,
				      "the quotes are not closed; expected %c",
				      quote);
	}
	parser->p = p + 1;
	*value_r = g_string_free(value, FALSE);
	return 0;
}

/* *value_r NULL: $null. */
static int
read_value(struct parser *parser, char **value_r)
{
	const char *p = skip_blanks(parser);
	const size_t n = word_length(p);

	*value_r = NULL;
	if (*p == '\'' || *p == '"')
		return read_quoted(parser, value_r);
	if (n == 0)
		return expected(parser, "a value, such as 'Sales' or $true");
	if (take_word(parser, "$null"))
		return 0;
	if (*p == '$' && !take_word(parser, "$true") &&
	    !take_word(parser, "$false"))
		return expected(parser, "$true, $false or $null");
	parser->p = p + n;
	*value_r = *p == '$' ? g_strndup(p + 1, n - 1) : g_strndup(p, n);
	return 0;
}

/* ---- tests -------------------------------------------------------------- */

static int
read_property(struct parser *parser, struct ph_property *property_r)
{
	const char *p = skip_blanks(parser), *near;
	g_autofree char *name = g_strndup(p, word_length(p));
	g_autofree char *quoted = NULL;

	if (*name == '\0' || *name == '-')
		return expected(parser, "a property, such as Department");
	if (ph_property_find(name, property_r)) {
		parser->p += strlen(name);
		return 0;
	}
	near = ph_property_suggest(name);
	quoted = ph_value_quote(name);
	return ph_filter_fail(parser->text, p, parser->err,
			      "%s is no property of a recipient; expected %s",
			      quoted,
			      near != NULL ? near : "a field of recipients");
}

static int
read_operator(struct parser *parser, enum ph_test *test_r)
{
	for (enum ph_test test = 0; test < PH_TESTS; test++)
		if (take_word(parser, ph_filter_operators[test])) {
			*test_r = test;
			return 0;
		}
	return expected(parser, "-eq, -ne, -like, -notlike, -gt, -ge, -lt or "
				"-le");
}

static int
read_test(struct parser *parser, struct ph_node **node_r)
{
	struct ph_property property = {0};
	struct ph_err why = PH_ERR_INIT;
	g_autofree char *value = NULL;
	enum ph_test test = PH_TEST_EQ;
	const char *at;

	if (read_property(parser, &property) < 0 ||
	    read_operator(parser, &test) < 0)
		return -1;
	at = skip_blanks(parser);
	if (read_value(parser, &value) < 0)
		return -1;
	if (++parser->tests > PH_FILTER_TESTS)
		return ph_filter_fail(parser->text, at, parser->err,
				      "more than %d comparisons",
				      PH_FILTER_TESTS);
	if (ph_node_test(&property, test, value, node_r, &why) < 0)
		return ph_filter_fail(parser->text, at, parser->err, "%s: %s",
				      property.name, why.text);
	return 0;
}

/* ---- expressions -------------------------------------------------------- */

static int read_all(struct parser *parser, struct ph_node **node_r);

static int read_not(struct parser *parser, struct ph_node **node_r);

static int
read_parentheses(struct parser *parser, struct ph_node **node_r)
{
	parser->p++;
	if (read_all(parser, node_r) < 0)
		return -1;
	if (*skip_blanks(parser) == ')') {
		parser->p++;
		return 0;
	}
	ph_node_free(*node_r);
	*node_r = NULL;
	return expected(parser, "\")\", -and or -or");
}

static bool
take_not(struct parser *parser)
{
	if (*skip_blanks(parser) == '!') {
		parser->p++;
		return true;
	}
	return take_word(parser, "-not");
}

static int
read_one(struct parser *parser, struct ph_node **node_r)
{
	int r;

	if (++parser->depth > PH_FILTER_DEPTH)
		return ph_filter_fail(parser->text, parser->p, parser->err,
				      "more than %d levels", PH_FILTER_DEPTH);
	if (take_not(parser))
		r = read_not(parser, node_r);
	else if (*skip_blanks(parser) == '(')
		r = read_parentheses(parser, node_r);
	else
		r = read_test(parser, node_r);
	parser->depth--;
	return r;
}

static int
read_not(struct parser *parser, struct ph_node **node_r)
{
	struct ph_node *inner = NULL;

	if (read_one(parser, &inner) < 0)
		return -1;
	*node_r = ph_node_new(PH_NODE_NOT);
	g_ptr_array_add((*node_r)->nodes, inner);
	return 0;
}

/* One after the other, joined by the same word. */
static int
read_joined(struct parser *parser, struct ph_node *joined)
{
	const bool all = joined->type == PH_NODE_AND;
	const char *word = all ? "-and" : "-or";

	do {
		struct ph_node *next = NULL;

		if (read_one(parser, &next) < 0)
			return -1;
		g_ptr_array_add(joined->nodes, next);
	} while (take_word(parser, word));
	if (take_word(parser, all ? "-or" : "-and"))
		return ph_filter_fail(parser->text, parser->p, parser->err,
				      "-and and -or side by side; expected "
				      "parentheses around what belongs "
				      "together");
	return 0;
}

static int
read_all(struct parser *parser, struct ph_node **node_r)
{
	struct ph_node *first = NULL;

	if (read_one(parser, &first) < 0)
		return -1;
	*node_r = first;
	if (take_word(parser, "-and"))
		*node_r = ph_node_new(PH_NODE_AND);
	else if (take_word(parser, "-or"))
		*node_r = ph_node_new(PH_NODE_OR);
	else
		return 0;
	g_ptr_array_add((*node_r)->nodes, first);
	if (read_joined(parser, *node_r) == 0)
		return 0;
	ph_node_free(*node_r);
	*node_r = NULL;
	return -1;
}

int
ph_filter_parse_opath(const char *text, struct ph_filter **filter_r,
		      struct ph_err *err)
{
	struct parser parser = {text, text, 0, 0, err};
	struct ph_node *root = NULL;

	if (read_all(&parser, &root) < 0)
		return -1;
	if (*skip_blanks(&parser) != '\0') {
		ph_node_free(root);
		return expected(&parser, "-and, -or or the end");
	}
	*filter_r = ph_filter_new(root, false, NULL);
	return 0;
}
