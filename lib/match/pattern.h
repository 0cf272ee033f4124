#ifndef PH_MATCH_PATTERN_H
#define PH_MATCH_PATTERN_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Patterns of rules: .NET's regular expressions (RegexOptions.IgnoreCase,
 * unanchored search), understood by a parser of ours and matched by PCRE2 with
 * limits. What means something else there, or nothing, is refused with its
 * offset: it must never silently match something else than it did in Exchange.
 * Two things differ knowingly: a character beyond U+FFFF is one character,
 * where .NET sees two halves of it, and case is folded by Unicode's simple
 * folding, where .NET asks for lower case (the final sigma is a sigma here).
 * Immutable once compiled; thread-safe; reference counted.
 */
struct ph_pattern;

enum {
	/* The syntax of Exchange 2010 (UseLegacyRegex): \S \s \D \d \w \W |
	 * * ( ) \ ^ $, everything else literal. */
	PH_PATTERN_LEGACY = 1 << 0,
};

/* Longest pattern, bytes. */
#define PH_PATTERN_LIMIT ((size_t)8192)

/*
 * 0: *pattern_r is the caller's. -1: PERM, "at offset 12: variable-length
 * lookbehind ... ; expected ...": the offset counts characters from 0.
 */
int ph_pattern_compile(const char *text, unsigned flags,
		       struct ph_pattern **pattern_r, struct ph_err *err);
struct ph_pattern *ph_pattern_ref(struct ph_pattern *pattern);
void ph_pattern_unref(struct ph_pattern **pattern); /* NULL is fine */

/* The same check without keeping anything: for "set" and loading. */
int ph_pattern_check(const char *text, unsigned flags, struct ph_err *err);

/* As it was written, and its flags; borrowed. */
const char *ph_pattern_text(const struct ph_pattern *pattern);
unsigned ph_pattern_flags(const struct ph_pattern *pattern);

/*
 * An expression for Hyperscan (HS_FLAG_CASELESS | HS_FLAG_UTF8 |
 * HS_FLAG_DOTALL as needed by its own (?s), HS_FLAG_PREFILTER) that finds every
 * text that the pattern finds, and perhaps more: without HS_FLAG_UCP \w, \d and
 * \s are ASCII there, so each is widened to all characters above U+007F, \b is
 * dropped where nothing certain stands beside it, and so on. NULL: there is
 * none that would save work (".*"): the pattern has to be asked for each text.
 * So has one whose expression Hyperscan finds too large. Borrowed.
 */
const char *ph_pattern_prefilter(const struct ph_pattern *pattern);

/*
 * A piece of ASCII text of at least four bytes, small letters, that every text
 * which the pattern finds holds once its ASCII letters are made small. NULL:
 * none is known. Borrowed.
 */
const char *ph_pattern_factor(const struct ph_pattern *pattern);

/*
 * What is certain of the ASCII digits of a pattern's matches: one comes among
 * the first "within" characters, there are at least "digits", and a match has
 * at most "length" characters (UINT32_MAX: no limit). False: it has matches
 * without digits, or nobody knows.
 */
struct ph_pattern_digits {
	uint32_t within, length, digits;
};
bool ph_pattern_digits(const struct ph_pattern *pattern,
		       struct ph_pattern_digits *digits_r);

/*
 * What the bytes of a text have to be where a match begins, as far as that is
 * certain: so that many places can be passed over at a glance. A symbol is a
 * byte, or PH_SYMBOL_END where the text has ended, or not begun.
 */
#define PH_PATTERN_WINDOW 16
#define PH_SYMBOL_END 256
#define PH_SYMBOLS 257
struct ph_symbols {
	uint64_t bits[(PH_SYMBOLS + 63) / 64];
};
struct ph_pattern_window {
	struct ph_symbols before;	 /* one of these */
	struct ph_symbols not_before[2]; /* not one of each, in a row */
	struct ph_symbols
	    from[PH_PATTERN_WINDOW]; /* the match, and behind it */
};
/* Of a pattern of which ph_pattern_digits is true; for others NULL. Borrowed.
 */
const struct ph_pattern_window *
ph_pattern_window(const struct ph_pattern *pattern);

static inline bool
ph_symbols_has(const struct ph_symbols *symbols, unsigned symbol)
{
	return (symbols->bits[symbol / 64] >> symbol % 64 & 1) != 0;
}

/*
 * The leftmost match in text, valid UTF-8 of size bytes. 1: byte offsets in
 * *start_r and *end_r (NULL is fine). 0: none. -1: PERM, a limit was hit
 * (catastrophic backtracking): some fifty milliseconds of processor time.
 */
int ph_pattern_match(const struct ph_pattern *pattern, const char *text,
		     size_t size, size_t *start_r, size_t *end_r,
		     struct ph_err *err);

/* The same, of a match that is one of many: *left is the processor time, ns,
 * that they may take together, and becomes less. What does not backtrack much
 * costs nothing. -1 also when there is none left. */
int ph_pattern_match_within(const struct ph_pattern *pattern, const char *text,
			    size_t size, int64_t *left, size_t *start_r,
			    size_t *end_r, struct ph_err *err);

/*
 * The same for the leftmost match that begins at or behind "from", where a
 * character of the text begins; what stands before is still seen by "\b" and
 * lookbehinds. Of a pattern of which ph_pattern_digits is true the search ends
 * with matches that begin at "until"; for others it is SIZE_MAX.
 */
int ph_pattern_match_from(const struct ph_pattern *pattern, const char *text,
			  size_t size, size_t from, size_t until, int64_t *left,
			  size_t *start_r, size_t *end_r, struct ph_err *err);

/*
 * Whether matches begin at given places of one text, for many of them: what a
 * single search has to make first is made once. For patterns of which
 * ph_pattern_digits is true. Borrows pattern and text; not thread-safe.
 */
struct ph_pattern_search;
struct ph_pattern_search *
ph_pattern_search_new(const struct ph_pattern *pattern, const char *text,
		      size_t size);
void ph_pattern_search_free(struct ph_pattern_search **search);
/* 1, 0 or -1 as ph_pattern_match_within; where a character begins. */
int ph_pattern_search_at(struct ph_pattern_search *search, size_t at,
			 int64_t *left, size_t *end_r, struct ph_err *err);

#endif
