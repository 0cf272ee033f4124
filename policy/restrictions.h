#ifndef PH_POLICY_RESTRICTIONS_H
#define PH_POLICY_RESTRICTIONS_H

#include "policy/maps.h"
#include "policy/request.h"

/*
 * Answers of the policy service: at RCPT, is the recipient somebody, and may
 * this sender send to it, as far as that is known then? Whatever is not refused
 * is DUNNO, so that Postfix's own restrictions go on. Appends the reply; what
 * could not be said is copied to err for whoever logs.
 */
void ph_restrictions_answer(const struct ph_sources *sources,
			    const struct ph_request *request, GString *out,
			    struct ph_err *err);

#endif
