#include "lib/match/match_private.h"

#include <string.h>

/*
 * Patterns that no database answers for, by the first four bytes of a piece of
 * text that each of their matches holds. One pass over the text, four bytes at
 * each place, whatever their number.
 */
#define SLOTS_LOG 16
#define SLOTS (1U << SLOTS_LOG)

struct entry {
	uint32_t number; /* of the term */
	uint32_t next;	 /* index + 1 in entries */
	const char *factor;
	size_t size;
};

struct ph_factors {
	GArray *entries; /* struct entry */
	uint32_t *slots; /* index + 1 in entries; NULL: there are none */
	GArray *rest;	 /* uint32_t: without a factor, always "perhaps" */
};

static uint32_t
slot_of(const char *text)
{
	uint32_t four;

	memcpy(&four, text, sizeof four);
	return (four * UINT32_C(2654435761)) >> (32 - SLOTS_LOG);
}

static void
add(struct ph_factors *factors, uint32_t number, const char *factor)
{
	struct entry entry = {number, 0, factor, strlen(factor)};
	uint32_t *slot;

	if (factors->slots == NULL)
		factors->slots = g_new0(uint32_t, SLOTS);
	slot = &factors->slots[slot_of(factor)];
	entry.next = *slot;
	g_array_append_val(factors->entries, entry);
	*slot = factors->entries->len;
}

struct ph_factors *
ph_factors_new(const struct ph_terms *terms, const GArray *numbers)
{
	struct ph_factors *factors = g_new0(struct ph_factors, 1);

	factors->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	factors->rest = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < numbers->len; i++) {
		uint32_t number = g_array_index(numbers, uint32_t, i);
		const char *factor =
		    ph_pattern_factor(ph_terms_at(terms, number)->pattern);

		if (factor != NULL)
			add(factors, number, factor);
		else
			g_array_append_val(factors->rest, number);
	}
	return factors;
}

void
ph_factors_free(struct ph_factors *factors)
{
	g_array_unref(factors->entries);
	g_free(factors->slots);
	g_array_unref(factors->rest);
	g_free(factors);
}

static void
look(const struct ph_factors *factors, const char *at, size_t size,
     void (*hit)(uint32_t number, void *context), void *context)
{
	uint32_t next = factors->slots[slot_of(at)];

	while (next != 0) {
		const struct entry *e =
		    &g_array_index(factors->entries, struct entry, next - 1);

		if (e->size <= size && memcmp(at, e->factor, e->size) == 0)
			hit(e->number, context);
		next = e->next;
	}
}

void
ph_factors_scan(const struct ph_factors *factors, const char *text, size_t size,
		void (*hit)(uint32_t number, void *context), void *context)
{
	g_autofree char *small = NULL;

	for (guint i = 0; i < factors->rest->len; i++)
		hit(g_array_index(factors->rest, uint32_t, i), context);
	if (factors->slots == NULL || size < PH_FACTOR_MIN)
		return;
	small = g_ascii_strdown(text, (gssize)size);
	for (size_t at = 0; at + PH_FACTOR_MIN <= size; at++)
		look(factors, small + at, size - at, hit, context);
}
