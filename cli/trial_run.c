#include "cli/trial_private.h"

#include "lib/base/clock.h"

#include <string.h>
#include <strings.h>

/* ---- notes -------------------------------------------------------------- */

static void
asked_free(void *data)
{
	struct ph_trial_asked *asked = data;

	ph_finding_clear(&asked->finding);
	g_free(asked->error);
	g_free(asked);
}

void
ph_trial_rule_free(void *data)
{
	struct ph_trial_rule *rule = data;

	if (rule->asked)
		g_ptr_array_unref(rule->asked);
	g_array_unref(rule->answers);
	g_free(rule->error);
	g_free(rule);
}

/* The notes of a rule: it is the last one, or a new one. */
static struct ph_trial_rule *
notes_of(struct ph_trial *trial, const struct ph_rule *rule)
{
	struct ph_trial_rule *notes =
	    trial->rules->len > 0 ? trial->rules->pdata[trial->rules->len - 1]
				  : NULL;

	if (notes && notes->rule == rule)
		return notes;
	notes = g_new0(struct ph_trial_rule, 1);
	notes->rule = rule;
	if (trial->explain)
		notes->asked = g_ptr_array_new_with_free_func(asked_free);
	notes->answers =
	    g_array_new(FALSE, FALSE, sizeof(struct ph_trial_answer));
	g_ptr_array_add(trial->rules, notes);
	return notes;
}

/* The whole of the next copy is asked when the recipients of the one before
 * have had their answers. */
static bool
begins_round(const struct ph_trial_rule *notes)
{
	return notes->answers->len > 0 &&
	       g_array_index(notes->answers, struct ph_trial_answer,
			     notes->answers->len - 1)
		       .round == notes->rounds;
}

static void
on_predicate(void *arg, const struct ph_rule *rule,
	     const struct ph_predicate *p, const struct ph_recipient *recipient,
	     enum ph_answer answer, const struct ph_finding *finding,
	     const char *error)
{
	struct ph_trial *trial = arg;
	struct ph_trial_rule *notes = notes_of(trial, rule);
	struct ph_trial_asked *asked;

	if (!notes->asked)
		return;
	if (!recipient && begins_round(notes))
		notes->rounds++;
	asked = g_new0(struct ph_trial_asked, 1);
	asked->p = p;
	asked->recipient = recipient;
	asked->answer = answer;
	asked->finding = (struct ph_finding){g_strdup(finding->value),
					     g_strdup(finding->match),
					     g_strdup(finding->where)};
	asked->error = g_strdup(error);
	asked->round = notes->rounds;
	g_ptr_array_add(notes->asked, asked);
}

static void
on_rule(void *arg, const struct ph_rule *rule,
	const struct ph_recipient *recipient, enum ph_answer answer,
	const char *note)
{
	struct ph_trial *trial = arg;
	struct ph_trial_rule *notes = notes_of(trial, rule);
	const struct ph_trial_answer said = {
	    recipient, answer, note,
	    recipient->removed ? PH_TRIAL_NO_ROUND : notes->rounds};

	g_array_append_val(notes->answers, said);
	if (answer == PH_ANSWER_TRUE && !note)
		g_ptr_array_add(ph_trial_person_of(trial, recipient)->hits,
				notes);
}

/* Whom has it added or taken away? */
static void
on_acted(void *arg, const struct ph_rule *rule, struct ph_mail *copy,
	 const char *error)
{
	struct ph_trial *trial = arg;

	if (error) {
		struct ph_trial_rule *notes = notes_of(trial, rule);

		g_free(notes->error);
		notes->error = g_strdup(error);
	}
	for (guint i = 0; i < copy->recipients->len; i++) {
		const struct ph_recipient *r = copy->recipients->pdata[i];
		bool known = g_hash_table_contains(trial->known, r);
		struct ph_trial_person *person = ph_trial_person_of(trial, r);

		if (!known)
			person->added_by = rule;
		else if (r->removed && !person->gone_by && !person->same &&
			 person->members == 0)
			person->gone_by = rule;
	}
}

static void
find_copies(struct ph_trial *trial)
{
	for (guint i = 0; i < trial->result.copies->len; i++) {
		struct ph_mail *copy = trial->result.copies->pdata[i];

		for (guint k = 0; k < copy->recipients->len; k++) {
			const struct ph_recipient *r =
			    copy->recipients->pdata[k];

			if (!r->removed)
				ph_trial_person_of(trial, r)->copy = copy;
		}
	}
}

int
ph_trial_run(struct ph_trial *trial)
{
	const struct ph_conf *conf = trial->cli->conf;
	const struct ph_rules_trace trace = {.predicate = on_predicate,
					     .rule = on_rule,
					     .acted = on_acted,
					     .arg = trial};
	const struct ph_quarantine quarantine = {
	    .mailbox = ph_conf_text(conf, "transport", "quarantine_mailbox"),
	    .resolve = ph_conf_bool(conf, "transport", "resolve"),
	};
	const struct ph_rules_options options = {
	    .trace = &trace,
	    .now = ph_clock_wall(),
	    .server = ph_conf_text(conf, "server", "name"),
	    .loop_limit =
		(unsigned)ph_conf_int(conf, "transport", "rules_loop_limit"),
	    .quarantine = &quarantine,
	};

	trial->deferred =
	    ph_rules_run(ph_snapshot_derived(trial->snapshot, PH_TRIAL_RULES),
			 trial->mail, &options, &trial->result,
			 &trial->defer) < 0;
	find_copies(trial);
	return ph_trial_check_added(trial);
}

/* ---- what becomes of whom ----------------------------------------------- */

const struct ph_verdict *
ph_trial_whole(const struct ph_trial *trial)
{
	const GPtrArray *copies = trial->result.copies;

	for (guint i = 0; i < copies->len; i++) {
		const struct ph_mail *copy = copies->pdata[i];

		if (copy->verdict.whole)
			return &copy->verdict;
	}
	return NULL;
}

static enum ph_fate
fate_of(const struct ph_verdict *verdict)
{
	switch (verdict->decision) {
	case PH_DECISION_ACCEPT:
		return PH_FATE_DELIVERED;
	case PH_DECISION_REJECT:
		return PH_FATE_REFUSED;
	case PH_DECISION_DEFER:
		return PH_FATE_DEFERRED;
	case PH_DECISION_DISCARD:
		return PH_FATE_DROPPED;
	}
	g_assert_not_reached();
}

enum ph_fate
ph_trial_fate(const struct ph_trial *trial,
	      const struct ph_trial_person *person)
{
	const struct ph_verdict *whole = ph_trial_whole(trial);

	if (person->before)
		return PH_FATE_UNKNOWN;
	if (person->same)
		return PH_FATE_SAME;
	if (person->members > 0)
		return PH_FATE_OPENED;
	if (trial->deferred)
		return PH_FATE_DEFERRED;
	if (whole)
		return fate_of(whole);
	return person->copy ? fate_of(&person->copy->verdict)
			    : PH_FATE_REDIRECTED;
}

const char *
ph_fate_name(enum ph_fate fate)
{
	static const char *const names[] = {
	    [PH_FATE_DELIVERED] = "Delivered",	 [PH_FATE_REFUSED] = "Refused",
	    [PH_FATE_DEFERRED] = "Deferred",	 [PH_FATE_DROPPED] = "Dropped",
	    [PH_FATE_REDIRECTED] = "Redirected", [PH_FATE_UNKNOWN] = "Unknown",
	    [PH_FATE_OPENED] = "Expanded",	 [PH_FATE_SAME] = "Same",
	};

	return names[fate];
}

int
ph_trial_status(const struct ph_trial *trial)
{
	int status = PH_EXIT_YES;

	for (guint i = 0; i < trial->people->len; i++) {
		switch (ph_trial_fate(trial, trial->people->pdata[i])) {
		case PH_FATE_DELIVERED:
		case PH_FATE_OPENED:
		case PH_FATE_SAME:
			break;
		case PH_FATE_DEFERRED:
			return PH_EXIT_TEMPORARY;
		case PH_FATE_REFUSED:
		case PH_FATE_DROPPED:
		case PH_FATE_REDIRECTED:
		case PH_FATE_UNKNOWN:
			status = PH_EXIT_NO;
		}
	}
	return status;
}

/* ---- header fields ------------------------------------------------------ */

/* Values of all fields of a name, borrowed. */
static GPtrArray *
values_of(const struct ph_headers *headers, const char *name)
{
	GPtrArray *values = g_ptr_array_new();
	size_t n = ph_headers_count(headers);

	for (size_t i = ph_headers_find(headers, name, 0); i < n;
	     i = ph_headers_find(headers, name, i + 1))
		g_ptr_array_add(values,
				(gpointer)ph_headers_at(headers, i)->value);
	return values;
}

static void
add_missing(GPtrArray *lines, char sign, const char *name,
	    const GPtrArray *values, const GPtrArray *others)
{
	for (guint i = 0; i < values->len; i++) {
		if (!g_ptr_array_find_with_equal_func((GPtrArray *)others,
						      values->pdata[i],
						      g_str_equal, NULL))
			g_ptr_array_add(
			    lines,
			    g_strdup_printf("%c %s: %s", sign, name,
					    (const char *)values->pdata[i]));
	}
}

GPtrArray *
ph_trial_changes(const struct ph_mail *copy, const struct ph_headers *before)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; before && i < copy->touched->len; i++) {
		const struct ph_touched *touched = copy->touched->pdata[i];
		g_autoptr(GPtrArray) old = values_of(before, touched->name);
		g_autoptr(GPtrArray) now =
		    values_of(copy->headers, touched->name);

		add_missing(lines, '-', touched->name, old, now);
		add_missing(lines, '+', touched->name, now, old);
	}
	return lines;
}
