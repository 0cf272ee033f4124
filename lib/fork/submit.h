#ifndef PH_FORK_SUBMIT_H
#define PH_FORK_SUBMIT_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/fork/copy.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One message handed to the private smtpd over a connection of its own.
 * Blocking.
 */

/* Where, and how long to wait, ms, for each answer, for the envelope as a
 * whole, for the answer to the whole; shared by all. */
struct ph_submit_options {
	struct ph_endpoint endpoint;
	int64_t connect_timeout, timeout, envelope_timeout, final_timeout;
};

/* A recipient and what became of it; texts are borrowed. */
struct ph_submit_recipient {
	const char *address;
	const char *notify; /* or NULL */
	const char *orcpt;  /* "rfc822;...", as in the command; or NULL */
	const void *about;  /* the caller's */
	char *refusal;	    /* owned: "550 5.1.1 text", one line; or NULL */
};

struct ph_submit {
	const struct ph_submit_options *options;
	const char *hello;
	const char *sender;
	const char *ret, *envid; /* as in the command; or NULL */
	bool eight_bit, utf8;
	GPtrArray *recipients; /* struct ph_submit_recipient */
	uint64_t size;	       /* of the content */
	/* Hands the content to sink. */
	int (*content)(void *context, ph_copy_sink *sink, void *sink_context,
		       struct ph_err *err);
	/* Recipients that were refused for good, before the others get the
	 * message: -1 and nobody gets it this time. */
	int (*refused)(void *context, const GPtrArray *recipients,
		       struct ph_err *err);
	void *context;
};

/* Copied strings: none; about is the caller's. Appended and borrowed. */
struct ph_submit_recipient *ph_submit_add(GPtrArray *recipients,
					  const char *address);
GPtrArray *ph_submit_recipients(void);

/*
 * 1: taken for those without a refusal, *answer_r (g_free) is the server's,
 * "250 2.0.0 Ok: queued as ID". 0: all were refused, and "refused" knows. -1:
 * nothing has happened that may not happen again: TEMP, or MAYBE when it may
 * have been taken.
 */
int ph_submit_run(const struct ph_submit *submit, char **answer_r,
		  struct ph_err *err);

/* The queue id in such an answer, g_free; "" when there is none. */
char *ph_submit_queue_id(const char *answer);

#endif
