#include "lib/classify/package_private.h"

#include <string.h>

static void
clear_part(void *data)
{
	struct ph_definition_part *part = data;

	g_free(part->text);
	g_free(part->exact);
	ph_pattern_unref(&part->pattern);
}

struct ph_definition *
ph_definition_new(const char *id, int line)
{
	struct ph_definition *definition = g_new0(struct ph_definition, 1);

	definition->id = g_strdup(id);
	definition->line = line;
	definition->parts =
	    g_array_new(FALSE, TRUE, sizeof(struct ph_definition_part));
	g_array_set_clear_func(definition->parts, clear_part);
	return definition;
}

static void
free_definition(void *data)
{
	struct ph_definition *definition = data;

	g_free(definition->id);
	g_array_unref(definition->parts);
	g_free(definition);
}

static void
free_node(void *data)
{
	struct ph_package_node *node = data;

	g_free(node->id);
	g_ptr_array_unref(node->children);
	g_free(node);
}

struct ph_package_node *
ph_package_node_new(int line)
{
	struct ph_package_node *node = g_new0(struct ph_package_node, 1);

	node->line = line;
	node->children = g_ptr_array_new_with_free_func(free_node);
	return node;
}

struct ph_package_level *
ph_package_level_new(void)
{
	struct ph_package_level *level = g_new0(struct ph_package_level, 1);

	level->nodes = g_ptr_array_new_with_free_func(free_node);
	return level;
}

static void
free_level(void *data)
{
	struct ph_package_level *level = data;

	if (level->id_match != NULL)
		free_node(level->id_match);
	g_ptr_array_unref(level->nodes);
	g_free(level);
}

struct ph_package_rule *
ph_package_rule_new(int line)
{
	struct ph_package_rule *rule = g_new0(struct ph_package_rule, 1);

	rule->line = line;
	rule->levels = g_ptr_array_new_with_free_func(free_level);
	return rule;
}

static void
free_rule(void *data)
{
	struct ph_package_rule *rule = data;

	g_free(rule->id);
	g_free(rule->name);
	g_free(rule->description);
	g_ptr_array_unref(rule->levels);
	g_free(rule);
}

struct ph_package *
ph_package_new(const char *name)
{
	struct ph_package *package = g_new0(struct ph_package, 1);

	g_atomic_ref_count_init(&package->refs);
	package->name = g_strdup(name);
	package->id = g_strdup("");
	package->title = g_strdup("");
	package->publisher = g_strdup("");
	package->version = g_strdup("");
	package->rules = g_ptr_array_new_with_free_func(free_rule);
	package->definitions = g_ptr_array_new_with_free_func(free_definition);
	package->by_id = g_hash_table_new(g_str_hash, g_str_equal);
	return package;
}

struct ph_package *
ph_package_ref(struct ph_package *package)
{
	g_atomic_ref_count_inc(&package->refs);
	return package;
}

void
ph_package_unref(struct ph_package **packagep)
{
	struct ph_package *package = g_steal_pointer(packagep);

	if (package == NULL || !g_atomic_ref_count_dec(&package->refs))
		return;
	g_free(package->name);
	g_free(package->id);
	g_free(package->title);
	g_free(package->publisher);
	g_free(package->version);
	g_ptr_array_unref(package->rules);
	g_hash_table_unref(package->by_id);
	g_ptr_array_unref(package->definitions);
	g_free(package);
}

const struct ph_definition *
ph_package_find(const struct ph_package *package, const char *id)
{
	return g_hash_table_lookup(package->by_id, id);
}

int
ph_package_check(const char *text, struct ph_err *err)
{
	struct ph_package *package = NULL;

	if (ph_package_parse("", text, strlen(text), &package, err) < 0)
		return -1;
	ph_package_unref(&package);
	return 0;
}
