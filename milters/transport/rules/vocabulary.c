#include "milters/transport/rules/vocabulary.h"

#include "lib/base/text.h"
#include "lib/match/fold.h"

#include <string.h>

static void
free_source(void *data)
{
	struct ph_source *source = data;

	g_clear_pointer(&source->terms, g_hash_table_unref);
	g_clear_pointer(&source->addresses, g_hash_table_unref);
	g_clear_pointer(&source->domains, g_hash_table_unref);
	if (source->numbers != NULL)
		g_array_unref(source->numbers);
	g_free(source);
}

struct ph_vocabulary *
ph_vocabulary_new(void)
{
	struct ph_vocabulary *v = g_new0(struct ph_vocabulary, 1);

	v->sources = g_ptr_array_new_with_free_func(free_source);
	v->source_index =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	v->names = g_string_chunk_new(512);
	v->terms = ph_terms_new();
	return v;
}

void
ph_vocabulary_free(struct ph_vocabulary **vocabulary)
{
	struct ph_vocabulary *v = g_steal_pointer(vocabulary);

	if (v == NULL)
		return;
	g_ptr_array_unref(v->sources);
	g_hash_table_unref(v->source_index);
	g_string_chunk_free(v->names);
	ph_terms_free(&v->terms);
	ph_matcher_unref(&v->matcher);
	if (v->patterns != NULL)
		g_hash_table_unref(v->patterns);
	g_free(v);
}

uint32_t
ph_vocabulary_source(struct ph_vocabulary *v, const struct ph_subject *subject,
		     const char *selector)
{
	g_autofree char *folded =
	    selector != NULL ? g_ascii_strdown(selector, -1) : g_strdup("");
	g_autofree char *key =
	    g_strdup_printf("%p %s", (const void *)subject, folded);
	gpointer found = g_hash_table_lookup(v->source_index, key);
	struct ph_source *source;

	if (found != NULL)
		return GPOINTER_TO_UINT(found) - 1;
	source = g_new0(struct ph_source, 1);
	source->subject = subject;
	source->selector =
	    selector != NULL ? g_string_chunk_insert(v->names, selector) : NULL;
	source->slot = v->n_slots[subject->level]++;
	g_ptr_array_add(v->sources, source);
	g_hash_table_insert(v->source_index, g_steal_pointer(&key),
			    GUINT_TO_POINTER(v->sources->len));
	return v->sources->len - 1;
}

const struct ph_source *
ph_vocabulary_at(const struct ph_vocabulary *v, uint32_t source)
{
	return v->sources->pdata[source];
}

uint32_t
ph_vocabulary_word(struct ph_vocabulary *v, const char *word)
{
	g_autofree char *folded = ph_match_fold(word, strlen(word), NULL);

	return *folded != '\0' ? ph_terms_add_word(v->terms, folded)
			       : UINT32_MAX;
}

uint32_t
ph_vocabulary_pattern(struct ph_vocabulary *v, const char *text, unsigned flags)
{
	g_autofree char *key = g_strdup_printf("%u %s", flags, text);
	struct ph_pattern *pattern =
	    v->patterns != NULL ? g_hash_table_lookup(v->patterns, key) : NULL;
	struct ph_err err = PH_ERR_INIT;
	uint32_t term;

	if (pattern != NULL)
		return ph_terms_add_pattern(v->terms, pattern);
	if (ph_pattern_compile(text, flags, &pattern, &err) < 0)
		return UINT32_MAX;
	term = ph_terms_add_pattern(v->terms, pattern);
	ph_pattern_unref(&pattern);
	return term;
}

char *
ph_vocabulary_domain(const char *text)
{
	g_autofree char *ascii =
	    g_str_is_ascii(text) ? NULL : g_hostname_to_ascii(text);

	return ph_fold(ascii != NULL ? ascii : text);
}

/* ---- gates -------------------------------------------------------------- */

static void
unref_array(void *array)
{
	g_array_unref(array);
}

/* A rule enters once for each of its values: the last entry tells. */
static void
add_rule(GHashTable *table, gpointer key, uint32_t rule)
{
	GArray *rules = g_hash_table_lookup(table, key);

	if (rules->len == 0 ||
	    g_array_index(rules, uint32_t, rules->len - 1) != rule)
		g_array_append_val(rules, rule);
}

void
ph_vocabulary_gate_term(struct ph_vocabulary *v, uint32_t source, uint32_t term,
			uint32_t rule)
{
	struct ph_source *s = v->sources->pdata[source];
	gpointer key = GUINT_TO_POINTER(term);

	if (s->terms == NULL)
		s->terms = g_hash_table_new_full(NULL, NULL, NULL, unref_array);
	if (!g_hash_table_contains(s->terms, key))
		g_hash_table_insert(
		    s->terms, key, g_array_new(FALSE, FALSE, sizeof(uint32_t)));
	add_rule(s->terms, key, rule);
}

static void
gate_text(GHashTable **table, const char *folded, uint32_t rule)
{
	if (*table == NULL)
		*table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       unref_array);
	if (!g_hash_table_contains(*table, folded))
		g_hash_table_insert(
		    *table, g_strdup(folded),
		    g_array_new(FALSE, FALSE, sizeof(uint32_t)));
	add_rule(*table, (gpointer)(uintptr_t)folded, rule);
}

void
ph_vocabulary_gate_address(struct ph_vocabulary *v, uint32_t source,
			   const char *folded, uint32_t rule)
{
	struct ph_source *s = v->sources->pdata[source];

	gate_text(&s->addresses, folded, rule);
}

void
ph_vocabulary_gate_domain(struct ph_vocabulary *v, uint32_t source,
			  const char *folded, uint32_t rule)
{
	struct ph_source *s = v->sources->pdata[source];

	gate_text(&s->domains, folded, rule);
}

void
ph_vocabulary_gate_number(struct ph_vocabulary *v, uint32_t source,
			  const struct ph_number_gate *gate)
{
	struct ph_source *s = v->sources->pdata[source];

	if (s->numbers == NULL)
		s->numbers =
		    g_array_new(FALSE, FALSE, sizeof(struct ph_number_gate));
	g_array_append_val(s->numbers, *gate);
}
