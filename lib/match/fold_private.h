#ifndef PH_MATCH_FOLD_PRIVATE_H
#define PH_MATCH_FOLD_PRIVATE_H

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

#endif
