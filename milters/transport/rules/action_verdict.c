#include "milters/transport/rules/evaluate.h"

#define DEFAULT_CODE "5.7.1"
#define DEFAULT_TEXT "Delivery not authorized, message refused"

int
ph_action_delete(const struct ph_action_run *run, struct ph_err *err)
{
	(void)err;
	ph_verdict_discard(&run->mail->verdict, PH_RULES_AGENT);
	return 0;
}

int
ph_action_reject(const struct ph_action_run *run, struct ph_err *err)
{
	const char *code =
	    ph_object_text(run->rule, "RejectMessageEnhancedStatusCode");
	const char *text = ph_object_text(run->rule, "RejectMessageReasonText");
	struct ph_verdict *verdict = &run->mail->verdict;

	(void)err;
	if (verdict->decision != PH_DECISION_ACCEPT)
		return 0;
	if (code == NULL)
		code = DEFAULT_CODE;
	ph_verdict_reject(verdict, PH_RULES_AGENT, code,
			  text != NULL ? text : DEFAULT_TEXT);
	/* Exchange's own words in the tracking log, whatever the rule's text
	 * (facts/exchange-rules.md section 8). */
	verdict->status = g_strdup_printf(
	    "[{LED=550 %s TRANSPORT.RULES.RejectMessage; the message was "
	    "rejected by organization policy};{MSG=};{FQDN=};{IP=};{LRT=}]",
	    code);
	return 0;
}

/* As Exchange does it: where there is no mailbox for it the sender is told
 * (facts/exchange-rules.md section 4). */
int
ph_action_quarantine(const struct ph_action_run *run, struct ph_err *err)
{
	const struct ph_quarantine *quarantine = run->options->quarantine;

	if (quarantine != NULL && *quarantine->mailbox != '\0')
		return ph_quarantine_put(quarantine, run->mail, run->matched,
					 err);
	ph_verdict_reject(&run->mail->verdict, PH_RULES_AGENT, DEFAULT_CODE,
			  DEFAULT_TEXT);
	return 0;
}

/* Of an Edge server: about the session, so about everybody. */
int
ph_action_smtp_reject(const struct ph_action_run *run, struct ph_err *err)
{
	const char *text =
	    ph_object_text(run->rule, "SmtpRejectMessageRejectText");
	int code = ph_object_has(run->rule, "SmtpRejectMessageRejectStatusCode")
		       ? (int)ph_object_int(run->rule,
					    "SmtpRejectMessageRejectStatusCode")
		       : 550;

	(void)err;
	ph_verdict_answer(&run->mail->verdict, PH_RULES_AGENT, code,
			  code < 500 ? "4.7.1" : "5.7.1",
			  text != NULL ? text : DEFAULT_TEXT);
	run->mail->verdict.whole = true;
	return 0;
}

/* 421: the MTA closes the connection after it. */
int
ph_action_disconnect(const struct ph_action_run *run, struct ph_err *err)
{
	(void)err;
	ph_verdict_answer(&run->mail->verdict, PH_RULES_AGENT, 421, "4.7.0",
			  "Connection closed by policy");
	run->mail->verdict.whole = true;
	return 0;
}
