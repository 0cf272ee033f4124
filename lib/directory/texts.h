#ifndef PH_DIRECTORY_TEXTS_H
#define PH_DIRECTORY_TEXTS_H

/* Enhanced code and text of what is refused for good, the same from the policy
 * service, from the transport map and at the end of a message, as Exchange's
 * DSNs have them (facts/exchange-routing.md section 15). */
#define PH_TEXT_UNKNOWN \
	"5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; not found"
#define PH_TEXT_INVALID "5.1.3 Bad recipient address syntax"
#define PH_TEXT_AMBIGUOUS                                                \
	"5.1.4 Recipient address is ambiguous; RESOLVER.ADR.Ambiguous; " \
	"ambiguous address"
#define PH_TEXT_LOOP                                                     \
	"5.4.6 Mail is forwarded in a circle; RESOLVER.FWD.Loop; there " \
	"is a forwarding loop configured in the directory"
#define PH_TEXT_BAD_GROUP                                                  \
	"5.2.4 The group cannot be expanded; RESOLVER.GRP.BadFilter; its " \
	"filter is not valid"
/* With the recipient for %s, as people know it: "All staff <staff@a.test>". */
#define PH_TEXT_SIZE                                               \
	"5.2.3 Message is too large for %s; "                      \
	"RESOLVER.RST.RecipSizeLimit; message too large for this " \
	"recipient"
#define PH_TEXT_AUTH_REQUIRED                                            \
	"5.7.1 %s takes mail of authenticated senders only: log in, or " \
	"ask its owner to take mail from outside; "                      \
	"RESOLVER.RST.AuthRequired; authentication required"
#define PH_TEXT_NOT_AUTHORIZED                                             \
	"5.7.1 Sender is not allowed to send to %s: ask its owner to let " \
	"you in; RESOLVER.RST.NotAuthorized; not authorized"

/* As Exchange 2013 and later. */
#define PH_SEND_AS_CODE "5.7.60"
#define PH_SEND_AS_TEXT \
	"SMTP; Client does not have permissions to send as this sender"

#endif
