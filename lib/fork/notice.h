#ifndef PH_FORK_NOTICE_H
#define PH_FORK_NOTICE_H

#include "lib/fork/report.h"

/*
 * Tells the sender of a message that went on what a rule has found in it
 * (NotifySender, facts/exchange-rules.md section 10). Pure. A notice that is
 * made again, also because the message came again, has the same network message
 * id. It has no sender and says that it was made by a program (RFC 3834), so
 * that nobody answers it, and rules do not run on it.
 */
struct ph_notice {
	const struct ph_plan *plan;
	const struct ph_plan_group *group; /* of kind NOTICE */
	const char *fqdn;		   /* this server */
	const char *server;		   /* its short name */
	int64_t now;			   /* wall clock ms */
};

/* 1: *text_r is the notice, without a part of the message; ph_report_clear. 0:
 * there is nobody to tell. */
int ph_notice_make(const struct ph_notice *notice,
		   struct ph_report_text *text_r);

#endif
