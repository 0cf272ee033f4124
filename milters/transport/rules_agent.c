#include "milters/transport/outcome.h"
#include "milters/transport/rules/rule_stats.h"
#include "milters/transport/transport.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <string.h>

/* A rule that took longer to ask gets an ETRP item, as in Exchange, which does
 * not say its own threshold. */
#define SLOW_US ((int64_t)10 * 1000)

/* "|sndOverride=fp": what the sender said to a rule that would have told him.
 */
static void
append_override(const struct ph_mail *mail, const struct ph_rule *rule,
		GString *item)
{
	enum ph_override said;

	if (!ph_object_has(rule->object, "NotifySender"))
		return;
	said = ph_override_of(mail->headers);
	if (said != PH_OVERRIDE_NONE)
		g_string_append_printf(
		    item, "|sndOverride=%s",
		    said == PH_OVERRIDE_FALSE_POSITIVE ? "fp" : "or");
}

/*
 * "S:TRA=ETR|ruleId=...|st=|action=...|sev=1|mode=Enforce", as Exchange writes
 * a rule hit (facts/exchange-rules.md section 11). st, when the rule was last
 * changed, is empty: a rule in Redis has no such date. DoNotAudit: no item.
 */
static void
append_hit(struct ph_mail *mail, const struct ph_rule_hit *hit)
{
	g_autoptr(GString) item = g_string_new("S:TRA=ETR");

	if (hit->rule->severity == PH_SEVERITY_NONE)
		return;
	g_string_append_printf(item, "|ruleId=%s|st=", hit->rule->guid);
	for (guint i = 0; i < hit->rule->actions->len; i++) {
		const struct ph_action *a = hit->rule->actions->pdata[i];

		g_string_append_printf(item, "|action=%s", a->track);
	}
	g_string_append_printf(item, "|sev=%d|mode=%s",
			       (int)hit->rule->severity,
			       ph_rule_mode_name(hit->rule->mode));
	append_override(mail, hit->rule, item);
	ph_mail_info(mail, item->str);
}

static void
append_slow(struct ph_mail *mail, const struct ph_rule_hit *hit)
{
	g_autofree char *item = NULL;

	if (hit->wall_us < SLOW_US)
		return;
	item = g_strdup_printf("S:TRA=ETRP|ruleId=%s|ExecW=%" G_GINT64_FORMAT
			       "|ExecC=%" G_GINT64_FORMAT,
			       hit->rule->guid, hit->wall_us / 1000,
			       hit->cpu_us / 1000);
	ph_mail_info(mail, item);
}

static void
report(struct ph_mail *mail, struct ph_rule_stats *stats,
       const struct ph_rule_hit *hit)
{
	ph_rule_stats_note(stats, hit);
	append_slow(mail, hit);
	if (hit->error != NULL)
		ph_log(PH_LOG_WARN, mail->queue_id,
		       "rule \"%s\" could not be evaluated: %s",
		       hit->rule->name, hit->error);
	if (hit->answer == PH_ANSWER_ERROR)
		return;
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

/*
 * Rules do not run on system messages (facts/exchange-rules.md section 1). A
 * report that a server of ours has made comes from there without a sender and
 * without the header that every message from elsewhere has by then.
 */
static bool
is_exempt(const struct ph_mail *mail)
{
	return mail->trusted && *mail->sender == '\0' && mail->made_here;
}

/* 0, or 1 with a verdict. */
static int
defer(struct ph_mail *mail, const struct ph_err *why)
{
	ph_log(PH_LOG_WARN, mail->queue_id, "deferred: %s", why->text);
	/* Of those whom an earlier rule has refused: they try again as well. */
	ph_verdict_clear(&mail->verdict);
	return ph_verdict_defer(&mail->verdict, PH_RULES_AGENT, "4.7.1",
				"A transport rule could not be evaluated, "
				"please try again later");
}

static int
run_rules(const struct ph_transport *transport, struct ph_mail *mail,
	  struct ph_rules_result *result_r)
{
	const struct ph_ruleset *set =
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_RULES);
	const struct ph_rules_options options = {
	    .now = ph_clock_wall(),
	    .loop_limit = transport->loop_limit,
	    .quarantine = &transport->quarantine,
	    .recipients_only = mail->members,
	};
	struct ph_err err = PH_ERR_INIT;
	int r = ph_rules_run(set, mail, &options, result_r, &err);

	return r < 0 ? defer(mail, &err) : 0;
}

static int
on_message(struct ph_mail *mail, void *app, struct ph_err *err)
{
	const struct ph_transport *transport = app;
	bool executed = were_executed(mail);
	bool skip =
	    (executed && !mail->members) || is_exempt(mail) || mail->put_aside;
	struct ph_rules_result result;
	GPtrArray *aside;
	int r = 0;

	/* Also of one that is exempt: the next server cannot tell any more that
	 * it is. */
	if (!executed && ph_mail_set_header(mail, PH_HEADER_RULES_EXECUTED,
					    transport->server, err) < 0)
		return -1;
	ph_outcome_begin(mail);
	aside = ph_outcome_set_aside(mail);
	if (skip)
		ph_rules_result_init(&result, mail);
	else
		r = run_rules(transport, mail, &result);
	if (aside != NULL)
		ph_outcome_add_aside(&result, aside);
	if (r == 0)
		r = ph_outcome_apply(transport, mail, &result, err);
	else
		ph_outcome_gather(mail, &result);
	/* Of each portion of a large group that nothing was done is no news. */
	if (!skip && (!mail->members || result.hits->len > 0)) {
		ph_mail_info(mail, NULL);
		for (guint i = 0; i < result.hits->len; i++)
			report(
			    mail, transport->stats,
			    &g_array_index(result.hits, struct ph_rule_hit, i));
		ph_mail_info(mail, "S:CompCost=|ETR=0");
	}
	ph_rules_result_clear(&result);
	return r;
}

bool
ph_rules_need_body(const struct ph_mail *mail)
{
	const struct ph_ruleset *set =
	    ph_snapshot_derived(mail->snapshot, PH_DERIVED_RULES);

	return (set->needs & (PH_NEED_CONTENT | PH_NEED_STRUCTURE)) != 0;
}

const struct ph_agent ph_rules_agent = {
    .name = PH_RULES_AGENT,
    .on_message = on_message,
};
