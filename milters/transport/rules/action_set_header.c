#include "milters/transport/rules/action.h"

int
ph_action_set_header(const struct ph_object *rule, struct ph_mail *mail,
		     struct ph_err *err)
{
	g_autofree char *value =
	    ph_header_encode(ph_object_text(rule, "SetHeaderValue"));

	return ph_mail_set_header(mail, ph_object_text(rule, "SetHeaderName"),
				  value, err);
}
