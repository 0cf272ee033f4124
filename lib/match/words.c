#include "lib/match/match_private.h"

#include "lib/match/fold.h"

#include <string.h>

/*
 * A hit has neither letter, digit nor mark at its sides, so each run of such
 * characters ("token") in a word is a whole token of the text wherever the word
 * is found. One look-up for each token of the text is then enough for any
 * number of words; of a phrase, its least common token is looked up.
 *
 * Tokens are found 64 bytes at a time, as runs of ASCII letters and digits and
 * of all that is not ASCII; only of a run that has some of the latter the
 * characters are looked at.
 */
#define BLOCK ((size_t)64)
#define ONES UINT64_C(0x0101010101010101)
#define HIGHS (ONES << 7)

struct token {
	const char *text;
	size_t size;
};

/* A word, and the token by which it is found. */
struct entry {
	uint32_t number;
	uint32_t hash;
	uint32_t next; /* index + 1 in entries */
	size_t size;   /* of the token */
	size_t offset; /* of the token in the word */
};

struct ph_words {
	GArray *entries; /* struct entry */
	uint32_t *slots; /* index + 1 in entries */
	unsigned shift;	 /* of a hash, for its slot */
	GArray *rest;	 /* uint32_t: words without a token */
};

/* ---- tokens ---- */

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

bool
ph_words_take(const char *word, size_t size)
{
	struct token token;
	size_t at = 0;

	return next_token(word, size, &at, &token);
}

static inline uint64_t
load(const char *p, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, p, size);
	return GUINT64_FROM_LE(value);
}

/* Of the first eight bytes and the last eight, which is all of most. */
static inline uint32_t
mix(uint64_t first, uint64_t last, size_t size)
{
	uint64_t h = first * UINT64_C(0x9e3779b97f4a7c15) ^
		     (last + size) * UINT64_C(0xc2b2ae3d27d4eb4f);

	h ^= h >> 32;
	return (uint32_t)((h * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint32_t
hash_bytes(const char *p, size_t size)
{
	size_t n = MIN(size, 8);

	return mix(load(p, n), load(p + size - n, n), size);
}

/* The same, where eight bytes can be read in any case: without a branch on the
 * size, which nobody can foresee. */
static inline uint32_t
hash_inside(const char *p, size_t size)
{
	size_t n = MIN(size, 8);
	uint64_t mask = UINT64_MAX >> (64 - 8 * n);

	return mix(load(p, 8) & mask, load(p + size - n, 8) & mask, size);
}

static guint
hash_token(gconstpointer key)
{
	const struct token *token = key;

	return hash_bytes(token->text, token->size);
}

static gboolean
same_token(gconstpointer a, gconstpointer b)
{
	const struct token *x = a, *y = b;

	return x->size == y->size && memcmp(x->text, y->text, x->size) == 0;
}

/* ---- making ---- */

/* How many phrases have a token. Where there is but one, nothing is to be
 * chosen. */
static void
count_tokens(GHashTable *counts, const struct ph_term *term)
{
	struct token token;
	size_t at = 0, n_tokens = 0;

	while (next_token(term->text, term->size, &at, &token))
		n_tokens++;
	if (n_tokens < 2)
		return;
	at = 0;
	while (next_token(term->text, term->size, &at, &token)) {
		guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, &token));

		g_hash_table_replace(counts, g_memdup2(&token, sizeof token),
				     GUINT_TO_POINTER(n + 1));
	}
}

/* The one that the fewest phrases have; of these the longest. Size 0: there is
 * none. */
static struct token
choose_token(GHashTable *counts, const struct ph_term *term)
{
	struct token best = {NULL, 0}, token;
	guint least = G_MAXUINT;
	size_t at = 0;

	while (next_token(term->text, term->size, &at, &token)) {
		guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, &token));

		if (n > least || (n == least && token.size <= best.size))
			continue;
		least = n;
		best = token;
	}
	return best;
}

static void
add(struct ph_words *words, const struct ph_term *term, uint32_t number,
    struct token token)
{
	struct entry entry = {
	    .number = number,
	    .hash = hash_token(&token),
	    .size = token.size,
	    .offset = (size_t)(token.text - term->text),
	};
	uint32_t *slot = &words->slots[entry.hash >> words->shift];

	entry.next = *slot;
	g_array_append_val(words->entries, entry);
	*slot = words->entries->len;
}

struct ph_words *
ph_words_new(const struct ph_terms *terms, const GArray *numbers)
{
	struct ph_words *words = g_new0(struct ph_words, 1);
	g_autoptr(GHashTable) counts =
	    g_hash_table_new_full(hash_token, same_token, g_free, NULL);
	unsigned bits = 8;

	while (bits < 24 && (1U << bits) < 8 * numbers->len)
		bits++;
	words->shift = 32 - bits;
	words->slots = g_new0(uint32_t, (size_t)1 << bits);
	words->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	words->rest = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < numbers->len; i++)
		count_tokens(
		    counts,
		    ph_terms_at(terms, g_array_index(numbers, uint32_t, i)));
	for (guint i = 0; i < numbers->len; i++) {
		uint32_t number = g_array_index(numbers, uint32_t, i);
		const struct ph_term *term = ph_terms_at(terms, number);
		struct token token = choose_token(counts, term);

		if (token.size > 0)
			add(words, term, number, token);
		else
			g_array_append_val(words->rest, number);
	}
	return words;
}

void
ph_words_free(struct ph_words *words)
{
	g_array_unref(words->entries);
	g_array_unref(words->rest);
	g_free(words->slots);
	g_free(words);
}

/* ---- scanning ---- */

struct search {
	const struct ph_words *words;
	const struct ph_terms *terms;
	const char *text;
	size_t size;
	void (*hit)(uint32_t number, void *context);
	void *context;
};

static bool
fits(const struct search *s, const struct entry *e, size_t at)
{
	const struct ph_term *term = ph_terms_at(s->terms, e->number);

	if (at < e->offset || s->size - (at - e->offset) < term->size)
		return false;
	at -= e->offset;
	return memcmp(s->text + at, term->text, term->size) == 0 &&
	       ph_match_delimited(s->text, s->size, at, term->size);
}

static inline void
look_up(const struct search *s, size_t at, size_t size)
{
	const struct ph_words *words = s->words;
	const char *p = s->text + at;
	uint32_t hash = s->size - at >= size + 8 ? hash_inside(p, size)
						 : hash_bytes(p, size);
	uint32_t next = words->slots[hash >> words->shift];

	while (next != 0) {
		const struct entry *e =
		    &g_array_index(words->entries, struct entry, next - 1);

		if (e->hash == hash && e->size == size && fits(s, e, at))
			s->hit(e->number, s->context);
		next = e->next;
	}
}

static void
look_up_all(const struct search *s, size_t at, size_t end)
{
	struct token token;

	while (next_token(s->text, end, &at, &token))
		look_up(s, (size_t)(token.text - s->text), token.size);
}

/* Which of 64 bytes are of a run, which of them are not ASCII. */
struct masks {
	uint64_t run, high;
};

/* The highest bit of each byte, the first byte's lowest. */
static inline uint64_t
gather(uint64_t highs)
{
	return ((highs >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

/* The highest bit of each byte (below 0x80) that is at least c. */
static inline uint64_t
at_least(uint64_t bytes, unsigned char c)
{
	return bytes + ONES * (0x80U - c);
}

static inline struct masks
classify(const char *p)
{
	struct masks m = {0, 0};

	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint64_t bytes = load(p + i, 8);
		uint64_t low = bytes & ~HIGHS, small = low | ONES * 0x20;
		uint64_t word =
		    (at_least(small, 'a') & ~at_least(small, 'z' + 1)) |
		    (at_least(low, '0') & ~at_least(low, '9' + 1));

		m.run |= gather((word | bytes) & HIGHS) << i;
		m.high |= gather(bytes & HIGHS) << i;
	}
	return m;
}

/* A run that goes on behind its block: where it ends. */
static size_t
find_end(const struct search *s, size_t at, bool *high)
{
	for (; at < s->size; at++) {
		unsigned char c = (unsigned char)s->text[at];

		if (c >= 0x80)
			*high = true;
		else if (!g_ascii_isalnum((char)c))
			break;
	}
	return at;
}

static inline void
search_run(const struct search *s, const struct masks *m, size_t block,
	   unsigned from)
{
	uint64_t run = m->run >> from;
	unsigned length = run == UINT64_MAX ? (unsigned)BLOCK
					    : (unsigned)__builtin_ctzll(~run);
	uint64_t part =
	    length == BLOCK ? UINT64_MAX : (UINT64_C(1) << length) - 1;
	bool high = (m->high >> from & part) != 0;
	size_t end = block + from + length;

	if (from + length == BLOCK)
		end = find_end(s, end, &high);
	if (high)
		look_up_all(s, block + from, end);
	else
		look_up(s, block + from, end - block - from);
}

static void
search_tokens(const struct search *s)
{
	uint64_t before = 0; /* the last byte of the block before is of a run */

	for (size_t at = 0; at < s->size; at += BLOCK) {
		size_t size = MIN(s->size - at, BLOCK);
		char last[BLOCK] = "";
		struct masks m;
		uint64_t starts;

		if (size < BLOCK)
			memcpy(last, s->text + at, size);
		m = classify(size < BLOCK ? last : s->text + at);
		starts = m.run & ~(m.run << 1 | before);
		before = m.run >> (BLOCK - 1);
		for (; starts != 0; starts &= starts - 1)
			search_run(s, &m, at,
				   (unsigned)__builtin_ctzll(starts));
	}
}

void
ph_words_scan(const struct ph_words *words, const struct ph_terms *terms,
	      const char *text, size_t size,
	      void (*hit)(uint32_t number, void *context), void *context)
{
	const struct search s = {words, terms, text, size, hit, context};

	for (guint i = 0; i < words->rest->len; i++) {
		uint32_t number = g_array_index(words->rest, uint32_t, i);
		const struct ph_term *term = ph_terms_at(terms, number);

		if (ph_match_find_word(text, size, 0, term->text, term->size) !=
		    SIZE_MAX)
			hit(number, context);
	}
	if (words->entries->len > 0)
		search_tokens(&s);
}
