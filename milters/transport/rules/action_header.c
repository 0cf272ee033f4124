#include "milters/transport/rules/action.h"

#include "milters/transport/rules/names.h"

int
ph_action_set_header(const struct ph_action_run *run, struct ph_err *err)
{
	g_autofree char *value =
	    ph_header_encode(ph_object_text(run->rule, "SetHeaderValue"));

	return ph_mail_set_header(
	    run->mail, ph_object_text(run->rule, "SetHeaderName"), value, err);
}

/* All fields of the name. */
int
ph_action_remove_header(const struct ph_action_run *run, struct ph_err *err)
{
	(void)err;
	ph_mail_remove_header(run->mail,
			      ph_object_text(run->rule, "RemoveHeader"));
	return 0;
}

int
ph_action_set_scl(const struct ph_action_run *run, struct ph_err *err)
{
	return ph_mail_set_header(run->mail, PH_HEADER_SCL,
				  ph_object_text(run->rule, "SetSCL"), err);
}

int
ph_action_classify(const struct ph_action_run *run, struct ph_err *err)
{
	g_autofree char *value =
	    ph_header_encode(ph_object_text(run->rule, "ApplyClassification"));

	return ph_mail_set_header(run->mail, PH_HEADER_CLASSIFICATION, value,
				  err);
}

/* What these two ask for is looked at where the copies are routed. */
int
ph_action_connector(const struct ph_action_run *run, struct ph_err *err)
{
	g_autofree char *value = ph_header_encode(
	    ph_object_text(run->rule, "RouteMessageOutboundConnector"));

	return ph_mail_set_header(run->mail, PH_HEADER_CONNECTOR, value, err);
}

int
ph_action_require_tls(const struct ph_action_run *run, struct ph_err *err)
{
	return ph_mail_set_header(run->mail, PH_HEADER_REQUIRE_TLS, "true",
				  err);
}
