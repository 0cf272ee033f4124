#include "milters/transport/rules/action.h"

#include <string.h>

const struct ph_action ph_actions[] = {
    {
	.name = "AddManagerAsRecipientType",
	.track = "AddManagerAsRecipientType",
	.help = "the sender's manager gets the message as well, or alone",
	.apply = ph_action_add_manager,
    },
    {
	.name = "AddToRecipients",
	.track = "AddToRecipients",
	.help = "recipients are added to To",
	.apply = ph_action_add_to,
    },
    {
	.name = "ApplyClassification",
	.track = "ApplyClassification",
	.help = "the message gets a classification",
	.apply = ph_action_classify,
    },
    {
	.name = "BlindCopyTo",
	.track = "BlindCopyTo",
	.help = "recipients get a blind copy",
	.apply = ph_action_blind_copy,
    },
    {
	.name = "CopyTo",
	.track = "CopyTo",
	.help = "recipients are added to Cc",
	.apply = ph_action_copy_to,
    },
    {
	.name = "DeleteMessage",
	.track = "DeleteMessage",
	.stops = true,
	.help = "the message is dropped and nobody is told",
	.apply = ph_action_delete,
    },
    {
	.name = "Disconnect",
	.track = "Disconnect",
	.stops = true,
	.help = "the SMTP session is closed with 421",
	.apply = ph_action_disconnect,
    },
    {
	.name = "LogEventText",
	.track = "LogEvent",
	.help = "a line is written to the log",
	.apply = ph_action_log,
    },
    {
	.name = "NotifySender",
	.track = "NotifySender",
	.help = "the sender is told, and may override a refusal or not",
	.apply = ph_action_notify_sender,
	.notify = ph_action_tell_sender,
    },
    {
	.name = "PrependSubject",
	.track = "PrependSubject",
	.help = "a text is put before the subject",
	.apply = ph_action_prepend_subject,
    },
    {
	.name = "Quarantine",
	.track = "Quarantine",
	.stops = true,
	.help = "the message is put aside in the quarantine mailbox",
	.apply = ph_action_quarantine,
    },
    {
	.name = "RedirectMessageTo",
	.track = "RedirectMessage",
	.help = "others get the message in place of the recipients",
	.apply = ph_action_redirect,
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
	.name = "RemoveHeader",
	.track = "RemoveHeader",
	.help = "all header fields of a name are removed",
	.apply = ph_action_remove_header,
    },
    {
	.name = "RouteMessageOutboundConnector",
	.track = "RouteMessageOutboundConnector",
	.help = "recipients outside are reached through this connector",
	.apply = ph_action_connector,
    },
    {
	.name = "RouteMessageOutboundRequireTls",
	.track = "RouteMessageOutboundRequireTls",
	.help = "recipients outside are reached over TLS or not at all",
	.apply = ph_action_require_tls,
    },
    {
	.name = "SetAuditSeverity",
	.track = "SetAuditSeverity",
	.help = "how grave a hit is, in the tracking log",
    },
    {
	.name = "SetHeaderName",
	.with = "SetHeaderValue",
	.track = "SetHeader",
	.help = "a header field is added or replaced",
	.apply = ph_action_set_header,
    },
    {
	.name = "SetSCL",
	.track = "SetSCL",
	.help = "the spam confidence level is set",
	.apply = ph_action_set_scl,
    },
    {
	.name = "SmtpRejectMessageRejectText",
	.with = "SmtpRejectMessageRejectStatusCode",
	.track = "SmtpRejectMessage",
	.stops = true,
	.help = "the whole message is refused in the SMTP session",
	.apply = ph_action_smtp_reject,
    },
    {
	.name = "StopRuleProcessing",
	.track = "StopRuleProcessing",
	.stops = true,
	.help = "later rules are skipped",
    },
    {.name = NULL},
};

const struct ph_action *
ph_action_find(const char *field)
{
	for (const struct ph_action *a = ph_actions; a->name != NULL; a++)
		if (strcmp(a->name, field) == 0 ||
		    (a->with != NULL && strcmp(a->with, field) == 0))
			return a;
	return NULL;
}
