#include "milters/transport/rules/names.h"
#include "milters/transport/rules/scan.h"

#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

static const char *const selected[] = {"", NULL};
static const char *const subject_field[] = {"Subject", NULL};
static const char *const to_fields[] = {"To", NULL};
static const char *const cc_fields[] = {"Cc", NULL};
static const char *const to_cc_fields[] = {"To", "Cc", NULL};
static const char *const scl_field[] = {PH_HEADER_SCL, NULL};
static const char *const classification_field[] = {PH_HEADER_CLASSIFICATION,
						   NULL};
static const char *const override_field[] = {PH_HEADER_OVERRIDE, NULL};
static const char *const importance_fields[] = {"Importance", "X-Priority",
						"X-MSMail-Priority", NULL};

/* ---- texts -------------------------------------------------------------- */

static int
value_header(struct ph_evaluation *e, struct ph_recipient *recipient,
	     const char *selector, size_t *cursor, struct ph_value *value_r,
	     struct ph_err *err)
{
	struct ph_headers *headers = e->mail->headers;
	size_t i = ph_headers_find(headers, selector, *cursor);

	(void)recipient;
	(void)err;
	if (i == ph_headers_count(headers))
		return 0;
	value_r->text = ph_headers_text_at(headers, i);
	*cursor = i + 1;
	return 1;
}

const struct ph_subject ph_subject_header = {
    "header field", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, selected, value_header};

static int
value_subject(struct ph_evaluation *e, struct ph_recipient *recipient,
	      const char *selector, size_t *cursor, struct ph_value *value_r,
	      struct ph_err *err)
{
	(void)selector;
	return value_header(e, recipient, "Subject", cursor, value_r, err);
}

const struct ph_subject ph_subject_subject = {
    "subject", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, subject_field, value_subject};

static int
value_classification(struct ph_evaluation *e, struct ph_recipient *recipient,
		     const char *selector, size_t *cursor,
		     struct ph_value *value_r, struct ph_err *err)
{
	(void)selector;
	return value_header(e, recipient, PH_HEADER_CLASSIFICATION, cursor,
			    value_r, err);
}

const struct ph_subject ph_subject_classification = {
    "classification", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, classification_field,
    value_classification};

/* ---- addresses ---- */

static int
next_address(struct ph_evaluation *e, const char *const *names, size_t *cursor,
	     struct ph_value *value_r)
{
	size_t i = (*cursor)++;

	for (; *names != NULL; names++) {
		const GPtrArray *addresses = ph_scan_addresses(e, *names);

		if (i < addresses->len) {
			value_r->text = addresses->pdata[i];
			return 1;
		}
		i -= addresses->len;
	}
	return 0;
}

static int
value_to(struct ph_evaluation *e, struct ph_recipient *recipient,
	 const char *selector, size_t *cursor, struct ph_value *value_r,
	 struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	return next_address(e, to_fields, cursor, value_r);
}

static int
value_cc(struct ph_evaluation *e, struct ph_recipient *recipient,
	 const char *selector, size_t *cursor, struct ph_value *value_r,
	 struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	return next_address(e, cc_fields, cursor, value_r);
}

static int
value_to_cc(struct ph_evaluation *e, struct ph_recipient *recipient,
	    const char *selector, size_t *cursor, struct ph_value *value_r,
	    struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	return next_address(e, to_cc_fields, cursor, value_r);
}

const struct ph_subject ph_subject_to = {"To", PH_LEVEL_MESSAGE,
					 PH_NEED_HEADERS | PH_NEED_DIRECTORY,
					 to_fields, value_to};
const struct ph_subject ph_subject_cc = {"Cc", PH_LEVEL_MESSAGE,
					 PH_NEED_HEADERS | PH_NEED_DIRECTORY,
					 cc_fields, value_cc};
const struct ph_subject ph_subject_to_cc = {"To and Cc", PH_LEVEL_MESSAGE,
					    PH_NEED_HEADERS | PH_NEED_DIRECTORY,
					    to_cc_fields, value_to_cc};

/* ---- numbers and words ---- */

static int
value_scl(struct ph_evaluation *e, struct ph_recipient *recipient,
	  const char *selector, size_t *cursor, struct ph_value *value_r,
	  struct ph_err *err)
{
	const char *text = ph_headers_raw(e->mail->headers, PH_HEADER_SCL, 0);

	(void)recipient;
	(void)selector;
	(void)err;
	if ((*cursor)++ > 0 || text == NULL ||
	    ph_parse_int(text, &value_r->number, NULL) < 0)
		return 0;
	return 1;
}

const struct ph_subject ph_subject_scl = {"spam confidence level",
					  PH_LEVEL_MESSAGE, PH_NEED_HEADERS,
					  scl_field, value_scl};

/* In the order of the words of WithImportance. */
static const char *const importances[] = {"Low", "Normal", "High"};

/* X-Priority counts from 1, the highest, to 5. */
static int64_t
importance_of(struct ph_headers *headers)
{
	const char *priority = ph_headers_raw(headers, "X-Priority", 0);

	for (const char *const *name = importance_fields; *name != NULL;
	     name++) {
		const char *text = ph_headers_raw(headers, *name, 0);
		g_autofree char *word =
		    text != NULL ? g_strstrip(g_strdup(text)) : NULL;

		for (size_t i = 0;
		     word != NULL && i < G_N_ELEMENTS(importances); i++)
			if (strcasecmp(word, importances[i]) == 0)
				return (int64_t)i;
	}
	if (priority == NULL)
		return 1;
	priority += strspn(priority, " \t\r\n");
	if (*priority < '1' || *priority > '5')
		return 1;
	return *priority < '3' ? 2 : *priority > '3' ? 0 : 1;
}

static int
value_importance(struct ph_evaluation *e, struct ph_recipient *recipient,
		 const char *selector, size_t *cursor, struct ph_value *value_r,
		 struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	if ((*cursor)++ > 0)
		return 0;
	value_r->number = importance_of(e->mail->headers);
	value_r->text = importances[value_r->number];
	return 1;
}

const struct ph_subject ph_subject_importance = {
    "importance", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, importance_fields,
    value_importance};

static bool
has(struct ph_evaluation *e, const char *name)
{
	const char *text = ph_headers_raw(e->mail->headers, name, 0);

	return text != NULL && *text != '\0';
}

static int
value_no_classification(struct ph_evaluation *e, struct ph_recipient *recipient,
			const char *selector, size_t *cursor,
			struct ph_value *value_r, struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	value_r->number = !has(e, PH_HEADER_CLASSIFICATION);
	return (*cursor)++ == 0;
}

const struct ph_subject ph_subject_no_classification = {
    "absence of a classification", PH_LEVEL_MESSAGE, PH_NEED_HEADERS,
    classification_field, value_no_classification};

static int
value_override(struct ph_evaluation *e, struct ph_recipient *recipient,
	       const char *selector, size_t *cursor, struct ph_value *value_r,
	       struct ph_err *err)
{
	(void)recipient;
	(void)selector;
	(void)err;
	value_r->number = has(e, PH_HEADER_OVERRIDE);
	return (*cursor)++ == 0;
}

const struct ph_subject ph_subject_override = {
    "sender's override", PH_LEVEL_MESSAGE, PH_NEED_HEADERS, override_field,
    value_override};
