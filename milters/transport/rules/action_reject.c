#include "milters/transport/rules/action.h"

#define DEFAULT_CODE "5.7.1"
#define DEFAULT_TEXT "Delivery not authorized, message refused"

int
ph_action_reject(const struct ph_object *rule, struct ph_mail *mail,
		 struct ph_err *err)
{
	const char *code =
	    ph_object_text(rule, "RejectMessageEnhancedStatusCode");
	const char *text = ph_object_text(rule, "RejectMessageReasonText");

	(void)err;
	if (mail->verdict.decision != PH_DECISION_ACCEPT)
		return 0;
	if (code == NULL)
		code = DEFAULT_CODE;
	ph_verdict_reject(&mail->verdict, PH_RULES_AGENT, code,
			  text != NULL ? text : DEFAULT_TEXT);
	/* Exchange's own words in the tracking log, whatever the rule's text
	 * (facts/exchange-rules.md section 8). */
	mail->verdict.status = g_strdup_printf(
	    "[{LED=550 %s TRANSPORT.RULES.RejectMessage; the message was "
	    "rejected by organization policy};{MSG=};{FQDN=};{IP=};{LRT=}]",
	    code);
	return 0;
}
