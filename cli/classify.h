#ifndef PH_CLI_CLASSIFY_H
#define PH_CLI_CLASSIFY_H

#include "cli/command.h"
#include "cli/output.h"
#include "lib/classify/classify.h"

#include <glib.h>

/*
 * What was found of sensitive information, for people: a table of types, then
 * where each is, with the text and what helped. found and texts are
 * ph_classify_message's, or ph_classifier_find's.
 */
void ph_classified_print(const GPtrArray *found,
			 const struct ph_classify_text *texts);
/* For programs: an array; the caller's. */
json_t *ph_classified_json(const GPtrArray *found,
			   const struct ph_classify_text *texts);

/*
 * The types in force, those of Redis (or of the last good copy) included. 0 and
 * *classifier_r is the caller's, or an exit code after saying why. A package
 * that is not in force is warned of.
 */
int ph_classifier_open(struct ph_cli *cli, struct ph_classifier **classifier_r);

/* The same, but without Redis and without a copy the built-in types do, which
 * is warned of. */
int ph_classifier_open_anyway(struct ph_cli *cli,
			      struct ph_classifier **classifier_r);

/* Warns of each type in a list of PH_FIELD_SENSITIVE that there
 * is not: the condition would be false for ever. field: as it was typed. */
void ph_classify_warn(struct ph_cli *cli, const char *field, const char *list);

/* Would a package be taken, beside the built-in types and the others in Redis?
 * 0, or an exit code after saying why not. */
int ph_package_try(struct ph_cli *cli, const char *name, const char *text);

#endif
