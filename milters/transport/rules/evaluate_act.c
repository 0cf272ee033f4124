#include "milters/transport/rules/evaluate_private.h"

#include "milters/transport/rules/recipients.h"
#include "milters/transport/rules/scan.h"

/* Changes when somebody was added to or taken from a copy. */
static guint
count_recipients(const struct ph_copy *copy)
{
	const GPtrArray *recipients = copy->mail->recipients;
	guint n = 2 * recipients->len;

	for (guint i = 0; i < recipients->len; i++) {
		const struct ph_recipient *r = recipients->pdata[i];

		n -= r->removed;
	}
	return n;
}

/* What an action has changed is looked at anew by the rules that follow. */
static void
forget_changes(struct ph_rules_run *run, struct ph_copy *copy,
	       guint recipients_before)
{
	for (guint i = 0; i < copy->mail->touched->len; i++) {
		struct ph_touched *touched = copy->mail->touched->pdata[i];

		if (touched->fresh)
			ph_scans_forget(copy->scans, run->e.set, touched->name);
		touched->fresh = false;
	}
	if (count_recipients(copy) != recipients_before)
		ph_scans_forget(copy->scans, run->e.set, NULL);
	ph_rules_enter(run, copy);
	ph_scan_candidates(&run->e, run->bits);
}

/* The rules that look at the members of a group that was left whole run later,
 * and must know. */
static int
note_end(struct ph_rules_run *run, const struct ph_rule *rule,
	 struct ph_copy *copy, struct ph_err *err)
{
	struct ph_mail *mail = copy->mail;
	bool whole = false;

	if (run->options->recipients_only)
		return 0;
	for (guint i = 0; i < mail->recipients->len && !whole; i++)
		whole = ph_recipient_is_whole(mail, mail->recipients->pdata[i]);
	return whole ? ph_mail_set_header(mail, PH_HEADER_RULES_ENDED,
					  rule->guid, err)
		     : 0;
}

static struct ph_action_run
make_action_run(struct ph_rules_run *run, const struct ph_rule *rule,
		const struct ph_copy *copy, GPtrArray *matched)
{
	return (struct ph_action_run){
	    .rule = rule->object,
	    .e = &run->e,
	    .mail = copy->mail,
	    .matched = matched,
	    .result = run->result,
	    .options = run->options,
	};
}

static int
act(struct ph_rules_run *run, const struct ph_rule *rule, struct ph_copy *copy,
    GPtrArray *matched, struct ph_err *err)
{
	const struct ph_action_run action_run =
	    make_action_run(run, rule, copy, matched);
	guint recipients = count_recipients(copy);
	int r = 0;

	ph_rules_enter(run, copy);
	for (guint i = 0; i < rule->actions->len && r == 0; i++) {
		const struct ph_action *action = rule->actions->pdata[i];

		if (action->apply != NULL)
			r = action->apply(&action_run, err);
		copy->stopped |= r == 0 && action->stops;
	}
	if (r == 0 && copy->stopped)
		r = note_end(run, rule, copy, err);
	copy->stopped |= copy->mail->verdict.decision != PH_DECISION_ACCEPT;
	forget_changes(run, copy, recipients);
	return r;
}

/* Before the first change: the copies are compared with it at the end. */
static void
keep_before(struct ph_rules_run *run)
{
	if (run->result->before == NULL)
		run->result->before = ph_headers_copy(run->mail->headers);
}

static bool
is_everybody(const struct ph_copy *copy, const GPtrArray *matched)
{
	g_autoptr(GPtrArray) all = ph_copy_recipients(copy);

	return all->len == matched->len;
}

static void
tell_acted(const struct ph_rules_run *run, const struct ph_rule *rule,
	   const struct ph_copy *copy, const char *error)
{
	const struct ph_rules_trace *trace = run->options->trace;

	if (trace != NULL && trace->acted != NULL)
		trace->acted(trace->arg, rule, copy->mail, error);
}

/* Instead of acting, in AuditAndNotify. */
static void
notify(struct ph_rules_run *run, const struct ph_rule *rule,
       struct ph_copy *copy, GPtrArray *matched)
{
	const struct ph_action_run action_run =
	    make_action_run(run, rule, copy, matched);

	if (rule->mode != PH_MODE_AUDIT_AND_NOTIFY)
		return;
	for (guint i = 0; i < rule->actions->len; i++) {
		const struct ph_action *action = rule->actions->pdata[i];

		if (action->notify != NULL)
			(void)action->notify(&action_run, NULL);
	}
}

void
ph_rules_act(struct ph_rules_run *run, struct ph_copy *copy, GPtrArray *matched,
	     struct ph_rule_hit *hit)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_copy *target = copy;

	if (hit->rule->mode != PH_MODE_ENFORCE) {
		notify(run, hit->rule, copy, matched);
		return;
	}
	keep_before(run);
	if (!is_everybody(copy, matched)) {
		if (run->copies->len >= PH_COPIES_LIMIT) {
			ph_err_set(&err, PH_ERR_TEMP,
				   "the message would come to more than %d "
				   "copies",
				   PH_COPIES_LIMIT);
			ph_rules_note_error(run, hit, &err);
			tell_acted(run, hit->rule, copy, err.text);
			return;
		}
		target =
		    ph_copies_split(run->copies, run->e.set, copy, matched);
		g_ptr_array_add(run->result->copies, target->mail);
	}
	if (act(run, hit->rule, target, matched, &err) < 0) {
		hit->answer = PH_ANSWER_ERROR;
		ph_rules_note_error(run, hit, &err);
		tell_acted(run, hit->rule, target, err.text);
		return;
	}
	if (target->mail->verdict.decision != PH_DECISION_ACCEPT)
		g_ptr_array_add(run->result->decided, target->mail);
	hit->applied = true;
	tell_acted(run, hit->rule, target, NULL);
}
