#ifndef PH_SCAN_SCL_H
#define PH_SCAN_SCL_H

#include "lib/base/err.h"

/* Exchange's spam confidence level of a score: how many of nine scores, which
 * rise, it reaches. -1 is for what is not judged at all. */
#define PH_SCL_LEVELS 9
#define PH_SCL_TRUSTED (-1)

struct ph_scl {
	double from[PH_SCL_LEVELS]; /* of level 1, 2, ... */
};

/* "1, 2, 3.5, ...": 0, or -1 PERM. */
int ph_scl_parse(const char *text, struct ph_scl *scl_r, struct ph_err *err);
int ph_scl_of(const struct ph_scl *scl, double score); /* 0 to 9 */

#endif
