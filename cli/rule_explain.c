#include "cli/rule.h"

#include <stdio.h>
#include <string.h>

/*
 * Every rule, what its conditions saw, and what it came to for whom. Most of
 * ten thousand rules are about other messages: those get one line.
 */
#define TEXT_MAX 400
#define VALUE_MAX 80

const struct ph_option ph_rule_explain_options[] = {
    PH_TRIAL_OPTIONS,
    {"rule", "NAME", "show this rule alone; those before it run as well"},
    {"all", NULL, "show in full also the rules that are about other messages"},
    {NULL, NULL, NULL},
};

static const struct ph_trial_asked *
asked_at(const struct ph_trial_rule *notes, guint i)
{
	return notes->asked->pdata[i];
}

static const struct ph_trial_answer *
answer_at(const struct ph_trial_rule *notes, guint i)
{
	return &g_array_index(notes->answers, struct ph_trial_answer, i);
}

static bool
is_shown(const struct ph_trial *trial, const struct ph_trial_rule *notes)
{
	return !trial->only_name ||
	       strcmp(trial->only_name, notes->rule->name) == 0;
}

/* ---- words -------------------------------------------------------------- */

/* Of a condition. */
static const char *
answer_word(enum ph_answer answer)
{
	switch (answer) {
	case PH_ANSWER_FALSE:
		return "no";
	case PH_ANSWER_TRUE:
		return "yes";
	case PH_ANSWER_ERROR:
		return "cannot say";
	}
	g_assert_not_reached();
}

/* Of a rule. */
static const char *
answer_name(enum ph_answer answer)
{
	switch (answer) {
	case PH_ANSWER_FALSE:
		return "FALSE";
	case PH_ANSWER_TRUE:
		return "TRUE";
	case PH_ANSWER_ERROR:
		return "ERROR";
	}
	g_assert_not_reached();
}

static char *
field_of(const struct ph_predicate *p)
{
	return g_strconcat(p->except ? "ExceptIf" : "", p->condition->name,
			   NULL);
}

/* "SubjectContainsWords=merger", "HeaderContainsWords[Precedence]=bulk". */
static char *
condition_text(const struct ph_rule *rule, const struct ph_predicate *p)
{
	g_autofree char *field = field_of(p);
	const char *text = ph_object_text(rule->object, field);
	g_autofree char *shown = ph_shorten(text ? text : "", VALUE_MAX);

	if (!p->selector)
		return g_strconcat(field, "=", shown, NULL);
	return g_strdup_printf("%s[%s]=%s", field, p->selector, shown);
}

/* What was seen: the text that matched and where, or what was looked at. */
static char *
finding_text(const struct ph_trial_asked *asked)
{
	const struct ph_finding *f = &asked->finding;

	if (asked->answer == PH_ANSWER_ERROR)
		return g_strdup(asked->error ? asked->error : "");
	if (asked->answer == PH_ANSWER_TRUE && f->match)
		return g_strdup_printf("\"%s\" in %s: \"%s\"", f->match,
				       f->where ? f->where : "it",
				       f->value ? f->value : "");
	if (!f->value)
		return g_strdup(asked->answer == PH_ANSWER_TRUE
				    ? "it is so"
				    : "there is nothing of the kind");
	return g_strdup_printf(
	    "%s \"%s\"%s%s",
	    asked->answer == PH_ANSWER_TRUE ? "it is" : "looked at", f->value,
	    f->where ? " in " : "", f->where ? f->where : "");
}

static char *
asked_text(const struct ph_rule *rule, const struct ph_trial_asked *asked)
{
	g_autofree char *condition = condition_text(rule, asked->p);
	g_autofree char *finding = finding_text(asked);

	return g_strdup_printf("%s: %s, %s", condition,
			       answer_word(asked->answer), finding);
}

static void line(GString *out, unsigned indent, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
line(GString *out, unsigned indent, const char *format, ...)
{
	g_autofree char *text = NULL, *clean = NULL, *shown = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	clean = ph_text_clean(text);
	shown = ph_shorten(clean, TEXT_MAX);
	g_string_append_printf(out, "%*s%s\n", (int)indent, "", shown);
}

/* ---- in one line -------------------------------------------------------- */

/* Makes this answer the rule FALSE, whatever the others say? */
static bool
decides(const struct ph_trial_asked *asked)
{
	return asked->answer ==
	       (asked->p->except ? PH_ANSWER_TRUE : PH_ANSWER_FALSE);
}

/* FALSE for everybody, by the first thing that was asked if anything was. */
static bool
is_elsewhere(const struct ph_trial_rule *notes)
{
	for (guint i = 0; i < notes->answers->len; i++)
		if (answer_at(notes, i)->answer != PH_ANSWER_FALSE)
			return false;
	for (guint i = 0; i < notes->asked->len; i++)
		if (asked_at(notes, i)->p == asked_at(notes, 0)->p &&
		    !decides(asked_at(notes, i)))
			return false;
	return true;
}

/* The note that all answers have; NULL: none, or they differ. */
static const char *
common_note(const struct ph_trial_rule *notes)
{
	const char *note =
	    notes->answers->len > 0 ? answer_at(notes, 0)->note : NULL;

	for (guint i = 1; i < notes->answers->len; i++)
		if (g_strcmp0(answer_at(notes, i)->note, note) != 0)
			return NULL;
	return note;
}

static void
append_title(GString *out, const struct ph_rule *rule)
{
	g_autofree char *priority = ph_priority_text(rule->priority);
	g_autofree char *name = ph_text_clean(rule->name);

	g_string_append_printf(out, "%s  %s", priority, name);
	if (rule->mode != PH_MODE_ENFORCE)
		g_string_append_printf(out, " (%s)",
				       ph_rule_mode_name(rule->mode));
}

static void
append_short(GString *out, const struct ph_trial_rule *notes)
{
	const char *note = common_note(notes);
	g_autofree char *asked =
	    notes->asked->len > 0 ? asked_text(notes->rule, asked_at(notes, 0))
				  : NULL;
	g_autoptr(GString) title = g_string_new(NULL);

	append_title(title, notes->rule);
	line(out, 0, "%s: FALSE%s%s%s%s", title->str, asked ? "; " : "",
	     asked ? asked : "", note ? "; " : "", note ? note : "");
}

/* ---- in full ------------------------------------------------------------ */

static void
append_asked(GString *out, unsigned indent, const struct ph_trial_rule *notes,
	     guint round, const struct ph_recipient *recipient)
{
	for (guint i = 0; i < notes->asked->len; i++) {
		const struct ph_trial_asked *asked = asked_at(notes, i);
		g_autofree char *text = NULL;

		if (asked->recipient != recipient || asked->round != round)
			continue;
		text = asked_text(notes->rule, asked);
		line(out, indent, "%s", text);
	}
}

/* Said all copies of the message the same? Then they are shown once. */
static bool
is_alike(const struct ph_trial_rule *notes)
{
	g_autoptr(GString) first = g_string_new(NULL);

	append_asked(first, 0, notes, 0, NULL);
	for (guint round = 1; round <= notes->rounds; round++) {
		g_autoptr(GString) other = g_string_new(NULL);

		append_asked(other, 0, notes, round, NULL);
		if (!g_string_equal(first, other))
			return false;
	}
	return true;
}

static bool
is_same_answer(const struct ph_trial_answer *a, const struct ph_trial_answer *b,
	       bool alike)
{
	return a->answer == b->answer && (alike || a->round == b->round) &&
	       g_strcmp0(a->note, b->note) == 0;
}

/* What the rule came to, and what it did. */
static void
append_answer(GString *out, const struct ph_trial_rule *notes,
	      const struct ph_trial_answer *answer, const char *whom)
{
	const struct ph_rule *rule = notes->rule;
	g_autofree char *actions =
	    ph_rule_fields(rule->object, PH_FIELD_ACTION);

	if (answer->note)
		line(out, 4, "%s: %s, but nothing is done: %s", whom,
		     answer_name(answer->answer), answer->note);
	else if (answer->answer != PH_ANSWER_TRUE)
		line(out, 4, "%s: %s", whom, answer_name(answer->answer));
	else if (notes->error)
		line(out, 4, "%s: TRUE, but it could not act: %s", whom,
		     notes->error);
	else
		line(out, 4, "%s: TRUE, %s: %s", whom,
		     rule->mode == PH_MODE_ENFORCE ? "done"
						   : "not done (audit)",
		     *actions ? actions : "no action");
}

/* Recipients whom nothing but the whole message was asked about, together. */
static void
append_together(GString *out, const struct ph_trial_rule *notes, guint first,
		bool alike)
{
	const struct ph_trial_answer *answer = answer_at(notes, first);
	g_autoptr(GString) whom = g_string_new(NULL);

	for (guint i = 0; i < first; i++)
		if (is_same_answer(answer_at(notes, i), answer, alike))
			return;
	for (guint i = first; i < notes->answers->len; i++)
		if (is_same_answer(answer_at(notes, i), answer, alike))
			g_string_append_printf(
			    whom, "%s%s", whom->len > 0 ? ", " : "",
			    answer_at(notes, i)->recipient->address);
	append_answer(out, notes, answer, whom->str);
}

static void
append_answers(GString *out, const struct ph_trial_rule *notes, guint round,
	       bool alike)
{
	for (guint i = 0; i < notes->answers->len; i++) {
		const struct ph_trial_answer *answer = answer_at(notes, i);

		if (!alike && answer->round != round)
			continue;
		if (!notes->rule->by_recipient) {
			append_together(out, notes, i, alike);
			continue;
		}
		append_answer(out, notes, answer, answer->recipient->address);
		append_asked(out, 6, notes, answer->round, answer->recipient);
	}
}

static void
append_full(GString *out, const struct ph_trial_rule *notes)
{
	bool alike = is_alike(notes);

	append_title(out, notes->rule);
	g_string_append_c(out, '\n');
	for (guint round = 0; round <= (alike ? 0 : notes->rounds); round++) {
		if (!alike)
			line(out, 2, "copy %u of the message:", round + 1);
		append_asked(out, 4, notes, round, NULL);
		append_answers(out, notes, round, alike);
	}
	if (!alike)
		append_answers(out, notes, PH_TRIAL_NO_ROUND, false);
}

char *
ph_explain_text(const struct ph_trial *trial, bool all)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < trial->rules->len; i++) {
		const struct ph_trial_rule *notes = trial->rules->pdata[i];

		if (!is_shown(trial, notes))
			continue;
		if (!all && !trial->only_name && is_elsewhere(notes))
			append_short(out, notes);
		else
			append_full(out, notes);
	}
	return g_string_free(out, FALSE);
}

/* ---- for programs ------------------------------------------------------- */

static json_t *
asked_json(const struct ph_rule *rule, const struct ph_trial_asked *asked)
{
	g_autofree char *field = field_of(asked->p);
	json_t *json = json_object();

	ph_json_set(json, "Field", field);
	ph_json_set(json, "Value", ph_object_text(rule->object, field));
	ph_json_set(json, "Of", asked->p->selector);
	if (asked->recipient)
		ph_json_set(json, "Recipient", asked->recipient->address);
	json_object_set_new(json, "Copy", json_integer(asked->round + 1));
	ph_json_set(json, "Answer", answer_name(asked->answer));
	ph_json_set(json, "Looked", asked->finding.value);
	ph_json_set(json, "Matched", asked->finding.match);
	ph_json_set(json, "Where", asked->finding.where);
	ph_json_set(json, "Error", asked->error);
	return json;
}

static json_t *
answer_json(const struct ph_trial_rule *notes,
	    const struct ph_trial_answer *answer)
{
	bool done = answer->answer == PH_ANSWER_TRUE && !answer->note &&
		    !notes->error && notes->rule->mode == PH_MODE_ENFORCE;
	json_t *json = json_object();

	ph_json_set(json, "Recipient", answer->recipient->address);
	if (answer->round != PH_TRIAL_NO_ROUND)
		json_object_set_new(json, "Copy",
				    json_integer(answer->round + 1));
	ph_json_set(json, "Answer", answer_name(answer->answer));
	json_object_set_new(json, "Done", json_boolean(done));
	ph_json_set(json, "Note", answer->note);
	return json;
}

static json_t *
notes_json(const struct ph_trial_rule *notes)
{
	const struct ph_rule *rule = notes->rule;
	g_autofree char *actions =
	    ph_rule_fields(rule->object, PH_FIELD_ACTION);
	json_t *json = json_object(), *asked = json_array(),
	       *answers = json_array();

	ph_json_set(json, "Name", rule->name);
	if (rule->priority != INT64_MAX)
		json_object_set_new(json, "Priority",
				    json_integer(rule->priority));
	ph_json_set(json, "Mode", ph_rule_mode_name(rule->mode));
	ph_json_set(json, "Off", rule->off);
	ph_json_set(json, "Actions", actions);
	for (guint i = 0; i < notes->asked->len; i++)
		json_array_append_new(asked,
				      asked_json(rule, asked_at(notes, i)));
	for (guint i = 0; i < notes->answers->len; i++)
		json_array_append_new(answers,
				      answer_json(notes, answer_at(notes, i)));
	json_object_set_new(json, "Conditions", asked);
	json_object_set_new(json, "Answers", answers);
	ph_json_set(json, "Error", notes->error);
	return json;
}

json_t *
ph_explain_json(const struct ph_trial *trial)
{
	json_t *array = json_array();

	for (guint i = 0; i < trial->rules->len; i++)
		if (is_shown(trial, trial->rules->pdata[i]))
			json_array_append_new(
			    array, notes_json(trial->rules->pdata[i]));
	return array;
}

static void
show(const struct ph_trial *trial, bool all)
{
	g_autofree char *text = NULL;
	json_t *json;

	if (trial->cli->json) {
		json = ph_trial_json(trial);
		json_object_set_new(json, "Explained", ph_explain_json(trial));
		ph_json_print(json);
		return;
	}
	ph_trial_print(trial);
	text = ph_explain_text(trial, all);
	if (*text)
		printf("\nRules in order:\n%s", text);
}

int
ph_rule_explain(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_trial trial;
	int status = ph_trial_open(cli, input, true, &trial);

	if (status == PH_EXIT_YES) {
		show(&trial, ph_input_option(input, "all") != NULL);
		status = ph_trial_status(&trial);
	}
	ph_trial_close(&trial);
	return status;
}
