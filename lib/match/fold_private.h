#ifndef PH_MATCH_FOLD_PRIVATE_H
#define PH_MATCH_FOLD_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A character is "plain" when its folded form is one character, or a few of
 * ASCII ("ß", "…"), and neither that nor anything on the way to it is moved
 * before or joined with what stands before it. Between two plain characters a
 * text may therefore be cut, and a plain one followed by another can be folded
 * by a table.
 */
#define PH_FOLD_NOT_PLAIN ((uint32_t)0)
#define PH_FOLD_SEVERAL ((uint32_t)1 << 31)

/* Of a character above U+007F: its folded form; or PH_FOLD_SEVERAL with several
 * of ASCII, the first in the lowest seven bits; or PH_FOLD_NOT_PLAIN. */
uint32_t ph_fold_plain(uint32_t c);

/* Is it one that nobody sees (a soft hyphen, a joiner, a mark of direction:
 * Default_Ignorable_Code_Point)? Never plain. */
bool ph_fold_is_unseen(uint32_t c);

/* Is it white space that NFKC leaves as it is? */
static inline bool
ph_fold_is_gap(uint32_t c)
{
	return c == 0x85 || c == 0x1680 || c == 0x2028 || c == 0x2029;
}

/* Is it a letter, a digit or a mark? */
bool ph_fold_is_word(uint32_t c);

static inline bool
ph_fold_is_inside(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the first character. What is not UTF-8 is one byte that is not
 * plain. */
static inline size_t
ph_fold_decode(const uint8_t *p, size_t size, uint32_t *c_r)
{
	if (p[0] < 0x80) {
		*c_r = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] < 0xe0 && size >= 2 &&
	    ph_fold_is_inside(p[1])) {
		*c_r = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
		return 2;
	}
	if (p[0] >= 0xe0 && p[0] < 0xf0 && size >= 3 &&
	    ph_fold_is_inside(p[1]) && ph_fold_is_inside(p[2])) {
		*c_r = (uint32_t)(p[0] & 0x0f) << 12 |
		       (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
		return 3;
	}
	if (p[0] >= 0xf0 && p[0] < 0xf5 && size >= 4 &&
	    ph_fold_is_inside(p[1]) && ph_fold_is_inside(p[2]) &&
	    ph_fold_is_inside(p[3])) {
		*c_r = (uint32_t)(p[0] & 0x07) << 18 |
		       (uint32_t)(p[1] & 0x3f) << 12 |
		       (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
		return 4;
	}
	*c_r = UINT32_MAX;
	return 1;
}

#endif
