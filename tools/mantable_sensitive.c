#include "lib/classify/classify.h"
#include "tools/mantable.h"

#include <stdio.h>
#include <string.h>

/* Pages are made at the top of the tree. */
#define TYPES "share/posthub/sensitive-types"

bool
ph_man_checks(GString *out, const char *unused)
{
	(void)unused;
	ph_man_begin_list(out);
	for (const struct ph_check *c = ph_checks; c->name != NULL; c++) {
		g_autoptr(GString) none = g_string_new(NULL);

		ph_man_item(out, "Cm", c->name);
		ph_man_append_help(out, c->help, none);
	}
	ph_man_end_list(out);
	return true;
}

/* "A, B and C" of a Pattern; "at least 1 of (A, B)". */
static void
append_nodes(GString *text, const GPtrArray *nodes)
{
	for (guint i = 0; i < nodes->len; i++) {
		const struct ph_package_node *node = nodes->pdata[i];

		g_string_append(text, i > 0 ? ", " : "");
		if (node->id != NULL) {
			g_string_append(text, node->id);
			continue;
		}
		if (node->max == 0)
			g_string_append(text, "none of (");
		else if (node->max == node->children->len)
			g_string_append_printf(text, "at least %u of (",
					       node->min);
		else
			g_string_append_printf(text, "%u to %u of (", node->min,
					       node->max);
		append_nodes(text, node->children);
		g_string_append_c(text, ')');
	}
}

static void
put_type(GString *out, const struct ph_package_rule *rule)
{
	ph_man_item(out, "Sy", rule->name);
	g_string_append_printf(out, "%s, %u\n", rule->id, rule->confidence);
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_package_level *level = rule->levels->pdata[i];
		g_autoptr(GString) text = g_string_new(NULL);

		g_string_append_printf(text, "%u: %s", level->confidence,
				       level->id_match->id);
		g_string_append(text, level->nodes->len > 0 ? ", " : "");
		append_nodes(text, level->nodes);
		g_string_append(out, ".br\n");
		ph_man_append_text(out, text->str);
	}
}

static gint
compare_types(gconstpointer a, gconstpointer b)
{
	const struct ph_package_rule *x =
	    *(const struct ph_package_rule *const *)a;
	const struct ph_package_rule *y =
	    *(const struct ph_package_rule *const *)b;

	return strcmp(x->name, y->name);
}

bool
ph_man_sensitive(GString *out, const char *unused)
{
	g_autoptr(GPtrArray) packages = NULL;
	g_autoptr(GPtrArray) rules = g_ptr_array_new();
	struct ph_err err = PH_ERR_INIT;

	(void)unused;
	if (ph_classify_read(TYPES, &packages, &err) < 0) {
		fprintf(stderr, "mantable: %s\n", err.text);
		return false;
	}
	for (guint i = 0; i < packages->len; i++) {
		const struct ph_package *package = packages->pdata[i];

		g_ptr_array_extend(rules, package->rules, NULL, NULL);
	}
	g_ptr_array_sort(rules, compare_types);
	ph_man_begin_list(out);
	for (guint i = 0; i < rules->len; i++)
		put_type(out, rules->pdata[i]);
	ph_man_end_list(out);
	return true;
}
