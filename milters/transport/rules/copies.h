#ifndef PH_RULES_COPIES_H
#define PH_RULES_COPIES_H

#include "milters/transport/rules/evaluate.h"

#include <glib.h>

/*
 * A run's copies with what is known about each: the working state of
 * ph_rules_run.
 */
struct ph_copy {
	struct ph_mail *mail;
	struct ph_scans *scans;
	bool stopped; /* later rules are not asked about it */
};

/* More copies than this of one message: a rule that would make one more is not
 * applied, and counts as one that could not be evaluated. */
#define PH_COPIES_LIMIT 1000

/* Takes the matched recipients away from a copy into a new one. Borrowed. */
struct ph_copy *ph_copies_split(GPtrArray *copies, const struct ph_ruleset *set,
				struct ph_copy *from, const GPtrArray *matched);

/* Those that still get the message; g_ptr_array_unref. */
GPtrArray *ph_copy_recipients(const struct ph_copy *copy);

void ph_copy_free(void *copy);

#endif
