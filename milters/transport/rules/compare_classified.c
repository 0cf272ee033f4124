#include "milters/transport/rules/evaluate.h"

#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * "@{Name=Credit Card Number; minCount=2}", the same without "@{" and "}", or
 * the name alone, or the type's GUID. minCount is 1 and minConfidence the
 * type's recommended one unless given (facts/exchange-rules.md section 13.1).
 */
struct wanted {
	char *name; /* folded */
	unsigned min_count, max_count;
	unsigned min_confidence; /* 0: the recommended one */
	unsigned max_confidence;
};

static void
clear(void *data)
{
	struct wanted *wanted = data;

	g_free(wanted->name);
}

static void
set_number(struct wanted *wanted, const char *key, const char *value)
{
	unsigned number = (unsigned)CLAMP(strtol(value, NULL, 10), 0, 1000000);

	if (strcasecmp(key, "minCount") == 0)
		wanted->min_count = number;
	else if (strcasecmp(key, "maxCount") == 0)
		wanted->max_count = number;
	else if (strcasecmp(key, "minConfidence") == 0)
		wanted->min_confidence = number;
	else if (strcasecmp(key, "maxConfidence") == 0)
		wanted->max_confidence = number;
}

static char *
unquote(char *text)
{
	size_t size;

	g_strstrip(text);
	size = strlen(text);
	if (size >= 2 && (*text == '"' || *text == '\'') &&
	    text[size - 1] == *text) {
		text[size - 1] = '\0';
		return text + 1;
	}
	return text;
}

static void
parse(const char *item, struct wanted *wanted)
{
	g_autofree char *copy = g_strdup(item);
	char *inside = copy;
	g_auto(GStrv) pairs = NULL;

	if (g_str_has_prefix(inside, "@{") && g_str_has_suffix(inside, "}")) {
		inside[strlen(inside) - 1] = '\0';
		inside += 2;
	}
	pairs = g_strsplit(inside, ";", -1);
	for (char **pair = pairs; *pair != NULL; pair++) {
		char *equals = strchr(*pair, '=');

		if (equals != NULL)
			*equals = '\0';
		g_strstrip(*pair);
		if (equals == NULL && wanted->name == NULL)
			wanted->name = ph_fold(unquote(*pair));
		else if (equals != NULL && strcasecmp(*pair, "Name") == 0)
			wanted->name = ph_fold(unquote(equals + 1));
		else if (equals != NULL)
			set_number(wanted, *pair, unquote(equals + 1));
	}
}

char *
ph_classified_name(const char *item)
{
	struct wanted wanted = {.name = NULL};

	parse(item, &wanted);
	return wanted.name;
}

static void *
compile(const struct ph_compile *c)
{
	const char *const *item = ph_object_list(c->rule, c->field);
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct wanted));

	g_array_set_clear_func(array, clear);
	for (; *item != NULL; item++) {
		struct wanted wanted = {.min_count = 1,
					.max_count = UINT32_MAX,
					.max_confidence = 100};

		parse(*item, &wanted);
		g_array_append_val(array, wanted);
	}
	return array;
}

static void
free_array(void *operand)
{
	g_array_unref(operand);
}

static bool
fits(const struct wanted *wanted, const struct ph_inspect_finding *finding)
{
	g_autofree char *name = ph_fold(finding->name);
	unsigned confidence = wanted->min_confidence > 0
				  ? wanted->min_confidence
				  : finding->recommended;

	if (wanted->name == NULL ||
	    (strcmp(name, wanted->name) != 0 &&
	     strcasecmp(finding->id, wanted->name) != 0))
		return false;
	return finding->count >= wanted->min_count &&
	       finding->count <= wanted->max_count &&
	       finding->confidence >= confidence &&
	       finding->confidence <= wanted->max_confidence;
}

/* The value's number is the position of a finding. */
static int
match(struct ph_evaluation *e, const void *operand,
      const struct ph_value *value, struct ph_err *err)
{
	const GArray *array = operand;
	const struct ph_inspect_finding *findings;
	size_t n;

	if (ph_inspect_findings(ph_mail_inspection(e->mail), &findings, &n,
				err) < 0)
		return -1;
	for (guint i = 0; i < array->len; i++)
		if (fits(&g_array_index(array, struct wanted, i),
			 &findings[value->number]))
			return 1;
	return 0;
}

const struct ph_comparison ph_compare_classified = {.name = "classifications",
						    .compile = compile,
						    .free = free_array,
						    .match = match};
