#ifndef PH_RULES_FINDING_H
#define PH_RULES_FINDING_H

#include "milters/transport/rules/condition.h"

/*
 * Notes for "rule explain"; with finding NULL all of this does nothing.
 */

/* A value that was looked at. */
void ph_finding_value(struct ph_finding *finding, const struct ph_predicate *p,
		      const struct ph_value *value);
/* text[at, end) matched, in the subject of that name. */
void ph_finding_match(struct ph_finding *finding, const char *subject,
		      const char *text, size_t size, size_t at, size_t end);
/* A piece of a valid UTF-8 text, one line, short; g_free. */
char *ph_finding_excerpt(const char *text, size_t size, size_t at);

#endif
