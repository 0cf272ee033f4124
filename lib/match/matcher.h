#ifndef PH_MATCH_MATCHER_H
#define PH_MATCH_MATCHER_H

#include "lib/base/err.h"
#include "lib/match/pattern.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Many words and patterns against one text in one pass, so that the cost grows
 * with the text and not with the rules. Words and patterns ("terms") are
 * numbered; a scan tells which of them a text has. A word is looked up by its
 * letters and digits, for each run of these in the folded text; one that has
 * none is a literal for Hyperscan. Patterns have Hyperscan as a prefilter, so a
 * pattern's hit is only "perhaps" and the caller asks ph_pattern_match.
 *
 * Hyperscan compiles for seconds and keeps hundreds of megabytes, so that is
 * done by a child process (the same program, ph_match_compiler_main), and the
 * result is kept on disk under a hash of its content. Until a database is
 * ready its terms are matched one by one: a new matcher answers completely from
 * the first moment.
 */

/* ---- the compiler: one a process ----------------------------------------- */

struct ph_match_compiler;

struct ph_match_compiler_options {
	const char *cache_dir; /* directory of databases, made when it is not
				* there; the newest few are kept; NULL: no
				* cache */
	/* argv of the child, NULL-terminated: {"/proc/self/exe",
	 * PH_MATCH_COMPILER_SWITCH, NULL}; NULL: nothing is compiled, terms
	 * are matched one by one for ever (the command, unit tests). */
	const char *const *child;
};

/* argv[1] by which a program knows that it is to be the child: its main calls
 * ph_match_compiler_main before anything else. */
#define PH_MATCH_COMPILER_SWITCH "--compile-terms"
/* Reads terms from standard input, writes the database to standard output. The
 * exit status of the process. */
int ph_match_compiler_main(void);

struct ph_match_compiler *
ph_match_compiler_start(const struct ph_match_compiler_options *options);
/* Kills a child that is at work. Matchers may live on. NULL is fine. */
void ph_match_compiler_stop(struct ph_match_compiler **compiler);

/* ---- terms -------------------------------------------------------------- */

/* Collects the terms of a matcher; each gets the number of its first
 * appearance. */
struct ph_terms;
struct ph_terms *ph_terms_new(void);
void ph_terms_free(struct ph_terms **terms); /* NULL is fine */
/* folded as ph_match_fold makes it, not empty; copied. */
uint32_t ph_terms_add_word(struct ph_terms *terms, const char *folded);
/* Takes a reference. Two with the same text and flags are one. */
uint32_t ph_terms_add_pattern(struct ph_terms *terms,
			      struct ph_pattern *pattern);
size_t ph_terms_count(const struct ph_terms *terms);

/* ---- matching ----------------------------------------------------------- */

/* Immutable for its users, thread-safe, reference counted. */
struct ph_matcher;

/*
 * Takes terms. previous (NULL is fine) is the matcher before the change: what
 * it has compiled serves on for the terms that are still there, at the cost of
 * the change and not of the whole. compiler (NULL is fine) is asked for the
 * rest and must outlive the matcher's use of it: it may be stopped first.
 */
struct ph_matcher *ph_matcher_new(struct ph_terms *terms,
				  struct ph_matcher *previous,
				  struct ph_match_compiler *compiler);
struct ph_matcher *ph_matcher_ref(struct ph_matcher *matcher);
void ph_matcher_unref(struct ph_matcher **matcher); /* NULL is fine */

size_t ph_matcher_count(const struct ph_matcher *matcher);
/* Terms that are not in a database (yet): for the status and for tests. */
size_t ph_matcher_pending(struct ph_matcher *matcher);
/* NULL: the term is a word. Borrowed. */
struct ph_pattern *ph_matcher_pattern(const struct ph_matcher *matcher,
				      uint32_t term);
/* NULL: the term is a pattern. Folded; borrowed. */
const char *ph_matcher_word(const struct ph_matcher *matcher, uint32_t term);

/* The terms that a text has: words certainly, patterns perhaps. */
struct ph_hits {
	uint32_t *terms; /* each once, in no order; g_free by clear */
	size_t n;
	uint64_t *bits; /* one a term, for ph_hits_has; NULL while n is 0 */
};
void ph_hits_clear(struct ph_hits *hits);
static inline bool
ph_hits_has(const struct ph_hits *hits, uint32_t term)
{
	return hits->bits != NULL &&
	       (hits->bits[term / 64] >> (term % 64) & 1) != 0;
}

/* text is valid UTF-8 of size bytes. *hits_r is filled in, to be cleared. Never
 * fails: what a database cannot answer is asked one by one. */
void ph_matcher_scan(struct ph_matcher *matcher, const char *text, size_t size,
		     struct ph_hits *hits_r);

#endif
