#include "lib/classify/classify_private.h"

#include "lib/base/clock.h"

#include <string.h>

/* Processor time that the patterns of all types may take for one text. */
#define TIME_LIMIT_NS (INT64_C(500) * 1000 * 1000)
/* And all that is done with it: 16 MB of numbers take two seconds. */
#define TEXT_LIMIT_NS (INT64_C(10) * 1000 * 1000 * 1000)
#define UTF8_MAX 4
/* Places that are kept of one alternative in one text: 16 MB. Where there are
 * more, those behind are evidence for nothing. */
#define PLACES_MAX (1 << 20)
/* Beginnings of numbers that are kept of one text: eight megabytes. Behind them
 * each pattern looks for itself. */
#define STARTS_MAX ((size_t)512 * 1024)
/* Steps between two looks at the clock. */
#define TURNS 256

/* ---- what has been found of an alternative ------------------------------ */

/* A check is a row of a table, so its address tells it apart. */
static guint
hash_part(gconstpointer data)
{
	const struct ph_definition_part *part = data;

	return g_str_hash(part->text) ^ (guint)part->kind;
}

static gboolean
same_part(gconstpointer a, gconstpointer b)
{
	const struct ph_definition_part *x = a;
	const struct ph_definition_part *y = b;

	return x->kind == y->kind && x->check == y->check &&
	       strcmp(x->text, y->text) == 0 &&
	       g_strcmp0(x->exact, y->exact) == 0;
}

/* ---- digits -------------------------------------------------------------- */

static GArray *
find_runs(const char *text, size_t size, size_t *digits_r)
{
	GArray *runs = g_array_new(FALSE, FALSE, sizeof(struct ph_run));
	struct ph_run run = {0, 0, 0};

	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)(text[i] - '0') > 9)
			continue;
		if (run.digits > 0 && i - run.last > PH_RUN_GAP) {
			g_array_append_val(runs, run);
			run.digits = 0;
		}
		if (run.digits++ == 0)
			run.first = i;
		run.last = i;
		++*digits_r;
	}
	if (run.digits > 0)
		g_array_append_val(runs, run);
	return runs;
}

void
ph_occurrences_init(struct ph_occurrences *o, struct ph_classifier *classifier,
		    const char *text, size_t size)
{
	*o = (struct ph_occurrences){.classifier = classifier,
				     .text = text,
				     .size = size,
				     .left = TIME_LIMIT_NS,
				     .until =
					 ph_clock_processor() + TEXT_LIMIT_NS};
	ph_matcher_scan(classifier->matcher, text, size, &o->hits);
	o->ascii = g_str_is_ascii(text);
	o->spans = g_new0(GArray *, classifier->sources->len);
	o->longest = g_new0(size_t, classifier->sources->len);
	o->runs = find_runs(text, size, &o->digits);
	ph_places_init(&o->places, classifier->windows, STARTS_MAX);
	o->parts = g_hash_table_new_full(hash_part, same_part, NULL,
					 (GDestroyNotify)g_array_unref);
}

void
ph_occurrences_clear(struct ph_occurrences *o)
{
	for (guint i = 0; i < o->classifier->sources->len; i++)
		if (o->spans[i] != NULL)
			g_array_unref(o->spans[i]);
	g_free(o->spans);
	g_free(o->longest);
	g_hash_table_unref(o->parts);
	g_array_unref(o->runs);
	ph_places_clear(&o->places);
	if (o->counts != NULL)
		g_array_unref(o->counts);
	ph_hits_clear(&o->hits);
	if (o->is_folded)
		ph_folded_clear(&o->folded);
}

static const struct ph_source *
source_at(const struct ph_occurrences *o, uint32_t source)
{
	return &g_array_index(o->classifier->sources, struct ph_source, source);
}

static const struct ph_definition_part *
part_at(const struct ph_source *source, guint i)
{
	return &g_array_index(source->definition->parts,
			      struct ph_definition_part, i);
}

static bool
is_possible(const struct ph_occurrences *o, const struct ph_source *s, guint i)
{
	struct ph_pattern_digits digits;

	if (s->terms[i] != PH_NO_TERM)
		return ph_hits_has(&o->hits, s->terms[i]);
	ph_pattern_digits(part_at(s, i)->pattern, &digits);
	return o->digits >= MAX(digits.digits, 1);
}

bool
ph_occurrences_possible(const struct ph_occurrences *o, uint32_t source)
{
	const struct ph_source *s = source_at(o, source);

	if (o->spans[source] != NULL)
		return o->spans[source]->len > 0;
	for (guint i = 0; i < s->definition->parts->len; i++)
		if (is_possible(o, s, i))
			return true;
	return false;
}

void
ph_occurrences_expect(struct ph_occurrences *o, uint32_t source)
{
	const struct ph_source *s = source_at(o, source);

	for (guint i = 0; i < s->definition->parts->len; i++)
		if (s->terms[i] == PH_NO_TERM && is_possible(o, s, i))
			ph_places_want(&o->places, s->numbers[i]);
}

/* ---- patterns ------------------------------------------------------------ */

static GArray *
spans_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(struct ph_span));
}

/* The next place from which to look: behind a character. */
static size_t
behind(const struct ph_occurrences *o, size_t at)
{
	return at < o->size ? (size_t)(g_utf8_next_char(o->text + at) - o->text)
			    : o->size + 1;
}

static bool
passes(const struct ph_occurrences *o, const struct ph_definition_part *part,
       const struct ph_span *span)
{
	return span->end > span->start &&
	       (part->check == NULL ||
		ph_check_passes(part->check, o->text + span->start,
				span->end - span->start));
}

/* Each match is cheap, and does not see how many there are. */
static int
check_time(struct ph_occurrences *o, struct ph_err *err)
{
	if (++o->turns % TURNS != 0 || ph_clock_processor() < o->until)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "sensitive information types take too long in a text "
			  "like this");
}

/* In [from, until]. A number that does not pass may have begun too early ("7
 * 4111 1111..."), so the next one is looked for from its second character on.
 */
static int
find_between(struct ph_occurrences *o, const struct ph_definition_part *part,
	     size_t *from, size_t until, GArray *spans, struct ph_err *err)
{
	struct ph_span span;
	int r;

	while (*from <= MIN(until, o->size) &&
	       (r = ph_pattern_match_from(part->pattern, o->text, o->size,
					  *from, until, &o->left, &span.start,
					  &span.end, err)) != 0) {
		if (r < 0 || check_time(o, err) < 0)
			return -1;
		if (passes(o, part, &span)) {
			if (spans->len == PLACES_MAX)
				return 0;
			g_array_append_val(spans, span);
			*from = span.end;
		} else {
			*from = behind(o, span.start);
		}
	}
	return 0;
}

/* So many characters before, or as far as that can be. */
static size_t
step_back(const struct ph_occurrences *o, size_t at, size_t characters)
{
	if (o->ascii)
		return at - MIN(at, characters);
	for (; characters > 0 && at > 0; characters--)
		do
			at--;
		while (at > 0 && ((unsigned char)o->text[at] & 0xc0) == 0x80);
	return at;
}

/* Where matches of all patterns with digits may begin: not long before one. */
static const struct ph_places *
get_places(struct ph_occurrences *o)
{
	const struct ph_windows *windows = o->classifier->windows;
	const size_t within = ph_windows_within(windows);
	size_t from = 0;

	if (o->is_placed)
		return &o->places;
	o->is_placed = true;
	for (guint i = 0; i < o->runs->len; i++) {
		const struct ph_run *run =
		    &g_array_index(o->runs, struct ph_run, i);

		from = MAX(from, step_back(o, run->first, within - 1));
		ph_windows_scan(windows, o->text, o->size, from, run->last,
				&o->places);
		from = MAX(from, run->last + 1);
	}
	return &o->places;
}

/* As find_between, where a match may begin at certain places alone. */
static int
find_at_places(struct ph_occurrences *o, const struct ph_definition_part *part,
	       uint32_t number, size_t *from, GArray *spans, struct ph_err *err)
{
	struct ph_pattern_search *search =
	    ph_pattern_search_new(part->pattern, o->text, o->size);
	struct ph_span span;
	int r = 0;

	for (guint i = 0;
	     r >= 0 && spans->len < PLACES_MAX &&
	     ph_places_next(get_places(o), number, &i, &span.start);) {
		if (span.start < *from)
			continue;
		r = ph_pattern_search_at(search, span.start, &o->left,
					 &span.end, err);
		if (r == 1 && passes(o, part, &span)) {
			g_array_append_val(spans, span);
			*from = span.end;
		}
		if (check_time(o, err) < 0)
			r = -1;
	}
	ph_pattern_search_free(&search);
	return r < 0 ? -1 : 0;
}

/* Where there are digits enough, from a place on. */
static int
find_in_runs(struct ph_occurrences *o, const struct ph_definition_part *part,
	     const struct ph_pattern_digits *digits, size_t from, GArray *spans,
	     struct ph_err *err)
{
	bool in_a_run = digits->length <= PH_RUN_GAP / UTF8_MAX ||
			(o->ascii && digits->length <= PH_RUN_GAP);

	for (guint i = 0; i < o->runs->len; i++) {
		const struct ph_run *run =
		    &g_array_index(o->runs, struct ph_run, i);

		if (run->last < from ||
		    (in_a_run && run->digits < digits->digits))
			continue;
		from = MAX(from, step_back(o, run->first, digits->within - 1));
		if (find_between(o, part, &from, run->last, spans, err) < 0)
			return -1;
	}
	return 0;
}

static int
find_number(struct ph_occurrences *o, const struct ph_definition_part *part,
	    uint32_t number, GArray *spans, struct ph_err *err)
{
	const struct ph_places *places = get_places(o);
	struct ph_pattern_digits digits;
	size_t from = 0;

	ph_pattern_digits(part->pattern, &digits);
	if (!ph_places_wants(places, number))
		return find_in_runs(o, part, &digits, 0, spans, err);
	if (find_at_places(o, part, number, &from, spans, err) < 0)
		return -1;
	if (places->end == SIZE_MAX)
		return 0;
	return find_in_runs(o, part, &digits, MAX(from, places->end), spans,
			    err);
}

static int
find_pattern(struct ph_occurrences *o, const struct ph_definition_part *part,
	     uint32_t number, GArray *spans, struct ph_err *err)
{
	struct ph_pattern_digits digits;
	size_t from = 0;

	if (ph_pattern_digits(part->pattern, &digits))
		return find_number(o, part, number, spans, err);
	return find_between(o, part, &from, SIZE_MAX, spans, err);
}

/* ---- words --------------------------------------------------------------- */

static bool
is_as_written(const struct ph_occurrences *o,
	      const struct ph_definition_part *part, const struct ph_span *span)
{
	size_t size = span->end - span->start;

	return part->kind != PH_PART_EXACT_WORD ||
	       (strlen(part->exact) == size &&
		memcmp(o->text + span->start, part->exact, size) == 0);
}

static void
find_word(struct ph_occurrences *o, const struct ph_definition_part *part,
	  GArray *spans)
{
	size_t size = strlen(part->text);
	size_t at = 0;

	if (!o->is_folded)
		ph_folded_init(&o->folded, o->text, o->size);
	o->is_folded = true;
	while (spans->len < PLACES_MAX &&
	       (at = ph_match_find_word(o->folded.text, o->folded.size, at,
					part->text, size)) != SIZE_MAX) {
		struct ph_span span;

		ph_folded_place(&o->folded, at, size, &span.start, &span.end);
		if (is_as_written(o, part, &span))
			g_array_append_val(spans, span);
		at += size;
	}
}

static void
find_string(const struct ph_occurrences *o,
	    const struct ph_definition_part *part, GArray *spans)
{
	size_t size = strlen(part->text);
	const char *from = o->text;
	const char *hit;

	if (o->ascii && !g_str_is_ascii(part->text))
		return;
	while (spans->len < PLACES_MAX &&
	       (hit = memmem(from, o->size - (size_t)(from - o->text),
			     part->text, size)) != NULL) {
		struct ph_span span = {(size_t)(hit - o->text),
				       (size_t)(hit - o->text) + size};

		g_array_append_val(spans, span);
		from = hit + size;
	}
}

/* ---- sources ------------------------------------------------------------- */

static int
find_part(struct ph_occurrences *o, const struct ph_definition_part *part,
	  uint32_t number, GArray *spans, struct ph_err *err)
{
	switch (part->kind) {
	case PH_PART_PATTERN:
		return find_pattern(o, part, number, spans, err);
	case PH_PART_WORD:
	case PH_PART_EXACT_WORD:
		find_word(o, part, spans);
		return 0;
	case PH_PART_STRING:
		find_string(o, part, spans);
		return 0;
	}
	g_assert_not_reached();
}

/* Several sources may have the same. */
static int
find_shared(struct ph_occurrences *o, const struct ph_source *source, guint i,
	    GArray *spans, struct ph_err *err)
{
	const struct ph_definition_part *part = part_at(source, i);
	GArray *known = g_hash_table_lookup(o->parts, part);

	if (known == NULL) {
		known = spans_new();
		g_hash_table_insert(o->parts, (void *)(uintptr_t)part, known);
		if (find_part(o, part, source->numbers[i], known, err) < 0)
			return -1;
	}
	g_array_append_vals(spans, known->data, known->len);
	return 0;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	const struct ph_span *x = a;
	const struct ph_span *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static bool
is_sorted(const GArray *spans)
{
	for (guint i = 1; i < spans->len; i++)
		if (compare(&g_array_index(spans, struct ph_span, i - 1),
			    &g_array_index(spans, struct ph_span, i)) > 0)
			return false;
	return true;
}

/* Ascending, each once. What one alternative has found is so. */
static void
sort(GArray *spans, size_t *longest_r)
{
	struct ph_span *s = (struct ph_span *)(void *)spans->data;
	guint n = 0;

	if (!is_sorted(spans))
		g_array_sort(spans, compare);
	for (guint i = 0; i < spans->len; i++) {
		if (n > 0 && compare(&s[n - 1], &s[i]) == 0)
			continue;
		s[n++] = s[i];
		*longest_r = MAX(*longest_r, s[i].end - s[i].start);
	}
	g_array_set_size(spans, n);
}

int
ph_occurrences_find(struct ph_occurrences *o, uint32_t source,
		    const GArray **spans_r, struct ph_err *err)
{
	const struct ph_source *s = source_at(o, source);
	g_autoptr(GArray) spans = NULL;

	if (o->spans[source] == NULL) {
		spans = spans_new();
		for (guint i = 0; i < s->definition->parts->len; i++)
			if (is_possible(o, s, i) &&
			    find_shared(o, s, i, spans, err) < 0)
				return -1;
		sort(spans, &o->longest[source]);
		o->spans[source] = g_steal_pointer(&spans);
	}
	*spans_r = o->spans[source];
	return 0;
}

/* ---- near ---------------------------------------------------------------- */

/* Characters before each of these places are counted once: every so many bytes.
 */
#define COUNT_STEP ((size_t)256)

static size_t
count_in(const char *text, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void
count_all(struct ph_occurrences *o)
{
	size_t n = 0;

	o->counts = g_array_new(FALSE, FALSE, sizeof(size_t));
	for (size_t i = 0; i <= o->size; i += COUNT_STEP) {
		g_array_append_val(o->counts, n);
		n += count_in(o->text, i, MIN(i + COUNT_STEP, o->size));
	}
}

/* Characters that begin before a place. */
static size_t
count_before(struct ph_occurrences *o, size_t at)
{
	if (o->ascii)
		return at;
	if (o->counts == NULL)
		count_all(o);
	return g_array_index(o->counts, size_t, at / COUNT_STEP) +
	       count_in(o->text, at / COUNT_STEP * COUNT_STEP, at);
}

/* Are there at most n characters in [from, to)? */
static bool
is_within(struct ph_occurrences *o, size_t from, size_t to, unsigned n)
{
	size_t bytes = to - from;

	if (bytes <= n)
		return true;
	if (bytes > (size_t)n * UTF8_MAX)
		return false;
	return count_before(o, to) - count_before(o, from) <= n;
}

static bool
is_near(struct ph_occurrences *o, const struct ph_span *a,
	const struct ph_span *b, unsigned characters)
{
	if (a->end <= b->start)
		return is_within(o, a->end, b->start, characters);
	if (b->end <= a->start)
		return is_within(o, b->end, a->start, characters);
	return true;
}

/* The first span that begins at "at" or behind it. */
static guint
lower_bound(const GArray *spans, size_t at)
{
	guint low = 0, high = spans->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(spans, struct ph_span, middle).start < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
ph_occurrences_near(struct ph_occurrences *o, uint32_t source,
		    const struct ph_span *span, unsigned characters,
		    struct ph_span *near_r, struct ph_err *err)
{
	size_t reach = (size_t)characters * UTF8_MAX;
	const GArray *spans;
	size_t before;

	if (ph_occurrences_find(o, source, &spans, err) < 0)
		return -1;
	before = reach + o->longest[source];
	for (guint i = lower_bound(
		 spans, span->start > before ? span->start - before : 0);
	     i < spans->len; i++) {
		const struct ph_span *other =
		    &g_array_index(spans, struct ph_span, i);

		if (other->start > span->end &&
		    other->start - span->end > reach)
			break;
		if (!is_near(o, span, other, characters))
			continue;
		*near_r = *other;
		return 1;
	}
	return 0;
}

int
ph_occurrences_within(struct ph_occurrences *o, uint32_t source,
		      const struct ph_span *span, struct ph_span *found_r,
		      struct ph_err *err)
{
	const GArray *spans;

	if (ph_occurrences_find(o, source, &spans, err) < 0)
		return -1;
	for (guint i = lower_bound(spans, span->start); i < spans->len; i++) {
		const struct ph_span *other =
		    &g_array_index(spans, struct ph_span, i);

		if (other->start >= span->end)
			break;
		if (other->end > span->end)
			continue;
		*found_r = *other;
		return 1;
	}
	return 0;
}
