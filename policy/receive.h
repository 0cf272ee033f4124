#ifndef PH_POLICY_RECEIVE_H
#define PH_POLICY_RECEIVE_H

#include "policy/maps.h"
#include "policy/request.h"

#include <stdbool.h>

/*
 * What a receive connector asks of its clients: who may send by it, how large,
 * to how many, how often. Servers of ours pass. Without a connector for the
 * client nothing is asked.
 */

/* What is known of the messages that came by one connection of Postfix's; all
 * requests of one message come by the same. */
struct ph_receive_session {
	char *instance; /* of the message in hand; NULL: none yet */
	unsigned recipients;
};
void ph_receive_session_clear(struct ph_receive_session *session);

struct ph_receive_answer {
	/* Reply of a refusal ("452 4.5.3 ..."); "": none. Owned. */
	GString *text;
	/* TarpitInterval in ms: how long a refusal of the client waits, by
	 * whomever it is made; 0: not at all. */
	int64_t tarpit;
};

/* At protocol_state RCPT and END-OF-MESSAGE, in any other nothing. session may
 * be NULL: nothing is counted. */
void ph_receive_check(const struct ph_sources *sources,
		      const struct ph_request *request,
		      struct ph_receive_session *session,
		      struct ph_receive_answer *answer);

#endif
