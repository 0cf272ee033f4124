#ifndef PH_DIRECTORY_RESOLVE_STEPS_H
#define PH_DIRECTORY_RESOLVE_STEPS_H

#include "lib/directory/resolve.h"
#include "lib/directory/restrict.h"

#include <glib.h>

/*
 * To whom a message for an address goes: forwarding and contacts followed step
 * by step (facts/exchange-routing.md section 9). An address leads to one other
 * at most, so the steps are a chain; several of them may be recipients. Groups
 * are not opened here.
 *
 * ForwardingAddress goes before ForwardingSmtpAddress, as in Exchange. A circle
 * in which somebody gets the message is harmless; in one where everybody only
 * forwards it is refused, and so is a chain longer than PH_STEPS.
 */

#define PH_STEPS 20

/* How an address was come to. */
enum ph_step_by {
	PH_BY_SENDER,  /* it is the one that was asked about */
	PH_BY_FORWARD, /* the entry before forwards to it */
	PH_BY_CONTACT, /* it is the external address of the entry before, and
			* has an entry of its own */
};

enum ph_step_fate {
	PH_STEP_PASSED,	   /* goes on to the next step alone */
	PH_STEP_RECIPIENT, /* gets the message */
	PH_STEP_AGAIN,	   /* an earlier step: has got it already */
	PH_STEP_REFUSED,
};

struct ph_step {
	enum ph_step_by by;
	enum ph_step_fate fate;
	struct ph_resolution at;
	char *refusal; /* of REFUSED: enhanced code and text */
};

/* Of a MailContact or MailUser where mail for it goes; borrowed; NULL: the
 * entry is none. */
const char *ph_entry_external(const struct ph_object *entry);
/* Whose entry is looked up after this one, if a message comes to it: whom it
 * forwards to, or the external address. Borrowed; NULL: nobody's. */
const char *ph_entry_onward(const struct ph_object *entry);
/* The address that a message leaves the step under: of a contact the external
 * one. Borrowed. */
const char *ph_step_destination(const struct ph_step *step);

/*
 * 0: *steps_r holds at least one struct ph_step, free with g_ptr_array_unref;
 * -1: cannot say, TEMP; PERM: two entries claim the address asked about.
 * sender NULL: restrictions are not looked at.
 */
int ph_resolve_steps(struct ph_directory *directory,
		     const struct ph_snapshot *snapshot, const char *address,
		     struct ph_restrict_sender *sender, GPtrArray **steps_r,
		     struct ph_err *err);

/* Why nobody gets the message: the refusal of the last step, borrowed; NULL:
 * somebody does. */
const char *ph_steps_refusal(const GPtrArray *steps);

/* "sender", "forward", "contact"; "passed", "recipient", "again", "refused". */
const char *ph_step_by_name(enum ph_step_by by);
const char *ph_step_fate_name(enum ph_step_fate fate);

#endif
