#ifndef PH_MATCH_WINDOWS_H
#define PH_MATCH_WINDOWS_H

#include "lib/match/pattern.h"

#include <glib.h>
#include <stddef.h>

/*
 * Where matches of many patterns may begin, found in one pass over a text: the
 * windows of all (pattern.h), a bit a pattern, laid side by side. For patterns
 * of which ph_pattern_digits is true. Immutable; thread-safe.
 */
struct ph_windows;

struct ph_windows *ph_windows_new(const struct ph_pattern *const *patterns,
				  size_t n);
void ph_windows_free(struct ph_windows **windows); /* NULL is fine */

/* The longest "within" of all of them. */
size_t ph_windows_within(const struct ph_windows *windows);

/* Where patterns may begin: those of a word, 64 of them, a bit each. */
struct ph_place {
	size_t at;
	uint64_t patterns;
};

struct ph_places {
	size_t words;
	uint64_t *wanted; /* a word each: the others are passed over */
	GArray **found;	  /* of a word: struct ph_place, ascending */
	size_t total, limit;
	size_t end; /* from here on nothing is known: there were too many */
};
void ph_places_init(struct ph_places *places, const struct ph_windows *windows,
		    size_t limit);
void ph_places_clear(struct ph_places *places);
/* Before the first scan. */
void ph_places_want(struct ph_places *places, size_t pattern);
bool ph_places_wants(const struct ph_places *places, size_t pattern);
/* The next place of a pattern; *i, 0 at first, counts those of its word. */
bool ph_places_next(const struct ph_places *places, size_t pattern, guint *i,
		    size_t *at_r);

/* Of characters that begin in [from, until]; each call behind the last one. */
void ph_windows_scan(const struct ph_windows *windows, const char *text,
		     size_t size, size_t from, size_t until,
		     struct ph_places *places);

#endif
