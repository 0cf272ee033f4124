#ifndef PH_CLI_RULE_IMPORT_H
#define PH_CLI_RULE_IMPORT_H

#include "cli/kind.h"

/*
 * What Export-TransportRuleCollection of Exchange 2013 and later wrote: XML, in
 * which each rule is a New-TransportRule command.
 */

/* A rule of the file, in its order. */
typedef void ph_rule_taken(void *context, const char *name,
			   const char *command);

/* Reads UTF-8. 0, or -1 PERM: it is no such export. */
int ph_rule_import_parse(const char *text, size_t size, ph_rule_taken *taken,
			 void *context, struct ph_err *err);

/* The fields that a command sets: field and value in written form, added to
 * rule (char *), and the rule's name if it has one; g_free. 0, or -1 PERM. */
int ph_rule_import_fields(const struct ph_kind *kind, const char *command,
			  GPtrArray *rule, char **name_r, struct ph_err *err);

#endif
