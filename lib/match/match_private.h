#ifndef PH_MATCH_PRIVATE_H
#define PH_MATCH_PRIVATE_H

#include "lib/base/err.h"
#include "lib/match/matcher.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What the files of the matcher share; not for others. From the bottom up: a
 * term; a set of expressions, compiled to an image (bytes, for a pipe and for
 * the disk); a segment (an image unpacked, with its terms); a plan (which
 * segments answer for which terms of a matcher). */

enum ph_term_kind {
	PH_TERM_WORD,
	PH_TERM_PATTERN,
	PH_TERM_KINDS /* how many */
};

/* ---- terms.c ---- */

/* Immutable, shared by matchers and segments. */
struct ph_term {
	gatomicrefcount refs;
	enum ph_term_kind kind;
	guint hash;
	const char *text; /* the folded word; the pattern as written */
	size_t size;
	struct ph_pattern *pattern; /* NULL: a word */
	/* What Hyperscan is given; NULL: nothing. */
	const char *expression;
	char copy[];
};

void ph_term_unref(struct ph_term *term);
struct ph_term *ph_term_ref(struct ph_term *term);

/* Borrowed. */
struct ph_term *ph_terms_at(const struct ph_terms *terms, uint32_t number);
bool ph_terms_find(const struct ph_terms *terms, const struct ph_term *term,
		   uint32_t *number_r);

/* ---- image.c ---- */

/* Expressions of one kind. The texts are borrowed. */
struct ph_set {
	enum ph_term_kind kind;
	uint32_t n;
	const char **texts;
	size_t *sizes;
};
void ph_set_init(struct ph_set *set, enum ph_term_kind kind, uint32_t n);
void ph_set_clear(struct ph_set *set);

/* Limits of what comes out of a pipe or a file. */
#define PH_SET_LIMIT ((uint32_t)1 << 20)
#define PH_EXPRESSION_LIMIT ((size_t)1 << 20)
#define PH_REQUEST_LIMIT ((size_t)256 << 20)
#define PH_IMAGE_LIMIT ((size_t)1 << 30)

/* Runs Hyperscan's compiler, for as long as it takes. NULL: not on this
 * machine, no memory, or the result is too large. */
GByteArray *ph_set_compile(const struct ph_set *set);

/* An image taken apart; borrows from it. */
struct ph_image {
	enum ph_term_kind kind;
	uint32_t n;	    /* expressions */
	uint32_t n_refused; /* by Hyperscan */
	uint32_t n_databases;
	GArray *refused;   /* uint32_t, below n */
	GPtrArray *starts; /* of serialised databases */
	GArray *sizes;	   /* size_t */
};
/* 0, or -1 PERM: damaged. Every length is checked. */
int ph_image_parse(const GByteArray *bytes, struct ph_image *image_r,
		   struct ph_err *err);
void ph_image_clear(struct ph_image *image);

/* ---- segment.c ---- */

/* Databases of some terms of one kind. Reference counted; thread-safe. */
struct ph_segment;

/* terms are copied by reference. NULL: the image is damaged or of other terms
 * or another machine, *err says which. */
struct ph_segment *ph_segment_new(enum ph_term_kind kind,
				  const GPtrArray *terms,
				  const GByteArray *bytes, struct ph_err *err);
struct ph_segment *ph_segment_ref(struct ph_segment *segment);
void ph_segment_unref(struct ph_segment *segment);

enum ph_term_kind ph_segment_kind(const struct ph_segment *segment);
uint32_t ph_segment_count(const struct ph_segment *segment);
struct ph_term *ph_segment_term(const struct ph_segment *segment, uint32_t i);
/* Hyperscan did not take it: it is never reported. */
bool ph_segment_refused(const struct ph_segment *segment, uint32_t i);

/* index: of the term in the segment; end: behind the hit. */
typedef void (*ph_segment_hit)(uint32_t index, size_t end, void *context);
/* 0, or -1: the text was not searched (to its end). */
int ph_segment_scan(struct ph_segment *segment, const char *text, size_t size,
		    ph_segment_hit hit, void *context);

/* ---- plan.c ---- */

#define PH_NO_TERM UINT32_MAX

/* ---- words.c ---- */

/* Can the word, folded, be found by a token, so that it needs no database? */
bool ph_words_take(const char *word, size_t size);

/* Words that no database answers for, found by the letters and digits that they
 * have; those without one by one. Immutable. */
struct ph_words;
struct ph_words *ph_words_new(const struct ph_terms *terms,
			      const GArray *numbers);
void ph_words_free(struct ph_words *words);
/* text is folded; hit is told of each word that is there, perhaps more than
 * once. */
void ph_words_scan(const struct ph_words *words, const struct ph_terms *terms,
		   const char *text, size_t size,
		   void (*hit)(uint32_t number, void *context), void *context);

/* ---- factors.c ---- */

/* Shorter pieces would be found too often. */
#define PH_FACTOR_MIN ((size_t)4)

/* Patterns that no database answers for. Immutable. */
struct ph_factors;
struct ph_factors *ph_factors_new(const struct ph_terms *terms,
				  const GArray *numbers);
void ph_factors_free(struct ph_factors *factors);
/* hit is told of each pattern that the text may have, perhaps more than once.
 */
void ph_factors_scan(const struct ph_factors *factors, const char *text,
		     size_t size, void (*hit)(uint32_t number, void *context),
		     void *context);

/* ---- match_plan.c ---- */

struct ph_part {
	struct ph_segment *segment;
	uint32_t *numbers; /* of the matcher's terms, or PH_NO_TERM */
	uint32_t live;	   /* terms that this part answers for */
};

struct ph_match_plan_kind {
	GArray *pending; /* uint32_t: not compiled yet */
	GArray *single;	 /* uint32_t: cannot be compiled, or need not be */
	/* Of words: those of both, to be found without a database; of patterns
	 * NULL. */
	struct ph_words *words;
	/* Of patterns: the same; of words NULL. */
	struct ph_factors *factors;
	size_t live;
	size_t dead; /* in a segment, and no use to this matcher */
};

/* Immutable, reference counted. */
struct ph_match_plan {
	gatomicrefcount refs;
	GArray *parts; /* struct ph_part */
	struct ph_match_plan_kind kinds[PH_TERM_KINDS];
};

/* An earlier segment answers for what is in several. */
struct ph_match_plan *ph_match_plan_new(const struct ph_terms *terms,
					GPtrArray *segments);
struct ph_match_plan *ph_match_plan_ref(struct ph_match_plan *plan);
void ph_match_plan_unref(struct ph_match_plan *plan);
/* Its segments, in their order; g_ptr_array_unref. */
GPtrArray *ph_match_plan_segments(const struct ph_match_plan *plan);
/* The terms (owned references) of a segment that the plan lacks, or NULL. */
GPtrArray *ph_match_plan_wanted(const struct ph_match_plan *plan,
				const struct ph_terms *terms,
				enum ph_term_kind kind);

/* ---- matcher.c, for the compiler ---- */

/* A reference that does not count as use. */
struct ph_matcher *ph_matcher_hold(struct ph_matcher *matcher);
void ph_matcher_drop(struct ph_matcher *matcher);
bool ph_matcher_replaced(struct ph_matcher *matcher);
GPtrArray *ph_matcher_wanted(struct ph_matcher *matcher,
			     enum ph_term_kind *kind_r);
/* False: the segment is no use to it. */
bool ph_matcher_offer(struct ph_matcher *matcher, struct ph_segment *segment);

/* ---- compiler.c ---- */

struct ph_match_compiler *ph_compiler_ref(struct ph_match_compiler *compiler);
void ph_compiler_unref(struct ph_match_compiler *compiler);
/* Asks for what the matcher lacks. */
void ph_compiler_add(struct ph_match_compiler *compiler,
		     struct ph_matcher *matcher);
void ph_compiler_remove(struct ph_match_compiler *compiler,
			struct ph_matcher *matcher);

/* ---- compiler_cache.c ---- */

/* The name of the set's image: a hash of everything that it depends on. */
char *ph_cache_key(const struct ph_set *set);
/* NULL: there is none that is whole. dir NULL: there is none. */
GByteArray *ph_cache_load(const char *dir, const char *key);
void ph_cache_store(const char *dir, const char *key, const GByteArray *image);
void ph_cache_remove(const char *dir, const char *key);

/* ---- compiler_run.c, compiler_child.c ---- */

/* Runs the child to its end. 0 and *image_r; or -1: it failed, or wake became
 * readable. */
int ph_child_run(char *const *argv, const struct ph_set *set, int wake,
		 GByteArray **image_r, struct ph_err *err);

/* What the child is given. */
GByteArray *ph_request_format(const struct ph_set *set);
/* 0: *set_r borrows from request. -1: malformed. */
int ph_request_parse(const GByteArray *request, struct ph_set *set_r);

#endif
