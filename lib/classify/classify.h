#ifndef PH_CLASSIFY_CLASSIFY_H
#define PH_CLASSIFY_CLASSIFY_H

#include "lib/base/err.h"
#include "lib/classify/package.h"
#include "lib/match/matcher.h"
#include "lib/message/content.h"
#include "lib/message/headers.h"
#include "lib/message/inspect.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds sensitive information types in texts: the types of all packages,
 * compiled once to one matcher (lib/match), so that most of the cost is that of
 * one pass over the text. No I/O but for reading a directory of packages.
 *
 * What counts (facts/exchange-rules.md section 13.1): a Pattern of an Entity
 * holds for an IdMatch when, of what else it asks for, there is enough within
 * patternsProximity characters to either side of it, counted between the two.
 * Each place that an IdMatch was found at counts once, however many Patterns
 * hold for it. The confidence is 1 - (1 - a)(1 - b)... over the Patterns that
 * hold somewhere in the text. An Affinity has no count: it is found when the
 * Evidences within one window come to its threshold.
 */
struct ph_classifier;

/*
 * library are the packages whose definitions others may refer to as well: the
 * built-in ones. A package of "own" with a reference that leads nowhere is left
 * out, and so is one with a type (GUID, or name without case) that an earlier
 * one has. refused (NULL is fine) is told for each, with the remedy. previous
 * and compiler are ph_matcher_new's; both may be NULL. Takes references.
 */
typedef void ph_classify_refused(const struct ph_package *package,
				 const char *text, void *context);
struct ph_classify_options {
	struct ph_package *const *library;
	size_t n_library;
	struct ph_package *const *own;
	size_t n_own;
	ph_classify_refused *refused;
	void *context;
	struct ph_classifier *previous;
	struct ph_match_compiler *compiler;
};
struct ph_classifier *
ph_classifier_new(const struct ph_classify_options *options);
/* Immutable, reference counted (atomically). */
struct ph_classifier *ph_classifier_ref(struct ph_classifier *classifier);
void ph_classifier_unref(struct ph_classifier **classifier); /* NULL is fine */

/* Patterns that have no database yet; for tests and benchmarks. */
size_t ph_classifier_pending(struct ph_classifier *classifier);

/* All types, by name; borrowed. */
struct ph_classify_type {
	const struct ph_package *package;
	const struct ph_package_rule *rule;
};
const struct ph_classify_type *
ph_classifier_types(const struct ph_classifier *classifier, size_t *n_r);

/*
 * Reads all *.xml of a directory, by name, each a package named after its file.
 * 0, or -1: TEMP it cannot be read, PERM one is wrong ("<file>: line 3: ...");
 * elements are owned by the array.
 */
int ph_classify_read(const char *directory, GPtrArray **packages_r,
		     struct ph_err *err);

/* Where those of this installation are: beside the program that runs, in
 * ../share/posthub/sensitive-types; g_free. */
char *ph_classify_directory(void);

/* ---- finding ---- */

/* A part of a text that helped: what was asked for, and where it was. */
struct ph_classify_evidence {
	const char *id; /* "Keyword_cc_name"; borrowed from the classifier */
	size_t start, end;
};

/* An IdMatch for which a Pattern holds. Offsets are bytes. */
struct ph_classify_place {
	size_t text; /* which of the texts */
	size_t start, end;
	unsigned confidence; /* of the Patterns that hold here */
	GArray *evidence;    /* struct ph_classify_evidence */
};

/* Places are kept of so many; the count goes on. */
#define PH_CLASSIFY_PLACES 100

struct ph_classify_found {
	const struct ph_classify_type *type;
	unsigned count; /* 1 for an Affinity */
	unsigned confidence;
	GPtrArray *places; /* struct ph_classify_place *, in order */
};

struct ph_classify_text {
	const char *name; /* for people: "body", "list.txt" */
	const char *text; /* valid UTF-8 */
	size_t size;
	/* It may say the same again in another form (the HTML of a body): what
	 * it and an earlier one of these have counts once. */
	bool form;
};

/*
 * The texts are searched each by itself. 0: *found_r (g_ptr_array_unref) are
 * struct ph_classify_found *, by name of the type. -1: PERM, a pattern came to
 * its limit of time, so that nothing can be said.
 */
int ph_classifier_find(struct ph_classifier *classifier,
		       const struct ph_classify_text *texts, size_t n,
		       GPtrArray **found_r, struct ph_err *err);

/* ---- of a message ---- */

/*
 * An inspection that answers "findings" by the classifier, over the subject
 * with the bodies, and over each file whose text the inner inspection can
 * read; all else is the inner one's, which is taken. What it cannot read for
 * good (PERM) is left out, as in Exchange: another condition tells of it; what
 * it cannot say now (TEMP) cannot be said here either. content and headers are
 * borrowed, the classifier is referenced. classifier NULL: the inner one
 * itself.
 */
struct ph_inspection *ph_inspect_classified(struct ph_inspection *inner,
					    struct ph_content *content,
					    struct ph_headers *headers,
					    struct ph_classifier *classifier);

/* The texts that are searched, and what was found, for explaining: as above.
 * *texts_r: struct ph_classify_text, valid as long as inner and content. */
int ph_classify_message(struct ph_classifier *classifier,
			struct ph_inspection *inner, struct ph_content *content,
			struct ph_headers *headers, GArray **texts_r,
			GPtrArray **found_r, struct ph_err *err);

#endif
