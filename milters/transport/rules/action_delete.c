#include "milters/transport/rules/action.h"

int
ph_action_delete(const struct ph_object *rule, struct ph_mail *mail,
		 struct ph_err *err)
{
	(void)rule;
	(void)err;
	ph_verdict_discard(&mail->verdict, PH_RULES_AGENT);
	return 0;
}
