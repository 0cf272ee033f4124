#ifndef PH_STORE_SUBMISSION_NOTICE_H
#define PH_STORE_SUBMISSION_NOTICE_H

#include "lib/message/headers.h"
#include "store/submission/state.h"

#include <glib.h>
#include <stdint.h>

/*
 * What an owner finds in the Inbox when a message was not sent: for recipients
 * that were refused a delivery report (RFC 3462, 3464), for a message that
 * cannot be sent at all a text. Pure. LF line ends, as in a Maildir.
 */
struct ph_notice {
	const char *owner;  /* whom it is for */
	const char *domain; /* of postmaster@ */
	const char *fqdn;   /* reporting server */
	const char *name;   /* of the notice: made twice, it is one */
	int64_t now;
	const struct ph_item_state *state; /* its reason, or those REFUSED */
	struct ph_headers *headers;	   /* NULL: it could not be read */
};

GString *ph_notice_make(const struct ph_notice *notice);

#endif
