#ifndef PH_MATCH_PATTERN_PRIVATE_H
#define PH_MATCH_PATTERN_PRIVATE_H

#include "lib/match/pattern.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What pattern.c's family shares: a pattern is parsed into a tree (pattern_
 * parse.c, _group.c, _escape.c, _class.c; _legacy.c for the old syntax), and
 * the tree is written out twice: as PCRE2 understands it (_emit.c), and wider,
 * for Hyperscan (_prefilter.c).
 */

/* Inline options, as .NET has them; what a node was parsed under is in it. */
enum {
	PH_PATTERN_I = 1 << 0,
	PH_PATTERN_M = 1 << 1,
	PH_PATTERN_N = 1 << 2,
	PH_PATTERN_S = 1 << 3,
	PH_PATTERN_X = 1 << 4,
};

/* The parser, the writers and PCRE2 recurse. */
#define PH_PATTERN_DEPTH 100
#define PH_PATTERN_FOREVER UINT32_MAX

enum ph_pattern_kind {
	PH_PATTERN_CHAR,
	PH_PATTERN_CLASS,
	PH_PATTERN_ANY, /* '.', options say of what */
	/* Assertions, which take no room, up to NOT_BEHIND. */
	PH_PATTERN_BEGIN,      /* \A, and ^ without (?m) */
	PH_PATTERN_BEGIN_LINE, /* (?m)^ */
	PH_PATTERN_END,	       /* \z */
	PH_PATTERN_END_Z,      /* \Z, and $ without (?m): or before a last LF */
	PH_PATTERN_END_LINE,   /* (?m)$ */
	PH_PATTERN_BOUNDARY,
	PH_PATTERN_NOT_BOUNDARY,
	PH_PATTERN_AHEAD,
	PH_PATTERN_NOT_AHEAD,
	PH_PATTERN_BEHIND,
	PH_PATTERN_NOT_BEHIND,
	PH_PATTERN_GROUP,
	PH_PATTERN_CAPTURE,
	PH_PATTERN_ATOMIC,
	PH_PATTERN_REFERENCE,
	PH_PATTERN_CONDITION, /* of a capture, or of test */
	PH_PATTERN_BRANCH,    /* one alternative of a group */
};

/* What a class is made of. */
enum ph_pattern_item_kind {
	PH_PATTERN_RANGE,
	PH_PATTERN_CATEGORY,
	PH_PATTERN_DIGIT,
	PH_PATTERN_SPACE,
	PH_PATTERN_WORD,
	PH_PATTERN_ALNUM, /* \w of the legacy syntax */
};

struct ph_pattern_item {
	enum ph_pattern_item_kind kind;
	bool negated;	    /* of all but RANGE */
	gunichar low, high; /* RANGE */
	const char *name;   /* CATEGORY, a constant: "Lu" */
};

struct ph_pattern_class {
	bool negated;
	GArray *items;			/* struct ph_pattern_item */
	struct ph_pattern_class *minus; /* NULL: nothing is subtracted */
};

struct ph_pattern_node {
	enum ph_pattern_kind kind;
	unsigned options;
	size_t at;	   /* where it stands, characters */
	uint32_t min, max; /* 1, 1: not repeated */
	bool lazy;
	gunichar c;			/* CHAR */
	struct ph_pattern_class *class; /* CLASS */
	size_t group; /* CAPTURE, REFERENCE, CONDITION without test: index */
	struct ph_pattern_node *test;  /* CONDITION; NULL: of a capture */
	struct ph_pattern_node *child; /* first BRANCH; first of a BRANCH */
	struct ph_pattern_node *next;  /* in the same BRANCH, or group */
};

/* A capturing group; .NET's number is not PCRE2's. */
struct ph_pattern_group {
	char *name; /* NULL: has only a number */
	uint32_t number;
	bool numbered;	/* false while a named group waits for its number */
	bool used;	/* something refers to it */
	unsigned index; /* PCRE2's number, by the writer */
};

struct ph_pattern_tree {
	GPtrArray *nodes;   /* owns them all */
	GPtrArray *classes; /* likewise */
	GArray *groups;	    /* struct ph_pattern_group, by where they begin */
	struct ph_pattern_node *root;
};

/* -1: PERM with the offset. *tree_r is to be cleared in either case. */
int ph_pattern_parse(const gunichar *text, size_t size,
		     struct ph_pattern_tree *tree_r, struct ph_err *err);
int ph_pattern_parse_legacy(const gunichar *text, size_t size,
			    struct ph_pattern_tree *tree_r, struct ph_err *err);
void ph_pattern_tree_init(struct ph_pattern_tree *tree);
void ph_pattern_tree_clear(struct ph_pattern_tree *tree);

/* ---- the parser ---- */

struct ph_pattern_parser {
	const gunichar *text;
	size_t size;
	size_t at;
	unsigned options;
	unsigned depth;	 /* of groups, and of subtracted classes */
	unsigned behind; /* lookbehinds around */
	/* A first pass counts the groups, since a reference may come before
	 * its group; then a second takes them one after another. */
	bool counting;
	size_t taken;
	uint32_t unnamed; /* groups so far */
	struct ph_pattern_tree *tree;
	struct ph_err *err;
};

/* Does it take no room by its kind? */
static inline bool
ph_pattern_is_assertion(const struct ph_pattern_node *node)
{
	return node->kind >= PH_PATTERN_BEGIN &&
	       node->kind <= PH_PATTERN_NOT_BEHIND;
}

/* Does it take one character by its kind? */
static inline bool
ph_pattern_is_single(const struct ph_pattern_node *node)
{
	return node->kind == PH_PATTERN_CHAR ||
	       node->kind == PH_PATTERN_CLASS || node->kind == PH_PATTERN_ANY;
}

/* Does it take what one of its branches takes? */
static inline bool
ph_pattern_is_group(const struct ph_pattern_node *node)
{
	return node->kind == PH_PATTERN_GROUP ||
	       node->kind == PH_PATTERN_CAPTURE ||
	       node->kind == PH_PATTERN_ATOMIC;
}

static inline bool
ph_pattern_is_once(const struct ph_pattern_node *node)
{
	return node->min == 1 && node->max == 1;
}

/* The character there, 0 behind the end. */
static inline gunichar
ph_pattern_peek(const struct ph_pattern_parser *p, size_t ahead)
{
	return ahead < p->size - p->at ? p->text[p->at + ahead] : 0;
}

/* -1 with "at offset <at>: <text>". */
int ph_pattern_fail(struct ph_err *err, size_t at, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Owned by the tree; options and place are the parser's. */
struct ph_pattern_node *ph_pattern_node_new(struct ph_pattern_parser *p,
					    enum ph_pattern_kind kind);
struct ph_pattern_class *ph_pattern_class_new(struct ph_pattern_parser *p);
void ph_pattern_class_add(struct ph_pattern_class *set,
			  enum ph_pattern_item_kind kind, bool negated);
void ph_pattern_class_add_range(struct ph_pattern_class *set, gunichar low,
				gunichar high);
/* Is this a character of a name, .NET's IsBoundaryWordChar? */
bool ph_pattern_is_word(gunichar c);

/* The alternatives up to ')' or the end become children of parent. */
int ph_pattern_parse_branches(struct ph_pattern_parser *p,
			      struct ph_pattern_node *parent);
/* At a '('. *node_r is NULL for what only changes options. no_capture: it is
 * the condition of a conditional group. */
int ph_pattern_parse_group(struct ph_pattern_parser *p, bool no_capture,
			   struct ph_pattern_node **node_r);
/* At a '\'. */
int ph_pattern_parse_escape(struct ph_pattern_parser *p,
			    struct ph_pattern_node **node_r);
/* Behind a '\', at what stands for one character. */
int ph_pattern_parse_char_escape(struct ph_pattern_parser *p, gunichar *c_r);
/* Behind \p or \P: adds it to a class. */
int ph_pattern_parse_property(struct ph_pattern_parser *p, bool negated,
			      struct ph_pattern_class *set);
/* Behind a '['. */
int ph_pattern_parse_class(struct ph_pattern_parser *p,
			   struct ph_pattern_class **class_r);
/* Digits; -1 when the number is above INT32_MAX, as in .NET. */
int ph_pattern_parse_number(struct ph_pattern_parser *p, uint32_t *number_r);
/* g_free. "" when no name begins here. */
char *ph_pattern_parse_name(struct ph_pattern_parser *p);
/* 1: *group_r is its index. 0: there is none. */
int ph_pattern_find_number(const struct ph_pattern_parser *p, uint32_t number,
			   size_t *group_r);
int ph_pattern_find_name(const struct ph_pattern_parser *p, const char *name,
			 size_t *group_r);

/* ---- tables ---- */

/* The two-letter or one-letter name of a Unicode category, a constant; NULL:
 * there is none. Case matters. */
const char *ph_pattern_category(const char *name);
/* Is c in that category? */
bool ph_pattern_category_has(const char *name, gunichar c);
/* Lu, Ll or Lt? As in .NET, without case any of them is all three. */
bool ph_pattern_category_is_cased(const char *name);
/* \p{IsCyrillic}; false: there is none. */
bool ph_pattern_block(const char *name, gunichar *low_r, gunichar *high_r);
/* Is an ASCII character of a class, matched with or without case? */
bool ph_pattern_class_has(const struct ph_pattern_class *set, gunichar c,
			  bool caseless);

/* ---- what a node matches ---- */

/* Is the character that node and what follows it match first certainly one of
 * a word? NULL: no. */
bool ph_pattern_is_word_next(const struct ph_pattern_node *node);
/* And the one that stands behind node's match; before: the one that stands
 * before it is. */
bool ph_pattern_is_word_behind(const struct ph_pattern_node *node, bool before);
/* Characters of a BRANCH; -1: it varies, or is above 65535. */
int64_t ph_pattern_length(const struct ph_pattern_node *branch);

/* ---- the writers ---- */

/* From where in the expression to where in the pattern: for PCRE2's errors. */
struct ph_pattern_mark {
	size_t emitted;
	size_t at;
};

/* marks: struct ph_pattern_mark, ascending. -1: a lookbehind has no length. */
int ph_pattern_emit(struct ph_pattern_tree *tree, GString *out, GArray *marks,
		    struct ph_err *err);
/* The class alone, for its node's options. */
void ph_pattern_emit_class(const struct ph_pattern_class *set, bool caseless,
			   GString *out);
/* One character that PCRE2 and Hyperscan take literally. */
void ph_pattern_emit_char(gunichar c, GString *out);
/* "*", "{2,3}", "" for once. */
void ph_pattern_emit_repeat(uint32_t min, uint32_t max, GString *out);
/* At least this long, else it would be found too often; as in match_private.h.
 */
#define PH_FACTOR_MIN ((size_t)4)
/* g_free; NULL: there is none. (_factor.c) */
char *ph_pattern_find_factor(const struct ph_pattern_tree *tree);

/* (_digit.c) False: *digits_r says nothing. *span_r: how many characters an
 * attempt looks at, at most; UINT32_MAX: no limit. */
bool ph_pattern_find_digits(const struct ph_pattern_tree *tree,
			    struct ph_pattern_digits *digits_r,
			    uint32_t *span_r);

/* (_window.c) */
void ph_pattern_find_window(const struct ph_pattern_tree *tree,
			    struct ph_pattern_window *window_r);

/* NULL: none is worth it. g_free. */
char *ph_pattern_emit_prefilter(const struct ph_pattern_tree *tree);

#endif
