#include "milters/transport/rules/condition.h"

int
ph_subject_header(struct ph_evaluation *e, const struct ph_recipient *recipient,
		  const char *selector, size_t *cursor,
		  struct ph_value *value_r, struct ph_err *err)
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
