#ifndef PH_RULES_NAMES_H
#define PH_RULES_NAMES_H

#include "lib/message/nmid.h"

/* Header fields that carry what rules decided, or what they look at, from one
 * server of ours to the next; removed from what strangers send. */
#define PH_HEADER_CLASSIFICATION PH_HEADER_PREFIX "Classification"
/* The next hop of a copy, for Postfix: transport:nexthop. */
#define PH_HEADER_ROUTE PH_HEADER_PREFIX "Route"

/*
 * How often rules have sent a message to other recipients than it came with.
 * Exchange's own name, because it has to survive outside: a message that rules
 * send to an outside address which forwards it back would run for ever.
 */
#define PH_HEADER_LOOP "X-MS-Exchange-Transport-Rules-Loop"

#endif
