#include "milters/transport/rules/action.h"

const struct ph_action ph_actions[] = {
    {
	.name = "DeleteMessage",
	.track = "DeleteMessage",
	.stops = true,
	.help = "the message is dropped and nobody is told",
	.apply = ph_action_delete,
    },
    {
	.name = "PrependSubject",
	.track = "PrependSubject",
	.help = "a text is put before the subject",
	.apply = ph_action_prepend_subject,
    },
    {
	.name = "RejectMessageReasonText",
	.with = "RejectMessageEnhancedStatusCode",
	.track = "RejectMessage",
	.stops = true,
	.help = "the message is refused",
	.apply = ph_action_reject,
    },
    {
	.name = "SetHeaderName",
	.with = "SetHeaderValue",
	.track = "SetHeader",
	.help = "a header field is added or replaced",
	.apply = ph_action_set_header,
    },
    {
	.name = "StopRuleProcessing",
	.track = "StopRuleProcessing",
	.stops = true,
	.help = "later rules are skipped",
    },
    {.name = NULL},
};
