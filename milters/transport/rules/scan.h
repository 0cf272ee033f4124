#ifndef PH_RULES_SCAN_H
#define PH_RULES_SCAN_H

#include "milters/transport/rules/evaluate.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What was found in the texts of a message: each source is scanned when it is
 * first asked about, once for all rules, and again only when a rule has changed
 * what it looks at.
 */
struct ph_scan {
	enum { PH_SCAN_NOT_YET, PH_SCAN_DONE, PH_SCAN_FAILED } state;
	bool entered; /* its candidates are known */
	struct ph_hits hits;
	/* Patterns among the hits that were asked: term -> whether it is
	 * there; NULL: none was. */
	GHashTable *confirmed;
	char *error; /* of FAILED */
};

struct ph_scans *ph_scans_new(const struct ph_ruleset *set);
void ph_scans_free(void *scans);

/* A header field was changed (NULL: recipients were): what looks at it is
 * looked at anew. */
void ph_scans_forget(struct ph_scans *scans, const struct ph_ruleset *set,
		     const char *header);

/* The addresses in the fields of that name, in order; parsed once, because a
 * client may send 10,000 of them. Borrowed until the field is forgotten. */
const GPtrArray *ph_scan_addresses(struct ph_evaluation *e, const char *name);

/* Of e's copy; recipient as the source's level says. Borrowed until the source
 * is forgotten. */
struct ph_scan *ph_scan_get(struct ph_evaluation *e, uint32_t source,
			    struct ph_recipient *recipient);

/* Sets the bits of rules for which e's copy may have something, from the
 * sources whose candidates are not known yet. */
void ph_scan_candidates(struct ph_evaluation *e, uint64_t *bits);

/*
 * The next value of the subject of a source: 1, 0, -1, as ph_subject.value.
 */
int ph_source_value(struct ph_evaluation *e, const struct ph_source *source,
		    struct ph_recipient *recipient, size_t *cursor,
		    struct ph_value *value_r, struct ph_err *err);

#endif
