#include "lib/match/match_private.h"

/* So many segments of a kind, each one more pass over the text. */
#define SEGMENT_LIMIT 4

/* ---- making ---- */

static void
clear_part(gpointer data)
{
	struct ph_part *part = data;

	ph_segment_unref(part->segment);
	g_free(part->numbers);
}

/* Takes those of the segment's terms that no other part has yet. */
static void
add_part(struct ph_match_plan *plan, const struct ph_terms *terms,
	 bool *covered, struct ph_segment *segment)
{
	uint32_t n = ph_segment_count(segment);
	struct ph_match_plan_kind *kind =
	    &plan->kinds[ph_segment_kind(segment)];
	struct ph_part part = {segment, g_new(uint32_t, n), 0};

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number;

		part.numbers[i] = PH_NO_TERM;
		if (!ph_terms_find(terms, ph_segment_term(segment, i),
				   &number) ||
		    covered[number])
			continue;
		covered[number] = true;
		part.live++;
		part.numbers[i] = number;
		if (ph_segment_refused(segment, i))
			g_array_append_val(kind->single, number);
	}
	if (part.live == 0) {
		g_free(part.numbers);
		return;
	}
	kind->live += part.live;
	kind->dead += n - part.live;
	ph_segment_ref(segment);
	g_array_append_val(plan->parts, part);
}

static void
add_rest(struct ph_match_plan *plan, const struct ph_terms *terms,
	 const bool *covered)
{
	for (uint32_t i = 0; i < ph_terms_count(terms); i++) {
		const struct ph_term *term = ph_terms_at(terms, i);
		struct ph_match_plan_kind *kind = &plan->kinds[term->kind];

		if (covered[i])
			continue;
		if (term->expression == NULL)
			g_array_append_val(kind->single, i);
		else
			g_array_append_val(kind->pending, i);
	}
}

/* Those that no database answers for; g_array_unref. */
static GArray *
without_database(const struct ph_match_plan_kind *kind)
{
	GArray *both = g_array_copy(kind->pending);

	g_array_append_vals(both, kind->single->data, kind->single->len);
	return both;
}

static void
index_rest(struct ph_match_plan *plan, const struct ph_terms *terms)
{
	g_autoptr(GArray) words = without_database(&plan->kinds[PH_TERM_WORD]);
	g_autoptr(GArray) patterns =
	    without_database(&plan->kinds[PH_TERM_PATTERN]);

	plan->kinds[PH_TERM_WORD].words = ph_words_new(terms, words);
	plan->kinds[PH_TERM_PATTERN].factors = ph_factors_new(terms, patterns);
}

struct ph_match_plan *
ph_match_plan_new(const struct ph_terms *terms, GPtrArray *segments)
{
	struct ph_match_plan *plan = g_new0(struct ph_match_plan, 1);
	bool *covered = g_new0(bool, ph_terms_count(terms));

	g_atomic_ref_count_init(&plan->refs);
	plan->parts = g_array_new(FALSE, FALSE, sizeof(struct ph_part));
	g_array_set_clear_func(plan->parts, clear_part);
	for (int i = 0; i < PH_TERM_KINDS; i++) {
		plan->kinds[i].pending =
		    g_array_new(FALSE, FALSE, sizeof(uint32_t));
		plan->kinds[i].single =
		    g_array_new(FALSE, FALSE, sizeof(uint32_t));
	}
	for (guint i = 0; i < segments->len; i++)
		add_part(plan, terms, covered, segments->pdata[i]);
	add_rest(plan, terms, covered);
	g_free(covered);
	index_rest(plan, terms);
	return plan;
}

struct ph_match_plan *
ph_match_plan_ref(struct ph_match_plan *plan)
{
	g_atomic_ref_count_inc(&plan->refs);
	return plan;
}

void
ph_match_plan_unref(struct ph_match_plan *plan)
{
	if (!g_atomic_ref_count_dec(&plan->refs))
		return;
	for (int i = 0; i < PH_TERM_KINDS; i++) {
		g_array_unref(plan->kinds[i].pending);
		g_array_unref(plan->kinds[i].single);
		if (plan->kinds[i].words != NULL)
			ph_words_free(plan->kinds[i].words);
		if (plan->kinds[i].factors != NULL)
			ph_factors_free(plan->kinds[i].factors);
	}
	g_array_unref(plan->parts);
	g_free(plan);
}

static void
unref_segment(gpointer segment)
{
	ph_segment_unref(segment);
}

GPtrArray *
ph_match_plan_segments(const struct ph_match_plan *plan)
{
	GPtrArray *segments = g_ptr_array_new_with_free_func(unref_segment);

	for (guint i = 0; i < plan->parts->len; i++)
		g_ptr_array_add(
		    segments,
		    ph_segment_ref(
			g_array_index(plan->parts, struct ph_part, i).segment));
	return segments;
}

/* ---- what to compile next ---- */

static void
unref_term(gpointer term)
{
	ph_term_unref(term);
}

static void
want_part(GPtrArray *wanted, const struct ph_part *part)
{
	uint32_t n = ph_segment_count(part->segment);

	for (uint32_t i = 0; i < n; i++)
		if (part->numbers[i] != PH_NO_TERM)
			g_ptr_array_add(wanted, ph_term_ref(ph_segment_term(
						    part->segment, i)));
}

static gint
compare_live(gconstpointer a, gconstpointer b)
{
	const struct ph_part *const *part_a = a;
	const struct ph_part *const *part_b = b;

	return ((*part_a)->live > (*part_b)->live) -
	       ((*part_a)->live < (*part_b)->live);
}

/* The parts of a kind, the smallest first; borrowed. */
static GPtrArray *
sorted_parts(const struct ph_match_plan *plan, enum ph_term_kind kind)
{
	GPtrArray *parts = g_ptr_array_new();

	for (guint i = 0; i < plan->parts->len; i++) {
		struct ph_part *part =
		    &g_array_index(plan->parts, struct ph_part, i);

		if (ph_segment_kind(part->segment) == kind)
			g_ptr_array_add(parts, part);
	}
	g_ptr_array_sort(parts, compare_live);
	return parts;
}

/*
 * Only what is new, so that a change costs what it changes; together with the
 * segments that are not much larger, so that there are few and each term is
 * compiled again a logarithmic number of times; or everything, when much of the
 * whole is new or gone.
 */
GPtrArray *
ph_match_plan_wanted(const struct ph_match_plan *plan,
		     const struct ph_terms *terms, enum ph_term_kind kind)
{
	const struct ph_match_plan_kind *k = &plan->kinds[kind];
	bool everything = (k->pending->len + k->dead) * 3 > k->live;
	GPtrArray *parts;
	GPtrArray *wanted;

	if (k->pending->len == 0 && (k->dead == 0 || !everything))
		return NULL;
	wanted = g_ptr_array_new_with_free_func(unref_term);
	for (guint i = 0; i < k->pending->len; i++)
		g_ptr_array_add(
		    wanted,
		    ph_term_ref(ph_terms_at(
			terms, g_array_index(k->pending, uint32_t, i))));
	parts = sorted_parts(plan, kind);
	for (guint i = 0; i < parts->len; i++) {
		const struct ph_part *part = parts->pdata[i];

		if (everything || parts->len - i >= SEGMENT_LIMIT ||
		    part->live / 2 <= wanted->len)
			want_part(wanted, part);
	}
	g_ptr_array_unref(parts);
	return wanted;
}
