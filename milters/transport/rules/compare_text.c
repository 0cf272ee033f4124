#include "milters/transport/rules/finding.h"
#include "milters/transport/rules/scan.h"

#include "lib/match/fold.h"

#include <string.h>

/* A word or pattern in one of the sources of the condition. */
struct needle {
	uint32_t source;
	uint32_t term;
};

struct needles {
	guint n;
	struct needle needle[];
};

static struct needles *
pack(GArray *array)
{
	struct needles *needles =
	    g_malloc(sizeof(*needles) + array->len * sizeof(struct needle));

	needles->n = array->len;
	memcpy(needles->needle, array->data,
	       array->len * sizeof(struct needle));
	g_array_unref(array);
	return needles;
}

/* The term in each subject of the condition. */
static void
add(GArray *array, const struct ph_compile *c, const char *selector,
    uint32_t term)
{
	const struct ph_subject *subjects[] = {c->condition->subject,
					       c->condition->also};

	if (term == UINT32_MAX)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
		struct needle needle = {.term = term};

		if (subjects[i] == NULL)
			continue;
		needle.source =
		    ph_vocabulary_source(c->vocabulary, subjects[i], selector);
		g_array_append_val(array, needle);
	}
}

static unsigned
pattern_flags(const struct ph_compile *c)
{
	return ph_object_bool(c->rule, "UseLegacyRegex") ? PH_PATTERN_LEGACY
							 : 0;
}

static void *
compile_words(const struct ph_compile *c)
{
	const char *const *word = ph_object_list(c->rule, c->field);
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct needle));

	for (; *word != NULL; word++)
		add(array, c, c->selector,
		    ph_vocabulary_word(c->vocabulary, *word));
	return pack(array);
}

static void *
compile_patterns(const struct ph_compile *c)
{
	const char *const *pattern = ph_object_list(c->rule, c->field);
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct needle));

	for (; *pattern != NULL; pattern++)
		add(array, c, c->selector,
		    ph_vocabulary_pattern(c->vocabulary, *pattern,
					  pattern_flags(c)));
	return pack(array);
}

/* "Attribute:word,word two" */
static void *
compile_attribute_words(const struct ph_compile *c)
{
	const char *const *item = ph_object_list(c->rule, c->field);
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct needle));

	for (; *item != NULL; item++) {
		g_auto(GStrv) parts = g_strsplit(*item, ":", 2);
		g_auto(GStrv) words = g_strsplit(parts[1], ",", -1);

		for (char **word = words; *word != NULL; word++)
			add(array, c, parts[0],
			    ph_vocabulary_word(c->vocabulary,
					       g_strstrip(*word)));
	}
	return pack(array);
}

static void *
compile_attribute_patterns(const struct ph_compile *c)
{
	const char *const *item = ph_object_list(c->rule, c->field);
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct needle));

	for (; *item != NULL; item++) {
		g_auto(GStrv) parts = g_strsplit(*item, ":", 2);

		add(array, c, parts[0],
		    ph_vocabulary_pattern(c->vocabulary, parts[1],
					  pattern_flags(c)));
	}
	return pack(array);
}

/* ---- asking ------------------------------------------------------------- */

/* The texts of a source are said to have the word: where, for people. */
static void
find_word(struct ph_evaluation *e, const struct ph_source *source,
	  struct ph_recipient *recipient, const char *word)
{
	struct ph_value value;
	size_t cursor = 0;

	while (ph_source_value(e, source, recipient, &cursor, &value, NULL) ==
	       1) {
		size_t size;
		g_autofree char *folded =
		    ph_match_fold(value.text, value.size, &size);
		size_t at =
		    ph_match_find_word(folded, size, 0, word, strlen(word));

		if (at == SIZE_MAX)
			continue;
		ph_finding_match(e->finding, source->subject->name, folded,
				 size, at, at + strlen(word));
		return;
	}
}

/* Of one pattern in all texts of a message, ns: ten that reach the limit of
 * one. */
#define PATIENCE_NS (INT64_C(500) * 1000 * 1000)

static int64_t *
patience_for(struct ph_evaluation *e, struct ph_pattern *pattern)
{
	int64_t *left = g_hash_table_lookup(e->patience, pattern);

	if (left == NULL) {
		left = g_new(int64_t, 1);
		*left = PATIENCE_NS;
		g_hash_table_insert(e->patience, pattern, left);
	}
	return left;
}

/* A pattern's hit is only "perhaps". */
static enum ph_answer
confirm(struct ph_evaluation *e, const struct ph_source *source,
	struct ph_recipient *recipient, struct ph_pattern *pattern,
	struct ph_err *err)
{
	enum ph_answer answer = PH_ANSWER_FALSE;
	int64_t *left = patience_for(e, pattern);
	struct ph_value value;
	size_t cursor = 0, start, end;
	int r;

	while ((r = ph_source_value(e, source, recipient, &cursor, &value,
				    err)) == 1) {
		int m = ph_pattern_match_within(pattern, value.text, value.size,
						left, &start, &end, err);

		if (m == 1) {
			ph_finding_match(e->finding, source->subject->name,
					 value.text, value.size, start, end);
			return PH_ANSWER_TRUE;
		}
		if (m < 0)
			answer = PH_ANSWER_ERROR;
	}
	return r < 0 ? PH_ANSWER_ERROR : answer;
}

/* Once for all rules and copies that look at the same texts; but who explains
 * wants to see it again, and what failed may not fail again. */
static enum ph_answer
confirm_once(struct ph_evaluation *e, const struct needle *needle,
	     struct ph_scan *scan, struct ph_recipient *recipient,
	     struct ph_err *err)
{
	const struct ph_vocabulary *v = e->set->vocabulary;
	gpointer term = GUINT_TO_POINTER(needle->term), known;
	enum ph_answer answer;

	if (scan->confirmed == NULL)
		scan->confirmed = g_hash_table_new(NULL, NULL);
	if (e->finding == NULL &&
	    g_hash_table_lookup_extended(scan->confirmed, term, NULL, &known))
		return known != NULL ? PH_ANSWER_TRUE : PH_ANSWER_FALSE;
	answer = confirm(e, ph_vocabulary_at(v, needle->source), recipient,
			 ph_matcher_pattern(v->matcher, needle->term), err);
	if (answer != PH_ANSWER_ERROR)
		g_hash_table_insert(scan->confirmed, term,
				    GINT_TO_POINTER(answer == PH_ANSWER_TRUE));
	return answer;
}

/* What was looked at in vain, for people. */
static void
note_values(struct ph_evaluation *e, const struct ph_predicate *p,
	    const struct ph_source *source, struct ph_recipient *recipient)
{
	struct ph_value value;
	size_t cursor = 0;

	if (e->finding == NULL || e->finding->value != NULL)
		return;
	if (ph_source_value(e, source, recipient, &cursor, &value, NULL) == 1)
		ph_finding_value(e->finding, p, &value);
}

static enum ph_answer
ask_needle(struct ph_evaluation *e, const struct ph_predicate *p,
	   const struct needle *needle, struct ph_recipient *recipient,
	   struct ph_err *err)
{
	const struct ph_vocabulary *v = e->set->vocabulary;
	const struct ph_source *source = ph_vocabulary_at(v, needle->source);
	struct ph_scan *scan = ph_scan_get(e, needle->source, recipient);
	const char *word;

	note_values(e, p, source, recipient);
	if (ph_hits_has(&scan->hits, needle->term)) {
		word = ph_matcher_word(v->matcher, needle->term);
		if (word == NULL)
			return confirm_once(e, needle, scan, recipient, err);
		if (e->finding != NULL)
			find_word(e, source, recipient, word);
		return PH_ANSWER_TRUE;
	}
	if (scan->state != PH_SCAN_FAILED)
		return PH_ANSWER_FALSE;
	ph_err_set(err, PH_ERR_TEMP, "%s", scan->error);
	return PH_ANSWER_ERROR;
}

static enum ph_answer
ask(struct ph_evaluation *e, const struct ph_predicate *p,
    struct ph_recipient *recipient, struct ph_err *err)
{
	const struct needles *needles = p->operand;
	enum ph_answer answer = PH_ANSWER_FALSE;

	for (guint i = 0; i < needles->n; i++) {
		enum ph_answer one =
		    ask_needle(e, p, &needles->needle[i], recipient, err);

		if (one == PH_ANSWER_TRUE)
			return PH_ANSWER_TRUE;
		if (one == PH_ANSWER_ERROR)
			answer = PH_ANSWER_ERROR;
	}
	return answer;
}

static void
gate(const struct ph_predicate *p, struct ph_vocabulary *vocabulary,
     uint32_t rule)
{
	const struct needles *needles = p->operand;

	for (guint i = 0; i < needles->n; i++)
		ph_vocabulary_gate_term(vocabulary, needles->needle[i].source,
					needles->needle[i].term, rule);
}

const struct ph_comparison ph_compare_words = {
    .name = "words", .compile = compile_words, .ask = ask, .gate = gate};
const struct ph_comparison ph_compare_patterns = {
    .name = "patterns", .compile = compile_patterns, .ask = ask, .gate = gate};
const struct ph_comparison ph_compare_attribute_words = {
    .name = "attribute words",
    .compile = compile_attribute_words,
    .ask = ask,
    .gate = gate};
const struct ph_comparison ph_compare_attribute_patterns = {
    .name = "attribute patterns",
    .compile = compile_attribute_patterns,
    .ask = ask,
    .gate = gate};
