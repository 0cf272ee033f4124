#ifndef PH_STATE_KINDS_H
#define PH_STATE_KINDS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The vocabulary of the shared state: which kinds of object exist, which
 * fields they have, of which type, with which default and limits, and one line
 * of help each. These tables are the only list: they validate on load, drive
 * "posthub KIND set", completion, the manual page and JSON output. Field names
 * are the parameters of Exchange's cmdlets.
 */
enum ph_type {
	PH_TYPE_TEXT,
	PH_TYPE_BOOL,
	PH_TYPE_INT,
	PH_TYPE_SIZE, /* bytes; "unlimited" is INT64_MAX */
	PH_TYPE_SPAN, /* milliseconds */
	PH_TYPE_DATE, /* milliseconds since 1970 */
	PH_TYPE_WORD, /* one of words, without case */
	PH_TYPE_LIST,
	PH_TYPE_WORDS,	   /* list of Exchange words: min..max is the length */
	PH_TYPE_ADDRESS,   /* local@domain */
	PH_TYPE_ADDRESSES, /* list of them */
	PH_TYPE_ENDPOINT,  /* host:port */
	PH_TYPE_NAME,	   /* of another object: a server, site, database */
	PH_TYPE_NAMES,	   /* list of them */
	PH_TYPE_HEADER,	   /* name of a header field (RFC 5322 ftext) */
	PH_TYPE_PATTERNS,  /* list of .NET patterns; a comma inside brackets
			    * does not separate */
	PH_TYPE_DOMAINS,   /* list of domain names */
	PH_TYPE_RANGES,	   /* list of IP ranges: single, a-b, CIDR */
	/* Lists of "Attribute:value": what comes after the first colon is, of
	 * WORDS, a list of words, else one pattern. */
	PH_TYPE_ATTRIBUTE_WORDS,
	PH_TYPE_ATTRIBUTE_PATTERNS,
	PH_TYPE_FILTER, /* of recipients: filter.h */
};

enum {
	PH_FIELD_REQUIRED = 1 << 0,
	PH_FIELD_SETUP = 1 << 1,     /* takes effect with "posthub setup" */
	PH_FIELD_CONDITION = 1 << 2, /* of a rule; has an ExceptIf twin */
	PH_FIELD_ACTION = 1 << 3,    /* of a rule */
	PH_FIELD_SECRET = 1 << 4,    /* not shown */
	/* Understood, but what would act on it is not in this version: setting
	 * it is refused with that reason. */
	PH_FIELD_UNSUPPORTED = 1 << 5,
	PH_FIELD_LINES = 1 << 6,     /* TEXT: may hold line breaks and tabs */
	PH_FIELD_UNLIMITED = 1 << 7, /* INT: "unlimited" is INT64_MAX */
	/* With UNSUPPORTED: never will be, because what it needs is Microsoft's
	 * alone. */
	PH_FIELD_IMPOSSIBLE = 1 << 9,
	PH_FIELD_EITHER = 1 << 10, /* a BOOL condition: false is a question,
				    * too; of others it asks nothing */
	/* Checked and kept, as an import brings it; nothing here acts on it. */
	PH_FIELD_KEPT = 1 << 11,
	PH_FIELD_DIRECTORY = 1 << 8,  /* of ATTRIBUTE_...: the attribute is one
				       * of the directory's that rules know */
	PH_FIELD_SENSITIVE = 1 << 12, /* of LIST: sensitive information types */
};

struct ph_field {
	const char *name;
	enum ph_type type;
	unsigned flags;
	const char *value;	  /* default, in written form; NULL: unset */
	int64_t min, max;	  /* numbers, sizes, spans: value; texts and
				   * words: length. Both 0: no limits */
	const char *const *words; /* of WORD; of LIST, whose elements must then
				   * be among them; NULL-terminated */
	const char *alias;	  /* also accepted under this name; or NULL */
	const char *refers;	  /* NAME and NAMES: kind they belong to */
	const char *help;	  /* one line */
};

enum {
	PH_KIND_SINGLETON = 1 << 0, /* the key has no ":<name>" */
	PH_KIND_DIRECTORY = 1 << 1, /* many: kept in the directory, not in the
				     * snapshot */
	PH_KIND_STRING = 1 << 2,    /* a Redis string, one field "Value" */
	PH_KIND_INTERNAL = 1 << 3,  /* no noun of the command */
	PH_KIND_OPEN = 1 << 4, /* further fields are kept as text: directory
				* attributes */
};

struct ph_object;

struct ph_kind {
	const char *name;  /* in keys and as the command's noun */
	const char *alias; /* second noun, or NULL */
	unsigned flags;
	const char *help;	       /* one line */
	const struct ph_field *fields; /* ends with name NULL; order as shown */
	/* What one field cannot see: combinations. 0, or -1 with PERM; NULL is
	 * fine. */
	int (*check)(const struct ph_object *object, struct ph_err *err);
};

/* All kinds, ends with name NULL; order is that of the manual page. */
extern const struct ph_kind ph_kinds[];

/* By name or alias, without case; NULL: there is none. */
const struct ph_kind *ph_kind_find(const char *name);

/* The nearest kind to a misspelt name, also "rules" for rule; NULL: none is
 * near. */
const struct ph_kind *ph_kind_nearest(const char *name);

/* Index into ph_kinds. */
size_t ph_kind_index(const struct ph_kind *kind);
size_t ph_kind_count(void);

/*
 * By name or alias, without case; an ExceptIf twin gives its condition's row
 * and *except_r true (NULL is fine). NULL: there is none.
 */
const struct ph_field *ph_kind_field(const struct ph_kind *kind,
				     const char *name, bool *except_r);

/* The nearest field name to a misspelt one, for error texts; or NULL. */
const char *ph_kind_suggest(const struct ph_kind *kind, const char *name);

bool ph_type_is_list(enum ph_type type);

/* What a field takes, in words: "one of Enforce, Audit", "a whole number from
 * 1 to 99999": for error texts, help and the manual page; g_free. */
char *ph_field_expected(const struct ph_field *field);

#endif
