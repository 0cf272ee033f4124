#include "lib/classify/classify_private.h"

#include <string.h>

/* Which types the occurrences in texts make. */

static void
free_place(void *data)
{
	struct ph_classify_place *place = data;

	g_array_unref(place->evidence);
	g_free(place);
}

/* A type while it is looked for: of all texts together. */
struct tally {
	struct ph_classify_found found;
	/* Of texts that are forms of each other: value to how often it was
	 * there, at most, in one of them. */
	GHashTable *values;
	/* The same of the form at work. */
	GHashTable *form;
};

/* One text, one rule. */
struct work {
	struct ph_occurrences *o;
	const struct ph_rule_compiled *rule;
	size_t text;
	GHashTable *places; /* start to struct ph_classify_place */
	GPtrArray *order;   /* the same, owned */
	struct ph_err *err;
};

/* ---- trees --------------------------------------------------------------- */

/* Where a node is looked for: near an IdMatch, or inside a window. */
struct area {
	struct ph_span span;
	bool near;
	unsigned characters; /* of near */
};

static bool
is_possible(const struct ph_occurrences *o, const struct ph_node *node)
{
	unsigned n = 0;

	if (node->source != PH_NO_SOURCE)
		return ph_occurrences_possible(o, node->source);
	for (guint i = 0; i < node->children->len && n < node->min; i++)
		n += is_possible(
		    o, &g_array_index(node->children, struct ph_node, i));
	return n >= node->min;
}

static int holds(struct work *w, const struct ph_node *node,
		 const struct area *area, GArray *evidence);

/* How many of the children hold, as far as that matters: what may not be there
 * leaves no evidence. */
static int
holds_any(struct work *w, const struct ph_node *node, const struct area *area,
	  GArray *evidence)
{
	unsigned n = 0;

	for (guint i = 0; i < node->children->len; i++) {
		int r =
		    holds(w, &g_array_index(node->children, struct ph_node, i),
			  area, node->max > 0 ? evidence : NULL);

		if (r < 0)
			return -1;
		n += (unsigned)r;
		if (n > node->max)
			return 0;
		if (n >= node->min && node->max == node->children->len)
			return 1;
	}
	return n >= node->min;
}

static int
holds(struct work *w, const struct ph_node *node, const struct area *area,
      GArray *evidence)
{
	struct ph_span span;
	int r;

	if (node->source == PH_NO_SOURCE)
		return holds_any(w, node, area, evidence);
	if (!ph_occurrences_possible(w->o, node->source))
		return 0;
	r = area->near ? ph_occurrences_near(w->o, node->source, &area->span,
					     area->characters, &span, w->err)
		       : ph_occurrences_within(w->o, node->source, &area->span,
					       &span, w->err);
	if (r == 1 && evidence != NULL) {
		struct ph_classify_evidence e = {
		    g_array_index(w->o->classifier->sources, struct ph_source,
				  node->source)
			.definition->id,
		    span.start, span.end};

		g_array_append_val(evidence, e);
	}
	return r;
}

static int
holds_all(struct work *w, const struct ph_level *level, const struct area *area,
	  GArray *evidence)
{
	for (guint i = 0; i < level->nodes->len; i++) {
		int r =
		    holds(w, &g_array_index(level->nodes, struct ph_node, i),
			  area, evidence);

		if (r != 1)
			return r;
	}
	return 1;
}

static bool
all_possible(const struct ph_occurrences *o, const struct ph_level *level)
{
	if (level->source != PH_NO_SOURCE &&
	    !ph_occurrences_possible(o, level->source))
		return false;
	for (guint i = 0; i < level->nodes->len; i++)
		if (!is_possible(
			o, &g_array_index(level->nodes, struct ph_node, i)))
			return false;
	return true;
}

static void
expect_nodes(struct ph_occurrences *o, const GArray *nodes)
{
	for (guint i = 0; i < nodes->len; i++) {
		const struct ph_node *node =
		    &g_array_index(nodes, struct ph_node, i);

		if (node->source == PH_NO_SOURCE)
			expect_nodes(o, node->children);
		else
			ph_occurrences_expect(o, node->source);
	}
}

/* What a rule looks for, if words do not rule it out. */
static void
expect_rule(struct ph_occurrences *o, const struct ph_rule_compiled *rule)
{
	for (guint i = 0; i < rule->levels->len; i++) {
		const struct ph_level *level =
		    &g_array_index(rule->levels, struct ph_level, i);

		if (!rule->rule->affinity && !all_possible(o, level))
			continue;
		if (level->source != PH_NO_SOURCE)
			ph_occurrences_expect(o, level->source);
		expect_nodes(o, level->nodes);
	}
}

/* ---- confidence ---------------------------------------------------------- */

static const struct ph_level *
level_at(const struct ph_rule_compiled *rule, guint i)
{
	return &g_array_index(rule->levels, struct ph_level, i);
}

/* 1 - (1 - a)(1 - b)..., in whole per cent, rounded down. */
struct belief {
	double doubt; /* 1 at first */
	unsigned confidence;
};

static void
believe(struct belief *belief, unsigned confidence)
{
	belief->doubt *= (100.0 - confidence) / 100.0;
	/* What 0.15 is not exactly must not make 84 of 85. */
	belief->confidence = (unsigned)(100.0 - belief->doubt * 100.0 + 1e-6);
}

/* ---- entities ------------------------------------------------------------ */

/* What is being collected about one place. */
struct spot {
	struct ph_classify_place place;
	struct belief belief;
};

static void
free_spot(void *data)
{
	struct spot *spot = data;

	g_array_unref(spot->place.evidence);
	g_free(spot);
}

static struct spot *
get_spot(struct work *w, const struct ph_span *span)
{
	/* Two IdMatches that begin at one place are one number. */
	void *key = GSIZE_TO_POINTER(span->start + 1);
	struct spot *spot = g_hash_table_lookup(w->places, key);

	if (spot == NULL) {
		spot = g_new0(struct spot, 1);
		spot->belief.doubt = 1;
		spot->place.text = w->text;
		spot->place.start = span->start;
		spot->place.evidence = g_array_new(
		    FALSE, FALSE, sizeof(struct ph_classify_evidence));
		g_hash_table_insert(w->places, key, spot);
		g_ptr_array_add(w->order, spot);
	}
	spot->place.end = MAX(spot->place.end, span->end);
	return spot;
}

static void
add_evidence(struct spot *spot, const GArray *evidence)
{
	for (guint i = 0; i < evidence->len; i++) {
		const struct ph_classify_evidence *e =
		    &g_array_index(evidence, struct ph_classify_evidence, i);
		bool known = false;

		for (guint j = 0; j < spot->place.evidence->len; j++) {
			const struct ph_classify_evidence *k =
			    &g_array_index(spot->place.evidence,
					   struct ph_classify_evidence, j);

			known |= k->id == e->id && k->start == e->start;
		}
		if (!known)
			g_array_append_val(spot->place.evidence, *e);
	}
}

/* 1: the level holds somewhere. */
static int
run_level(struct work *w, const struct ph_level *level)
{
	g_autoptr(GArray) evidence =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_classify_evidence));
	const GArray *spans;
	int found = 0;

	if (!all_possible(w->o, level))
		return 0;
	if (ph_occurrences_find(w->o, level->source, &spans, w->err) < 0)
		return -1;
	for (guint i = 0; i < spans->len; i++) {
		struct area area = {g_array_index(spans, struct ph_span, i),
				    true, w->rule->rule->proximity};
		struct spot *spot;
		int r;

		g_array_set_size(evidence, 0);
		r = holds_all(w, level, &area, evidence);
		if (r < 0)
			return -1;
		if (r == 0)
			continue;
		spot = get_spot(w, &area.span);
		believe(&spot->belief, level->confidence);
		spot->place.confidence = spot->belief.confidence;
		add_evidence(spot, evidence);
		found = 1;
	}
	return found;
}

/* The confidence; 0: it is not there; -1. */
static int
run_entity(struct work *w)
{
	struct belief belief = {1, 0};

	for (guint i = 0; i < w->rule->levels->len; i++) {
		const struct ph_level *level = level_at(w->rule, i);
		int r = run_level(w, level);

		if (r < 0)
			return -1;
		if (r == 1)
			believe(&belief, level->confidence);
	}
	return (int)belief.confidence;
}

/* ---- affinities ---------------------------------------------------------- */

static int
collect(struct work *w, const GArray *nodes, GArray *starts)
{
	for (guint i = 0; i < nodes->len; i++) {
		const struct ph_node *node =
		    &g_array_index(nodes, struct ph_node, i);
		const GArray *spans;

		if (node->source == PH_NO_SOURCE) {
			if (collect(w, node->children, starts) < 0)
				return -1;
			continue;
		}
		if (!ph_occurrences_possible(w->o, node->source))
			continue;
		if (ph_occurrences_find(w->o, node->source, &spans, w->err) < 0)
			return -1;
		for (guint j = 0; j < spans->len; j++)
			g_array_append_val(
			    starts,
			    g_array_index(spans, struct ph_span, j).start);
	}
	return 0;
}

static gint
compare_starts(gconstpointer a, gconstpointer b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* So many characters behind, or the end. */
static size_t
step(const struct ph_occurrences *o, size_t at, unsigned characters)
{
	const char *p = o->text + at;
	const char *end = o->text + o->size;

	for (; characters > 0 && p < end; characters--)
		p = g_utf8_next_char(p);
	return (size_t)(MIN(p, end) - o->text);
}

/* What the window that begins there comes to; -1. */
static int
run_window(struct work *w, const struct area *area, GArray *evidence)
{
	struct belief belief = {1, 0};

	for (guint i = 0; i < w->rule->levels->len; i++) {
		const struct ph_level *level = level_at(w->rule, i);
		int r = holds_all(w, level, area, evidence);

		if (r < 0)
			return -1;
		if (r == 1)
			believe(&belief, level->confidence);
	}
	return (int)belief.confidence;
}

/* The best window, which begins with something that was found. */
static int
run_affinity(struct work *w)
{
	g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(size_t));
	size_t last = SIZE_MAX;
	int best = 0;

	for (guint i = 0; i < w->rule->levels->len; i++)
		if (collect(w, level_at(w->rule, i)->nodes, starts) < 0)
			return -1;
	g_array_sort(starts, compare_starts);
	for (guint i = 0; i < starts->len; i++) {
		size_t at = g_array_index(starts, size_t, i);
		struct area area = {
		    {at, step(w->o, at, w->rule->rule->proximity)}, false, 0};
		g_autoptr(GArray) evidence = g_array_new(
		    FALSE, FALSE, sizeof(struct ph_classify_evidence));
		int confidence;

		if (at == last)
			continue;
		last = at;
		confidence = run_window(w, &area, evidence);
		if (confidence < 0)
			return -1;
		if (confidence <= best ||
		    (unsigned)confidence < w->rule->rule->confidence)
			continue;
		best = confidence;
		g_hash_table_remove_all(w->places);
		g_ptr_array_set_size(w->order, 0);
		add_evidence(get_spot(w, &area.span), evidence);
		((struct spot *)w->order->pdata[0])->place.confidence =
		    (unsigned)confidence;
	}
	return best;
}

/* ---- texts together ------------------------------------------------------ */

static void
keep_place(struct tally *tally, const struct spot *spot)
{
	struct ph_classify_place *place;

	if (tally->found.places == NULL)
		tally->found.places =
		    g_ptr_array_new_with_free_func(free_place);
	if (tally->found.places->len == PH_CLASSIFY_PLACES)
		return;
	place = g_memdup2(&spot->place, sizeof(spot->place));
	g_array_ref(place->evidence);
	g_ptr_array_add(tally->found.places, place);
}

/* Letters and digits alone, so that 4111-1111... is 4111 1111... */
static char *
value_of(const struct work *w, const struct spot *spot)
{
	GString *value = g_string_new(NULL);

	for (size_t i = spot->place.start; i < spot->place.end; i++) {
		char c = w->o->text[i];

		if (g_ascii_isalnum(c) || (c & 0x80) != 0)
			g_string_append_c(value, g_ascii_toupper(c));
	}
	return g_string_free(value, FALSE);
}

static GHashTable *
values_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Is it one more than another form of the text has? */
static bool
is_new(struct tally *tally, const struct work *w, const struct spot *spot)
{
	g_autofree char *value = value_of(w, spot);
	guint n, most;

	if (tally->values == NULL)
		tally->values = values_new();
	if (tally->form == NULL)
		tally->form = values_new();
	n = GPOINTER_TO_UINT(g_hash_table_lookup(tally->form, value)) + 1;
	most = GPOINTER_TO_UINT(g_hash_table_lookup(tally->values, value));
	g_hash_table_insert(tally->form, g_strdup(value), GUINT_TO_POINTER(n));
	if (n > most)
		g_hash_table_insert(tally->values, g_strdup(value),
				    GUINT_TO_POINTER(n));
	return n > most;
}

static gint
compare_spots(gconstpointer a, gconstpointer b)
{
	const struct spot *x = *(const struct spot *const *)a;
	const struct spot *y = *(const struct spot *const *)b;

	return x->place.start < y->place.start
		   ? -1
		   : x->place.start > y->place.start;
}

static void
add_up(struct tally *tally, const struct work *w, bool form,
       unsigned confidence)
{
	struct ph_classify_found *found = &tally->found;

	found->confidence = MAX(found->confidence, confidence);
	g_clear_pointer(&tally->form, g_hash_table_unref);
	g_ptr_array_sort(w->order, compare_spots);
	for (guint i = 0; i < w->order->len; i++) {
		const struct spot *spot = w->order->pdata[i];

		if (form && !is_new(tally, w, spot))
			continue;
		found->count += w->rule->rule->affinity ? found->count == 0 : 1;
		keep_place(tally, spot);
	}
}

static int
run_rule(struct ph_occurrences *o, size_t text, bool form, guint rule,
	 struct tally *tally, struct ph_err *err)
{
	g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);
	g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(free_spot);
	struct work w = {.o = o,
			 .rule = &g_array_index(o->classifier->rules,
						struct ph_rule_compiled, rule),
			 .text = text,
			 .places = places,
			 .order = order,
			 .err = err};
	int confidence =
	    w.rule->rule->affinity ? run_affinity(&w) : run_entity(&w);

	if (confidence > 0)
		add_up(tally, &w, form, (unsigned)confidence);
	return confidence < 0 ? -1 : 0;
}

static int
run_text(struct ph_classifier *c, const struct ph_classify_text *text, size_t i,
	 struct tally *tallies, struct ph_err *err)
{
	struct ph_occurrences o;
	int answer = 0;

	ph_occurrences_init(&o, c, text->text, text->size);
	for (guint rule = 0; rule < c->rules->len; rule++)
		expect_rule(&o, &g_array_index(c->rules,
					       struct ph_rule_compiled, rule));
	for (guint rule = 0; rule < c->rules->len && answer == 0; rule++)
		answer = run_rule(&o, i, text->form, rule, &tallies[rule], err);
	ph_occurrences_clear(&o);
	return answer;
}

static void
free_found(void *data)
{
	struct ph_classify_found *found = data;

	g_ptr_array_unref(found->places);
	g_free(found);
}

static gint
compare_found(gconstpointer a, gconstpointer b)
{
	const struct ph_classify_found *x =
	    *(const struct ph_classify_found *const *)a;
	const struct ph_classify_found *y =
	    *(const struct ph_classify_found *const *)b;

	return strcmp(x->type->rule->name, y->type->rule->name);
}

static struct tally *
tallies_new(const struct ph_classifier *c)
{
	struct tally *tallies = g_new0(struct tally, c->rules->len);

	for (guint i = 0; i < c->rules->len; i++)
		tallies[i].found.type =
		    &g_array_index(c->types, struct ph_classify_type, i);
	return tallies;
}

/* What has a count goes to found. */
static void
tallies_free(const struct ph_classifier *c, struct tally *tallies,
	     GPtrArray *found)
{
	for (guint i = 0; i < c->rules->len; i++) {
		struct tally *tally = &tallies[i];

		g_clear_pointer(&tally->values, g_hash_table_unref);
		g_clear_pointer(&tally->form, g_hash_table_unref);
		if (found != NULL && tally->found.count > 0)
			g_ptr_array_add(found, g_memdup2(&tally->found,
							 sizeof(tally->found)));
		else
			g_clear_pointer(&tally->found.places,
					g_ptr_array_unref);
	}
	g_free(tallies);
}

int
ph_classifier_find(struct ph_classifier *classifier,
		   const struct ph_classify_text *texts, size_t n,
		   GPtrArray **found_r, struct ph_err *err)
{
	struct tally *tallies = tallies_new(classifier);

	*found_r = NULL;
	for (size_t i = 0; i < n; i++)
		if (run_text(classifier, &texts[i], i, tallies, err) < 0) {
			tallies_free(classifier, tallies, NULL);
			return -1;
		}
	*found_r = g_ptr_array_new_with_free_func(free_found);
	tallies_free(classifier, tallies, *found_r);
	g_ptr_array_sort(*found_r, compare_found);
	return 0;
}
