#ifndef PH_TRACKING_MAILLOG_H
#define PH_TRACKING_MAILLOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Parser of one line of Postfix's log, as postlogd(8) or a syslog daemon wrote
 * it: "Nov 11 10:00:00 host prefix/daemon[pid]: QUEUEID: text", or with an RFC
 * 3339 time stamp. Lines that say nothing about a queued message are none of
 * ours. Pure: no I/O; names in a message cannot pass as fields of the line.
 */
enum ph_maillog_kind {
	PH_MAILLOG_MESSAGE_ID, /* cleanup: message_id */
	PH_MAILLOG_NMID,       /* cleanup, milter_header_checks: nmid */
	PH_MAILLOG_ACTIVE,     /* qmgr: sender, size */
	PH_MAILLOG_HELD,       /* in the hold queue */
	PH_MAILLOG_EXPIRED,    /* qmgr: sender, status */
	PH_MAILLOG_REMOVED,    /* qmgr */
	PH_MAILLOG_SENT,       /* a delivery agent: recipient ... text */
	PH_MAILLOG_DEFERRED,   /* same */
	PH_MAILLOG_BOUNCED,    /* same */
	PH_MAILLOG_DSN,	       /* bounce: status (which kind), other_id */
};

/* Texts are borrowed from the line that was parsed, never NULL. */
struct ph_maillog {
	enum ph_maillog_kind kind;
	int64_t time;	     /* wall ms; often whole seconds */
	const char *service; /* what syslog_name ends with: "ph-hub" */
	const char *daemon;  /* "smtp" */
	const char *pid;
	const char *queue_id;
	const char *message_id;
	const char *nmid;
	const char *sender;
	const char *size;
	const char *recipient;
	const char *orig_recipient; /* before aliases */
	const char *relay;	    /* "host[address]:port", "none" */
	const char *delay;	    /* seconds since arrival */
	int64_t transmission;	    /* ms, the last part of delays= */
	const char *status;	    /* "sent", "expired", "non-delivery" */
	const char *text;	    /* what stands in parentheses */
	const char *other_id;	    /* queue id of the DSN */
};

/*
 * 1 and *parsed_r, or 0: nothing of interest. The line is changed. now_ms
 * tells the year of a time stamp without one; the process's time zone is used
 * where the stamp has none.
 */
int ph_maillog_parse(char *line, int64_t now_ms, struct ph_maillog *parsed_r);

/* Parts of a relay, g_free; the address is "" when not there, the host is
 * "" for "none". Address may be the path of a UNIX socket. */
void ph_maillog_relay(const char *relay, char **host_r, char **address_r);

#endif
