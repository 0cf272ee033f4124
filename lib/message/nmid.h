#ifndef PH_MESSAGE_NMID_H
#define PH_MESSAGE_NMID_H

#include "lib/base/uuid.h"
#include "lib/message/headers.h"

#include <stddef.h>

/*
 * The network message id: the same when the same message comes again, so that
 * the second copy which a lost answer makes can be recognised. With Message-ID
 * and Date present a version 8 UUID of SHA-256 over reverse-path, Message-ID,
 * Date, From, To, Cc, Subject (as they came, white space folded) and body
 * (line ends as CRLF, however they came); otherwise random.
 */
struct ph_nmid;

struct ph_nmid *ph_nmid_new(void);
void ph_nmid_free(struct ph_nmid **nmid);
void ph_nmid_body(struct ph_nmid *nmid, const void *data, size_t size);
/* reverse_path without angle brackets; once, at the end. */
void ph_nmid_finish(struct ph_nmid *nmid, const char *reverse_path,
		    const struct ph_headers *headers,
		    char text_r[PH_UUID_TEXT]);

/* Names of the headers that posthub sets. */
#define PH_HEADER_PREFIX "X-PostHub-"
#define PH_HEADER_NMID "X-PostHub-Network-Message-Id"
/* What was found out about the content: spam confidence level; score and
 * symbols of the scanner; malware. */
#define PH_HEADER_SCL PH_HEADER_PREFIX "SCL"
#define PH_HEADER_SPAM PH_HEADER_PREFIX "Spam-Report"
#define PH_HEADER_MALWARE PH_HEADER_PREFIX "Malware"
/* To whom a message would have gone that was put aside. */
#define PH_HEADER_QUARANTINE PH_HEADER_PREFIX "Quarantine-Recipients"
/* What the sender says to a policy tip; who has logged in may say it. */
#define PH_HEADER_OVERRIDE PH_HEADER_PREFIX "Sender-Override"
#define PH_HEADER_RULES_EXECUTED "X-PostHub-Rules-Executed"
/* Forwarding has been followed and restrictions were looked at. */
#define PH_HEADER_RESOLVED "X-PostHub-Resolved"
/* A group, the primary address, that the message was for: it is one for its
 * members, and the group is not opened again. One field each. */
#define PH_HEADER_EXPANDED "X-PostHub-Expanded"
/* ruleId of a rule that ended processing while a group was left whole: it and
 * later ones are not asked about the members. */
#define PH_HEADER_RULES_ENDED "X-PostHub-Rules-Ended"
/* Who has sent it, where the envelope sender is another by now. */
#define PH_HEADER_ORIGINATOR "X-PostHub-Originator"
/* How a rule wants it to leave the organisation. */
#define PH_HEADER_CONNECTOR "X-PostHub-Outbound-Connector"
#define PH_HEADER_REQUIRE_TLS "X-PostHub-Outbound-Require-Tls"
#define PH_HEADER_AUTH_AS "X-PostHub-AuthAs"
#define PH_HEADER_AUTH_SOURCE "X-PostHub-AuthSource"
#define PH_HEADER_AUTH_MECHANISM "X-PostHub-AuthMechanism"
#define PH_HEADER_CLIENT_IP "X-PostHub-OriginalClientIPAddress"
#define PH_HEADER_SERVER_IP "X-PostHub-OriginalServerIPAddress"

#endif
