#ifndef PH_RULES_RULESET_H
#define PH_RULES_RULESET_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"
#include "lib/state/snapshot.h"
#include "milters/transport/rules/action.h"
#include "milters/transport/rules/condition.h"
#include "milters/transport/rules/vocabulary.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rules of a snapshot that run, compiled and in order. Immutable, computed
 * once per change.
 */
enum ph_rule_mode {
	PH_MODE_ENFORCE,
	PH_MODE_AUDIT,
	PH_MODE_AUDIT_AND_NOTIFY,
};
const char *ph_rule_mode_name(enum ph_rule_mode mode);

/* SetAuditSeverity, in the order of its words; Low where a rule says nothing,
 * as in Exchange's log. */
enum ph_severity {
	PH_SEVERITY_NONE, /* DoNotAudit */
	PH_SEVERITY_LOW,
	PH_SEVERITY_MEDIUM,
	PH_SEVERITY_HIGH,
};

struct ph_rule {
	struct ph_object *object;
	const char *name; /* borrowed from object */
	/* Why it does not run though it is in the set; NULL: it runs. */
	const char *off;
	/* ruleId in tracking rows: made of the folded name, so the same on
	 * every server. */
	char guid[PH_UUID_TEXT];
	int64_t priority; /* INT64_MAX: unset */
	enum ph_rule_mode mode;
	enum ph_severity severity;
	bool defer;		    /* RuleErrorAction */
	int64_t activation, expiry; /* wall clock ms; 0: unset */
	unsigned needs;		    /* of all its conditions */
	bool by_recipient; /* a condition or exception is at that level */
	bool spares;	   /* an exception is about single recipients */
	bool timed;	   /* worth measuring: has patterns */
	/* Conditions, then exceptions; those of the message first. */
	GArray *predicates; /* struct ph_predicate */
	guint n_conditions;
	GPtrArray *actions; /* const struct ph_action *, in table order */
};

struct ph_ruleset {
	GPtrArray *rules; /* struct ph_rule *, in order of evaluation */
	struct ph_vocabulary *vocabulary;
	uint64_t *always; /* bits of rules that have no gate */
	unsigned needs;	  /* of all rules that run */
};

static inline const struct ph_predicate *
ph_rule_predicate(const struct ph_rule *rule, guint i)
{
	return &g_array_index(rule->predicates, struct ph_predicate, i);
}

/*
 * A row of struct ph_derive; never has an error: what is wrong with a rule was
 * found when the object was read. context is the struct ph_match_compiler that
 * its words and patterns are given to, or NULL: they are matched one by one.
 */
void *ph_ruleset_build(const struct ph_snapshot *snapshot, const void *previous,
		       void *context, struct ph_err *err);
/* The same with rules that do not run, for "rule explain". */
void *ph_ruleset_build_all(const struct ph_snapshot *snapshot,
			   const void *previous, void *context,
			   struct ph_err *err);
void ph_ruleset_free(void *ruleset);

#endif
