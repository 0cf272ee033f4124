#include "milters/transport/rules/condition.h"

#include <strings.h>

static void *
compile(const struct ph_object *rule, const char *field)
{
	enum ph_scope *scope = g_malloc0(sizeof(*scope));

	*scope = strcasecmp(ph_object_text(rule, field), "InOrganization") == 0
		     ? PH_SCOPE_INSIDE
		     : PH_SCOPE_OUTSIDE;
	return scope;
}

static bool
match(struct ph_evaluation *e, const void *operand,
      const struct ph_value *value)
{
	const enum ph_scope *scope = operand;

	(void)e;
	return value->scope == *scope;
}

const struct ph_comparison ph_compare_scope = {"scope", compile, g_free, match};
