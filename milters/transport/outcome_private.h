#ifndef PH_MILTERS_TRANSPORT_OUTCOME_PRIVATE_H
#define PH_MILTERS_TRANSPORT_OUTCOME_PRIVATE_H

#include "lib/fork/plan.h"
#include "milters/transport/outcome.h"

/* One outcome: a copy that others which came out alike were merged into. */
struct ph_group {
	struct ph_mail *mail;
	char *key; /* what makes it differ from the message as it came; "" */
};

/*
 * Gives recipients outside their next hop where a rule or the server before has
 * asked for one, splitting copies by it (outcome_route.c). Forks are added to
 * copies. 0; -1 TEMP: one was asked for, and it cannot be said who is outside.
 */
int ph_outcome_route(const struct ph_transport *transport, GPtrArray *copies,
		     struct ph_err *err);

/* Takes out of copies those recipients to whose remote domain such a message
 * may not go (outcome_remote.c); they are dropped. 0; -1: cannot say. */
int ph_outcome_remote(GPtrArray *copies, struct ph_err *err);

/* What a plan is made of. */
struct ph_outcome_parts {
	/* struct ph_group: those that are not as the message came; NULL: none
	 * is. */
	const GPtrArray *groups;
	/* struct ph_recipient, of whom the sender is told that they get it;
	 * empty: he is told nothing. */
	const GPtrArray *told;
};

/* Writes and syncs the plan (outcome_plan.c). 0 and *plan_r is the caller's; 1:
 * an address does not fit in one, mail->verdict refuses the message; -1. */
int ph_outcome_plan(const struct ph_transport *transport, struct ph_mail *mail,
		    const struct ph_outcome_parts *parts,
		    struct ph_headers *before, struct ph_plan **plan_r,
		    struct ph_err *err);
/* Its tokens become recipients of the message. */
void ph_outcome_add_tokens(struct ph_mail *mail, const struct ph_plan *plan);

/* Names of fields that differ between two headers, of those that a copy has
 * touched, as first written there; sorted without case; g_ptr_array_unref. */
GPtrArray *ph_outcome_changed(const struct ph_mail *copy,
			      const struct ph_headers *before);

#endif
