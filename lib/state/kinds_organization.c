#include "lib/state/kinds_tables.h"

#include "lib/base/uuid.h"
#include "lib/classify/package.h"
#include "lib/state/object.h"
#include "lib/state/value.h"

#include <string.h>

static const char *const domain_types[] = {"Authoritative", "InternalRelay",
					   "ExternalRelay", NULL};
static const char *const oof_types[] = {"External", "ExternalLegacy",
					"InternalLegacy", "None", NULL};
static const char *const content_types[] = {"MimeHtmlText", "MimeText",
					    "MimeHtml", NULL};
static const char *const precedences[] = {
    "Highest",	 "Higher", "High",  "MediumHigh", "Medium",
    "MediumLow", "Low",	   "Lower", "Lowest",	  NULL};

const struct ph_field ph_fields_domain[] = {
    {"DomainType", PH_TYPE_WORD, .value = "Authoritative",
     .words = domain_types,
     .help = "Authoritative: an unknown recipient is refused; relays: mail "
	     "for it goes on to a connector"},
    {"Default", PH_TYPE_BOOL, .value = "false",
     .help = "the domain of postmaster and of names without a domain"},
    {"MatchSubDomains", PH_TYPE_BOOL, .value = "false",
     .help = "domains below it are accepted as well"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_remotedomain[] = {
    {"AllowedOOFType", PH_TYPE_WORD, .value = "External", .words = oof_types,
     .help = "None: automatic replies to it are dropped; others are alike"},
    {"AutoForwardEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: mail that says that a rule has forwarded it is dropped"},
    {"AutoReplyEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: mail that says that it is an automatic reply is dropped"},
    {"DeliveryReportEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: reports that mail has arrived or is late are dropped"},
    {"NDREnabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: reports that mail has not been delivered are dropped"},
    {"NDRDiagnosticInfoEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "true",
     .help = "they have the part for administrators"},
    {"MeetingForwardNotificationEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT,
     .value = "true", .help = "notices of forwarded meetings may go there"},
    {"IsInternal", PH_TYPE_BOOL, .value = "false",
     .help = "rules do not count it as outside"},
    {"TNEFEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT,
     .help = "rich text is sent; unset: as sender and recipient say"},
    {"CharacterSet", PH_TYPE_TEXT, PH_FIELD_KEPT, .max = 64,
     .help = "character set of messages without one"},
    {"NonMimeCharacterSet", PH_TYPE_TEXT, PH_FIELD_KEPT, .max = 64,
     .help = "character set of messages that are not MIME"},
    {"ContentType", PH_TYPE_WORD, PH_FIELD_KEPT, .value = "MimeHtmlText",
     .words = content_types, .help = "what messages are converted to"},
    {"LineWrapSize", PH_TYPE_INT, PH_FIELD_UNLIMITED | PH_FIELD_KEPT,
     .value = "unlimited", .max = 132,
     .help = "longest line of text that is sent"},
    {"TrustedMailInboundEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "false",
     .help = "its mail is not looked at for spam"},
    {"TrustedMailOutboundEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT,
     .value = "false", .help = "mail for it is marked as trusted"},
    {"TargetDeliveryDomain", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "false",
     .help = "the domain that recipients elsewhere are reached in"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_messageclassification[] = {
    {"DisplayName", PH_TYPE_TEXT, .max = 256, .help = "what people see"},
    {"DisplayPrecedence", PH_TYPE_WORD, .value = "Medium", .words = precedences,
     .help = "which one is shown first"},
    {"SenderDescription", PH_TYPE_TEXT, PH_FIELD_LINES, .max = 1024,
     .help = "what the sender is told"},
    {"RecipientDescription", PH_TYPE_TEXT, PH_FIELD_LINES, .max = 1024,
     .help = "what the recipient is told"},
    {"ClassificationID", PH_TYPE_TEXT, .max = 36,
     .help = "UUID that is put on messages"},
    {"PermissionMenuVisible", PH_TYPE_BOOL, .value = "true",
     .help = "people may choose it"},
    {"RetainClassificationEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "kept when a message is forwarded or answered"},
    {"UserDisplayEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "recipients see it"},
    {NULL},
};

const struct ph_field ph_fields_systemmessage[] = {
    {"DsnCode", PH_TYPE_TEXT, .max = 9,
     .help = "enhanced status code the text is for: 4.x.y or 5.x.y"},
    {"Language", PH_TYPE_TEXT, .max = 16, .help = "language of the text"},
    {"Internal", PH_TYPE_BOOL, .value = "false",
     .help = "for senders inside the organisation, or outside"},
    {"Text", PH_TYPE_TEXT, PH_FIELD_REQUIRED, .max = 512,
     .help = "the text; tags B EM BR P A"},
    {NULL},
};

const struct ph_field ph_fields_dataclassification[] = {
    {"Value", PH_TYPE_TEXT, PH_FIELD_REQUIRED | PH_FIELD_LINES,
     .help = "the XML of the package"},
    {NULL},
};

const struct ph_field ph_fields_transportconfig[] = {
    {"MaxReceiveSize", PH_TYPE_SIZE, .value = "10MB", .max = INT64_MAX,
     .help = "largest message to a recipient of ours"},
    {"MaxSendSize", PH_TYPE_SIZE, .value = "10MB", .max = INT64_MAX,
     .help = "largest message of a sender of ours"},
    {"MaxRecipientEnvelopeLimit", PH_TYPE_INT, PH_FIELD_UNLIMITED,
     .value = "500", .max = INT32_MAX, .help = "recipients of one message"},
    {"ExternalPostmasterAddress", PH_TYPE_ADDRESS,
     .help = "sender of notices to the outside; postmaster of the default "
	     "domain when unset"},
    {"InternalSMTPServers", PH_TYPE_LIST,
     .help = "addresses of relays of ours that are not servers of ours"},
    {"TLSSendDomainSecureList", PH_TYPE_DOMAINS,
     .help = "domains that mail goes to over mutual TLS; rules call them "
	     "partners"},
    {"TransportRuleAttachmentTextScanLimit", PH_TYPE_SIZE, .value = "1MB",
     .max = INT64_MAX, .help = "text of one attachment that rules look at"},
    {"ConvertDisclaimerWrapperToEml", PH_TYPE_BOOL, .value = "false",
     .help = "a wrapped message is attached as message/rfc822"},
    {"MaxAllowedAgentGeneratedMessageDepth", PH_TYPE_INT, .value = "3",
     .max = 1000, .help = "how often agents may answer agents"},
    {"MaxAllowedAgentGeneratedMessageDepthPerAgent", PH_TYPE_INT, .value = "2",
     .max = 1000, .help = "the same for one agent"},
    {"ExpansionSizeLimit", PH_TYPE_INT, .value = "1000", .min = 1,
     .max = INT32_MAX, .help = "envelope recipients of one copy of a message"},
    {"SCLJunkThreshold", PH_TYPE_INT, .value = "4", .max = 9,
     .help = "mail of a higher spam confidence level goes to the folder for "
	     "junk (Set-OrganizationConfig)"},
    {"AllowPlusAddressInRecipients", PH_TYPE_BOOL, .value = "false",
     .help = "local+text@domain is another address of local@domain "
	     "(Set-OrganizationConfig)"},
    {"InternalDelayDsnEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "senders inside are told of a delay"},
    {"ExternalDelayDsnEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "senders outside are told of a delay"},
    {"SafetyNetHoldTime", PH_TYPE_SPAN, .value = "2d", .max = 365 * PH_DAY,
     .help = "how long delivered messages are kept for a resubmission"},
    {NULL},
};

const struct ph_field ph_fields_transportservice[] = {
    {"MaxOutboundConnections", PH_TYPE_INT, PH_FIELD_UNLIMITED, .value = "1000",
     .min = 1, .max = INT32_MAX, .help = "connections to the outside at once"},
    {"MaxPerDomainOutboundConnections", PH_TYPE_INT, PH_FIELD_UNLIMITED,
     .value = "20", .min = 1, .max = INT32_MAX,
     .help = "connections to one domain at once"},
    {"MaxConnectionRatePerMinute", PH_TYPE_INT, PH_FIELD_UNLIMITED,
     .value = "1200", .min = 1, .max = INT32_MAX,
     .help = "new connections taken in a minute"},
    {"IntraOrgConnectorSmtpMaxMessagesPerConnection", PH_TYPE_INT,
     .value = "20", .max = INT32_MAX,
     .help = "messages on one connection between servers of ours"},
    {"MessageExpirationTimeout", PH_TYPE_SPAN, .value = "2d",
     .min = 5 * PH_SECOND, .max = 90 * PH_DAY,
     .help = "then a queued message bounces"},
    {"DelayNotificationTimeout", PH_TYPE_SPAN, .value = "4h", .min = PH_SECOND,
     .max = 30 * PH_DAY, .help = "then the sender is told of the delay"},
    {"PoisonThreshold", PH_TYPE_INT, .value = "2", .min = 1, .max = 10,
     .help = "crashes after which a message is set aside"},
    {"MessageTrackingLogEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "messages are tracked"},
    {"MessageTrackingLogSubjectLoggingEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "with their subjects"},
    {"MessageTrackingLogMaxAge", PH_TYPE_SPAN, .value = "30d",
     .max = 24855 * PH_DAY, .help = "older log files are removed"},
    {"MessageTrackingLogMaxDirectorySize", PH_TYPE_SIZE, .value = "1000MB",
     .max = INT64_MAX, .help = "size of all log files"},
    {"MessageTrackingLogMaxFileSize", PH_TYPE_SIZE, .value = "10MB",
     .max = INT64_MAX, .help = "size of one log file"},
    {NULL},
};

const struct ph_field ph_fields_mailboxtransport[] = {
    {"MaxConcurrentMailboxDeliveries", PH_TYPE_INT, .value = "20", .min = 1,
     .max = 256, .help = "messages written at once"},
    {"MaxConcurrentMailboxSubmissions", PH_TYPE_INT, .value = "20", .min = 1,
     .max = 256, .help = "messages read from Outboxes at once"},
    {NULL},
};

const struct ph_field ph_fields_setup[] = {
    {"Applied", PH_TYPE_LIST,
     .help =
	 "connectors whose fields are in its master.cf, and what they said"},
    {"AppliedFrontend", PH_TYPE_LIST,
     .help = "the same of the Postfix instance that is its front end"},
    {"Time", PH_TYPE_DATE, .help = "when that was"},
    {NULL},
};

const struct ph_field ph_fields_meta[] = {
    {"Organization", PH_TYPE_TEXT, PH_FIELD_REQUIRED,
     .help = "UUID of the organisation, made once"},
    {"Schema", PH_TYPE_INT, .value = "1", .min = 1, .max = INT32_MAX,
     .help = "version of the keys and fields"},
    {"Adopted", PH_TYPE_DATE,
     .help = "when \"posthub state adopt\" last accepted a new state"},
    {NULL},
};

int
ph_check_domain(const struct ph_object *domain, struct ph_err *err)
{
	const char *name = ph_object_name(domain);

	if (g_str_has_prefix(name, "*."))
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: a domain has no wildcard; expected "
				  "the name without *. and MatchSubDomains "
				  "true");
	if (!ph_value_is_domain(name))
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is not a domain; expected a name such "
				  "as example.com");
	return 0;
}

int
ph_check_remotedomain(const struct ph_object *domain, struct ph_err *err)
{
	const char *name = ph_object_name(domain);

	if (strcmp(name, "*") == 0)
		return 0;
	if (g_str_has_prefix(name, "*."))
		name += 2;
	if (ph_value_is_domain(name))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "Name: is not a domain; expected *, example.com or "
			  "*.example.com");
}

/* 4.x.y or 5.x.y (RFC 3463: at most three digits each) */
static bool
is_dsn_code(const char *code)
{
	return g_regex_match_simple("^[45]\\.[0-9]{1,3}\\.[0-9]{1,3}$", code, 0,
				    0);
}

int
ph_check_systemmessage(const struct ph_object *message, struct ph_err *err)
{
	const char *code = ph_object_text(message, "DsnCode");

	if (ph_check_name(message, err) < 0)
		return -1;
	if (code != NULL && !is_dsn_code(code))
		return ph_err_set(err, PH_ERR_PERM,
				  "DsnCode: \"%s\" is no enhanced status code; "
				  "expected 4.x.y or 5.x.y",
				  code);
	return 0;
}

/* A newer schema is not guessed at: the state counts as not understood, and
 * the last good snapshot goes on serving. */
/* What one package can tell; references to others are looked at when all are
 * known. */
int
ph_check_dataclassification(const struct ph_object *package, struct ph_err *err)
{
	if (ph_check_name(package, err) < 0)
		return -1;
	if (ph_package_check(ph_object_text(package, "Value"), err) < 0)
		return ph_err_wrap(err, "Value");
	return 0;
}

int
ph_check_meta(const struct ph_object *meta, struct ph_err *err)
{
	if (!ph_uuid_valid(ph_object_text(meta, "Organization")))
		return ph_err_set(err, PH_ERR_PERM,
				  "Organization: is not a UUID; expected "
				  "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
	if (ph_object_int(meta, "Schema") > 1)
		return ph_err_set(err, PH_ERR_PERM,
				  "Schema: is newer than this version of "
				  "posthub; expected 1");
	return 0;
}
