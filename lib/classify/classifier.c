#include "lib/classify/classify_private.h"

#include "lib/base/text.h"

#include <string.h>

/* ---- life ---------------------------------------------------------------- */

static void
clear_source(void *data)
{
	struct ph_source *source = data;

	g_free(source->terms);
	g_free(source->numbers);
}

static void
clear_node(void *data)
{
	struct ph_node *node = data;

	if (node->children != NULL)
		g_array_unref(node->children);
}

static GArray *
nodes_new(void)
{
	GArray *nodes = g_array_new(FALSE, TRUE, sizeof(struct ph_node));

	g_array_set_clear_func(nodes, clear_node);
	return nodes;
}

static void
clear_level(void *data)
{
	struct ph_level *level = data;

	g_array_unref(level->nodes);
}

static void
clear_rule(void *data)
{
	struct ph_rule_compiled *rule = data;

	g_array_unref(rule->levels);
}

static void
unref_package(void *data)
{
	struct ph_package *package = data;

	ph_package_unref(&package);
}

struct ph_classifier *
ph_classifier_ref(struct ph_classifier *classifier)
{
	g_atomic_ref_count_inc(&classifier->refs);
	return classifier;
}

void
ph_classifier_unref(struct ph_classifier **classifierp)
{
	struct ph_classifier *c = g_steal_pointer(classifierp);

	if (c == NULL || !g_atomic_ref_count_dec(&c->refs))
		return;
	ph_matcher_unref(&c->matcher);
	ph_windows_free(&c->windows);
	g_array_unref(c->rules);
	g_array_unref(c->types);
	g_array_unref(c->sources);
	g_ptr_array_unref(c->packages);
	g_free(c);
}

/* ---- compiling ----------------------------------------------------------- */

struct build {
	const struct ph_classify_options *options;
	struct ph_classifier *classifier;
	struct ph_terms *terms;
	GPtrArray *numbers;		  /* patterns found by their digits */
	GHashTable *sources;		  /* definition to its number + 1 */
	GHashTable *taken;		  /* GUIDs and folded names */
	const struct ph_package *package; /* the one at work */
};

static const struct ph_definition *
find_definition(const struct build *b, const char *id)
{
	const struct ph_definition *found = ph_package_find(b->package, id);

	for (size_t i = 0; found == NULL && i < b->options->n_library; i++)
		found = ph_package_find(b->options->library[i], id);
	return found;
}

static void
add_part(struct build *b, const struct ph_definition_part *part,
	 uint32_t *term_r, uint32_t *number_r)
{
	struct ph_pattern_digits digits;

	*term_r = PH_NO_TERM;
	*number_r = b->numbers->len;
	if (part->pattern == NULL)
		*term_r = ph_terms_add_word(b->terms, part->text);
	/* It is looked for where there are digits. */
	else if (ph_pattern_digits(part->pattern, &digits))
		g_ptr_array_add(b->numbers, part->pattern);
	else
		*term_r = ph_terms_add_pattern(b->terms, part->pattern);
}

static uint32_t
add_source(struct build *b, const char *id)
{
	const struct ph_definition *definition = find_definition(b, id);
	GArray *sources = b->classifier->sources;
	guint known =
	    GPOINTER_TO_UINT(g_hash_table_lookup(b->sources, definition));
	struct ph_source source = {definition, NULL, NULL};

	if (known > 0)
		return known - 1;
	source.terms = g_new(uint32_t, definition->parts->len);
	source.numbers = g_new(uint32_t, definition->parts->len);
	for (guint i = 0; i < definition->parts->len; i++)
		add_part(b,
			 &g_array_index(definition->parts,
					struct ph_definition_part, i),
			 &source.terms[i], &source.numbers[i]);
	g_array_append_val(sources, source);
	g_hash_table_insert(b->sources, (void *)(uintptr_t)definition,
			    GUINT_TO_POINTER(sources->len));
	return sources->len - 1;
}

static void
add_nodes(struct build *b, const GPtrArray *from, GArray *to)
{
	for (guint i = 0; i < from->len; i++) {
		const struct ph_package_node *in = from->pdata[i];
		struct ph_node node = {PH_NO_SOURCE, in->min, in->max, NULL};

		if (in->id != NULL) {
			node.source = add_source(b, in->id);
		} else {
			node.children = nodes_new();
			add_nodes(b, in->children, node.children);
		}
		g_array_append_val(to, node);
	}
}

static void
add_rule(struct build *b, const struct ph_package_rule *rule)
{
	struct ph_classify_type type = {b->package, rule};
	struct ph_rule_compiled compiled = {
	    rule, g_array_new(FALSE, FALSE, sizeof(struct ph_level))};

	g_array_set_clear_func(compiled.levels, clear_level);
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_package_level *in = rule->levels->pdata[i];
		struct ph_level level = {in->confidence, PH_NO_SOURCE,
					 nodes_new()};

		if (in->id_match != NULL)
			level.source = add_source(b, in->id_match->id);
		add_nodes(b, in->nodes, level.nodes);
		g_array_append_val(compiled.levels, level);
	}
	g_array_append_val(b->classifier->types, type);
	g_array_append_val(b->classifier->rules, compiled);
}

/* ---- may a package be taken? --------------------------------------------- */

static int
check_node(const struct build *b, const struct ph_package_node *node,
	   struct ph_err *err)
{
	if (node->id != NULL && find_definition(b, node->id) == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "line %d: idRef=\"%.64s\" leads nowhere; add "
				  "a Keyword or Regex of that id",
				  node->line, node->id);
	for (guint i = 0; i < node->children->len; i++)
		if (check_node(b, node->children->pdata[i], err) < 0)
			return -1;
	return 0;
}

static int
check_level(const struct build *b, const struct ph_package_level *level,
	    struct ph_err *err)
{
	if (level->id_match != NULL && check_node(b, level->id_match, err) < 0)
		return -1;
	for (guint i = 0; i < level->nodes->len; i++)
		if (check_node(b, level->nodes->pdata[i], err) < 0)
			return -1;
	return 0;
}

static int
check_rule(const struct build *b, const struct ph_package_rule *rule,
	   struct ph_err *err)
{
	g_autofree char *name = ph_fold(rule->name);

	if (g_hash_table_contains(b->taken, rule->id) ||
	    g_hash_table_contains(b->taken, name))
		return ph_err_set(err, PH_ERR_PERM,
				  "line %d: another package has a type with "
				  "this GUID or name, \"%.128s\"; change it",
				  rule->line, rule->name);
	for (guint i = 0; i < rule->levels->len; i++)
		if (check_level(b, rule->levels->pdata[i], err) < 0)
			return -1;
	return 0;
}

static int
check_package(const struct build *b, struct ph_err *err)
{
	const GPtrArray *rules = b->package->rules;

	for (guint i = 0; i < rules->len; i++)
		if (check_rule(b, rules->pdata[i], err) < 0)
			return -1;
	return 0;
}

static void
add_package(struct build *b, struct ph_package *package)
{
	struct ph_err err = PH_ERR_INIT;

	b->package = package;
	if (check_package(b, &err) < 0) {
		if (b->options->refused != NULL)
			b->options->refused(package, err.text,
					    b->options->context);
		return;
	}
	g_ptr_array_add(b->classifier->packages, ph_package_ref(package));
	for (guint i = 0; i < package->rules->len; i++) {
		const struct ph_package_rule *rule = package->rules->pdata[i];

		add_rule(b, rule);
		g_hash_table_add(b->taken, g_strdup(rule->id));
		g_hash_table_add(b->taken, ph_fold(rule->name));
	}
}

struct ph_classifier *
ph_classifier_new(const struct ph_classify_options *options)
{
	struct ph_classifier *c = g_new0(struct ph_classifier, 1);
	struct build b = {.options = options,
			  .classifier = c,
			  .terms = ph_terms_new(),
			  .numbers = g_ptr_array_new(),
			  .sources = g_hash_table_new(NULL, NULL),
			  .taken = g_hash_table_new_full(
			      g_str_hash, g_str_equal, g_free, NULL)};

	g_atomic_ref_count_init(&c->refs);
	c->packages = g_ptr_array_new_with_free_func(unref_package);
	c->sources = g_array_new(FALSE, FALSE, sizeof(struct ph_source));
	g_array_set_clear_func(c->sources, clear_source);
	c->types = g_array_new(FALSE, FALSE, sizeof(struct ph_classify_type));
	c->rules = g_array_new(FALSE, FALSE, sizeof(struct ph_rule_compiled));
	g_array_set_clear_func(c->rules, clear_rule);
	for (size_t i = 0; i < options->n_library; i++)
		add_package(&b, options->library[i]);
	for (size_t i = 0; i < options->n_own; i++)
		add_package(&b, options->own[i]);
	c->matcher = ph_matcher_new(
	    b.terms,
	    options->previous != NULL ? options->previous->matcher : NULL,
	    options->compiler);
	c->windows = ph_windows_new(
	    (const struct ph_pattern *const *)b.numbers->pdata, b.numbers->len);
	g_ptr_array_unref(b.numbers);
	g_hash_table_unref(b.sources);
	g_hash_table_unref(b.taken);
	return c;
}

size_t
ph_classifier_pending(struct ph_classifier *classifier)
{
	return ph_matcher_pending(classifier->matcher);
}

const struct ph_classify_type *
ph_classifier_types(const struct ph_classifier *classifier, size_t *n_r)
{
	*n_r = classifier->types->len;
	return (const struct ph_classify_type *)(const void *)
	    classifier->types->data;
}
