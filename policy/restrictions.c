#include "policy/restrictions.h"
#include "lib/directory/resolve.h"
#include "policy/texts.h"

#include <string.h>

#define DUNNO "DUNNO"
#define NO_STATE "451 4.3.0 Temporary system problem"
#define NO_DIRECTORY "451 4.4.3 Recipient directory is not available"

static const char *
check_recipient(const struct ph_sources *sources,
		const struct ph_request *request, struct ph_err *err)
{
	static const char *const actions[] = {
	    [PH_RESOLVED_ENTRY] = DUNNO,
	    [PH_RESOLVED_RELAY] = DUNNO,
	    [PH_RESOLVED_OUTSIDE] = DUNNO,
	    [PH_RESOLVED_UNKNOWN] = "550 " PH_TEXT_UNKNOWN,
	    [PH_RESOLVED_INVALID] = "501 " PH_TEXT_INVALID,
	};
	const char *recipient = ph_policy_attribute(request, "recipient");
	struct ph_resolution resolution;
	struct ph_err why = PH_ERR_INIT;
	const char *action;

	if (sources->snapshot == NULL) {
		(void)ph_err_set(err, PH_ERR_TEMP,
				 "no state of the organisation yet");
		return NO_STATE;
	}
	/* Whether we relay there is Postfix's to decide. */
	if (ph_accepted_domain(sources->snapshot, recipient) == NULL)
		return DUNNO;
	if (ph_resolve(sources->directory, sources->snapshot, recipient,
		       &resolution, &why) < 0) {
		(void)ph_err_set(err, why.kind, "%s", why.text);
		return why.kind == PH_ERR_PERM ? "550 " PH_TEXT_AMBIGUOUS
					       : NO_DIRECTORY;
	}
	action = actions[resolution.verdict];
	ph_resolution_clear(&resolution);
	return action;
}

/* Rows by protocol_state; in any other nothing is decided. */
static const struct {
	const char *state;
	const char *(*check)(const struct ph_sources *sources,
			     const struct ph_request *request,
			     struct ph_err *err);
} checks[] = {
    {"RCPT", check_recipient},
};

void
ph_restrictions_answer(const struct ph_sources *sources,
		       const struct ph_request *request, GString *out,
		       struct ph_err *err)
{
	const char *state = ph_policy_attribute(request, "protocol_state");
	const char *action = DUNNO;

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		if (strcmp(checks[i].state, state) == 0)
			action = checks[i].check(sources, request, err);
	ph_policy_reply(out, action);
}
