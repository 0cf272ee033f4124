#ifndef PH_MILTERS_TRANSPORT_SCAN_H
#define PH_MILTERS_TRANSPORT_SCAN_H

#include "lib/base/conf.h"
#include "lib/base/text.h"
#include "lib/scan/scan.h"
#include "lib/scan/scl.h"
#include "lib/scan/verdicts.h"
#include "milters/host/agent.h"

/*
 * Scanners beside posthub that judge a message before the rules do, once in the
 * organisation: [malware] clamd and [spam] rspamd. What they say stands in
 * header fields of ours, which rules can look at.
 */
struct ph_scan_conf {
	struct {
		bool on;
		struct ph_endpoint clamd;
		size_t action, on_error;  /* as the words of the settings */
		int64_t timeout;	  /* ms */
		struct ph_verdicts *seen; /* NULL: none is kept */
	} malware;
	struct {
		bool on;
		struct ph_endpoint rspamd;
		size_t on_error;
		int64_t timeout; /* ms */
		struct ph_scl scl;
	} spam;
};

/* Words of [malware] action and of on_error in both sections. */
enum {
	PH_MALWARE_REJECT,
	PH_MALWARE_DELETE,
	PH_MALWARE_MARK,
	PH_MALWARE_QUARANTINE,
	PH_MALWARE_STRIP,
};
enum { PH_SCAN_DEFER, PH_SCAN_SKIP };

/* 0, or -1 PERM: a setting is wrong. */
int ph_scan_configure(const struct ph_conf *conf, struct ph_scan_conf *scan_r,
		      struct ph_err *err);
void ph_scan_clear(struct ph_scan_conf *scan);
/* Does any scanner want the bodies of messages? */
bool ph_scan_needs_body(const struct ph_scan_conf *scan);

/* A server of ours has had this message before, or the expansion service has
 * made it of one that was scanned. */
bool ph_scan_is_done(const struct ph_mail *mail);

/* A message as a scanner is shown it. */
#define PH_SCAN_PIECES 2
struct ph_scan_message {
	GString *head; /* with the empty line; CRLF */
	struct ph_scan_piece pieces[PH_SCAN_PIECES];
};
void ph_scan_message_init(struct ph_scan_message *message,
			  const struct ph_mail *mail);
void ph_scan_message_clear(struct ph_scan_message *message);

/* Of the body and the fields that say how to read it. */
void ph_scan_key(const struct ph_mail *mail, uint8_t key_r[PH_VERDICT_KEY]);

/* What comes of a scanner that cannot say: 0 the message goes on without it, 1
 * with a verdict. */
int ph_scan_trouble(struct ph_mail *mail, const char *agent, size_t on_error,
		    const struct ph_err *why);

#endif
