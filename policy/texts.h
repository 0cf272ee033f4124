#ifndef PH_POLICY_TEXTS_H
#define PH_POLICY_TEXTS_H

/* Enhanced code and text of what is refused for good, the same from the policy
 * service and from the transport map, as Exchange's DSNs have them. */
#define PH_TEXT_UNKNOWN \
	"5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; not found"
#define PH_TEXT_INVALID "5.1.3 Bad recipient address syntax"
#define PH_TEXT_AMBIGUOUS                                                \
	"5.1.4 Recipient address is ambiguous; RESOLVER.ADR.Ambiguous; " \
	"ambiguous address"

#endif
