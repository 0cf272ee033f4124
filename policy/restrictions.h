#ifndef PH_POLICY_RESTRICTIONS_H
#define PH_POLICY_RESTRICTIONS_H

#include "policy/maps.h"
#include "policy/receive.h"
#include "policy/request.h"

/*
 * Answers of the policy service: at RCPT, may this client send by its receive
 * connector, is the recipient somebody, and may this sender send to it, as far
 * as that is known then? At END-OF-MESSAGE, is it too large for the connector?
 * With policy_context "receive", which a front end gives, the connector alone.
 * Whatever is not refused is DUNNO, so that Postfix's own restrictions go on.
 * Appends the reply; what could not be said is copied to err for whoever logs.
 * Returns how many ms the reply should wait (TarpitInterval). session: see
 * receive.h.
 */
int64_t ph_restrictions_answer(const struct ph_sources *sources,
			       const struct ph_request *request,
			       struct ph_receive_session *session, GString *out,
			       struct ph_err *err);

#endif
