#include "lib/state/filter_private.h"

#include "lib/base/text.h"

#include <stdarg.h>
#include <string.h>

const char *const ph_filter_operators[PH_TESTS] = {
    [PH_TEST_EQ] = "-eq",     [PH_TEST_NE] = "-ne",
    [PH_TEST_LIKE] = "-like", [PH_TEST_NOTLIKE] = "-notlike",
    [PH_TEST_GT] = "-gt",     [PH_TEST_GE] = "-ge",
    [PH_TEST_LT] = "-lt",     [PH_TEST_LE] = "-le",
};

int
ph_filter_fail(const char *text, const char *p, struct ph_err *err,
	       const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	return ph_err_set(err, PH_ERR_PERM, "character %ld: %s",
			  g_utf8_pointer_to_offset(text, p) + 1, what);
}

/* ---- the tree ----------------------------------------------------------- */

struct ph_node *
ph_node_new(enum ph_node_type type)
{
	struct ph_node *node = g_new0(struct ph_node, 1);

	node->type = type;
	if (type != PH_NODE_TEST)
		node->nodes = g_ptr_array_new_with_free_func(ph_node_free);
	return node;
}

void
ph_node_free(void *data)
{
	struct ph_node *node = data;

	if (node == NULL)
		return;
	if (node->nodes != NULL)
		g_ptr_array_unref(node->nodes);
	g_free(node->attribute);
	g_free(node->value);
	g_free(node->folded);
	g_strfreev(node->parts);
	g_free(node);
}

/* "a*b" into "a" and "b"; `* is a star, `` a backtick. */
static char **
split_stars(const char *pattern)
{
	GPtrArray *parts = g_ptr_array_new();
	GString *part = g_string_new(NULL);

	for (const char *p = pattern;; p++) {
		if (*p == '`' && (p[1] == '*' || p[1] == '`')) {
			g_string_append_c(part, *++p);
			continue;
		}
		if (*p != '*' && *p != '\0') {
			g_string_append_c(part, *p);
			continue;
		}
		g_ptr_array_add(parts, ph_fold(part->str));
		g_string_truncate(part, 0);
		if (*p == '\0')
			break;
	}
	g_string_free(part, TRUE);
	g_ptr_array_add(parts, NULL);
	return (char **)g_ptr_array_free(parts, FALSE);
}

static bool
is_like(enum ph_test test)
{
	return test == PH_TEST_LIKE || test == PH_TEST_NOTLIKE;
}

static int
check_test(const struct ph_property *property, enum ph_test test,
	   const char *value, struct ph_err *err)
{
	const char *operator= ph_filter_operators[test];

	if (property->member && (value == NULL || test != PH_TEST_EQ))
		return ph_err_set(err, PH_ERR_PERM,
				  "%s cannot be compared so; expected -eq and "
				  "the address of a group",
				  property->name);
	if (value == NULL && test != PH_TEST_EQ && test != PH_TEST_NE)
		return ph_err_set(err, PH_ERR_PERM,
				  "$null is neither greater, less nor like "
				  "anything; expected a text after %s",
				  operator);
	return 0;
}

int
ph_node_test(const struct ph_property *property, enum ph_test test,
	     const char *value, struct ph_node **node_r, struct ph_err *err)
{
	struct ph_node *node;

	if (check_test(property, test, value, err) < 0)
		return -1;
	/* Nobody has an empty value. */
	if (value != NULL && *value == '\0' &&
	    (test == PH_TEST_EQ || test == PH_TEST_NE) && !property->member)
		value = NULL;
	node = ph_node_new(PH_NODE_TEST);
	node->property = *property;
	node->test = test;
	node->null = value == NULL;
	if (property->row == NULL && property->field != NULL) {
		node->attribute = g_strdup(property->field);
		node->property.name = node->property.field = node->attribute;
	}
	if (value != NULL &&
	    ph_property_value(property, test, value, &node->value,
			      &node->number, err) < 0) {
		ph_node_free(node);
		return -1;
	}
	if (value != NULL)
		node->folded = ph_fold(node->value);
	if (value != NULL && is_like(test))
		node->parts = split_stars(node->value);
	*node_r = node;
	return 0;
}

static void
survey(const struct ph_node *node, struct ph_filter *filter)
{
	if (node->type != PH_NODE_TEST) {
		for (guint i = 0; i < node->nodes->len; i++)
			survey(node->nodes->pdata[i], filter);
		return;
	}
	if (ph_property_is_group(node))
		filter->names_groups = true;
	if (ph_property_is_link(&node->property))
		filter->has_links = true;
	if (node->property.member)
		g_ptr_array_add(filter->groups, g_strdup(node->folded));
}

struct ph_filter *
ph_filter_new(struct ph_node *root, bool ldap, const char *obstacle)
{
	struct ph_filter *filter = g_new0(struct ph_filter, 1);

	filter->root = root;
	filter->ldap = ldap;
	filter->obstacle = g_strdup(obstacle);
	filter->groups = g_ptr_array_new_with_free_func(g_free);
	survey(root, filter);
	g_ptr_array_add(filter->groups, NULL);
	return filter;
}

void
ph_filter_free(struct ph_filter **filter)
{
	struct ph_filter *f = *filter;

	*filter = NULL;
	if (f == NULL)
		return;
	ph_node_free(f->root);
	g_free(f->obstacle);
	g_ptr_array_unref(f->groups);
	g_free(f);
}

bool
ph_filter_is_ldap(const struct ph_filter *filter)
{
	return filter->ldap;
}

const char *
ph_filter_obstacle(const struct ph_filter *filter)
{
	return filter->obstacle;
}

bool
ph_filter_names_groups(const struct ph_filter *filter)
{
	return filter->names_groups;
}

bool
ph_filter_has_links(const struct ph_filter *filter)
{
	return filter->has_links;
}

const char *const *
ph_filter_groups(const struct ph_filter *filter)
{
	return (const char *const *)filter->groups->pdata;
}

/* ---- which way it is written -------------------------------------------- */

/* The first that is no parenthesis or "!" is "&" or "|", or an attribute and
 * one of LDAP's comparisons, where OPATH has a blank. */
static bool
looks_like_ldap(const char *text)
{
	const char *p = text + strspn(text, " \t\r\n");

	if (*p != '(')
		return false;
	p += strspn(p, " \t\r\n(!");
	if (*p == '&' || *p == '|')
		return true;
	while (g_ascii_isalnum(*p) || (*p != '\0' && strchr("-.;", *p)))
		p++;
	return *p != '\0' && strchr("=<>~:", *p) != NULL;
}

int
ph_filter_parse(const char *text, struct ph_filter **filter_r,
		struct ph_err *err)
{
	*filter_r = NULL;
	if (strlen(text) > PH_FILTER_LIMIT)
		return ph_err_set(err, PH_ERR_PERM,
				  "is longer than %d bytes; expected a filter",
				  PH_FILTER_LIMIT);
	if (!g_utf8_validate(text, -1, NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "is not UTF-8; expected a filter");
	return looks_like_ldap(text)
		   ? ph_filter_parse_ldap(text, filter_r, err)
		   : ph_filter_parse_opath(text, filter_r, err);
}

/* ---- matching ----------------------------------------------------------- */

static bool
match_parts(char **parts, const char *text)
{
	const size_t n = g_strv_length(parts);
	const char *p = text;
	size_t length;

	if (n == 1)
		return strcmp(parts[0], text) == 0;
	if (!g_str_has_prefix(p, parts[0]))
		return false;
	p += strlen(parts[0]);
	for (size_t i = 1; i < n - 1; i++) {
		p = strstr(p, parts[i]);
		if (p == NULL)
			return false;
		p += strlen(parts[i]);
	}
	length = strlen(parts[n - 1]);
	return strlen(p) >= length &&
	       strcmp(p + strlen(p) - length, parts[n - 1]) == 0;
}

static bool
in_order(enum ph_test test, int order)
{
	switch (test) {
	case PH_TEST_GT:
		return order > 0;
	case PH_TEST_GE:
		return order >= 0;
	case PH_TEST_LT:
		return order < 0;
	case PH_TEST_LE:
		return order <= 0;
	case PH_TEST_EQ:
	case PH_TEST_NE:
	case PH_TEST_LIKE:
	case PH_TEST_NOTLIKE:
		return order == 0;
	}
	g_assert_not_reached();
}

static bool
match_number(const struct ph_node *node, const struct ph_object *entry)
{
	const int64_t number = ph_object_int(entry, node->property.field);

	return in_order(node->test,
			(number > node->number) - (number < node->number));
}

static bool
match_text(const struct ph_node *node, const char *text)
{
	g_autofree char *folded = ph_fold(text);

	return is_like(node->test)
		   ? match_parts(node->parts, folded)
		   : in_order(node->test, strcmp(folded, node->folded));
}

/* Without the negation that -ne and -notlike are. */
static bool
match_values(const struct ph_node *node, const struct ph_object *entry)
{
	g_autoptr(GPtrArray) texts = NULL;

	if (node->null && node->property.row != NULL &&
	    (node->property.row->type == PH_TYPE_BOOL ||
	     ph_property_is_number(&node->property)))
		return !ph_object_has(entry, node->property.field);
	if (!node->null && !is_like(node->test) &&
	    ph_property_is_number(&node->property))
		return match_number(node, entry);
	texts = g_ptr_array_new_with_free_func(g_free);
	node->property.values(entry, node->property.field, texts);
	if (node->null)
		return texts->len == 0;
	for (guint i = 0; i < texts->len; i++)
		if (match_text(node, texts->pdata[i]))
			return true;
	return false;
}

struct question {
	const struct ph_object *entry;
	ph_filter_member *member;
	void *arg;
};

static bool
match_test(const struct ph_node *node, const struct question *q)
{
	const bool negated =
	    node->test == PH_TEST_NE || node->test == PH_TEST_NOTLIKE;

	if (node->property.member)
		return q->member(node->folded, q->entry, q->arg);
	return match_values(node, q->entry) != negated;
}

static bool
match_node(const struct ph_node *node, const struct question *q)
{
	const bool all = node->type == PH_NODE_AND;

	switch (node->type) {
	case PH_NODE_TEST:
		return match_test(node, q);
	case PH_NODE_NOT:
		return !match_node(node->nodes->pdata[0], q);
	case PH_NODE_AND:
	case PH_NODE_OR:
		for (guint i = 0; i < node->nodes->len; i++)
			if (match_node(node->nodes->pdata[i], q) != all)
				return !all;
		return all;
	}
	g_assert_not_reached();
}

bool
ph_filter_match(const struct ph_filter *filter, const struct ph_object *entry,
		ph_filter_member *member, void *arg)
{
	const struct question q = {entry, member, arg};

	g_assert(filter->obstacle == NULL);
	return match_node(filter->root, &q);
}
