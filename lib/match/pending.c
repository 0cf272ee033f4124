#include "lib/match/match_private.h"

#include "lib/match/fold.h"

#include <string.h>

/*
 * A hit has neither letter, digit nor mark at its sides, so the first run of
 * such characters ("token") in a word is a whole token of the text wherever the
 * word is found. One look-up for each token of the text is then enough for any
 * number of words.
 */
struct token {
	const char *text;
	size_t size;
};

/* A word, and where its first token begins. */
struct entry {
	uint32_t number;
	size_t offset;
};

struct ph_pending {
	GHashTable *by_token; /* struct token -> GArray of struct entry */
	GArray *rest;	      /* uint32_t: words without a token */
};

static guint
hash_token(gconstpointer key)
{
	const struct token *token = key;
	guint h = 5381;

	for (size_t i = 0; i < token->size; i++)
		h = h * 33 + (guchar)token->text[i];
	return h;
}

static gboolean
same_token(gconstpointer a, gconstpointer b)
{
	const struct token *x = a, *y = b;

	return x->size == y->size && memcmp(x->text, y->text, x->size) == 0;
}

static size_t
char_size(const char *text, size_t size)
{
	size_t n = 1;

	while (n < size && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* The next token at or after *at, which is moved behind it. */
static bool
next_token(const char *text, size_t size, size_t *at, struct token *token_r)
{
	size_t start, end = *at;

	while (end < size && !ph_match_is_word(text + end, size - end))
		end += char_size(text + end, size - end);
	start = end;
	while (end < size && ph_match_is_word(text + end, size - end))
		end += char_size(text + end, size - end);
	*token_r = (struct token){text + start, end - start};
	*at = end;
	return end > start;
}

static void
unref_array(gpointer array)
{
	g_array_unref(array);
}

static void
add(struct ph_pending *pending, const struct ph_term *term, uint32_t number)
{
	struct token token;
	struct entry entry = {.number = number};
	size_t at = 0;
	GArray *entries;

	if (!next_token(term->text, term->size, &at, &token)) {
		g_array_append_val(pending->rest, number);
		return;
	}
	entry.offset = (size_t)(token.text - term->text);
	entries = g_hash_table_lookup(pending->by_token, &token);
	if (entries == NULL) {
		entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
		g_hash_table_insert(pending->by_token,
				    g_memdup2(&token, sizeof token), entries);
	}
	g_array_append_val(entries, entry);
}

struct ph_pending *
ph_pending_new(const struct ph_terms *terms, const GArray *numbers)
{
	struct ph_pending *pending = g_new0(struct ph_pending, 1);

	pending->by_token =
	    g_hash_table_new_full(hash_token, same_token, g_free, unref_array);
	pending->rest = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < numbers->len; i++) {
		uint32_t number = g_array_index(numbers, uint32_t, i);

		add(pending, ph_terms_at(terms, number), number);
	}
	return pending;
}

void
ph_pending_free(struct ph_pending *pending)
{
	g_hash_table_unref(pending->by_token);
	g_array_unref(pending->rest);
	g_free(pending);
}

static bool
fits(const struct ph_term *term, const char *text, size_t size, size_t at,
     size_t offset)
{
	if (at < offset || size - (at - offset) < term->size)
		return false;
	at -= offset;
	return memcmp(text + at, term->text, term->size) == 0 &&
	       ph_match_delimited(text, size, at, term->size);
}

void
ph_pending_scan(const struct ph_pending *pending, const struct ph_terms *terms,
		const char *text, size_t size,
		void (*hit)(uint32_t number, void *context), void *context)
{
	struct token token;
	size_t at = 0;

	for (guint i = 0; i < pending->rest->len; i++) {
		uint32_t number = g_array_index(pending->rest, uint32_t, i);
		const struct ph_term *term = ph_terms_at(terms, number);

		if (ph_match_find_word(text, size, 0, term->text, term->size) !=
		    SIZE_MAX)
			hit(number, context);
	}
	if (g_hash_table_size(pending->by_token) == 0)
		return;
	while (next_token(text, size, &at, &token)) {
		const GArray *entries =
		    g_hash_table_lookup(pending->by_token, &token);

		for (guint i = 0; entries != NULL && i < entries->len; i++) {
			const struct entry *e =
			    &g_array_index(entries, struct entry, i);

			if (fits(ph_terms_at(terms, e->number), text, size,
				 (size_t)(token.text - text), e->offset))
				hit(e->number, context);
		}
	}
}
