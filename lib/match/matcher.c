#include "lib/match/match_private.h"

#include "lib/match/fold.h"

#include <string.h>

/*
 * How many younger matchers took over from one. While there is one, nothing is
 * compiled for the older, which is on its way out; but when the younger is
 * given up (a change that was refused), the older is looked after again.
 */
struct successors {
	gatomicrefcount refs;
	gint n;
};

struct ph_matcher {
	gint users;	      /* references of those who scan */
	gatomicrefcount refs; /* of the compiler, and one of all users */
	struct ph_terms *terms;
	struct ph_match_compiler *compiler; /* NULL: none */
	struct successors *own;
	struct successors *before; /* of previous; NULL: there was none */
	GMutex change; /* held while a plan is made from the one before */
	GMutex mutex;
	struct ph_match_plan *plan; /* guarded by mutex; swapped whole */
};

static struct successors *
successors_new(void)
{
	struct successors *s = g_new(struct successors, 1);

	g_atomic_ref_count_init(&s->refs);
	s->n = 0;
	return s;
}

static void
successors_unref(struct successors *s)
{
	if (g_atomic_ref_count_dec(&s->refs))
		g_free(s);
}

/* ---- the plan ---- */

static struct ph_match_plan *
get_plan(struct ph_matcher *m)
{
	struct ph_match_plan *plan;

	g_mutex_lock(&m->mutex);
	plan = ph_match_plan_ref(m->plan);
	g_mutex_unlock(&m->mutex);
	return plan;
}

/* Takes the plan. */
static void
set_plan(struct ph_matcher *m, struct ph_match_plan *plan)
{
	struct ph_match_plan *old;

	g_mutex_lock(&m->mutex);
	old = m->plan;
	m->plan = plan;
	g_mutex_unlock(&m->mutex);
	ph_match_plan_unref(old);
}

static size_t
count_pending(const struct ph_match_plan *plan)
{
	return plan->kinds[PH_TERM_WORD].pending->len +
	       plan->kinds[PH_TERM_PATTERN].pending->len;
}

bool
ph_matcher_offer(struct ph_matcher *matcher, struct ph_segment *segment)
{
	struct ph_match_plan *old;
	struct ph_match_plan *plan;
	GPtrArray *segments;
	const struct ph_part *part;
	bool better;

	g_mutex_lock(&matcher->change);
	old = get_plan(matcher);
	segments = ph_match_plan_segments(old);
	g_ptr_array_insert(segments, 0, ph_segment_ref(segment));
	plan = ph_match_plan_new(matcher->terms, segments);
	part = plan->parts->len == 0
		   ? NULL
		   : &g_array_index(plan->parts, struct ph_part, 0);
	/* Mostly other matchers' terms would be a pass for nothing. */
	better = part != NULL && part->segment == segment &&
		 part->live * 2 >= ph_segment_count(segment) &&
		 (count_pending(plan) < count_pending(old) ||
		  plan->parts->len <= old->parts->len);
	if (better)
		set_plan(matcher, ph_match_plan_ref(plan));
	g_mutex_unlock(&matcher->change);
	ph_match_plan_unref(plan);
	ph_match_plan_unref(old);
	g_ptr_array_unref(segments);
	return better;
}

bool
ph_matcher_replaced(struct ph_matcher *matcher)
{
	return g_atomic_int_get(&matcher->own->n) > 0;
}

GPtrArray *
ph_matcher_wanted(struct ph_matcher *matcher, enum ph_term_kind *kind_r)
{
	struct ph_match_plan *plan = get_plan(matcher);
	GPtrArray *wanted = NULL;

	for (int i = 0; i < PH_TERM_KINDS && wanted == NULL; i++) {
		*kind_r = (enum ph_term_kind)i;
		wanted = ph_match_plan_wanted(plan, matcher->terms, *kind_r);
	}
	ph_match_plan_unref(plan);
	return wanted;
}

/* ---- life ---- */

/* A segment that became ready meanwhile was offered either to previous, or to
 * matcher after it was made known to the compiler. */
static void
take_over(struct ph_matcher *m, struct ph_match_plan *seen,
	  struct ph_matcher *previous)
{
	struct ph_match_plan *now = get_plan(previous);

	if (now != seen) {
		GPtrArray *segments = ph_match_plan_segments(now);

		for (guint i = 0; i < segments->len; i++)
			ph_matcher_offer(m, segments->pdata[i]);
		g_ptr_array_unref(segments);
	}
	ph_match_plan_unref(now);
}

static struct ph_matcher *
matcher_alloc(struct ph_terms *terms, struct ph_match_compiler *compiler)
{
	struct ph_matcher *m = g_new0(struct ph_matcher, 1);

	g_atomic_ref_count_init(&m->refs);
	m->users = 1;
	m->terms = terms;
	m->compiler = compiler == NULL ? NULL : ph_compiler_ref(compiler);
	m->own = successors_new();
	g_mutex_init(&m->change);
	g_mutex_init(&m->mutex);
	return m;
}

struct ph_matcher *
ph_matcher_new(struct ph_terms *terms, struct ph_matcher *previous,
	       struct ph_match_compiler *compiler)
{
	struct ph_matcher *m = matcher_alloc(terms, compiler);
	struct ph_match_plan *seen = NULL;
	GPtrArray *segments;

	if (previous == NULL) {
		segments = g_ptr_array_new();
	} else {
		seen = get_plan(previous);
		segments = ph_match_plan_segments(seen);
		m->before = previous->own;
		g_atomic_ref_count_inc(&m->before->refs);
	}
	m->plan = ph_match_plan_new(terms, segments);
	g_ptr_array_unref(segments);
	if (compiler != NULL)
		ph_compiler_add(compiler, m);
	if (previous != NULL) {
		/* Not earlier: at each moment one of both is offered what
		 * becomes ready. */
		g_atomic_int_inc(&m->before->n);
		take_over(m, seen, previous);
		ph_match_plan_unref(seen);
	}
	return m;
}

struct ph_matcher *
ph_matcher_ref(struct ph_matcher *matcher)
{
	g_atomic_int_inc(&matcher->users);
	return matcher;
}

struct ph_matcher *
ph_matcher_hold(struct ph_matcher *matcher)
{
	g_atomic_ref_count_inc(&matcher->refs);
	return matcher;
}

void
ph_matcher_drop(struct ph_matcher *matcher)
{
	if (!g_atomic_ref_count_dec(&matcher->refs))
		return;
	ph_match_plan_unref(matcher->plan);
	ph_terms_free(&matcher->terms);
	successors_unref(matcher->own);
	if (matcher->compiler != NULL)
		ph_compiler_unref(matcher->compiler);
	g_mutex_clear(&matcher->change);
	g_mutex_clear(&matcher->mutex);
	g_free(matcher);
}

void
ph_matcher_unref(struct ph_matcher **matcher)
{
	struct ph_matcher *m = *matcher;

	if (m == NULL)
		return;
	*matcher = NULL;
	if (!g_atomic_int_dec_and_test(&m->users))
		return;
	if (m->before != NULL) {
		g_atomic_int_add(&m->before->n, -1);
		successors_unref(m->before);
	}
	if (m->compiler != NULL)
		ph_compiler_remove(m->compiler, m);
	ph_matcher_drop(m);
}

/* ---- questions ---- */

size_t
ph_matcher_count(const struct ph_matcher *matcher)
{
	return ph_terms_count(matcher->terms);
}

size_t
ph_matcher_pending(struct ph_matcher *matcher)
{
	struct ph_match_plan *plan = get_plan(matcher);
	size_t n = count_pending(plan);

	ph_match_plan_unref(plan);
	return n;
}

struct ph_pattern *
ph_matcher_pattern(const struct ph_matcher *matcher, uint32_t term)
{
	return ph_terms_at(matcher->terms, term)->pattern;
}

const char *
ph_matcher_word(const struct ph_matcher *matcher, uint32_t term)
{
	const struct ph_term *t = ph_terms_at(matcher->terms, term);

	return t->kind == PH_TERM_WORD ? t->text : NULL;
}

/* ---- scanning ---- */

struct scan {
	const struct ph_terms *terms;
	const char *text; /* folded, for words */
	size_t size;
	uint64_t *bits;
	GArray *found;
	const struct ph_part *part;
};

static inline bool
is_found(const struct scan *s, uint32_t number)
{
	return (s->bits[number / 64] >> (number % 64) & 1) != 0;
}

static void
add_found(struct scan *s, uint32_t number)
{
	if (is_found(s, number))
		return;
	s->bits[number / 64] |= (uint64_t)1 << (number % 64);
	g_array_append_val(s->found, number);
}

static void
on_word(uint32_t index, size_t end, void *context)
{
	struct scan *s = context;
	uint32_t number = s->part->numbers[index];
	size_t size;

	if (number == PH_NO_TERM || is_found(s, number))
		return;
	size = ph_terms_at(s->terms, number)->size;
	if (size <= end &&
	    ph_match_delimited(s->text, s->size, end - size, size))
		add_found(s, number);
}

static void
on_pattern(uint32_t index, size_t end, void *context)
{
	struct scan *s = context;
	uint32_t number = s->part->numbers[index];

	(void)end;
	if (number != PH_NO_TERM)
		add_found(s, number);
}

static void
find_one(struct scan *s, uint32_t number)
{
	const struct ph_term *term = ph_terms_at(s->terms, number);

	/* Of a pattern that is asked for alone nothing is known. */
	if (term->kind == PH_TERM_PATTERN ||
	    ph_match_find_word(s->text, s->size, 0, term->text, term->size) !=
		SIZE_MAX)
		add_found(s, number);
}

static void
find_part(struct scan *s, const struct ph_part *part)
{
	bool words = ph_segment_kind(part->segment) == PH_TERM_WORD;
	uint32_t n = ph_segment_count(part->segment);

	s->part = part;
	/* An empty text has no word, and is cheap to ask a pattern for. */
	if (s->size > 0 &&
	    ph_segment_scan(part->segment, s->text, s->size,
			    words ? on_word : on_pattern, s) == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (part->numbers[i] != PH_NO_TERM)
			find_one(s, part->numbers[i]);
}

static void
on_pending(uint32_t number, void *context)
{
	add_found(context, number);
}

static void
find_kind(struct scan *s, const struct ph_match_plan *plan,
	  enum ph_term_kind kind)
{
	const struct ph_match_plan_kind *k = &plan->kinds[kind];

	if (k->words != NULL)
		ph_words_scan(k->words, s->terms, s->text, s->size, on_pending,
			      s);
	if (k->factors != NULL)
		ph_factors_scan(k->factors, s->text, s->size, on_pending, s);
	for (guint i = 0; i < plan->parts->len; i++) {
		const struct ph_part *part =
		    &g_array_index(plan->parts, struct ph_part, i);

		if (ph_segment_kind(part->segment) == kind)
			find_part(s, part);
	}
}

static bool
has_kind(const struct ph_match_plan *plan, enum ph_term_kind kind)
{
	const struct ph_match_plan_kind *k = &plan->kinds[kind];

	return k->live > 0 || k->pending->len > 0 || k->single->len > 0;
}

void
ph_matcher_scan(struct ph_matcher *matcher, const char *text, size_t size,
		struct ph_hits *hits_r)
{
	struct ph_match_plan *plan = get_plan(matcher);
	size_t n = ph_terms_count(matcher->terms);
	struct scan s = {matcher->terms,
			 text,
			 size,
			 g_new0(uint64_t, n / 64 + 1),
			 g_array_new(FALSE, FALSE, sizeof(uint32_t)),
			 NULL};

	find_kind(&s, plan, PH_TERM_PATTERN);
	if (has_kind(plan, PH_TERM_WORD)) {
		char *folded = ph_match_fold(text, size, &s.size);

		s.text = folded;
		find_kind(&s, plan, PH_TERM_WORD);
		g_free(folded);
	}
	ph_match_plan_unref(plan);
	hits_r->n = s.found->len;
	hits_r->terms = (uint32_t *)(void *)g_array_free(s.found, FALSE);
	hits_r->bits = s.bits;
	if (hits_r->n == 0)
		ph_hits_clear(hits_r);
}

void
ph_hits_clear(struct ph_hits *hits)
{
	g_clear_pointer(&hits->terms, g_free);
	g_clear_pointer(&hits->bits, g_free);
	hits->n = 0;
}
