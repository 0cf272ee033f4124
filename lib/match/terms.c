#include "lib/match/match_private.h"

#include <string.h>

struct ph_terms {
	GPtrArray *list;     /* struct ph_term */
	GHashTable *numbers; /* term: number */
};

/* ---- a term ---- */

static guint
term_hash(gconstpointer key)
{
	return ((const struct ph_term *)key)->hash;
}

static unsigned
term_flags(const struct ph_term *term)
{
	return term->pattern == NULL ? 0 : ph_pattern_flags(term->pattern);
}

static gboolean
term_equal(gconstpointer key_a, gconstpointer key_b)
{
	const struct ph_term *a = key_a;
	const struct ph_term *b = key_b;

	return a->hash == b->hash && a->kind == b->kind && a->size == b->size &&
	       memcmp(a->text, b->text, a->size) == 0 &&
	       term_flags(a) == term_flags(b);
}

struct ph_term *
ph_term_ref(struct ph_term *term)
{
	g_atomic_ref_count_inc(&term->refs);
	return term;
}

void
ph_term_unref(struct ph_term *term)
{
	if (!g_atomic_ref_count_dec(&term->refs))
		return;
	ph_pattern_unref(&term->pattern);
	g_free(term);
}

static struct ph_term *
term_new(const char *word, struct ph_pattern *pattern)
{
	size_t size = word == NULL ? 0 : strlen(word) + 1;
	struct ph_term *term = g_malloc(sizeof *term + size);

	g_atomic_ref_count_init(&term->refs);
	term->pattern = NULL;
	if (word != NULL) {
		memcpy(term->copy, word, size);
		term->kind = PH_TERM_WORD;
		term->text = term->copy;
	} else {
		term->pattern = ph_pattern_ref(pattern);
		term->kind = PH_TERM_PATTERN;
		term->text = ph_pattern_text(pattern);
	}
	term->size = strlen(term->text);
	if (pattern != NULL)
		term->expression = ph_pattern_prefilter(pattern);
	else
		term->expression =
		    ph_words_take(term->text, term->size) ? NULL : term->text;
	term->hash = g_str_hash(term->text) + term->kind;
	return term;
}

/* ---- terms ---- */

static void
unref_term(gpointer term)
{
	ph_term_unref(term);
}

struct ph_terms *
ph_terms_new(void)
{
	struct ph_terms *terms = g_new(struct ph_terms, 1);

	terms->list = g_ptr_array_new_with_free_func(unref_term);
	terms->numbers = g_hash_table_new(term_hash, term_equal);
	return terms;
}

void
ph_terms_free(struct ph_terms **terms)
{
	struct ph_terms *t = *terms;

	if (t == NULL)
		return;
	*terms = NULL;
	g_hash_table_unref(t->numbers);
	g_ptr_array_unref(t->list);
	g_free(t);
}

/* Takes the term. */
static uint32_t
add(struct ph_terms *terms, struct ph_term *term)
{
	uint32_t number;

	if (ph_terms_find(terms, term, &number)) {
		ph_term_unref(term);
		return number;
	}
	number = terms->list->len;
	g_ptr_array_add(terms->list, term);
	g_hash_table_insert(terms->numbers, term, GUINT_TO_POINTER(number));
	return number;
}

uint32_t
ph_terms_add_word(struct ph_terms *terms, const char *folded)
{
	g_assert(folded[0] != '\0');
	return add(terms, term_new(folded, NULL));
}

uint32_t
ph_terms_add_pattern(struct ph_terms *terms, struct ph_pattern *pattern)
{
	return add(terms, term_new(NULL, pattern));
}

size_t
ph_terms_count(const struct ph_terms *terms)
{
	return terms->list->len;
}

struct ph_term *
ph_terms_at(const struct ph_terms *terms, uint32_t number)
{
	g_assert(number < terms->list->len);
	return terms->list->pdata[number];
}

bool
ph_terms_find(const struct ph_terms *terms, const struct ph_term *term,
	      uint32_t *number_r)
{
	gpointer number;

	if (!g_hash_table_lookup_extended(terms->numbers, term, NULL, &number))
		return false;
	*number_r = GPOINTER_TO_UINT(number);
	return true;
}
