#include "lib/state/kinds_tables.h"

#include "lib/state/object.h"
#include "lib/state/value.h"

/* Order of recipient_types. */
enum { USER_MAILBOX, MAIL_USER, MAIL_CONTACT };

static const char *const recipient_types[] = {"UserMailbox",
					      "MailUser",
					      "MailContact",
					      "MailUniversalDistributionGroup",
					      "MailUniversalSecurityGroup",
					      "DynamicDistributionGroup",
					      "MailGroup",
					      NULL};

static const char *const included_recipients[] = {
    "AllRecipients", "MailboxUsers", "Resources", "MailContacts",
    "MailUsers",     "MailGroups",   NULL};

#define ATTRIBUTE(field, text)                                        \
	{                                                             \
		(field), PH_TYPE_TEXT, PH_FIELD_LINES, .help = (text) \
	}
#define CONDITIONAL(name, what)                                               \
	{                                                                     \
		"Conditional" name, PH_TYPE_LIST,                             \
		    .help = "with IncludedRecipients: whose " what " is one " \
			    "of these"                                        \
	}
#define CUSTOM(n) \
	ATTRIBUTE("CustomAttribute" #n, "attribute for purposes of your own")

const struct ph_field ph_fields_recipient[] = {
    {"RecipientType", PH_TYPE_WORD, PH_FIELD_REQUIRED, .words = recipient_types,
     .help = "what it is; MailGroup stands for any group"},
    {"PrimarySmtpAddress", PH_TYPE_ADDRESS,
     .help = "the address that mail is delivered under; unset: the first of "
	     "EmailAddresses, or the name of the entry"},
    {"EmailAddresses", PH_TYPE_ADDRESSES, .alias = "ProxyAddresses",
     .help = "further addresses; smtp: in front is fine"},
    {"Database", PH_TYPE_NAME, .refers = "database",
     .help = "the mailbox database of a UserMailbox"},
    {"Members", PH_TYPE_ADDRESSES, .help = "of a group"},
    {"RecipientFilter", PH_TYPE_FILTER, PH_FIELD_LINES,
     .help = "who is in a DynamicDistributionGroup, as Exchange writes it or "
	     "as an LDAP filter"},
    {"RecipientContainer", PH_TYPE_TEXT,
     .help = "LDAP: the entry that all in a DynamicDistributionGroup are "
	     "below; in Redis there are no containers"},
    {"IncludedRecipients", PH_TYPE_LIST, .words = included_recipients,
     .help = "in place of RecipientFilter: kinds of recipients that are in it"},
    CONDITIONAL("Company", "Company"),
    CONDITIONAL("Department", "Department"),
    CONDITIONAL("StateOrProvince", "State"),
    CONDITIONAL("CustomAttribute1", "CustomAttribute1"),
    CONDITIONAL("CustomAttribute2", "CustomAttribute2"),
    CONDITIONAL("CustomAttribute3", "CustomAttribute3"),
    CONDITIONAL("CustomAttribute4", "CustomAttribute4"),
    CONDITIONAL("CustomAttribute5", "CustomAttribute5"),
    CONDITIONAL("CustomAttribute6", "CustomAttribute6"),
    CONDITIONAL("CustomAttribute7", "CustomAttribute7"),
    CONDITIONAL("CustomAttribute8", "CustomAttribute8"),
    CONDITIONAL("CustomAttribute9", "CustomAttribute9"),
    CONDITIONAL("CustomAttribute10", "CustomAttribute10"),
    CONDITIONAL("CustomAttribute11", "CustomAttribute11"),
    CONDITIONAL("CustomAttribute12", "CustomAttribute12"),
    CONDITIONAL("CustomAttribute13", "CustomAttribute13"),
    CONDITIONAL("CustomAttribute14", "CustomAttribute14"),
    CONDITIONAL("CustomAttribute15", "CustomAttribute15"),
    {"ExternalEmailAddress", PH_TYPE_ADDRESS, .alias = "TargetAddress",
     .help = "where mail for a MailUser or MailContact goes"},
    {"ForwardingAddress", PH_TYPE_ADDRESS,
     .help = "recipient that mail is forwarded to"},
    {"ForwardingSmtpAddress", PH_TYPE_ADDRESS,
     .help = "address that mail is forwarded to, set by its owner"},
    {"DeliverToMailboxAndForward", PH_TYPE_BOOL, .value = "false",
     .help = "the mailbox gets forwarded mail as well"},
    {"Manager", PH_TYPE_ADDRESS, .help = "entry of the manager"},
    {"ManagedBy", PH_TYPE_ADDRESSES, .help = "owners of a group"},
    {"RequireSenderAuthenticationEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "mail of senders outside is refused"},
    {"AcceptMessagesOnlyFrom", PH_TYPE_ADDRESSES,
     .help = "senders whose mail is taken; unset: everybody"},
    {"AcceptMessagesOnlyFromDLMembers", PH_TYPE_ADDRESSES,
     .help = "groups whose members' mail is taken"},
    {"AcceptMessagesOnlyFromSendersOrMembers", PH_TYPE_ADDRESSES,
     .help = "senders and groups whose mail is taken"},
    {"RejectMessagesFrom", PH_TYPE_ADDRESSES,
     .help = "senders whose mail is refused"},
    {"RejectMessagesFromDLMembers", PH_TYPE_ADDRESSES,
     .help = "groups whose members' mail is refused"},
    {"RejectMessagesFromSendersOrMembers", PH_TYPE_ADDRESSES,
     .help = "senders and groups whose mail is refused"},
    {"MaxReceiveSize", PH_TYPE_SIZE, .value = "unlimited", .max = INT64_MAX,
     .help = "largest message it takes"},
    {"MaxSendSize", PH_TYPE_SIZE, .value = "unlimited", .max = INT64_MAX,
     .help = "largest message it may send"},
    {"ProhibitSendReceiveQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX,
     .help = "size of the mailbox that mail may not make it exceed; unset: "
	     "the database's"},
    {"ProhibitSendQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX,
     .help = "size of the mailbox above which it may not send"},
    {"IssueWarningQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX,
     .help = "size of the mailbox above which its owner is warned"},
    {"UseDatabaseQuotaDefaults", PH_TYPE_BOOL, .value = "false",
     .help = "the database's quotas count, and those here do not"},
    {"SCLJunkEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "junk goes to the folder for it; false: to the Inbox"},
    {"SCLJunkThreshold", PH_TYPE_INT, .max = 9,
     .help = "mail of a higher spam confidence level is junk; unset: the "
	     "organisation's"},
    {"RecipientLimits", PH_TYPE_INT, PH_FIELD_UNLIMITED, .value = "unlimited",
     .max = INT32_MAX, .help = "recipients of one message it may send"},
    {"ExpansionServer", PH_TYPE_NAME, .refers = "server",
     .help = "the server that expands the group; unset: any"},
    {"ReportToOriginatorEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "delivery reports of a group go to the sender"},
    {"ReportToManagerEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "delivery reports of a group go to its manager"},
    {"SendOofMessageToOriginatorEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "automatic replies of members go to the sender"},
    {"ModerationEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "a moderator must approve its mail"},
    {"ModeratedBy", PH_TYPE_ADDRESSES, .help = "the moderators"},
    {"BypassModerationFromSendersOrMembers", PH_TYPE_ADDRESSES,
     .help = "senders and groups whose mail needs no approval"},
    {"BypassNestedModerationEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "approved once, groups inside ask no more"},
    {"GrantSendOnBehalfTo", PH_TYPE_ADDRESSES,
     .help = "who may send on its behalf: From names it, Sender themselves"},
    {"SendAs", PH_TYPE_ADDRESSES,
     .help = "people and groups that may send as it, which in Exchange is "
	     "Add-RecipientPermission -AccessRights SendAs -Trustee"},
    {"HiddenFromAddressListsEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "not shown in address lists"},
    ATTRIBUTE("DisplayName", "name that people see"),
    ATTRIBUTE("Alias", "short name"),
    ATTRIBUTE("FirstName", "first name"),
    ATTRIBUTE("Initials", "initials"),
    ATTRIBUTE("LastName", "last name"),
    ATTRIBUTE("Title", "title"),
    ATTRIBUTE("Company", "company"),
    ATTRIBUTE("Department", "department"),
    ATTRIBUTE("Office", "office"),
    ATTRIBUTE("Street", "street"),
    ATTRIBUTE("POBox", "post office box"),
    ATTRIBUTE("ZipCode", "postal code"),
    ATTRIBUTE("City", "city"),
    ATTRIBUTE("State", "state or province"),
    ATTRIBUTE("Country", "two letters of ISO 3166-1"),
    ATTRIBUTE("PhoneNumber", "telephone"),
    ATTRIBUTE("OtherPhoneNumber", "further telephones"),
    ATTRIBUTE("MobileNumber", "mobile telephone"),
    ATTRIBUTE("HomePhoneNumber", "telephone at home"),
    ATTRIBUTE("OtherHomePhoneNumber", "further telephones at home"),
    ATTRIBUTE("FaxNumber", "fax"),
    ATTRIBUTE("OtherFaxNumber", "further fax numbers"),
    ATTRIBUTE("PagerNumber", "pager"),
    ATTRIBUTE("Email", "address shown in the address list"),
    ATTRIBUTE("UserLogonName", "name used to log in, or several, one a line"),
    ATTRIBUTE("Notes", "notes"),
    CUSTOM(1),
    CUSTOM(2),
    CUSTOM(3),
    CUSTOM(4),
    CUSTOM(5),
    CUSTOM(6),
    CUSTOM(7),
    CUSTOM(8),
    CUSTOM(9),
    CUSTOM(10),
    CUSTOM(11),
    CUSTOM(12),
    CUSTOM(13),
    CUSTOM(14),
    CUSTOM(15),
    {NULL},
};

static const char *
first_conditional(const struct ph_object *recipient)
{
	static const char prefix[] = "Conditional";

	for (const struct ph_field *f = ph_fields_recipient; f->name; f++)
		if (g_str_has_prefix(f->name, prefix) &&
		    ph_object_has(recipient, f->name))
			return f->name;
	return NULL;
}

/* Exchange makes a filter of the one or takes the other. */
static int
check_dynamic(const struct ph_object *recipient, struct ph_err *err)
{
	const bool included = ph_object_has(recipient, "IncludedRecipients");
	const char *conditional = first_conditional(recipient);

	if (included && ph_object_has(recipient, "RecipientFilter"))
		return ph_err_set(err, PH_ERR_PERM,
				  "IncludedRecipients: stands beside "
				  "RecipientFilter; expected one of them");
	if (conditional != NULL && !included)
		return ph_err_set(
		    err, PH_ERR_PERM,
		    "%s: needs IncludedRecipients; expected kinds "
		    "of recipients, such as AllRecipients, there",
		    conditional);
	return 0;
}

/* An entry that mail cannot leave again would hold it until it expires. */
int
ph_check_recipient(const struct ph_object *recipient, struct ph_err *err)
{
	size_t type = ph_object_word(recipient, "RecipientType");

	if (!ph_value_is_address(ph_object_name(recipient)))
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is not an address; expected "
				  "local@domain");
	if (type == USER_MAILBOX && !ph_object_has(recipient, "Database"))
		return ph_err_set(err, PH_ERR_PERM,
				  "Database: a UserMailbox needs one; expected "
				  "the name of a database");
	if ((type == MAIL_USER || type == MAIL_CONTACT) &&
	    !ph_object_has(recipient, "ExternalEmailAddress"))
		return ph_err_set(err, PH_ERR_PERM,
				  "ExternalEmailAddress: a MailUser or "
				  "MailContact needs one; expected an address, "
				  "local@domain");
	return check_dynamic(recipient, err);
}
