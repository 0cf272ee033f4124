#ifndef PH_CLI_RULE_H
#define PH_CLI_RULE_H

#include "cli/command.h"
#include "cli/kind.h"
#include "cli/trial.h"

#include <glib.h>

/* What the verbs of rules share. */

/* Rules that are valid, in the order in which they run, struct ph_object *
 * borrowed from the snapshot; g_ptr_array_unref. */
GPtrArray *ph_rules_sorted(const struct ph_snapshot *snapshot);

/* INT64_MAX: unset, so it runs last. */
int64_t ph_rule_priority(const struct ph_object *rule);
/* "last" where unset; g_free. */
char *ph_priority_text(int64_t priority);

/* The conditions, or the actions (PH_FIELD_ACTION), in few words; g_free. */
char *ph_rule_fields(const struct ph_object *rule, unsigned flag);

/* Why a rule is not valid, and what the daemons of this server do: local is
 * their last good copy, or NULL; g_free. */
char *ph_rule_problem(const struct ph_snapshot *local,
		      const struct ph_snapshot_error *error);

/* ---- rule_test.c, for rule_explain.c ------------------------------------- */

/* "  Name:           value": one line, nothing that a terminal would obey,
 * not longer than people read. */
void ph_say(const char *name, const char *value);

/* What becomes of a message, for people and for programs. */
void ph_trial_print(const struct ph_trial *trial);
json_t *ph_trial_json(const struct ph_trial *trial);

/* ---- rule_explain.c ------------------------------------------------------ */

/* What every rule said; all: nothing is made short; g_free. */
char *ph_explain_text(const struct ph_trial *trial, bool all);
json_t *ph_explain_json(const struct ph_trial *trial);

/* ---- rule_move.c --------------------------------------------------------- */

struct ph_place {
	const char *name;
	int64_t priority; /* INT64_MAX: unset */
	int64_t to;	  /* as it is to be; -1: stays */
};

/*
 * Moves the rule at "from" of n, in order, to the position "to" of the order
 * without it, and numbers as few as possible: what stands before the moved rule
 * has lower numbers, what stands behind has higher ones. counted: the moved
 * rule gets the number "to", and those before it 0, 1, 2 ..., as Exchange
 * counts. Pure.
 */
void ph_places_move(struct ph_place *places, size_t n, size_t from, size_t to,
		    bool counted);

#endif
