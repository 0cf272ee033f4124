#ifndef PH_FORK_REPORT_H
#define PH_FORK_REPORT_H

#include "lib/base/uuid.h"
#include "lib/fork/plan.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A delivery status notification (RFC 3464; RFC 6533 where the message or an
 * address needs it) about recipients that did not get a message. Pure. A
 * report that is made again, also because the message came again, has the same
 * network message id, so that a mailbox of ours takes it once. Of the message
 * X-PostHub- fields are left out: who reads it may be outside.
 */

/* Borrowed. */
struct ph_report_recipient {
	const struct ph_plan_recipient *recipient;
	const char *code;     /* "550" */
	const char *enhanced; /* "5.7.1"; "" if there is none */
	const char *text;     /* UTF-8, one line */
};

struct ph_report {
	const struct ph_plan *plan;
	const char *token;  /* of the group */
	const char *fqdn;   /* this server */
	const char *server; /* its short name */
	int64_t now;	    /* wall clock ms */
	GArray *recipients; /* struct ph_report_recipient */
	const char *data;   /* the message, CRLF line ends */
	size_t size;
};

/* head, then a part of the message, then tail. */
struct ph_report_text {
	char *message_id; /* with angle brackets */
	char nmid[PH_UUID_TEXT];
	char *subject;	/* UTF-8 */
	bool utf8;	/* must be sent with SMTPUTF8 */
	bool eight_bit; /* and this with BODY=8BITMIME */
	GString *head;
	const char *body; /* borrowed from the message */
	size_t body_size;
	GString *tail;
};
void ph_report_clear(struct ph_report_text *text);

/* Does this recipient's sender want to hear of a failure? RFC 3461 section 4.1:
 * without NOTIFY, yes. */
bool ph_report_wanted(const struct ph_plan_recipient *recipient);

/* 1: *text_r is the report about those of whom it is wanted; 0: there is
 * nobody to tell, or nothing. */
int ph_report_make(const struct ph_report *report,
		   struct ph_report_text *text_r);

/* In-Reply-To and References, if the message has an id. */
void ph_report_append_identity(GString *out, const struct ph_plan *plan);
/* A text as one line of valid UTF-8 without control characters; g_free. */
char *ph_report_line(const char *text);

#endif
