#include "milters/transport/rules/condition.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

/* A folded copy; g_free. */
static char *
fold(const char *text)
{
	size_t size = 0;
	uint8_t *folded;
	char *copy;

	if (g_str_is_ascii(text))
		return g_ascii_strdown(text, -1);
	folded = u8_casefold((const uint8_t *)text, strlen(text), NULL,
			     UNINORM_NFKC, NULL, &size);
	if (folded == NULL)
		return g_strdup(text);
	copy = g_strndup((const char *)folded, size);
	free(folded);
	return copy;
}

static const char *
folded_value(struct ph_evaluation *e, const char *text)
{
	char *folded = g_hash_table_lookup(e->folded, text);

	if (folded == NULL) {
		folded = fold(text);
		g_hash_table_insert(e->folded, g_strdup(text), folded);
	}
	return folded;
}

static void *
compile(const struct ph_object *rule, const char *field)
{
	const char *const *words = ph_object_list(rule, field);
	GPtrArray *folded = g_ptr_array_new();

	for (; *words != NULL; words++)
		g_ptr_array_add(folded, fold(*words));
	g_ptr_array_add(folded, NULL);
	return g_ptr_array_free(folded, FALSE);
}

static void
free_words(void *operand)
{
	g_strfreev(operand);
}

/* A mark belongs to the letter before it. */
static bool
is_word(gunichar c)
{
	return g_unichar_isalnum(c) || g_unichar_ismark(c);
}

static bool
is_delimited(const char *text, const char *hit, size_t size)
{
	if (hit > text && is_word(g_utf8_get_char(g_utf8_prev_char(hit))))
		return false;
	return hit[size] == '\0' || !is_word(g_utf8_get_char(hit + size));
}

static bool
contains(const char *text, const char *word)
{
	size_t size = strlen(word);

	if (size == 0)
		return false;
	for (const char *hit = strstr(text, word); hit != NULL;
	     hit = strstr(hit + 1, word))
		if (is_delimited(text, hit, size))
			return true;
	return false;
}

static bool
match(struct ph_evaluation *e, const void *operand,
      const struct ph_value *value)
{
	const char *text = folded_value(e, value->text);

	for (char *const *word = operand; *word != NULL; word++)
		if (contains(text, *word))
			return true;
	return false;
}

const struct ph_comparison ph_compare_words = {"words", compile, free_words,
					       match};
