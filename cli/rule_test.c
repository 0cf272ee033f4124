#include "cli/rule.h"

#include "lib/base/text.h"
#include "milters/transport/rules/action.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 500
#define ACTIONS_MAX 120

const struct ph_option ph_rule_test_options[] = {
    PH_TRIAL_OPTIONS,
    {"rule", "NAME", "try this rule alone, as if it were enabled"},
    {NULL, NULL, NULL},
};

void
ph_say(const char *name, const char *value)
{
	g_autofree char *clean = ph_text_clean(value);
	g_autofree char *shown = ph_shorten(clean, SHOWN_MAX);

	printf("  %-16s%s\n", name, shown);
}

/* ---- what becomes of one ------------------------------------------------ */

static char *
verdict_text(const struct ph_verdict *verdict)
{
	return g_strdup_printf("%s%s%s \"%s\"", verdict->code,
			       *verdict->enhanced ? " " : "", verdict->enhanced,
			       verdict->text ? verdict->text : "");
}

/* Who gets it in the person's place: char *. */
static GPtrArray *
replacements(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	GPtrArray *found = g_ptr_array_new();
	g_autofree char *folded = NULL;

	g_assert(person->recipient);
	folded = ph_fold(person->recipient->address);
	for (guint i = 0; i < trial->people->len; i++) {
		const struct ph_trial_person *other = trial->people->pdata[i];

		if (other->copy && other->recipient->instead_of &&
		    g_ptr_array_find_with_equal_func(
			other->recipient->instead_of, folded, g_str_equal,
			NULL))
			g_ptr_array_add(found, other->recipient->address);
	}
	return found;
}

/* "a@b and c@d"; those who were recipients already are found in the rule. */
static char *
redirected_to(const struct ph_trial *trial,
	      const struct ph_trial_person *person)
{
	g_autoptr(GPtrArray) found = replacements(trial, person);
	const char *said =
	    person->gone_by
		? ph_object_text(person->gone_by->object, "RedirectMessageTo")
		: NULL;

	if (found->len == 0)
		return g_strdup(said ? said : "somebody else");
	g_ptr_array_add(found, NULL);
	return g_strjoinv(", ", (char **)found->pdata);
}

static bool
is_changed(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	g_autoptr(GPtrArray) changes =
	    person->copy ? ph_trial_changes(person->copy, trial->result.before)
			 : NULL;

	return changes && changes->len > 0;
}

static char *
refused_text(const struct ph_trial *trial, const struct ph_trial_person *person,
	     const char *how)
{
	const struct ph_verdict *whole = ph_trial_whole(trial);
	g_autofree char *verdict =
	    verdict_text(whole ? whole : &person->copy->verdict);

	return g_strdup_printf("%s%s: %s", how,
			       whole ? " with the whole message" : "", verdict);
}

/* g_free. */
static char *
fate_text(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	g_autofree char *to = NULL;

	switch (ph_trial_fate(trial, person)) {
	case PH_FATE_DELIVERED:
		return g_strdup(is_changed(trial, person)
				    ? "delivered with changes"
				    : "delivered as it is");
	case PH_FATE_REFUSED:
		return refused_text(trial, person, "refused");
	case PH_FATE_DEFERRED:
		return trial->deferred
			   ? g_strdup_printf("tried again later: %s",
					     trial->defer.text)
			   : refused_text(trial, person, "tried again later");
	case PH_FATE_DROPPED:
		return g_strdup("dropped, and nobody is told");
	case PH_FATE_REDIRECTED:
		to = redirected_to(trial, person);
		return g_strdup_printf("redirected to %s%s%s%s", to,
				       person->gone_by ? " by rule \"" : "",
				       person->gone_by ? person->gone_by->name
						       : "",
				       person->gone_by ? "\"" : "");
	case PH_FATE_UNKNOWN:
		return g_strdup_printf("%s the rules: %s",
				       person->added_by ? "it bounces after"
							: "refused before",
				       person->before);
	case PH_FATE_OPENED:
		return g_strdup_printf("a group, opened before the rules; "
				       "members: %u",
				       person->members);
	case PH_FATE_SAME:
		return g_strdup("a further address of one who gets it");
	}
	g_assert_not_reached();
}

/* ---- for people --------------------------------------------------------- */

static char *
hit_text(const struct ph_trial_rule *hit)
{
	g_autofree char *actions =
	    ph_rule_fields(hit->rule->object, PH_FIELD_ACTION);
	g_autofree char *shown =
	    ph_shorten(*actions ? actions : "no action", ACTIONS_MAX);

	return g_strdup_printf(
	    "%s%s: %s%s%s", hit->rule->name,
	    hit->rule->mode == PH_MODE_ENFORCE ? "" : " (audit, not done)",
	    shown, hit->error ? "; could not act: " : "",
	    hit->error ? hit->error : "");
}

static void
print_changes(const struct ph_trial *trial,
	      const struct ph_trial_person *person)
{
	g_autoptr(GPtrArray) changes =
	    ph_trial_changes(person->copy, trial->result.before);

	for (guint i = 0; i < changes->len; i++)
		ph_say(i == 0 ? "Header:" : "", changes->pdata[i]);
}

static void
print_person(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	const struct ph_recipient *r = person->recipient;
	g_autofree char *given = ph_text_clean(person->given);
	g_autofree char *fate = fate_text(trial, person);

	printf("%s\n", given);
	if (r && strcmp(r->address, person->given) != 0)
		ph_say("Address:", r->address);
	if (person->group)
		ph_say("Member of:", person->group);
	if (person->added_by)
		ph_say("Added by rule:", person->added_by->name);
	ph_say("Result:", fate);
	for (guint i = 0; i < person->hits->len; i++) {
		g_autofree char *hit = hit_text(person->hits->pdata[i]);

		ph_say(i == 0 ? "Rules:" : "", hit);
	}
	if (ph_trial_fate(trial, person) == PH_FATE_DELIVERED)
		print_changes(trial, person);
}

static const struct ph_rule_hit *
hit_at(const struct ph_trial *trial, guint i)
{
	return &g_array_index(trial->result.hits, struct ph_rule_hit, i);
}

static void
print_errors(const struct ph_trial *trial)
{
	bool any = false;

	for (guint i = 0; i < trial->result.hits->len; i++) {
		const struct ph_rule_hit *hit = hit_at(trial, i);
		g_autofree char *text = NULL;

		if (!hit->error)
			continue;
		if (!any)
			puts("\nCould not be evaluated:");
		any = true;
		text = g_strdup_printf(
		    "%s: %s; RuleErrorAction=%s", hit->rule->name, hit->error,
		    hit->rule->defer ? "Defer: the message is tried again"
				     : "Ignore: as if the rule were not there");
		ph_say("", text);
	}
}

static bool
is_wanted(const struct ph_trial *trial, const char *name)
{
	return name &&
	       (!trial->only_name || strcmp(trial->only_name, name) == 0);
}

static void
print_invalid(const struct ph_trial *trial)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(trial->stored, &errors);
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		g_autofree char *text = NULL;

		if (!is_wanted(trial, ph_error_name(&errors[i], kind)))
			continue;
		if (!any)
			puts("\nNot valid:");
		any = true;
		text = ph_rule_problem(trial->local, &errors[i]);
		ph_say("", text);
	}
}

/* ---- what the sender hears ---------------------------------------------- */

static const struct ph_verdict *
first_refusal(const struct ph_trial *trial)
{
	for (guint i = 0; i < trial->people->len; i++) {
		const struct ph_trial_person *person = trial->people->pdata[i];

		if (ph_trial_fate(trial, person) == PH_FATE_REFUSED)
			return &person->copy->verdict;
	}
	return NULL;
}

static bool
anybody(const struct ph_trial *trial, enum ph_fate fate)
{
	for (guint i = 0; i < trial->people->len; i++)
		if (ph_trial_fate(trial, trial->people->pdata[i]) == fate)
			return true;
	return false;
}

static bool
wants_reports(const struct ph_trial *trial)
{
	return *trial->mail->sender &&
	       (trial->mail->auth_as == PH_AUTH_INTERNAL ||
		ph_conf_bool(trial->cli->conf, "transport",
			     "report_to_strangers"));
}

/* What the sender hears of refusals; g_free; NULL: there are none. */
static char *
answer_text(const struct ph_trial *trial)
{
	const struct ph_verdict *whole = ph_trial_whole(trial);
	g_autofree char *verdict = NULL;

	if (trial->deferred)
		return g_strdup("the SMTP client is answered 451 4.7.1 and "
				"tries again");
	if (!whole && !anybody(trial, PH_FATE_REFUSED))
		return NULL;
	verdict = verdict_text(whole ? whole : first_refusal(trial));
	if (whole || !anybody(trial, PH_FATE_DELIVERED))
		return g_strdup_printf("the SMTP client is answered %s",
				       verdict);
	return g_strdup(wants_reports(trial)
			    ? "the sender gets a report about those who are "
			      "refused"
			    : "nobody: a sender who is a stranger gets no "
			      "report about those who are refused");
}

void
ph_trial_print(const struct ph_trial *trial)
{
	g_autofree char *answer = answer_text(trial);
	g_autofree char *from =
	    g_strdup_printf("From <%s>, %s", trial->mail->sender,
			    ph_auth_as_name(trial->mail->auth_as));
	g_autofree char *clean = ph_text_clean(from);

	printf("%s\n", clean);
	for (guint i = 0; i < trial->people->len; i++) {
		putchar('\n');
		print_person(trial, trial->people->pdata[i]);
	}
	if (answer)
		printf("\nWho is told: %s\n", answer);
	print_errors(trial);
	print_invalid(trial);
}

/* ---- for programs ------------------------------------------------------- */

static void
set_verdict(json_t *json, const struct ph_verdict *verdict)
{
	ph_json_set(json, "Code", verdict->code);
	ph_json_set(json, "EnhancedCode", verdict->enhanced);
	ph_json_set(json, "Text", verdict->text);
}

static json_t *
hits_json(const struct ph_trial_person *person)
{
	json_t *array = json_array();

	for (guint i = 0; i < person->hits->len; i++) {
		const struct ph_trial_rule *hit = person->hits->pdata[i];
		json_t *json = json_object(), *actions = json_array();

		ph_json_set(json, "Name", hit->rule->name);
		ph_json_set(json, "Mode", ph_rule_mode_name(hit->rule->mode));
		for (guint k = 0; k < hit->rule->actions->len; k++) {
			const struct ph_action *a =
			    hit->rule->actions->pdata[k];

			json_array_append_new(actions, ph_json_text(a->name));
		}
		json_object_set_new(json, "Actions", actions);
		ph_json_set(json, "Error", hit->error);
		json_array_append_new(array, json);
	}
	return array;
}

static json_t *
changes_json(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	g_autoptr(GPtrArray) changes =
	    ph_trial_changes(person->copy, trial->result.before);
	json_t *array = json_array();

	for (guint i = 0; i < changes->len; i++)
		json_array_append_new(array, ph_json_text(changes->pdata[i]));
	return array;
}

static json_t *
person_json(const struct ph_trial *trial, const struct ph_trial_person *person)
{
	enum ph_fate fate = ph_trial_fate(trial, person);
	const struct ph_verdict *whole = ph_trial_whole(trial);
	g_autofree char *text = fate_text(trial, person);
	g_autofree char *to = NULL;
	json_t *json = json_object();

	ph_json_set(json, "Given", person->given);
	if (person->recipient)
		ph_json_set(json, "Address", person->recipient->address);
	ph_json_set(json, "Group", person->group);
	if (person->added_by)
		ph_json_set(json, "AddedBy", person->added_by->name);
	ph_json_set(json, "Result", ph_fate_name(fate));
	ph_json_set(json, "Explanation", text);
	if (fate == PH_FATE_REFUSED)
		set_verdict(json, whole ? whole : &person->copy->verdict);
	if (fate == PH_FATE_REDIRECTED) {
		to = redirected_to(trial, person);
		ph_json_set(json, "RedirectedTo", to);
	}
	if (person->gone_by)
		ph_json_set(json, "RedirectedBy", person->gone_by->name);
	json_object_set_new(json, "Rules", hits_json(person));
	json_object_set_new(json, "Changes",
			    fate == PH_FATE_DELIVERED
				? changes_json(trial, person)
				: json_array());
	return json;
}

static json_t *
errors_json(const struct ph_trial *trial)
{
	json_t *array = json_array();

	for (guint i = 0; i < trial->result.hits->len; i++) {
		const struct ph_rule_hit *hit = hit_at(trial, i);
		json_t *json = hit->error ? json_object() : NULL;

		if (!json)
			continue;
		ph_json_set(json, "Name", hit->rule->name);
		ph_json_set(json, "Error", hit->error);
		ph_json_set(json, "RuleErrorAction",
			    hit->rule->defer ? "Defer" : "Ignore");
		json_array_append_new(array, json);
	}
	return array;
}

static json_t *
invalid_json(const struct ph_trial *trial)
{
	const struct ph_kind *kind = ph_kind_find("rule");
	const struct ph_snapshot_error *errors;
	size_t n = ph_snapshot_errors(trial->stored, &errors);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		const char *name = ph_error_name(&errors[i], kind);
		g_autofree char *text =
		    ph_rule_problem(trial->local, &errors[i]);
		json_t *json = is_wanted(trial, name) ? json_object() : NULL;

		if (!json)
			continue;
		ph_json_set(json, "Name", name);
		ph_json_set(json, "Problem", text);
		json_array_append_new(array, json);
	}
	return array;
}

json_t *
ph_trial_json(const struct ph_trial *trial)
{
	g_autofree char *answer = answer_text(trial);
	json_t *json = json_object(), *people = json_array();

	ph_json_set(json, "Sender", trial->mail->sender);
	ph_json_set(json, "AuthAs", ph_auth_as_name(trial->mail->auth_as));
	for (guint i = 0; i < trial->people->len; i++)
		json_array_append_new(
		    people, person_json(trial, trial->people->pdata[i]));
	json_object_set_new(json, "Recipients", people);
	ph_json_set(json, "Answer", answer);
	json_object_set_new(json, "Errors", errors_json(trial));
	json_object_set_new(json, "Invalid", invalid_json(trial));
	return json;
}

int
ph_rule_test(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_trial trial;
	int status = ph_trial_open(cli, input, false, &trial);

	if (status == PH_EXIT_YES) {
		if (cli->json)
			ph_json_print(ph_trial_json(&trial));
		else
			ph_trial_print(&trial);
		status = ph_trial_status(&trial);
	}
	ph_trial_close(&trial);
	return status;
}
