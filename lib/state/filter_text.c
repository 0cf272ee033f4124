#include "lib/state/filter_private.h"

#include <string.h>

static void
append_value(GString *out, const char *value)
{
	g_string_append_c(out, '\'');
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\'')
			g_string_append_c(out, '\'');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '\'');
}

static void
append_test(GString *out, const struct ph_node *node)
{
	g_string_append_printf(out, "%s %s ", node->property.name,
			       ph_filter_operators[node->test]);
	if (node->null)
		g_string_append(out, "$null");
	else
		append_value(out, node->value);
}

/* Nothing in it: (&) and (|) of LDAP. */
static void
append_empty(GString *out, bool all)
{
	g_string_append_printf(
	    out, "RecipientType %s $null",
	    ph_filter_operators[all ? PH_TEST_NE : PH_TEST_EQ]);
}

static void
append_node(GString *out, const struct ph_node *node)
{
	const bool all = node->type == PH_NODE_AND;

	if (node->type == PH_NODE_TEST) {
		append_test(out, node);
		return;
	}
	if (node->nodes->len == 0) {
		append_empty(out, all);
		return;
	}
	if (node->nodes->len == 1 && node->type != PH_NODE_NOT) {
		append_node(out, node->nodes->pdata[0]);
		return;
	}
	if (node->type == PH_NODE_NOT)
		g_string_append(out, "-not");
	for (guint i = 0; i < node->nodes->len; i++) {
		if (i > 0)
			g_string_append(out, all ? " -and " : " -or ");
		g_string_append_c(out, '(');
		append_node(out, node->nodes->pdata[i]);
		g_string_append_c(out, ')');
	}
}

char *
ph_filter_format(const struct ph_filter *filter)
{
	GString *out = g_string_new(NULL);

	append_node(out, filter->root);
	return g_string_free(out, FALSE);
}
