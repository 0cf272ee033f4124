#include "milters/transport/rules/evaluate_private.h"

#include "lib/base/clock.h"
#include "lib/directory/members.h"
#include "milters/transport/rules/identity.h"
#include "milters/transport/rules/recipients.h"
#include "milters/transport/rules/scan.h"

#include <string.h>

void
ph_evaluation_init(struct ph_evaluation *e, const struct ph_ruleset *set,
		   struct ph_mail *mail)
{
	*e = (struct ph_evaluation){
	    .set = set,
	    .mail = mail,
	    .message = ph_scans_new(set),
	    .recipients =
		g_hash_table_new_full(NULL, NULL, NULL, ph_scans_free),
	    .identities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						ph_identity_free),
	    .searches = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
					      ph_member_search_free),
	    .patience = g_hash_table_new_full(NULL, NULL, NULL, g_free),
	};
}

void
ph_evaluation_fini(struct ph_evaluation *e)
{
	ph_scans_free(e->message);
	g_hash_table_unref(e->recipients);
	g_hash_table_unref(e->identities);
	g_hash_table_unref(e->searches);
	g_hash_table_unref(e->patience);
}

/* ---- one rule ----------------------------------------------------------- */

/* What is known of a rule so far: conditions are joined by AND, exceptions by
 * OR. */
struct verdict {
	enum ph_answer conditions, exceptions;
};

static void
join(struct verdict *v, bool except, enum ph_answer answer)
{
	enum ph_answer *so_far = except ? &v->exceptions : &v->conditions;
	enum ph_answer decides = except ? PH_ANSWER_TRUE : PH_ANSWER_FALSE;

	if (*so_far != decides &&
	    (answer == decides || answer == PH_ANSWER_ERROR))
		*so_far = answer;
}

/* FALSE beats ERROR: what cannot be said counts only where it would decide. */
static enum ph_answer
conclude(const struct verdict *v)
{
	if (v->conditions == PH_ANSWER_FALSE || v->exceptions == PH_ANSWER_TRUE)
		return PH_ANSWER_FALSE;
	return v->conditions == PH_ANSWER_ERROR ||
		       v->exceptions == PH_ANSWER_ERROR
		   ? PH_ANSWER_ERROR
		   : PH_ANSWER_TRUE;
}

static const struct verdict open_verdict = {PH_ANSWER_TRUE, PH_ANSWER_FALSE};

/* Told of each predicate when somebody wants to know; NULL else. */
struct listener {
	const struct ph_rules_trace *trace;
	const struct ph_rule *rule;
};

/* Apart from ask, which must be cheap: an error alone is half a kilobyte. */
static enum ph_answer
ask_aloud(const struct listener *listener, const struct ph_predicate *p,
	  struct ph_evaluation *e, struct ph_recipient *recipient,
	  struct ph_err *err)
{
	struct ph_finding finding = {NULL, NULL, NULL};
	struct ph_err own = PH_ERR_INIT;
	enum ph_answer answer;

	e->finding = &finding;
	answer = ph_predicate_ask(e, p, recipient, &own);
	e->finding = NULL;
	listener->trace->predicate(listener->trace->arg, listener->rule, p,
				   recipient, answer, &finding,
				   answer == PH_ANSWER_ERROR ? own.text : NULL);
	ph_finding_clear(&finding);
	if (answer == PH_ANSWER_ERROR)
		ph_err_set(err, own.kind, "%s", own.text);
	return answer;
}

static enum ph_answer
ask(const struct listener *listener, const struct ph_predicate *p,
    struct ph_evaluation *e, struct ph_recipient *recipient, struct ph_err *err)
{
	return listener == NULL ? ph_predicate_ask(e, p, recipient, err)
				: ask_aloud(listener, p, e, recipient, err);
}

/* The predicates of one level; all of them when somebody listens. */
static void
ask_level(const struct ph_rule *rule, const struct listener *listener,
	  struct ph_evaluation *e, enum ph_level level,
	  struct ph_recipient *recipient, struct verdict *v, struct ph_err *err)
{
	for (guint i = 0; i < rule->predicates->len; i++) {
		const struct ph_predicate *p = ph_rule_predicate(rule, i);

		if (p->condition->level != level)
			continue;
		join(v, p->except, ask(listener, p, e, recipient, err));
		if (listener == NULL && conclude(v) == PH_ANSWER_FALSE)
			return;
	}
}

enum ph_answer
ph_rule_answer(const struct ph_rule *rule, struct ph_evaluation *e,
	       struct ph_recipient *recipient, struct ph_err *err)
{
	struct verdict v = open_verdict;

	ask_level(rule, NULL, e, PH_LEVEL_MESSAGE, NULL, &v, err);
	if (recipient != NULL && conclude(&v) != PH_ANSWER_FALSE)
		ask_level(rule, NULL, e, PH_LEVEL_RECIPIENT, recipient, &v,
			  err);
	return conclude(&v);
}

/* facts/exchange-rules.md section 1, "Message types". */
const char *
ph_rule_not_asked(const struct ph_rule *rule, struct ph_mail *mail)
{
	if ((rule->needs & PH_NEED_CONTENT) == 0 ||
	    !ph_content_is_sealed(ph_mail_content(mail)))
		return NULL;
	return "the message is encrypted, so its content cannot be looked at";
}

static const char *
not_now(const struct ph_rule *rule, int64_t now)
{
	if (rule->off != NULL)
		return rule->off;
	if (rule->activation > 0 && now < rule->activation)
		return "its ActivationDate has not come";
	if (rule->expiry > 0 && now >= rule->expiry)
		return "its ExpiryDate has passed";
	return NULL;
}

/* ---- a run ---- */

void
ph_rules_enter(struct ph_rules_run *run, struct ph_copy *copy)
{
	run->e.mail = copy->mail;
	run->e.scans = copy->scans;
}

static void
clear_hit(void *data)
{
	struct ph_rule_hit *hit = data;

	g_free(hit->error);
}

static void
tell_rule(const struct ph_rules_run *run, const struct ph_rule *rule,
	  const struct ph_recipient *recipient, enum ph_answer answer,
	  const char *note)
{
	const struct ph_rules_trace *trace = run->options->trace;

	if (trace != NULL)
		trace->rule(trace->arg, rule, recipient, answer, note);
}

static void
tell_copy(const struct ph_rules_run *run, const struct ph_rule *rule,
	  const struct ph_copy *copy, const char *note)
{
	g_autoptr(GPtrArray) all = NULL;

	if (run->options->trace == NULL)
		return;
	all = ph_copy_recipients(copy);
	for (guint i = 0; i < all->len; i++)
		tell_rule(run, rule, all->pdata[i], PH_ANSWER_FALSE, note);
}

/* Those that are in no copy any more are accounted for as well. */
static void
tell_gone(const struct ph_rules_run *run, const struct ph_rule *rule)
{
	for (guint i = 0; run->audience != NULL && i < run->audience->len;
	     i++) {
		const struct ph_recipient *r = run->audience->pdata[i];

		if (r->removed)
			tell_rule(run, rule, r, PH_ANSWER_FALSE,
				  "an earlier rule has sent the message to "
				  "others in this recipient's place");
	}
}

void
ph_rules_note_error(struct ph_rules_run *run, struct ph_rule_hit *hit,
		    const struct ph_err *err)
{
	if (hit->error == NULL)
		hit->error = g_strdup(err->text);
	if (!hit->rule->defer || run->deferred ||
	    hit->rule->mode != PH_MODE_ENFORCE)
		return;
	run->deferred = true;
	ph_err_set(&run->defer, PH_ERR_TEMP, "rule \"%s\": %s", hit->rule->name,
		   err->text);
}

/*
 * The recipients of a copy that a rule is about, g_ptr_array_unref; NULL: none.
 * With a note nobody: it says why the rule does not act, and asking is for the
 * trace alone.
 */
static GPtrArray *
find_matched(struct ph_rules_run *run, struct ph_copy *copy,
	     struct ph_rule_hit *hit, const char *note)
{
	const struct ph_rule *rule = hit->rule;
	const struct listener listener = {run->options->trace, rule};
	const struct listener *l = listener.trace != NULL ? &listener : NULL;
	GPtrArray *all;
	struct verdict m = open_verdict;
	guint kept = 0;

	ph_rules_enter(run, copy);
	ask_level(rule, l, &run->e, PH_LEVEL_MESSAGE, NULL, &m, &run->err);
	/* Most rules that are asked end here. */
	if (l == NULL && conclude(&m) == PH_ANSWER_FALSE)
		return NULL;
	all = ph_copy_recipients(copy);
	for (guint i = 0; i < all->len; i++) {
		struct verdict v = m;
		enum ph_answer answer;

		/* An exception for some of its members must not be missed
		 * because nobody looks at them. */
		if (rule->spares &&
		    ph_recipient_is_whole(copy->mail, all->pdata[i])) {
			tell_rule(
			    run, rule, all->pdata[i], PH_ANSWER_FALSE,
			    "the group was left whole, and may have members "
			    "that an exception spares");
			continue;
		}
		if (rule->by_recipient &&
		    (l != NULL || conclude(&m) != PH_ANSWER_FALSE))
			ask_level(rule, l, &run->e, PH_LEVEL_RECIPIENT,
				  all->pdata[i], &v, &run->err);
		answer = conclude(&v);
		tell_rule(run, rule, all->pdata[i], answer, note);
		if (note != NULL)
			continue;
		if (answer == PH_ANSWER_TRUE)
			all->pdata[kept++] = all->pdata[i];
		else if (answer == PH_ANSWER_ERROR)
			ph_rules_note_error(run, hit, &run->err);
	}
	g_ptr_array_set_size(all, (gint)kept);
	return all;
}

/* ---- one rule after the other ---- */

/* Why a rule acts on no copy, whatever it says; NULL: it does. */
static const char *
find_idle(const struct ph_rules_run *run, const struct ph_rule *rule)
{
	const char *why = not_now(rule, run->options->now);

	if (why == NULL && run->options->recipients_only && !rule->by_recipient)
		why = "it was asked before the group was opened";
	if (why == NULL && run->deferred)
		why = "the message is to be tried again, because an earlier "
		      "rule could not be evaluated";
	return why;
}

static void
run_copy(struct ph_rules_run *run, struct ph_copy *copy,
	 struct ph_rule_hit *hit, const char *idle)
{
	g_autoptr(GPtrArray) matched = NULL;
	const char *why;

	if (idle == NULL && copy->stopped)
		idle = "an earlier rule ended processing";
	if (idle != NULL && run->options->trace == NULL)
		return;
	why = ph_rule_not_asked(hit->rule, copy->mail);
	if (why != NULL) {
		tell_copy(run, hit->rule, copy, idle != NULL ? idle : why);
		return;
	}
	matched = find_matched(run, copy, hit, idle);
	if (matched == NULL || matched->len == 0)
		return;
	hit->answer = PH_ANSWER_TRUE;
	hit->recipients += matched->len;
	ph_rules_act(run, copy, matched, hit);
}

/* About every copy that there is now: one that the rule splits off has been
 * asked about already. */
static void
run_copies(struct ph_rules_run *run, struct ph_rule_hit *hit, const char *idle)
{
	guint n = run->copies->len;

	for (guint i = 0; i < n; i++)
		run_copy(run, run->copies->pdata[i], hit, idle);
}

static void
run_rule(struct ph_rules_run *run, const struct ph_rule *rule)
{
	struct ph_rule_hit hit = {.rule = rule, .answer = PH_ANSWER_FALSE};
	const char *idle = find_idle(run, rule);
	int64_t wall = 0, cpu = 0;

	if (idle != NULL && run->options->trace == NULL)
		return;
	tell_gone(run, rule);
	if (rule->timed) {
		wall = g_get_monotonic_time();
		cpu = ph_clock_processor();
	}
	run_copies(run, &hit, idle);
	if (rule->timed) {
		hit.wall_us = g_get_monotonic_time() - wall;
		hit.cpu_us = (ph_clock_processor() - cpu) / 1000;
	}
	if (hit.answer == PH_ANSWER_FALSE && hit.error != NULL)
		hit.answer = PH_ANSWER_ERROR;
	if (hit.answer != PH_ANSWER_FALSE)
		g_array_append_val(run->result->hits, hit);
}

/* The first rule at or after i that has its bit; the number of rules if none.
 */
static guint
next_rule(const struct ph_rules_run *run, guint i)
{
	guint n = run->e.set->rules->len;

	if (run->options->trace != NULL)
		return i;
	while (i < n) {
		uint64_t word = run->bits[i / 64] >> (i % 64);

		if (word != 0)
			return MIN(i + (guint)__builtin_ctzll(word), n);
		i = (i / 64 + 1) * 64;
	}
	return n;
}

/* Has no later rule anything to do? Who wants to know about all rules is told
 * about all. */
static bool
is_over(const struct ph_rules_run *run)
{
	if (run->options->trace != NULL)
		return false;
	if (run->deferred)
		return true;
	for (guint i = 0; i < run->copies->len; i++) {
		const struct ph_copy *copy = run->copies->pdata[i];

		if (!copy->stopped)
			return false;
	}
	return true;
}

/* Where to end: how many rules there are, or the rule that has ended processing
 * before. */
static guint
find_end(const struct ph_rules_run *run)
{
	const GPtrArray *rules = run->e.set->rules;
	const char *guid =
	    run->options->recipients_only
		? ph_headers_raw(run->mail->headers, PH_HEADER_RULES_ENDED, 0)
		: NULL;
	guint i = 0;

	while (guid != NULL && i < rules->len) {
		const struct ph_rule *rule = rules->pdata[i];

		if (strcmp(rule->guid, guid) == 0)
			return i;
		i++;
	}
	return rules->len;
}

static void
run_rules(struct ph_rules_run *run)
{
	guint end = find_end(run);

	ph_rules_enter(run, run->copies->pdata[0]);
	ph_scan_candidates(&run->e, run->bits);
	for (guint i = next_rule(run, 0); i < end && !is_over(run);
	     i = next_rule(run, i + 1))
		run_rule(run, run->e.set->rules->pdata[i]);
}

static void
add_origin(struct ph_rules_run *run)
{
	struct ph_copy *copy = g_new0(struct ph_copy, 1);

	copy->mail = run->mail;
	copy->scans = ph_scans_new(run->e.set);
	g_ptr_array_add(run->copies, copy);
	if (run->options->trace != NULL)
		run->audience = ph_copy_recipients(copy);
	for (guint i = 0; i < run->mail->touched->len; i++) {
		struct ph_touched *touched = run->mail->touched->pdata[i];

		touched->fresh = false;
	}
}

static void
free_fork(void *data)
{
	struct ph_mail *mail = data;

	if (mail->origin != NULL)
		ph_mail_free(&mail);
}

void
ph_rules_result_init(struct ph_rules_result *result, struct ph_mail *mail)
{
	*result = (struct ph_rules_result){
	    .hits = g_array_new(FALSE, FALSE, sizeof(struct ph_rule_hit)),
	    .copies = g_ptr_array_new_with_free_func(free_fork),
	    .decided = g_ptr_array_new(),
	};
	g_array_set_clear_func(result->hits, clear_hit);
	g_ptr_array_add(result->copies, mail);
}

void
ph_rules_result_clear(struct ph_rules_result *result)
{
	if (result->hits != NULL)
		g_array_unref(result->hits);
	if (result->copies != NULL)
		g_ptr_array_unref(result->copies);
	if (result->decided != NULL)
		g_ptr_array_unref(result->decided);
	ph_headers_free(&result->before);
	*result = (struct ph_rules_result){.hits = NULL};
}

int
ph_rules_run(const struct ph_ruleset *set, struct ph_mail *mail,
	     const struct ph_rules_options *options,
	     struct ph_rules_result *result_r, struct ph_err *err)
{
	size_t words = set->rules->len / 64 + 1;
	struct ph_rules_run run = {
	    .mail = mail,
	    .options = options,
	    .result = result_r,
	    .copies = g_ptr_array_new_with_free_func(ph_copy_free),
	    .bits = g_memdup2(set->always, words * sizeof(uint64_t)),
	    .defer = PH_ERR_INIT,
	};

	ph_rules_result_init(result_r, mail);
	ph_evaluation_init(&run.e, set, mail);
	add_origin(&run);
	run_rules(&run);
	ph_evaluation_fini(&run.e);
	g_ptr_array_unref(run.copies);
	if (run.audience != NULL)
		g_ptr_array_unref(run.audience);
	g_free(run.bits);
	return run.deferred
		   ? ph_err_set(err, run.defer.kind, "%s", run.defer.text)
		   : 0;
}
