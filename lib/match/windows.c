#include "lib/match/windows.h"

#define BITS 64

struct ph_windows {
	size_t words; /* of BITS patterns each */
	size_t within;
	/* One bit a pattern: [word][symbol], and from [word][place][symbol]. */
	uint64_t *before, *not_before[2];
	uint64_t *from;
	/* Which symbols matches of any of them begin with, by what stands
	 * before: most places need no other look. */
	struct ph_symbols begins[PH_SYMBOLS];
};

/* Rows of a word lie together, since a place is asked about word by word. */
static size_t
cell(size_t word, unsigned symbol)
{
	return word * PH_SYMBOLS + symbol;
}

static size_t
from_cell(size_t word, unsigned place, unsigned symbol)
{
	return (word * PH_PATTERN_WINDOW + place) * PH_SYMBOLS + symbol;
}

static void
add_window(struct ph_windows *windows, const struct ph_pattern_window *window,
	   size_t i)
{
	const size_t word = i / BITS;
	const uint64_t bit = UINT64_C(1) << i % BITS;

	for (unsigned symbol = 0; symbol < PH_SYMBOLS; symbol++) {
		const size_t at = cell(word, symbol);

		if (ph_symbols_has(&window->before, symbol))
			windows->before[at] |= bit;
		for (int j = 0; j < 2; j++)
			if (ph_symbols_has(&window->not_before[j], symbol))
				windows->not_before[j][at] |= bit;
		for (unsigned k = 0; k < PH_PATTERN_WINDOW; k++)
			if (ph_symbols_has(&window->from[k], symbol))
				windows->from[from_cell(word, k, symbol)] |=
				    bit;
	}
}

static void
add_beginnings(struct ph_windows *windows,
	       const struct ph_pattern_window *window)
{
	for (unsigned symbol = 0; symbol < PH_SYMBOLS; symbol++)
		if (ph_symbols_has(&window->before, symbol))
			for (size_t i = 0;
			     i < G_N_ELEMENTS(window->from[0].bits); i++)
				windows->begins[symbol].bits[i] |=
				    window->from[0].bits[i];
}

struct ph_windows *
ph_windows_new(const struct ph_pattern *const *patterns, size_t n)
{
	struct ph_windows *windows = g_new0(struct ph_windows, 1);
	size_t cells;

	windows->words = (n + BITS - 1) / BITS;
	cells = PH_SYMBOLS * windows->words;
	windows->before = g_new0(uint64_t, cells);
	windows->not_before[0] = g_new0(uint64_t, cells);
	windows->not_before[1] = g_new0(uint64_t, cells);
	windows->from = g_new0(uint64_t, cells * PH_PATTERN_WINDOW);
	for (size_t i = 0; i < n; i++) {
		struct ph_pattern_digits digits;

		g_assert(ph_pattern_digits(patterns[i], &digits));
		windows->within = MAX(windows->within, digits.within);
		add_window(windows, ph_pattern_window(patterns[i]), i);
		add_beginnings(windows, ph_pattern_window(patterns[i]));
	}
	return windows;
}

void
ph_windows_free(struct ph_windows **windowsp)
{
	struct ph_windows *windows = g_steal_pointer(windowsp);

	if (windows == NULL)
		return;
	g_free(windows->before);
	g_free(windows->not_before[0]);
	g_free(windows->not_before[1]);
	g_free(windows->from);
	g_free(windows);
}

size_t
ph_windows_within(const struct ph_windows *windows)
{
	return windows->within;
}

void
ph_places_init(struct ph_places *places, const struct ph_windows *windows,
	       size_t limit)
{
	*places = (struct ph_places){
	    .words = windows->words,
	    .wanted = g_new0(uint64_t, windows->words),
	    .found = g_new(GArray *, windows->words),
	    .limit = limit,
	    .end = SIZE_MAX,
	};
	for (size_t i = 0; i < windows->words; i++)
		places->found[i] =
		    g_array_new(FALSE, FALSE, sizeof(struct ph_place));
}

void
ph_places_clear(struct ph_places *places)
{
	for (size_t i = 0; i < places->words; i++)
		g_array_unref(places->found[i]);
	g_free(places->found);
	g_free(places->wanted);
}

void
ph_places_want(struct ph_places *places, size_t pattern)
{
	places->wanted[pattern / BITS] |= UINT64_C(1) << pattern % BITS;
}

bool
ph_places_wants(const struct ph_places *places, size_t pattern)
{
	return (places->wanted[pattern / BITS] >> pattern % BITS & 1) != 0;
}

bool
ph_places_next(const struct ph_places *places, size_t pattern, guint *i,
	       size_t *at_r)
{
	const GArray *found = places->found[pattern / BITS];
	const struct ph_place *first = (const void *)found->data;
	const struct ph_place *end = first + found->len;
	const unsigned bit = pattern % BITS;

	for (const struct ph_place *place = first + *i; place < end; place++) {
		if ((place->patterns >> bit & 1) == 0)
			continue;
		*i = (guint)(place - first) + 1;
		*at_r = place->at;
		return true;
	}
	return false;
}

/* A place in a text, and the symbols around it. */
struct view {
	const unsigned char *from; /* PH_PATTERN_WINDOW of the text, or fewer */
	unsigned left;		   /* how many */
	unsigned previous, earlier;
};

static struct view
view_at(const char *text, size_t size, size_t at)
{
	const unsigned char *p = (const unsigned char *)text + at;

	return (struct view){
	    .from = p,
	    .left = (unsigned)MIN(size - at, PH_PATTERN_WINDOW),
	    .previous = at > 0 ? p[-1] : PH_SYMBOL_END,
	    .earlier = at > 1 ? p[-2] : PH_SYMBOL_END,
	};
}

/* Which patterns of a word may begin there; most do not get far. */
static uint64_t
look(const struct ph_windows *windows, size_t word, uint64_t wanted,
     const struct view *view)
{
	const uint64_t *from = &windows->from[from_cell(word, 0, 0)];
	const size_t previous = cell(word, view->previous);
	uint64_t found = wanted & windows->before[previous] & from[*view->from];

	if (found == 0)
		return 0;
	found &= ~(windows->not_before[0][cell(word, view->earlier)] &
		   windows->not_before[1][previous]);
	for (unsigned k = 1; k < view->left && found != 0; k++)
		found &= from[k * PH_SYMBOLS + view->from[k]];
	if (view->left < PH_PATTERN_WINDOW)
		found &= from[view->left * PH_SYMBOLS + PH_SYMBOL_END];
	return found;
}

static void
add_places(const struct ph_windows *windows, const struct view *view, size_t at,
	   struct ph_places *places)
{
	for (size_t word = 0; word < windows->words; word++) {
		const struct ph_place place = {
		    at, look(windows, word, places->wanted[word], view)};

		if (place.patterns == 0)
			continue;
		g_array_append_val(places->found[word], place);
		places->total++;
	}
}

void
ph_windows_scan(const struct ph_windows *windows, const char *text, size_t size,
		size_t from, size_t until, struct ph_places *places)
{
	unsigned previous =
	    from > 0 ? (unsigned char)text[from - 1] : PH_SYMBOL_END;

	for (size_t at = from; at < size && at <= until; at++) {
		const unsigned symbol = (unsigned char)text[at];
		const struct ph_symbols *begins = &windows->begins[previous];
		struct view view;

		previous = symbol;
		if (!ph_symbols_has(begins, symbol) || (symbol & 0xc0) == 0x80)
			continue;
		if (places->total >= places->limit) {
			places->end = MIN(places->end, at);
			return;
		}
		view = view_at(text, size, at);
		add_places(windows, &view, at, places);
	}
}
