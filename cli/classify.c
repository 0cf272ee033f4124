#include "cli/classify.h"

#include "cli/message.h"
#include "lib/base/text.h"
#include "milters/transport/rules/condition.h"
#include "milters/transport/rules/sensitive.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 60

const struct ph_option ph_dataclassification_test_options[] = {
    {"text", "TEXT", "this text in the place of a file"},
    {NULL, NULL, NULL},
};

/* ---- what was found ------------------------------------------------------ */

/* Lines of the text before a place, and this one. */
static unsigned
line_of(const struct ph_classify_text *text, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at; i++)
		line += text->text[i] == '\n';
	return line;
}

/* "visa" (Keyword_cc_name), ...; g_free. */
static char *
evidence_text(const struct ph_classify_place *place,
	      const struct ph_classify_text *text)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < place->evidence->len; i++) {
		const struct ph_classify_evidence *e = &g_array_index(
		    place->evidence, struct ph_classify_evidence, i);
		g_autofree char *value =
		    g_strndup(text->text + e->start, e->end - e->start);
		g_autofree char *shown = ph_shorten(value, SHOWN_MAX);

		g_string_append_printf(out, "%s\"%s\" (%s)", i > 0 ? ", " : "",
				       shown, e->id);
	}
	return g_string_free(out, FALSE);
}

static void
add_place(struct ph_table *table, const struct ph_classify_found *found,
	  const struct ph_classify_place *place,
	  const struct ph_classify_text *text)
{
	g_autofree char *where =
	    g_strdup_printf("%s:%u", *text->name ? text->name : "-",
			    line_of(text, place->start));
	g_autofree char *value =
	    g_strndup(text->text + place->start, place->end - place->start);
	g_autofree char *shown = ph_shorten(value, SHOWN_MAX);
	g_autofree char *confidence = g_strdup_printf("%u", place->confidence);
	g_autofree char *evidence = evidence_text(place, text);

	ph_table_add(table,
		     (const char *[]){found->type->rule->name, where, shown,
				      confidence, evidence, NULL});
}

static void
add_found(struct ph_table *table, const struct ph_classify_found *found)
{
	g_autofree char *count = g_strdup_printf("%u", found->count);
	g_autofree char *confidence = g_strdup_printf("%u", found->confidence);
	g_autofree char *recommended =
	    g_strdup_printf("%u", found->type->rule->confidence);

	ph_table_add(table,
		     (const char *[]){found->type->rule->name,
				      found->type->rule->affinity ? "" : count,
				      confidence, recommended,
				      found->type->rule->id, NULL});
}

void
ph_classified_print(const GPtrArray *found,
		    const struct ph_classify_text *texts)
{
	static const char *const types[] = {
	    "Type", "Count", "Confidence", "Recommended", "Id", NULL};
	static const char *const places[] = {"Type",	   "Where",    "Text",
					     "Confidence", "Evidence", NULL};
	struct ph_table *table = ph_table_new(types);

	for (guint i = 0; i < found->len; i++)
		add_found(table, found->pdata[i]);
	ph_table_print(table);
	ph_table_free(&table);
	if (found->len == 0)
		return;
	table = ph_table_new(places);
	for (guint i = 0; i < found->len; i++) {
		const struct ph_classify_found *f = found->pdata[i];

		for (guint k = 0; k < f->places->len; k++) {
			const struct ph_classify_place *place =
			    f->places->pdata[k];

			add_place(table, f, place, &texts[place->text]);
		}
	}
	printf("\n");
	ph_table_print(table);
	ph_table_free(&table);
}

static json_t *
span_json(const struct ph_classify_text *text, size_t start, size_t end)
{
	json_t *json = json_object();
	g_autofree char *value = g_strndup(text->text + start, end - start);

	json_object_set_new(json, "Text", ph_json_text(value));
	json_object_set_new(json, "Offset", json_integer((json_int_t)start));
	json_object_set_new(json, "Length",
			    json_integer((json_int_t)(end - start)));
	return json;
}

static json_t *
place_json(const struct ph_classify_place *place,
	   const struct ph_classify_text *text)
{
	json_t *json = span_json(text, place->start, place->end);
	json_t *evidence = json_array();

	json_object_set_new(json, "In", ph_json_text(text->name));
	json_object_set_new(
	    json, "Line",
	    json_integer((json_int_t)line_of(text, place->start)));
	json_object_set_new(json, "Confidence",
			    json_integer((json_int_t)place->confidence));
	for (guint i = 0; i < place->evidence->len; i++) {
		const struct ph_classify_evidence *e = &g_array_index(
		    place->evidence, struct ph_classify_evidence, i);
		json_t *one = span_json(text, e->start, e->end);

		json_object_set_new(one, "Id", ph_json_text(e->id));
		json_array_append_new(evidence, one);
	}
	json_object_set_new(json, "Evidence", evidence);
	return json;
}

json_t *
ph_classified_json(const GPtrArray *found, const struct ph_classify_text *texts)
{
	json_t *array = json_array();

	for (guint i = 0; i < found->len; i++) {
		const struct ph_classify_found *f = found->pdata[i];
		json_t *json = json_object(), *places = json_array();

		ph_json_set(json, "Name", f->type->rule->name);
		ph_json_set(json, "Id", f->type->rule->id);
		if (!f->type->rule->affinity)
			json_object_set_new(json, "Count",
					    json_integer((json_int_t)f->count));
		json_object_set_new(json, "Confidence",
				    json_integer((json_int_t)f->confidence));
		json_object_set_new(
		    json, "Recommended",
		    json_integer((json_int_t)f->type->rule->confidence));
		for (guint k = 0; k < f->places->len; k++) {
			const struct ph_classify_place *place =
			    f->places->pdata[k];

			json_array_append_new(
			    places, place_json(place, &texts[place->text]));
		}
		json_object_set_new(json, "Places", places);
		json_array_append_new(array, json);
	}
	return array;
}

/* ---- the types ----------------------------------------------------------- */

static struct ph_sensitive_options
options_of(const struct ph_cli *cli)
{
	return (struct ph_sensitive_options){
	    .directory =
		ph_conf_text(cli->conf, "transport", "sensitive_types"),
	    .always = true};
}

/* Takes the snapshot. */
static int
open_with(struct ph_cli *cli, struct ph_snapshot *snapshot,
	  struct ph_classifier **classifier_r)
{
	struct ph_sensitive_options options = options_of(cli);
	struct ph_err err = PH_ERR_INIT;
	const struct ph_snapshot_error *errors;
	size_t n;
	void *built;

	*classifier_r = NULL;
	n = ph_snapshot_errors(snapshot, &errors);
	for (size_t i = 0; i < n; i++)
		if (g_str_has_prefix(errors[i].key, "dataclassification:"))
			ph_cli_warn("%s", errors[i].text);
	built = ph_sensitive_build(snapshot, NULL, &options, &err);
	if (ph_sensitive_classifier(built) != NULL)
		*classifier_r =
		    ph_classifier_ref(ph_sensitive_classifier(built));
	ph_sensitive_free(built);
	ph_snapshot_unref(&snapshot);
	if (*classifier_r == NULL)
		return ph_cli_err(&err);
	if (err.kind != PH_ERR_NONE)
		ph_cli_warn("%s", err.text);
	return PH_EXIT_YES;
}

static bool
has_type(const struct ph_classifier *classifier, const char *folded)
{
	size_t n;
	const struct ph_classify_type *types =
	    ph_classifier_types(classifier, &n);

	for (size_t i = 0; i < n; i++) {
		g_autofree char *name = ph_fold(types[i].rule->name);

		if (strcmp(name, folded) == 0 ||
		    g_ascii_strcasecmp(types[i].rule->id, folded) == 0)
			return true;
	}
	return false;
}

void
ph_classify_warn(struct ph_cli *cli, const char *field, const char *list)
{
	struct ph_classifier *classifier = NULL;
	g_auto(GStrv) items = NULL;

	if (ph_parse_list(list, &items, NULL) < 0 || !items[0] ||
	    ph_classifier_open(cli, &classifier) != PH_EXIT_YES)
		return;
	for (char **item = items; *item; item++) {
		g_autofree char *name = ph_classified_name(*item);

		if (!name || !has_type(classifier, name))
			ph_cli_warn("%s: there is no sensitive information "
				    "type \"%s\"; \"posthub "
				    "dataclassification types\" lists those "
				    "there are",
				    field, *item);
	}
	ph_classifier_unref(&classifier);
}

int
ph_classifier_open(struct ph_cli *cli, struct ph_classifier **classifier_r)
{
	struct ph_snapshot *snapshot = NULL;
	int status = PH_EXIT_YES;

	*classifier_r = NULL;
	if (ph_cli_snapshot(cli, true, NULL, &snapshot, &status) < 0)
		return status;
	return open_with(cli, snapshot, classifier_r);
}

int
ph_classifier_open_anyway(struct ph_cli *cli,
			  struct ph_classifier **classifier_r)
{
	struct ph_snapshot *snapshot = NULL;
	int status = PH_EXIT_YES;

	if (ph_cli_snapshot(cli, true, NULL, &snapshot, &status) < 0) {
		ph_cli_warn("sensitive information is looked for by the "
			    "built-in types alone");
		snapshot = ph_snapshot_build(NULL, 0, NULL);
	}
	return open_with(cli, snapshot, classifier_r);
}

int
ph_package_try(struct ph_cli *cli, const char *name, const char *text)
{
	struct ph_sensitive_options options = options_of(cli);
	struct ph_snapshot *snapshot = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES;
	int r;

	if (ph_cli_snapshot(cli, false, NULL, &snapshot, &status) < 0)
		return status;
	r = ph_sensitive_try(snapshot, name, text, &options, &err);
	ph_snapshot_unref(&snapshot);
	if (r < 0)
		ph_cli_warn("%s: whether the package goes with the built-in "
			    "types is not known",
			    err.text);
	return r == 0 ? ph_cli_fail(PH_EXIT_DATA, "dataclassification %s: %s",
				    name, err.text)
		      : PH_EXIT_YES;
}

/* ---- verbs --------------------------------------------------------------- */

static gint
compare_types(gconstpointer a, gconstpointer b)
{
	const struct ph_classify_type *x =
	    *(const struct ph_classify_type *const *)a;
	const struct ph_classify_type *y =
	    *(const struct ph_classify_type *const *)b;

	return strcmp(x->rule->name, y->rule->name);
}

int
ph_dataclassification_types(struct ph_cli *cli, const struct ph_input *input)
{
	static const char *const columns[] = {"Name", "Confidence", "Id",
					      "Package", NULL};
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	const struct ph_classify_type *types;
	struct ph_classifier *classifier;
	struct ph_table *table;
	size_t n;
	int status = ph_classifier_open(cli, &classifier);

	(void)input;
	if (status != PH_EXIT_YES)
		return status;
	types = ph_classifier_types(classifier, &n);
	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(sorted, (void *)(uintptr_t)&types[i]);
	g_ptr_array_sort(sorted, compare_types);
	table = ph_table_new(columns);
	for (guint i = 0; i < sorted->len; i++) {
		const struct ph_classify_type *type = sorted->pdata[i];
		g_autofree char *confidence =
		    g_strdup_printf("%u", type->rule->confidence);

		ph_table_add(table,
			     (const char *[]){type->rule->name, confidence,
					      type->rule->id,
					      type->package->name, NULL});
	}
	ph_table_show(table, cli->json);
	ph_table_free(&table);
	ph_classifier_unref(&classifier);
	return PH_EXIT_YES;
}

/* Valid UTF-8, of a file, "-" or --text; g_free. */
static int
take_text(const struct ph_input *input, char **text_r)
{
	const char *given = ph_input_option(input, "text");
	const char *path = input->n > 0 ? input->words[0] : "-";
	GByteArray *content;
	g_autofree char *text = NULL;
	size_t size;
	int status;

	if (given && input->n > 0)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "both a file and --text; give one of them");
	if (given) {
		*text_r = g_utf8_make_valid(given, -1);
		return PH_EXIT_YES;
	}
	status = ph_message_read(path, &content);
	if (status != PH_EXIT_YES)
		return status;
	if (ph_package_decode(content->data, content->len, &text, &size, NULL) <
	    0)
		text = g_utf8_make_valid((const char *)content->data,
					 (gssize)content->len);
	*text_r = g_steal_pointer(&text);
	g_byte_array_unref(content);
	return PH_EXIT_YES;
}

int
ph_dataclassification_test(struct ph_cli *cli, const struct ph_input *input)
{
	g_autofree char *content = NULL;
	g_autoptr(GPtrArray) found = NULL;
	struct ph_classify_text text = {.name = "text"};
	struct ph_classifier *classifier;
	struct ph_err err = PH_ERR_INIT;
	int status = take_text(input, &content);

	if (status == PH_EXIT_YES)
		status = ph_classifier_open(cli, &classifier);
	if (status != PH_EXIT_YES)
		return status;
	g_assert(content != NULL);
	text.text = content;
	text.size = strlen(content);
	if (ph_classifier_find(classifier, &text, 1, &found, &err) < 0)
		status = ph_cli_err(&err);
	else if (cli->json)
		ph_json_print(ph_classified_json(found, &text));
	else
		ph_classified_print(found, &text);
	if (status == PH_EXIT_YES && found->len == 0)
		status = PH_EXIT_NO;
	ph_classifier_unref(&classifier);
	return status;
}
