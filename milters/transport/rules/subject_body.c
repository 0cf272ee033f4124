#include "milters/transport/rules/evaluate.h"

static int
value_body(struct ph_evaluation *e, struct ph_recipient *recipient,
	   const char *selector, size_t *cursor, struct ph_value *value_r,
	   struct ph_err *err)
{
	const size_t *sizes;
	size_t n, i = (*cursor)++;
	const char *const *texts =
	    ph_content_texts(ph_mail_content(e->mail), &sizes, &n);

	(void)recipient;
	(void)selector;
	(void)err;
	if (i >= n)
		return 0;
	value_r->text = texts[i];
	value_r->size = sizes[i];
	return 1;
}

const struct ph_subject ph_subject_body = {"body", PH_LEVEL_MESSAGE,
					   PH_NEED_BODY, NULL, value_body};

static int
value_charset(struct ph_evaluation *e, struct ph_recipient *recipient,
	      const char *selector, size_t *cursor, struct ph_value *value_r,
	      struct ph_err *err)
{
	const char *const *charsets =
	    ph_content_charsets(ph_mail_content(e->mail));

	(void)recipient;
	(void)selector;
	(void)err;
	for (size_t i = 0; charsets[i] != NULL; i++)
		if (i == *cursor) {
			value_r->text = charsets[i];
			(*cursor)++;
			return 1;
		}
	return 0;
}

const struct ph_subject ph_subject_charset = {
    "character set", PH_LEVEL_MESSAGE, PH_NEED_BODY, NULL, value_charset};

/* In the order of the words of MessageTypeMatches. */
static const struct {
	unsigned flag;
	const char *name;
} types[] = {
    {PH_CONTENT_OOF, "OOF"},
    {PH_CONTENT_AUTO_FORWARD, "AutoForward"},
    {PH_CONTENT_ENCRYPTED, "Encrypted"},
    {PH_CONTENT_CALENDARING, "Calendaring"},
    {PH_CONTENT_PROTECTED, "PermissionControlled"},
    {PH_CONTENT_VOICEMAIL, "Voicemail"},
    {PH_CONTENT_SIGNED, "Signed"},
    {PH_CONTENT_APPROVAL, "ApprovalRequest"},
    {PH_CONTENT_READ_RECEIPT, "ReadReceipt"},
};

static int
value_message_type(struct ph_evaluation *e, struct ph_recipient *recipient,
		   const char *selector, size_t *cursor,
		   struct ph_value *value_r, struct ph_err *err)
{
	unsigned is = ph_content_types(ph_mail_content(e->mail));

	(void)recipient;
	(void)selector;
	(void)err;
	for (; *cursor < G_N_ELEMENTS(types); (*cursor)++) {
		if ((is & types[*cursor].flag) == 0)
			continue;
		value_r->number = (int64_t)*cursor;
		value_r->text = types[(*cursor)++].name;
		return 1;
	}
	return 0;
}

const struct ph_subject ph_subject_message_type = {
    "message type", PH_LEVEL_MESSAGE, PH_NEED_STRUCTURE, NULL,
    value_message_type};
