#ifndef PH_STATE_FILTER_PRIVATE_H
#define PH_STATE_FILTER_PRIVATE_H

#include "lib/state/filter.h"

#include <glib.h>

/* What the files of the filter share: no contract for others. */

enum ph_test {
	PH_TEST_EQ,
	PH_TEST_NE,
	PH_TEST_LIKE,
	PH_TEST_NOTLIKE,
	PH_TEST_GT,
	PH_TEST_GE,
	PH_TEST_LT,
	PH_TEST_LE,
};
#define PH_TESTS (PH_TEST_LE + 1)

/* In the order of enum ph_test: "-eq", ... */
extern const char *const ph_filter_operators[PH_TESTS];

/*
 * What a test looks at. A row of Exchange's names, or one made for a field or
 * for an attribute that the kind keeps though it does not know it.
 */
struct ph_property {
	const char *name;
	const char *field; /* NULL: values does not need one */
	/* Adds the texts that the entry has (char *, g_free). */
	void (*values)(const struct ph_object *entry, const char *field,
		       GPtrArray *texts);
	const struct ph_field *row; /* of field; NULL: none, an attribute */
	bool of_type;		    /* says what kind of recipient it is */
	bool member;		    /* of a group: values are not asked */
};

enum ph_node_type { PH_NODE_AND, PH_NODE_OR, PH_NODE_NOT, PH_NODE_TEST };

struct ph_node {
	enum ph_node_type type;
	GPtrArray *nodes; /* of AND, OR, NOT; struct ph_node * */
	/* Of a test: */
	struct ph_property property;
	char *attribute; /* owned; what property's texts may point to */
	enum ph_test test;
	bool null;    /* compared with $null */
	char *value;  /* as written, for printing; of BOOL and WORD spelt so */
	char *folded; /* for comparing */
	char **parts; /* of LIKE: folded, between the stars */
	int64_t number; /* of INT and SIZE */
};

struct ph_filter {
	struct ph_node *root;
	bool ldap;
	bool names_groups, has_links;
	char *obstacle;
	GPtrArray *groups; /* char *, NULL at the end */
};

#define PH_FILTER_DEPTH 100
#define PH_FILTER_TESTS 1000

/* ---- the tree (filter.c) ------------------------------------------------ */

struct ph_node *ph_node_new(enum ph_node_type type);
void ph_node_free(void *node); /* NULL is fine */

/* Takes the root. */
struct ph_filter *ph_filter_new(struct ph_node *root, bool ldap,
				const char *obstacle);

/*
 * A test of a property; value NULL is $null. *node_r, or -1 with what is wrong
 * with the value: "what; expected what".
 */
int ph_node_test(const struct ph_property *property, enum ph_test test,
		 const char *value, struct ph_node **node_r,
		 struct ph_err *err);

/* ---- properties (filter_property.c) ------------------------------------- */

/* Exchange's name, a field or its alias, without case. false: neither. */
bool ph_property_find(const char *name, struct ph_property *property_r);
const char *ph_property_suggest(const char *name); /* NULL: nothing near */

/* An attribute by any of the profiles, or as the kind keeps what it does not
 * know; the name is borrowed. *obstacle_r: why only a server can answer, for a
 * presence alone or for a comparison; static or NULL. */
void ph_property_of_attribute(const char *attribute, bool presence,
			      struct ph_property *property_r,
			      const char **obstacle_r);

/* What a value is for it: *value_r as it is spelt (g_free), *number_r of a
 * number. 0, or -1: "what is wrong; expected what". */
int ph_property_value(const struct ph_property *property, enum ph_test test,
		      const char *text, char **value_r, int64_t *number_r,
		      struct ph_err *err);

bool ph_property_is_number(const struct ph_property *property);

/* Its values name other entries. */
bool ph_property_is_link(const struct ph_property *property);

/* Does a value name a kind of group, for a property of type? */
bool ph_property_is_group(const struct ph_node *test);

/* ---- the two ways of writing -------------------------------------------- */

int ph_filter_parse_opath(const char *text, struct ph_filter **filter_r,
			  struct ph_err *err);
int ph_filter_parse_ldap(const char *text, struct ph_filter **filter_r,
			 struct ph_err *err);

/* "character N: ..." at p in text; -1. */
int ph_filter_fail(const char *text, const char *p, struct ph_err *err,
		   const char *format, ...) G_GNUC_PRINTF(4, 5);

#endif
