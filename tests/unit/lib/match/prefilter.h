#ifndef PREFILTER_H
#define PREFILTER_H

#include "lib/match/pattern.h"
#include "tests/unit/unit.h"

#include <hs.h>
#include <stdbool.h>
#include <string.h>

/* A prefilter in Hyperscan, as the matcher uses it. */
struct prefilter {
	hs_database_t *db;
	hs_scratch_t *scratch;
};

/* False: Hyperscan knows that it never matches. */
static inline bool
prefilter_try(struct prefilter *f, const char *expression)
{
	hs_compile_error_t *error = NULL;
	int rc =
	    hs_compile(expression,
		       HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_PREFILTER |
			   HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY,
		       HS_MODE_BLOCK, NULL, &f->db, &error);

	f->scratch = NULL;
	if (rc != HS_SUCCESS) {
		ck_assert_msg(strstr(error->message, "never match") != NULL,
			      "%s: %s", expression, error->message);
		hs_free_compile_error(error);
		f->db = NULL;
		return false;
	}
	ck_assert_int_eq(hs_alloc_scratch(f->db, &f->scratch), HS_SUCCESS);
	return true;
}

static inline void
prefilter_open(struct prefilter *f, const char *expression)
{
	ck_assert_msg(prefilter_try(f, expression), "%s", expression);
}

static inline void
prefilter_close(struct prefilter *f)
{
	hs_free_scratch(f->scratch);
	hs_free_database(f->db);
}

static inline int
on_hit(unsigned id, unsigned long long from, unsigned long long to,
       unsigned flags, void *context)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	*(bool *)context = true;
	return 1;
}

static inline bool
prefilter_hits(const struct prefilter *f, const char *text)
{
	bool hit = false;

	if (f->db == NULL)
		return false;
	hs_scan(f->db, text, (unsigned)strlen(text), 0, f->scratch, on_hit,
		&hit);
	return hit;
}

/* What the pattern finds holds its factor. */
static inline void
check_factor(const struct ph_pattern *pattern, const char *text)
{
	const char *factor = ph_pattern_factor(pattern);
	g_autofree char *small = g_ascii_strdown(text, -1);

	ck_assert_msg(factor == NULL || strstr(small, factor) != NULL,
		      "%s finds \"%s\", which does not hold \"%s\"",
		      ph_pattern_text(pattern), text, factor);
}

/* What the pattern finds, its prefilter finds. Counts what was found. */
static inline void
check_text(const struct ph_pattern *pattern, const struct prefilter *f,
	   const char *text, unsigned *found)
{
	if (ph_pattern_match(pattern, text, strlen(text), NULL, NULL, NULL) !=
	    1)
		return;
	++*found;
	check_factor(pattern, text);
	ck_assert_msg(prefilter_hits(f, text), "%s finds \"%s\", %s does not",
		      ph_pattern_text(pattern), text,
		      ph_pattern_prefilter(pattern));
}

/* ---- chance ---- */

static inline const char *
pick(GRand *random, const char *const *list, size_t n)
{
	return list[g_rand_int_range(random, 0, (gint32)n)];
}

/* At most so many of the pieces, one after another; g_free. */
static inline char *
pick_some(GRand *random, const char *const *list, size_t n, gint32 most)
{
	GString *out = g_string_new(NULL);

	for (gint32 i = g_rand_int_range(random, 0, most + 1); i > 0; i--)
		g_string_append(out, pick(random, list, n));
	return g_string_free(out, FALSE);
}

#endif
