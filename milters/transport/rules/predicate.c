#include "milters/transport/rules/evaluate.h"

#include "milters/transport/rules/finding.h"

#include <string.h>

void
ph_finding_clear(struct ph_finding *finding)
{
	g_free(finding->value);
	g_free(finding->match);
	g_free(finding->where);
	*finding = (struct ph_finding){NULL, NULL, NULL};
}

/* Long texts are shown around a place: this many characters on each side. */
#define AROUND 40

char *
ph_finding_excerpt(const char *text, size_t size, size_t at)
{
	const char *end = text + size, *first = text + MIN(at, size);
	const char *last = first;
	GString *out = g_string_new(NULL);

	for (int i = 0; i < AROUND && first > text; i++)
		first = g_utf8_prev_char(first);
	for (int i = 0; i < 2 * AROUND && last < end; i++)
		last = g_utf8_next_char(last);
	if (first > text)
		g_string_append(out, "...");
	for (const char *p = first; p < last; p++)
		g_string_append_c(out, (unsigned char)*p < ' ' ? ' ' : *p);
	if (last < end)
		g_string_append(out, "...");
	return g_string_free(out, FALSE);
}

void
ph_finding_value(struct ph_finding *finding, const struct ph_predicate *p,
		 const struct ph_value *value)
{
	if (finding == NULL)
		return;
	g_free(finding->value);
	if (p->condition->compare->show != NULL)
		finding->value = p->condition->compare->show(value);
	else
		finding->value = ph_finding_excerpt(
		    value->text,
		    value->size > 0 ? value->size : strlen(value->text), 0);
}

void
ph_finding_match(struct ph_finding *finding, const char *subject,
		 const char *text, size_t size, size_t at, size_t end)
{
	if (finding == NULL)
		return;
	g_free(finding->value);
	g_free(finding->match);
	g_free(finding->where);
	finding->value = ph_finding_excerpt(text, size, at);
	finding->match = g_strndup(text + at, end - at);
	finding->where = g_strdup_printf("%s, character %ld", subject,
					 g_utf8_strlen(text, (gssize)at) + 1);
}

/* One of the values of one subject is enough. */
static enum ph_answer
ask_subject(struct ph_evaluation *e, const struct ph_predicate *p,
	    const struct ph_subject *subject, struct ph_recipient *recipient,
	    struct ph_err *err)
{
	enum ph_answer answer = PH_ANSWER_FALSE;
	struct ph_value value = {.text = NULL};
	size_t cursor = 0;
	int r;

	while ((r = subject->value(e, recipient, p->selector, &cursor, &value,
				   err)) == 1) {
		int m =
		    p->condition->compare->match(e, p->operand, &value, err);

		ph_finding_value(e->finding, p, &value);
		if (m == 1) {
			if (e->finding != NULL)
				e->finding->where = g_strdup(subject->name);
			return PH_ANSWER_TRUE;
		}
		if (m < 0)
			answer = PH_ANSWER_ERROR;
		value = (struct ph_value){.text = NULL};
	}
	return r < 0 ? PH_ANSWER_ERROR : answer;
}

enum ph_answer
ph_predicate_ask(struct ph_evaluation *e, const struct ph_predicate *p,
		 struct ph_recipient *recipient, struct ph_err *err)
{
	const struct ph_condition *c = p->condition;
	enum ph_answer answer, second;

	if (c->compare->ask != NULL)
		return c->compare->ask(e, p, recipient, err);
	answer = ask_subject(e, p, c->subject, recipient, err);
	if (answer == PH_ANSWER_TRUE || c->also == NULL)
		return answer;
	second = ask_subject(e, p, c->also, recipient, err);
	return second == PH_ANSWER_FALSE ? answer : second;
}
