#ifndef PH_CLASSIFY_PACKAGE_PRIVATE_H
#define PH_CLASSIFY_PACKAGE_PRIVATE_H

#include "lib/classify/package.h"

/* What package.c's family shares: package.c holds the tables' life,
 * package_read.c walks through the XML, package_element.c says what each
 * element means. */

/* ---- package.c ---- */

struct ph_package *ph_package_new(const char *name);
struct ph_definition *ph_definition_new(const char *id, int line);
struct ph_package_node *ph_package_node_new(int line);
struct ph_package_level *ph_package_level_new(void);
struct ph_package_rule *ph_package_rule_new(int line);

/* ---- package_read.c ---- */

struct ph_element;

/* Where the reader is: an element that is open. */
struct ph_reader_level {
	const struct ph_element *element; /* NULL: the document */
	GString *text;			  /* NULL: it has none */
	GHashTable *attributes;		  /* small letters; owned texts */
	int line;
};

struct ph_reader {
	GMarkupParseContext *context;
	struct ph_package *package;
	GArray *levels; /* struct ph_reader_level */
	size_t nodes, parts;
	/* What is being read, borrowed from the package; NULL: none. */
	struct ph_package_rule *rule;
	struct ph_package_level *level;
	struct ph_definition *definition;
	GPtrArray *into;   /* nodes go there: the Pattern's, or an Any's */
	GPtrArray *outer;  /* stack of GPtrArray *, borrowed */
	const char *style; /* matchStyle of the Group */
	/* Of the Resource: the rule it names, and whether its texts are the
	 * default ones. */
	char *resource;
	GHashTable *names, *descriptions; /* id to text */
	GHashTable *chosen; /* ids whose name, or description, is a default */
	struct ph_err *err; /* never NULL */
};

/* A row: what an element is and where it may stand. */
struct ph_element {
	const char *name;    /* NULL ends the table */
	const char *parents; /* "Rules Function", "" the document */
	bool text;	     /* its text is wanted */
	/* Both may be NULL; 0, or -1 with the error, without the line. */
	int (*start)(struct ph_reader *r, const struct ph_reader_level *level);
	int (*end)(struct ph_reader *r, const struct ph_reader_level *level);
};

/* ---- package_element.c ---- */

extern const struct ph_element ph_elements[];
/* What only the whole package can tell. */
int ph_package_finish(struct ph_reader *r);

#endif
