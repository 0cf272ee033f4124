#ifndef PH_MILTERS_HOST_PRIVATE_H
#define PH_MILTERS_HOST_PRIVATE_H

#include "milters/host/host.h"

#include <libmilter/mfapi.h>
#include <stdbool.h>

/* What agents want to be asked at, from the rows of the table. */
struct ph_events {
	bool connect, mail, rcpt, data, headers;
};
struct ph_events ph_host_events(const struct ph_host *host);

/* Steps to ask for out of those that the MTA offers, and actions; pure. */
unsigned long ph_negotiate_steps(const struct ph_events *events,
				 unsigned long offered);
#define PH_MILTER_ACTIONS                                                    \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT_PAR | \
	 SMFIF_DELRCPT | SMFIF_SETSYMLIST)

/* Asks for the macros that the host reads. 0 or -1. */
int ph_negotiate_macros(SMFICTX *ctx);

/*
 * Text as libmilter takes it in a reply: one line, '%' doubled, at most
 * PH_REPLY_LIMIT bytes; without utf8 transliterated to ASCII. g_free.
 */
#define PH_REPLY_LIMIT 980 /* libmilter's */
char *ph_reply_text_escape(const char *text, bool utf8);

/* The lines of an answer that is passed on, escaped, without the enhanced code
 * that all of them begin with; at most as many as libmilter takes. Free with
 * g_strfreev. */
#define PH_REPLY_LINES 32
char **ph_reply_lines(const struct ph_verdict *verdict, bool utf8);

/* The answer to "cannot say": the one table of this protocol. */
void ph_reply_error(struct ph_verdict *verdict, const char *agent,
		    const struct ph_err *err);

/* Gives a verdict's code and text to libmilter; what the callback returns. */
sfsistat ph_reply_verdict(SMFICTX *ctx, const struct ph_verdict *verdict,
			  bool utf8);

/*
 * Tells the MTA how the message differs from what came. leading: values are
 * exchanged with the blank after the colon (SMFIP_HDR_LEADSPC). 0, or -1 TEMP.
 */
int ph_apply_changes(SMFICTX *ctx, const struct ph_mail *mail, bool leading,
		     struct ph_err *err);

/* False: so many header fields are to be removed that the MTA would be busy for
 * minutes and then give up. */
bool ph_apply_bearable(const struct ph_mail *mail);

/* "NOTIFY=... ORCPT=..." for a recipient that takes another's place; g_free. */
char *ph_apply_params(const struct ph_recipient *recipient);

/* The callbacks; host is what they serve. */
struct smfiDesc ph_session_description(const struct ph_host *host);

#endif
