#include "lib/classify/package_private.h"

#include "lib/match/fold.h"

#include <string.h>

#define NAMESPACE "http://schemas.microsoft.com/office/2011/mce"

/* ---- attributes ---------------------------------------------------------- */

/* name in small letters; NULL: not given. */
static const char *
attribute(const struct ph_reader_level *level, const char *name)
{
	return g_hash_table_lookup(level->attributes, name);
}

static int
need(struct ph_reader *r, const struct ph_reader_level *level, const char *name,
     const char *written, const char **value_r)
{
	*value_r = attribute(level, name);
	if (*value_r != NULL && **value_r != '\0')
		return 0;
	return ph_err_set(r->err, PH_ERR_PERM, "<%s> has no %s; give one",
			  level->element->name, written);
}

/* A whole number from min to max; fallback where it is not given. */
static int
number(struct ph_reader *r, const struct ph_reader_level *level,
       const char *name, unsigned min, unsigned max, unsigned fallback,
       unsigned *number_r)
{
	const char *value = attribute(level, name);
	guint64 n;

	*number_r = fallback;
	if (value == NULL)
		return 0;
	if (!g_ascii_string_to_unsigned(value, 10, min, max, &n, NULL))
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> has %s=\"%.32s\"; expected a whole "
				  "number from %u to %u",
				  level->element->name, name, value, min, max);
	*number_r = (unsigned)n;
	return 0;
}

static bool
is_true(const struct ph_reader_level *level, const char *name)
{
	const char *value = attribute(level, name);

	return value != NULL &&
	       (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

static bool
is_guid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
			return false;
	}
	return text[36] == '\0';
}

/* g_free. */
static int
need_guid(struct ph_reader *r, const struct ph_reader_level *level,
	  const char *name, const char *written, char **guid_r)
{
	const char *value;

	if (need(r, level, name, written, &value) < 0)
		return -1;
	if (!is_guid(value))
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> has %s=\"%.64s\"; expected a GUID such "
				  "as e1cc861e-3fe9-4a58-82df-4bd259eab378",
				  level->element->name, written, value);
	*guid_r = g_ascii_strdown(value, -1);
	return 0;
}

static void
replace(char **text, char *with)
{
	g_free(*text);
	*text = with;
}

/* ---- the package itself -------------------------------------------------- */

static int
start_package(struct ph_reader *r, const struct ph_reader_level *level)
{
	const char *space = attribute(level, "xmlns");

	if (space != NULL && strcmp(space, NAMESPACE) != 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "the namespace is \"%.64s\"; expected "
				  "\"%s\"",
				  space, NAMESPACE);
	return 0;
}

static int
start_pack(struct ph_reader *r, const struct ph_reader_level *level)
{
	char *id = NULL;

	if (need_guid(r, level, "id", "id", &id) < 0)
		return -1;
	replace(&r->package->id, id);
	return 0;
}

static int
start_version(struct ph_reader *r, const struct ph_reader_level *level)
{
	static const char *const names[] = {"major", "minor", "build",
					    "revision"};
	unsigned n[G_N_ELEMENTS(names)];

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (number(r, level, names[i], 0, 65535, 0, &n[i]) < 0)
			return -1;
	replace(&r->package->version,
		g_strdup_printf("%u.%u.%u.%u", n[0], n[1], n[2], n[3]));
	return 0;
}

static int
start_encryption(struct ph_reader *r, const struct ph_reader_level *level)
{
	(void)level;
	return ph_err_set(r->err, PH_ERR_PERM,
			  "the package is encrypted; only Exchange can read "
			  "it: give the XML that it was made of");
}

/* Of several languages the first. */
static void
keep_first(char **text, const struct ph_reader_level *level)
{
	if (**text == '\0')
		replace(text, g_strstrip(g_strdup(level->text->str)));
}

static int
end_title(struct ph_reader *r, const struct ph_reader_level *level)
{
	keep_first(&r->package->title, level);
	return 0;
}

static int
end_publisher(struct ph_reader *r, const struct ph_reader_level *level)
{
	keep_first(&r->package->publisher, level);
	return 0;
}

/* ---- rules --------------------------------------------------------------- */

static bool
has_rule(const struct ph_package *package, const char *id)
{
	for (guint i = 0; i < package->rules->len; i++) {
		const struct ph_package_rule *rule = package->rules->pdata[i];

		if (rule->id != NULL && strcmp(rule->id, id) == 0)
			return true;
	}
	return false;
}

static int
start_rule(struct ph_reader *r, const struct ph_reader_level *level,
	   unsigned proximity, const char *proximity_name,
	   const char *confidence_name)
{
	char *id = NULL;

	if (r->rule != NULL)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> stands in another type",
				  level->element->name);
	if (r->package->rules->len == PH_PACKAGE_RULES)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "too many types; expected %d at most in a "
				  "package",
				  PH_PACKAGE_RULES);
	if (need_guid(r, level, "id", "id", &id) < 0)
		return -1;
	if (has_rule(r->package, id)) {
		ph_err_set(r->err, PH_ERR_PERM,
			   "the id %s is given to a second type; give it a "
			   "GUID of its own",
			   id);
		g_free(id);
		return -1;
	}
	r->rule = ph_package_rule_new(level->line);
	r->rule->id = id;
	g_ptr_array_add(r->package->rules, r->rule);
	if (number(r, level, proximity_name, 1, PH_PACKAGE_PROXIMITY, proximity,
		   &r->rule->proximity) < 0)
		return -1;
	return number(r, level, confidence_name, 1, 100, 0,
		      &r->rule->confidence);
}

static int
start_entity(struct ph_reader *r, const struct ph_reader_level *level)
{
	return start_rule(r, level, 300, "patternsproximity",
			  "recommendedconfidence");
}

static int
start_affinity(struct ph_reader *r, const struct ph_reader_level *level)
{
	if (start_rule(r, level, 600, "evidencesproximity",
		       "thresholdconfidencelevel") < 0)
		return -1;
	r->rule->affinity = true;
	if (r->rule->confidence == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Affinity> has no thresholdConfidenceLevel; "
				  "give one");
	return 0;
}

static int
end_rule(struct ph_reader *r, const struct ph_reader_level *level)
{
	struct ph_package_rule *rule = g_steal_pointer(&r->rule);
	unsigned best = 0;

	if (rule->levels->len == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> has no %s; it would find nothing",
				  level->element->name,
				  rule->affinity ? "Evidence" : "Pattern");
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_package_level *l = rule->levels->pdata[i];

		best = MAX(best, l->confidence);
	}
	if (rule->confidence == 0)
		rule->confidence = best;
	return 0;
}

static int
start_level(struct ph_reader *r, const struct ph_reader_level *level)
{
	bool evidence = strcmp(level->element->name, "Evidence") == 0;
	const char *value;

	if (r->rule == NULL || r->rule->affinity != evidence)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> belongs to no %s; expected it in one",
				  level->element->name,
				  evidence ? "Affinity" : "Entity");
	r->level = ph_package_level_new();
	g_ptr_array_add(r->rule->levels, r->level);
	r->into = r->level->nodes;
	if (need(r, level, "confidencelevel", "confidenceLevel", &value) < 0)
		return -1;
	return number(r, level, "confidencelevel", 1, 100, 0,
		      &r->level->confidence);
}

static int
end_level(struct ph_reader *r, const struct ph_reader_level *level)
{
	const struct ph_package_level *l = g_steal_pointer(&r->level);

	r->into = NULL;
	if (!r->rule->affinity && l->id_match == NULL)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Pattern> has no IdMatch; expected exactly "
				  "one");
	if (r->rule->affinity && l->nodes->len == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s> has neither Match nor Any",
				  level->element->name);
	return 0;
}

/* ---- what a rule asks for ------------------------------------------------ */

/* NULL: too many. */
static struct ph_package_node *
new_node(struct ph_reader *r, const struct ph_reader_level *level)
{
	if (r->nodes++ < PH_PACKAGE_NODES)
		return ph_package_node_new(level->line);
	ph_err_set(r->err, PH_ERR_PERM,
		   "too many Match and Any; expected %d at most in a package",
		   PH_PACKAGE_NODES);
	return NULL;
}

static int
start_id_match(struct ph_reader *r, const struct ph_reader_level *level)
{
	struct ph_package_node *node;
	const char *id;

	if (r->level->id_match != NULL)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Pattern> has a second IdMatch; expected "
				  "exactly one");
	if (need(r, level, "idref", "idRef", &id) < 0 ||
	    (node = new_node(r, level)) == NULL)
		return -1;
	node->id = g_strdup(id);
	r->level->id_match = node;
	return 0;
}

static int
start_match(struct ph_reader *r, const struct ph_reader_level *level)
{
	struct ph_package_node *node;
	const char *id;

	if (need(r, level, "idref", "idRef", &id) < 0 ||
	    (node = new_node(r, level)) == NULL)
		return -1;
	node->id = g_strdup(id);
	g_ptr_array_add(r->into, node);
	return 0;
}

static int
start_any(struct ph_reader *r, const struct ph_reader_level *level)
{
	struct ph_package_node *node;

	if (r->outer->len == PH_PACKAGE_DEPTH)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Any> stands in too many others; expected "
				  "%d at most",
				  PH_PACKAGE_DEPTH);
	node = new_node(r, level);
	if (node == NULL)
		return -1;
	g_ptr_array_add(r->into, node);
	g_ptr_array_add(r->outer, r->into);
	r->into = node->children;
	return 0;
}

/* How many there are is known at the end only. */
static int
end_any(struct ph_reader *r, const struct ph_reader_level *level)
{
	GPtrArray *outer = g_ptr_array_steal_index(r->outer, r->outer->len - 1);
	struct ph_package_node *node = outer->pdata[outer->len - 1];
	unsigned n = node->children->len;

	r->into = outer;
	if (n == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Any> is empty; expected Match or Any in "
				  "it");
	if (number(r, level, "maxmatches", 0, n, n, &node->max) < 0 ||
	    number(r, level, "minmatches", 0, n, MIN(1, node->max),
		   &node->min) < 0)
		return -1;
	if (node->min > node->max)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Any> has minMatches %u above maxMatches "
				  "%u: nothing can match",
				  node->min, node->max);
	return 0;
}

/* ---- definitions --------------------------------------------------------- */

static int
start_definition(struct ph_reader *r, const struct ph_reader_level *level)
{
	const char *id;

	if (need(r, level, "id", "id", &id) < 0)
		return -1;
	if (ph_package_find(r->package, id) != NULL)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "the id \"%.64s\" is given twice", id);
	r->definition = ph_definition_new(id, level->line);
	g_ptr_array_add(r->package->definitions, r->definition);
	g_hash_table_insert(r->package->by_id, r->definition->id,
			    r->definition);
	return 0;
}

static int
end_definition(struct ph_reader *r, const struct ph_reader_level *level)
{
	const struct ph_definition *definition =
	    g_steal_pointer(&r->definition);

	if (definition->parts->len == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<%s id=\"%.64s\"> is empty; it would find "
				  "nothing",
				  level->element->name, definition->id);
	return 0;
}

static int
add_part(struct ph_reader *r, const struct ph_definition_part *part)
{
	g_array_append_val(r->definition->parts, *part);
	if (r->parts++ == PH_PACKAGE_PARTS)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "too many terms and patterns; expected %d "
				  "at most in a package",
				  PH_PACKAGE_PARTS);
	return 0;
}

/* In packages case counts unless a pattern says (?i). */
static int
compile(const char *text, struct ph_pattern **pattern_r, struct ph_err *err)
{
	g_autofree char *cased = g_strconcat("(?-i)", text, NULL);

	if (ph_pattern_compile(cased, 0, pattern_r, err) == 0)
		return 0;
	/* For the offset as the author counts it. */
	*err = (struct ph_err)PH_ERR_INIT;
	if (ph_pattern_check(text, 0, err) < 0)
		return -1;
	return ph_err_set(err, PH_ERR_PERM, "the pattern is too long");
}

static int
end_pattern(struct ph_reader *r, const struct ph_reader_level *level)
{
	g_autofree char *text = g_strstrip(g_strdup(level->text->str));
	const char *check = attribute(level, "check");
	struct ph_definition_part part = {.kind = PH_PART_PATTERN};

	if (*text == '\0')
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Regex> is empty; it would find nothing");
	if (check != NULL && (part.check = ph_check_find(check)) == NULL)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "<Regex> has check=\"%.32s\"; there is no "
				  "such function",
				  check);
	if (compile(text, &part.pattern, r->err) < 0)
		return ph_err_wrap(r->err, "<Regex>");
	part.text = g_steal_pointer(&text);
	return add_part(r, &part);
}

/* A Regex that is a definition of its own. */
static int
end_regex(struct ph_reader *r, const struct ph_reader_level *level)
{
	if (end_pattern(r, level) < 0)
		return -1;
	r->definition = NULL;
	return 0;
}

static int
start_group(struct ph_reader *r, const struct ph_reader_level *level)
{
	const char *style = attribute(level, "matchstyle");

	r->style = style != NULL ? style : "word";
	if (strcmp(r->style, "word") == 0 || strcmp(r->style, "string") == 0)
		return 0;
	return ph_err_set(r->err, PH_ERR_PERM,
			  "<Group> has matchStyle=\"%.32s\"; expected word or "
			  "string",
			  r->style);
}

static int
make_word(const char *text, bool exact, struct ph_definition_part *part,
	  struct ph_err *err)
{
	part->kind = exact ? PH_PART_EXACT_WORD : PH_PART_WORD;
	part->text = ph_match_fold(text, strlen(text), NULL);
	part->exact = exact ? g_strdup(text) : NULL;
	if (*part->text != '\0' && strcmp(part->text, " ") != 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM, "<Term> is empty");
}

static int
make_string(const char *text, struct ph_definition_part *part,
	    struct ph_err *err)
{
	g_autofree char *literal = g_regex_escape_string(text, -1);

	part->kind = PH_PART_STRING;
	part->text = g_strdup(text);
	return compile(literal, &part->pattern, err);
}

static int
end_term(struct ph_reader *r, const struct ph_reader_level *level)
{
	g_autofree char *text = g_strstrip(g_strdup(level->text->str));
	struct ph_definition_part part = {0};
	int answer;

	if (*text == '\0')
		return ph_err_set(r->err, PH_ERR_PERM, "<Term> is empty");
	answer = strcmp(r->style, "string") == 0
		     ? make_string(text, &part, r->err)
		     : make_word(text, is_true(level, "casesensitive"), &part,
				 r->err);
	/* It is owned by the definition in any case. */
	return add_part(r, &part) < 0 ? -1 : answer;
}

/* ---- names --------------------------------------------------------------- */

static int
start_resource(struct ph_reader *r, const struct ph_reader_level *level)
{
	g_clear_pointer(&r->resource, g_free);
	return need_guid(r, level, "idref", "idRef", &r->resource);
}

static int
end_resource(struct ph_reader *r, const struct ph_reader_level *level)
{
	(void)level;
	if (has_rule(r->package, r->resource))
		return 0;
	return ph_err_set(r->err, PH_ERR_PERM,
			  "<Resource> names %s, which is no type of this "
			  "package",
			  r->resource);
}

/* The first, or one that is a default itself or by its Locale. */
static void
choose(struct ph_reader *r, const struct ph_reader_level *level,
       GHashTable *texts, const char *what)
{
	const struct ph_reader_level *above = level - 1;
	g_autofree char *key = g_strconcat(what, r->resource, NULL);
	bool chosen = is_true(level, "default") || is_true(above, "default");

	if (g_hash_table_contains(r->chosen, key) ||
	    (!chosen && g_hash_table_contains(texts, r->resource)))
		return;
	g_hash_table_insert(texts, g_strdup(r->resource),
			    g_strstrip(g_strdup(level->text->str)));
	if (chosen)
		g_hash_table_add(r->chosen, g_steal_pointer(&key));
}

static int
end_name(struct ph_reader *r, const struct ph_reader_level *level)
{
	choose(r, level, r->names, "n");
	return 0;
}

static int
end_description(struct ph_reader *r, const struct ph_reader_level *level)
{
	choose(r, level, r->descriptions, "d");
	return 0;
}

/* ---- the table ----------------------------------------------------------- */

#define IN_LEVEL "Pattern Any Evidence"

const struct ph_element ph_elements[] = {
    {"RulePackage", "", false, start_package, NULL},
    {"RulePack", "RulePackage", false, start_pack, NULL},
    {"Version", "RulePack", false, start_version, NULL},
    {"Publisher", "RulePack", false, NULL, NULL},
    {"Details", "RulePack", false, NULL, NULL},
    {"LocalizedDetails", "Details", false, NULL, NULL},
    {"PublisherName", "LocalizedDetails", true, NULL, end_publisher},
    {"Name", "LocalizedDetails", true, NULL, end_title},
    {"Description", "LocalizedDetails", true, NULL, NULL},
    {"Encryption", "RulePack", false, start_encryption, NULL},
    {"Rules", "RulePackage", false, NULL, NULL},
    /* Later packages put what older engines do not know in these. */
    {"Version", "Rules Entity Affinity", false, NULL, NULL},
    {"Entity", "Rules Version", false, start_entity, end_rule},
    {"Affinity", "Rules Version", false, start_affinity, end_rule},
    {"Pattern", "Entity Version", false, start_level, end_level},
    {"Evidence", "Affinity Version", false, start_level, end_level},
    {"IdMatch", "Pattern", false, start_id_match, NULL},
    {"Match", IN_LEVEL, false, start_match, NULL},
    {"Any", IN_LEVEL, false, start_any, end_any},
    {"Regex", "Rules Version", true, start_definition, end_regex},
    {"Function", "Rules Version", false, start_definition, end_definition},
    {"Regex", "Function", true, NULL, end_pattern},
    {"Keyword", "Rules Version", false, start_definition, end_definition},
    {"Group", "Keyword", false, start_group, NULL},
    {"Term", "Group", true, NULL, end_term},
    {"LocalizedStrings", "Rules", false, NULL, NULL},
    {"Resource", "LocalizedStrings", false, start_resource, end_resource},
    {"Locale", "Resource", false, NULL, NULL},
    {"Name", "Resource Locale", true, NULL, end_name},
    {"Description", "Resource Locale", true, NULL, end_description},
    {NULL, NULL, false, NULL, NULL},
};

static char *
take_text(GHashTable *texts, const char *id)
{
	const char *text = g_hash_table_lookup(texts, id);

	return text != NULL && *text != '\0' ? g_strdup(text) : NULL;
}

int
ph_package_finish(struct ph_reader *r)
{
	if (r->package->rules->len == 0)
		return ph_err_set(r->err, PH_ERR_PERM,
				  "there is neither an Entity nor an Affinity "
				  "in the package");
	for (guint i = 0; i < r->package->rules->len; i++) {
		struct ph_package_rule *rule = r->package->rules->pdata[i];

		rule->name = take_text(r->names, rule->id);
		rule->description = take_text(r->descriptions, rule->id);
		if (rule->name == NULL)
			return ph_err_set(
			    r->err, PH_ERR_PERM,
			    "line %d: the type %s has no name; add a Resource "
			    "with its Name to LocalizedStrings",
			    rule->line, rule->id);
	}
	return 0;
}
