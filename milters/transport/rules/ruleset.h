#ifndef PH_RULES_RULESET_H
#define PH_RULES_RULESET_H

#include "lib/base/err.h"
#include "lib/base/uuid.h"
#include "lib/state/snapshot.h"
#include "milters/transport/rules/action.h"
#include "milters/transport/rules/condition.h"

#include <glib.h>
#include <stddef.h>

/*
 * The rules of a snapshot that run, compiled and in order. Immutable, computed
 * once per change.
 */
struct ph_predicate {
	const struct ph_condition *condition;
	const char *selector; /* borrowed from the rule; NULL: none */
	void *operand;
};

enum ph_rule_mode {
	PH_MODE_ENFORCE,
	PH_MODE_AUDIT,
	PH_MODE_AUDIT_AND_NOTIFY,
};
const char *ph_rule_mode_name(enum ph_rule_mode mode);

struct ph_rule {
	struct ph_object *object;
	const char *name; /* borrowed from object */
	/* ruleId in tracking rows: made of the folded name, so the same on
	 * every server. */
	char guid[PH_UUID_TEXT];
	int64_t priority; /* INT64_MAX: unset */
	enum ph_rule_mode mode;
	GArray *conditions; /* struct ph_predicate */
	GArray *exceptions; /* the same */
	GPtrArray *actions; /* const struct ph_action *, in table order */
};

struct ph_ruleset {
	GPtrArray *rules; /* struct ph_rule *, in order of evaluation */
};

/* A row of struct ph_derive; never has an error: what is wrong with a rule was
 * found when the object was read. */
void *ph_ruleset_build(const struct ph_snapshot *snapshot, const void *previous,
		       void *context, struct ph_err *err);
void ph_ruleset_free(void *ruleset);

#endif
