#include "lib/state/ldap_profile.h"

#include <stddef.h>

#define ROW(field, convert, ...)                        \
	{                                               \
		(field), PH_LDAP_##convert, __VA_ARGS__ \
	}
#define CUSTOM(n) ROW("CustomAttribute" #n, TEXT, {"extensionAttribute" #n})

/* ---- Active Directory --------------------------------------------------- */

/* Attributes of people that Active Directory has with Exchange or without. */
#define AD_PERSON                                                              \
	ROW("Members", LINKS, {"member"}), ROW("Manager", LINK, {"manager"}),  \
	    ROW("DisplayName", TEXT, {"displayName", "cn"}),                   \
	    ROW("FirstName", TEXT, {"givenName"}),                             \
	    ROW("Initials", TEXT, {"initials"}),                               \
	    ROW("LastName", TEXT, {"sn"}), ROW("Title", TEXT, {"title"}),      \
	    ROW("Company", TEXT, {"company"}),                                 \
	    ROW("Department", TEXT, {"department"}),                           \
	    ROW("Office", TEXT, {"physicalDeliveryOfficeName"}),               \
	    ROW("Street", TEXT, {"streetAddress"}),                            \
	    ROW("POBox", TEXTS, {"postOfficeBox"}),                            \
	    ROW("ZipCode", TEXT, {"postalCode"}), ROW("City", TEXT, {"l"}),    \
	    ROW("State", TEXT, {"st"}), ROW("Country", TEXT, {"c"}),           \
	    ROW("PhoneNumber", TEXT, {"telephoneNumber"}),                     \
	    ROW("OtherPhoneNumber", TEXTS, {"otherTelephone"}),                \
	    ROW("MobileNumber", TEXT, {"mobile"}),                             \
	    ROW("HomePhoneNumber", TEXT, {"homePhone"}),                       \
	    ROW("OtherHomePhoneNumber", TEXTS, {"otherHomePhone"}),            \
	    ROW("FaxNumber", TEXT, {"facsimileTelephoneNumber"}),              \
	    ROW("OtherFaxNumber", TEXTS, {"otherFacsimileTelephoneNumber"}),   \
	    ROW("PagerNumber", TEXT, {"pager"}), ROW("Email", TEXT, {"mail"}), \
	    ROW("UserLogonName", TEXTS,                                        \
		{"userPrincipalName", "sAMAccountName"}),                      \
	    ROW("Notes", TEXT, {"info"})

static const struct ph_ldap_type exchange_types[] = {
    {"msExchDynamicDistributionList", NULL, "DynamicDistributionGroup", NULL},
    {"group", NULL, "MailUniversalDistributionGroup",
     "MailUniversalSecurityGroup"},
    {"contact", "targetAddress", "MailContact", NULL},
    {"user", "homeMDB", "UserMailbox", NULL},
    {"user", "targetAddress", "MailUser", NULL},
    {"user", NULL, "UserMailbox", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ph_ldap_row exchange_rows[] = {
    ROW("PrimarySmtpAddress", PRIMARY, {"proxyAddresses", "mail"}),
    ROW("EmailAddresses", ADDRESSES, {"proxyAddresses"}),
    ROW("Database", DATABASE, {"homeMDB"}),
    /* Exchange writes the filter in both forms and itself asks with the one
     * for LDAP, which the server answers. */
    ROW("RecipientFilter", TEXT,
	{"msExchDynamicDLFilter", "msExchQueryFilter"}),
    ROW("RecipientContainer", TEXT, {"msExchDynamicDLBaseDN"}),
    ROW("ExternalEmailAddress", TARGET, {"targetAddress"}),
    ROW("ForwardingAddress", LINK, {"altRecipient"}),
    ROW("ForwardingSmtpAddress", ADDRESS, {"msExchGenericForwardingAddress"}),
    ROW("DeliverToMailboxAndForward", BOOL, {"deliverAndRedirect"}),
    ROW("ManagedBy", LINKS, {"managedBy", "msExchCoManagedByLink"}),
    ROW("RequireSenderAuthenticationEnabled", BOOL,
	{"msExchRequireAuthToSendTo"}),
    ROW("AcceptMessagesOnlyFrom", ONLY, {"authOrig"}),
    ROW("AcceptMessagesOnlyFromDLMembers", ONLY, {"dLMemSubmitPerms"}),
    ROW("RejectMessagesFrom", LINKS, {"unauthOrig"}),
    ROW("RejectMessagesFromDLMembers", LINKS, {"dLMemRejectPerms"}),
    ROW("MaxReceiveSize", KB, {"delivContLength"}),
    ROW("MaxSendSize", KB, {"submissionContLength"}),
    ROW("ProhibitSendReceiveQuota", KB, {"mDBOverHardQuotaLimit"}),
    ROW("ProhibitSendQuota", KB, {"mDBOverQuotaLimit"}),
    ROW("IssueWarningQuota", KB, {"mDBStorageQuota"}),
    ROW("UseDatabaseQuotaDefaults", BOOL, {"mDBUseDefaults"}),
    ROW("RecipientLimits", TEXT, {"msExchRecipLimit"}),
    ROW("ExpansionServer", NAME, {"msExchExpansionServerName"}),
    ROW("ReportToOriginatorEnabled", BOOL, {"reportToOriginator"}),
    ROW("ReportToManagerEnabled", BOOL, {"reportToOwner"}),
    ROW("SendOofMessageToOriginatorEnabled", BOOL, {"oOFReplyToOriginator"}),
    ROW("ModerationEnabled", BOOL, {"msExchEnableModeration"}),
    ROW("ModeratedBy", LINKS, {"msExchModeratedByLink"}),
    ROW("BypassModerationFromSendersOrMembers", LINKS,
	{"msExchBypassModerationLink",
	 "msExchBypassModerationFromDLMembersLink"}),
    ROW("GrantSendOnBehalfTo", LINKS, {"publicDelegates"}),
    ROW("HiddenFromAddressListsEnabled", BOOL, {"msExchHideFromAddressLists"}),
    ROW("Alias", TEXT, {"mailNickname"}),
    AD_PERSON,
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
    {NULL, PH_LDAP_TEXT, {NULL}},
};

static const struct ph_ldap_type ad_types[] = {
    {"group", NULL, "MailUniversalDistributionGroup",
     "MailUniversalSecurityGroup"},
    {"contact", NULL, "MailContact", NULL},
    {"user", NULL, "UserMailbox", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ph_ldap_row ad_rows[] = {
    ROW("PrimarySmtpAddress", PRIMARY, {"proxyAddresses", "mail"}),
    ROW("EmailAddresses", ADDRESSES, {"proxyAddresses", "mail"}),
    ROW("ExternalEmailAddress", TARGET, {"mail"}),
    ROW("ManagedBy", LINKS, {"managedBy"}),
    ROW("Alias", TEXT, {"sAMAccountName"}),
    AD_PERSON,
    {NULL, PH_LDAP_TEXT, {NULL}},
};

/* ---- OpenLDAP and FreeIPA ----------------------------------------------- */

/* Unlike Active Directory they show only the classes that were written, and
 * every site has its own: what is no group is a person. */

#define INET_PERSON                                                            \
	ROW("Manager", LINK, {"manager"}), ROW("ManagedBy", LINKS, {"owner"}), \
	    ROW("DisplayName", TEXT, {"displayName", "cn"}),                   \
	    ROW("Alias", TEXT, {"uid"}),                                       \
	    ROW("FirstName", TEXT, {"givenName"}),                             \
	    ROW("Initials", TEXT, {"initials"}),                               \
	    ROW("LastName", TEXT, {"sn"}), ROW("Title", TEXT, {"title"}),      \
	    ROW("Company", TEXT, {"o"}),                                       \
	    ROW("Department", TEXT, {"departmentNumber", "ou"}),               \
	    ROW("Office", TEXT, {"physicalDeliveryOfficeName", "roomNumber"}), \
	    ROW("Street", TEXT, {"street"}),                                   \
	    ROW("POBox", TEXTS, {"postOfficeBox"}),                            \
	    ROW("ZipCode", TEXT, {"postalCode"}), ROW("City", TEXT, {"l"}),    \
	    ROW("State", TEXT, {"st"}), ROW("Country", TEXT, {"c"}),           \
	    ROW("PhoneNumber", TEXT, {"telephoneNumber"}),                     \
	    ROW("MobileNumber", TEXT, {"mobile"}),                             \
	    ROW("HomePhoneNumber", TEXT, {"homePhone"}),                       \
	    ROW("FaxNumber", TEXT, {"facsimileTelephoneNumber"}),              \
	    ROW("PagerNumber", TEXT, {"pager"}), ROW("Email", TEXT, {"mail"}), \
	    ROW("UserLogonName", TEXTS, {"uid"}),                              \
	    ROW("Notes", TEXT, {"description"})

static const struct ph_ldap_type openldap_types[] = {
    {"groupOfNames", NULL, "MailUniversalDistributionGroup", NULL},
    {"groupOfUniqueNames", NULL, "MailUniversalDistributionGroup", NULL},
    {PH_LDAP_ANY_CLASS, "mailRoutingAddress", "MailUser", NULL},
    {PH_LDAP_ANY_CLASS, NULL, "UserMailbox", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ph_ldap_row openldap_rows[] = {
    ROW("PrimarySmtpAddress", PRIMARY, {"mail", "mailLocalAddress"}),
    ROW("EmailAddresses", ADDRESSES,
	{"mail", "mailAlternateAddress", "mailLocalAddress"}),
    ROW("ExternalEmailAddress", TARGET, {"mailRoutingAddress"}),
    ROW("Members", LINKS, {"member", "uniqueMember"}),
    INET_PERSON,
    {NULL, PH_LDAP_TEXT, {NULL}},
};

static const struct ph_ldap_type freeipa_types[] = {
    {"groupOfNames", NULL, "MailUniversalSecurityGroup", NULL},
    {"ipaUserGroup", NULL, "MailUniversalSecurityGroup", NULL},
    {PH_LDAP_ANY_CLASS, NULL, "UserMailbox", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct ph_ldap_row freeipa_rows[] = {
    ROW("PrimarySmtpAddress", PRIMARY, {"mail"}),
    ROW("EmailAddresses", ADDRESSES, {"mail", "mailAlternateAddress"}),
    ROW("Members", LINKS, {"member"}),
    INET_PERSON,
    {NULL, PH_LDAP_TEXT, {NULL}},
};

/* ---- the profiles ------------------------------------------------------- */

/* With Exchange a "mail" without proxyAddresses is a note about somebody who
 * is no recipient. */
const struct ph_ldap_profile ph_ldap_profiles[] = {
    {"exchange", {{"proxyAddresses", "smtp:"}}, exchange_types, exchange_rows},
    {"ad", {{"proxyAddresses", "smtp:"}, {"mail", ""}}, ad_types, ad_rows},
    {"openldap",
     {{"mail", ""}, {"mailAlternateAddress", ""}, {"mailLocalAddress", ""}},
     openldap_types,
     openldap_rows},
    {"freeipa",
     {{"mail", ""}, {"mailAlternateAddress", ""}},
     freeipa_types,
     freeipa_rows},
    {NULL, {{NULL, NULL}}, NULL, NULL},
};

bool
ph_ldap_row_is_link(const struct ph_ldap_row *row)
{
	return row->convert == PH_LDAP_LINK || row->convert == PH_LDAP_LINKS ||
	       row->convert == PH_LDAP_ONLY;
}
