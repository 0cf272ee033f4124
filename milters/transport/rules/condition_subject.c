#include "milters/transport/rules/condition.h"

int
ph_subject_subject(struct ph_evaluation *e,
		   const struct ph_recipient *recipient, const char *selector,
		   size_t *cursor, struct ph_value *value_r, struct ph_err *err)
{
	(void)selector;
	return ph_subject_header(e, recipient, "Subject", cursor, value_r, err);
}
