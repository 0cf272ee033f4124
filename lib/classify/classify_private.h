#ifndef PH_CLASSIFY_CLASSIFY_PRIVATE_H
#define PH_CLASSIFY_CLASSIFY_PRIVATE_H

#include "lib/classify/classify.h"
#include "lib/match/fold.h"
#include "lib/match/windows.h"

/* What classifier.c's family shares: classifier.c compiles, occurrences.c finds
 * where things are in one text, find.c decides which types that makes. */

#define PH_NO_SOURCE UINT32_MAX
#define PH_NO_TERM UINT32_MAX

/* A definition, compiled: an alternative is a term of the matcher. */
struct ph_source {
	const struct ph_definition *definition;
	uint32_t *terms;   /* one a part; PH_NO_TERM: found by its digits */
	uint32_t *numbers; /* of those: which of the windows */
};

struct ph_node {
	uint32_t source; /* PH_NO_SOURCE: an Any */
	unsigned min, max;
	GArray *children; /* struct ph_node; of an Any */
};

struct ph_level {
	unsigned confidence;
	uint32_t source; /* of the IdMatch; PH_NO_SOURCE: an Evidence */
	GArray *nodes;	 /* struct ph_node */
};

struct ph_rule_compiled {
	const struct ph_package_rule *rule;
	GArray *levels; /* struct ph_level */
};

struct ph_classifier {
	gatomicrefcount refs;
	GPtrArray *packages; /* references */
	GArray *sources;     /* struct ph_source */
	GArray *types;	     /* struct ph_classify_type */
	GArray *rules;	     /* struct ph_rule_compiled, the same rows */
	struct ph_matcher *matcher;
	struct ph_windows *windows; /* of patterns found by their digits */
};

/* ---- occurrences.c ---- */

struct ph_span {
	size_t start, end;
};

/* Digits, and what is between them, in which no two are further apart than
 * PH_RUN_GAP bytes. */
#define PH_RUN_GAP 64
struct ph_run {
	size_t first, last; /* digits */
	size_t digits;
};

/* What is known of one text. */
struct ph_occurrences {
	const struct ph_classifier *classifier;
	const char *text;
	size_t size;
	struct ph_hits hits;
	bool ascii;
	GArray *runs;  /* struct ph_run */
	size_t digits; /* of all runs */
	bool is_placed;
	struct ph_places places; /* complete when is_placed */
	GArray *counts;		 /* of what is not ASCII: see occurrences.c */
	bool is_folded;
	struct ph_folded folded; /* when is_folded */
	GArray **spans;		 /* one a source, NULL: not asked for yet */
	size_t *longest;	 /* of its spans */
	/* Alternatives that several sources have: part to GArray of struct
	 * ph_span. */
	GHashTable *parts;
	int64_t left;  /* ns for patterns */
	int64_t until; /* of this thread's processor time: for all of it */
	unsigned turns;
};

void ph_occurrences_init(struct ph_occurrences *o,
			 struct ph_classifier *classifier, const char *text,
			 size_t size);
void ph_occurrences_clear(struct ph_occurrences *o);
/* May there be any? Cheap. */
bool ph_occurrences_possible(const struct ph_occurrences *o, uint32_t source);
/* It will be looked for, probably: to be told before the first of them is, so
 * that all numbers are found in one pass. */
void ph_occurrences_expect(struct ph_occurrences *o, uint32_t source);
/* Where it is, ascending, borrowed; or -1. */
int ph_occurrences_find(struct ph_occurrences *o, uint32_t source,
			const GArray **spans_r, struct ph_err *err);
/* The first one within that many characters of a span: 1, 0, -1. */
int ph_occurrences_near(struct ph_occurrences *o, uint32_t source,
			const struct ph_span *span, unsigned characters,
			struct ph_span *near_r, struct ph_err *err);
/* The first one that lies in a span as a whole: 1, 0, -1. */
int ph_occurrences_within(struct ph_occurrences *o, uint32_t source,
			  const struct ph_span *span, struct ph_span *found_r,
			  struct ph_err *err);

#endif
