#ifndef PH_MATCH_FOLD_H
#define PH_MATCH_FOLD_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Text made ready for comparing words: characters that nobody sees are left
 * out, or a soft hyphen would cut a word for a rule and not for its reader;
 * then Unicode case folding and NFKC, so that "STRASSE" and "straße", composed
 * and decomposed letters, full-width and plain ones are the same; then each run
 * of white space is one blank, so that a phrase is found across the end of a
 * line. Runs of ASCII, and letters whose folded form never joins its
 * neighbours, are copied without libunistring, which takes 5 ms for 100 kB.
 */

/* text is valid UTF-8 of size bytes; *size_r (NULL is fine) is the length of
 * the result, which is NUL-terminated; g_free. Never fails. */
char *ph_match_fold(const char *text, size_t size, size_t *size_r);

/*
 * A folded text, byte for byte that of ph_match_fold, which knows where in the
 * text as it was written its parts stand. The text written is borrowed and must
 * be valid UTF-8. One thread.
 */
struct ph_folded {
	char *text;
	size_t size;
	const char *written;
	size_t written_size;
	GArray *cuts; /* private */
};
void ph_folded_init(struct ph_folded *folded, const char *text, size_t size);
void ph_folded_clear(struct ph_folded *folded);
/* Where the folded bytes [at, at + size) stand: where the first of their
 * characters begins, and where the last ends. */
void ph_folded_place(const struct ph_folded *folded, size_t at, size_t size,
		     size_t *start_r, size_t *end_r);

/* Does the text (not empty) begin with a letter, a digit or a mark, which
 * belongs to the letter before it? */
bool ph_match_is_word(const char *text, size_t size);

/*
 * Is the hit text[at, at + size) of a folded text a whole word or phrase? It
 * has neither letter, digit nor mark at its sides (facts/exchange-rules.md
 * section 2: delimited by space, punctuation or the end of the text). end is
 * the length of the text.
 */
bool ph_match_delimited(const char *text, size_t end, size_t at, size_t size);

/*
 * The first whole occurrence of a folded word in a folded text, from a
 * position: its position, or SIZE_MAX. An empty word is never found.
 */
size_t ph_match_find_word(const char *text, size_t size, size_t from,
			  const char *word, size_t word_size);

#endif
