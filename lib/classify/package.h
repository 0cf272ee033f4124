#ifndef PH_CLASSIFY_PACKAGE_H
#define PH_CLASSIFY_PACKAGE_H

#include "lib/base/err.h"
#include "lib/classify/check.h"
#include "lib/match/pattern.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Classification rule packages: Exchange's XML (facts/exchange-rules.md section
 * 13.1), read into tables. The same form holds the built-in types
 * (share/posthub/sensitive-types), with one element more:
 *
 *	<Function id="Func_credit_card">
 *		<Regex check="luhn">...</Regex>
 *		<Regex>...</Regex>
 *	</Function>
 *
 * which finds what one of its patterns finds and, where "check" is given, that
 * function passes (check.h). A Regex of its own may have "check", too.
 *
 * The reader is GLib's: no network, no DTD, no entities but XML's five. What it
 * does not know it refuses, with the line: a package must never silently find
 * something else than it did in Exchange.
 */

#define PH_PACKAGE_LIMIT ((size_t)4 * 1024 * 1024) /* bytes of XML */
#define PH_PACKAGE_RULES 500			   /* Entity and Affinity */
#define PH_PACKAGE_PARTS 50000			   /* patterns and terms */
#define PH_PACKAGE_NODES 20000			   /* Match and Any */
#define PH_PACKAGE_DEPTH 16			   /* Any in Any */
#define PH_PACKAGE_PROXIMITY 100000

enum ph_part_kind {
	PH_PART_PATTERN,
	PH_PART_WORD,	    /* whole, without case */
	PH_PART_EXACT_WORD, /* whole, as written: caseSensitive */
	PH_PART_STRING,	    /* anywhere, as written */
};

/* One alternative of a definition. */
struct ph_definition_part {
	enum ph_part_kind kind;
	char *text;		    /* folded, of both words; else as written */
	char *exact;		    /* of EXACT_WORD: as written */
	struct ph_pattern *pattern; /* of PATTERN; and of STRING the same
				     * literally, to know whether it is there */
	const struct ph_check *check; /* of PATTERN; NULL: none */
};

/* A Keyword, Regex or Function. */
struct ph_definition {
	char *id;
	int line;
	GArray *parts; /* struct ph_definition_part */
};

/* What a Pattern or an Evidence asks for: a tree. */
struct ph_package_node {
	char *id; /* of a Match: what it refers to; NULL: an Any */
	int line;
	unsigned min, max;   /* of an Any */
	GPtrArray *children; /* of an Any: struct ph_package_node * */
};

/* A Pattern of an Entity, or an Evidence of an Affinity. */
struct ph_package_level {
	unsigned confidence;
	struct ph_package_node *id_match; /* NULL: an Evidence */
	GPtrArray *nodes;		  /* struct ph_package_node *; all */
};

/* An Entity or an Affinity. */
struct ph_package_rule {
	char *id; /* GUID, small letters */
	char *name, *description;
	int line;
	bool affinity;
	/* Of an Entity the recommended confidence, of an Affinity the least. */
	unsigned confidence;
	unsigned proximity; /* characters */
	GPtrArray *levels;  /* struct ph_package_level * */
};

/* Immutable, reference counted (atomically). */
struct ph_package {
	gatomicrefcount refs;
	char *name;	  /* as it was given */
	char *id, *title; /* GUID and name of the RulePack */
	char *publisher, *version;
	GPtrArray *rules;	/* struct ph_package_rule * */
	GPtrArray *definitions; /* struct ph_definition * */
	GHashTable *by_id;	/* of definitions; borrows */
};

/*
 * 0: *package_r is the caller's. -1: PERM, "line 12: what is wrong; what is
 * expected". data is UTF-8, or UTF-16 with a byte order mark. References to
 * what is not in the package are left open.
 */
int ph_package_parse(const char *name, const void *data, size_t size,
		     struct ph_package **package_r, struct ph_err *err);
/* The same check without keeping anything: for "set" and loading. */
int ph_package_check(const char *text, struct ph_err *err);
struct ph_package *ph_package_ref(struct ph_package *package);
void ph_package_unref(struct ph_package **package); /* NULL is fine */

/* NULL: there is none. */
const struct ph_definition *ph_package_find(const struct ph_package *package,
					    const char *id);

/* UTF-8 (without a mark) of what a file holds, UTF-16 or UTF-8; g_free. -1:
 * PERM. */
int ph_package_decode(const void *data, size_t size, char **text_r,
		      size_t *size_r, struct ph_err *err);

#endif
