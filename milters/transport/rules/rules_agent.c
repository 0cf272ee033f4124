#include "milters/transport/rules/evaluate.h"
#include "milters/transport/rules/rule_stats.h"
#include "milters/transport/transport.h"

#include "lib/base/log.h"

/*
 * "S:TRA=ETR|ruleId=...|st=|action=...|sev=1|mode=Enforce", as Exchange writes
 * a rule hit (facts/exchange-rules.md section 11). st, when the rule was last
 * changed, is empty: a rule in Redis has no such date.
 */
static void
append_hit(struct ph_mail *mail, const struct ph_rule_hit *hit)
{
	g_autoptr(GString) item = g_string_new("S:TRA=ETR");

	g_string_append_printf(item, "|ruleId=%s|st=", hit->rule->guid);
	for (guint i = 0; i < hit->rule->actions->len; i++) {
		const struct ph_action *a = hit->rule->actions->pdata[i];

		g_string_append_printf(item, "|action=%s", a->track);
	}
	g_string_append_printf(item, "|sev=1|mode=%s",
			       ph_rule_mode_name(hit->rule->mode));
	ph_mail_info(mail, item->str);
}

static void
report(struct ph_mail *mail, struct ph_rule_stats *stats,
       const struct ph_rule_hit *hit)
{
	ph_rule_stats_note(stats, hit);
	if (hit->answer == PH_ANSWER_ERROR) {
		ph_log(PH_LOG_WARN, mail->queue_id,
		       "rule \"%s\" was skipped: %s", hit->rule->name,
		       hit->error);
		return;
	}
	/* The tracking log has every hit; the MTA's log has every refusal, but
	 * not whose it was. */
	ph_log(mail->verdict.decision != PH_DECISION_ACCEPT ? PH_LOG_INFO
							    : PH_LOG_DEBUG,
	       mail->queue_id, "rule \"%s\" %s", hit->rule->name,
	       hit->applied ? "applied" : "would apply (audit)");
	append_hit(mail, hit);
}

/* Once in the organisation: a server of ours has said so before. */
static bool
were_executed(const struct ph_mail *mail)
{
	const char *by =
	    ph_headers_raw(mail->headers, PH_HEADER_RULES_EXECUTED, 0);

	return by != NULL && *by != '\0';
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_transport *transport = app;
	const struct ph_ruleset *set =
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_RULES);
	GArray *hits;

	if (were_executed(mail))
		return 0;
	ph_mail_info(mail, NULL);
	hits = ph_rules_run(set, mail);
	for (guint i = 0; i < hits->len; i++)
		report(mail, transport->stats,
		       &g_array_index(hits, struct ph_rule_hit, i));
	g_array_unref(hits);
	ph_mail_info(mail, "S:CompCost=|ETR=0");
	if (mail->verdict.decision != PH_DECISION_ACCEPT)
		return 1;
	return ph_mail_set_header(mail, PH_HEADER_RULES_EXECUTED,
				  transport->server, err);
}

const struct ph_agent ph_rules_agent = {
    .name = PH_RULES_AGENT,
    .on_message = on_message,
};
