#include "milters/transport/rules/condition.h"

#include <stdlib.h>
#include <string.h>

/* Names and levels as Exchange's (facts/exchange-rules.md section 3). */
const struct ph_condition ph_conditions[] = {
    {
	.name = "ADComparisonAttribute",
	.with = "ADComparisonOperator",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_attributes,
	.subject = &ph_subject_pair,
	.help = "an attribute of the sender and the recipient's are equal, or "
		"differ",
    },
    {
	.name = "AnyOfCcHeader",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_address,
	.subject = &ph_subject_cc,
	.help = "one of these is named in Cc",
    },
    {
	.name = "AnyOfCcHeaderMemberOf",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_member,
	.subject = &ph_subject_cc,
	.help = "a member of one of the groups is named in Cc",
    },
    {
	.name = "AnyOfRecipientAddressContainsWords",
	.select = PH_SELECT_TYPE,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_any_recipient,
	.help = "the address of any recipient holds one of the words",
    },
    {
	.name = "AnyOfRecipientAddressMatchesPatterns",
	.select = PH_SELECT_TYPE,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_any_recipient,
	.help = "the address of any recipient matches a pattern",
    },
    {
	.name = "AnyOfToCcHeader",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_address,
	.subject = &ph_subject_to_cc,
	.help = "one of these is named in To or Cc",
    },
    {
	.name = "AnyOfToCcHeaderMemberOf",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_member,
	.subject = &ph_subject_to_cc,
	.help = "a member of one of the groups is named in To or Cc",
    },
    {
	.name = "AnyOfToHeader",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_address,
	.subject = &ph_subject_to,
	.help = "one of these is named in To",
    },
    {
	.name = "AnyOfToHeaderMemberOf",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_member,
	.subject = &ph_subject_to,
	.help = "a member of one of the groups is named in To",
    },
    {
	.name = "AttachmentContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_attachment_text,
	.help = "the text of an attachment holds one of the words",
    },
    {
	.name = "AttachmentExtensionMatchesWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_attachment_extension,
	.help = "the extension of an attachment is one of the words",
    },
    {
	.name = "AttachmentHasExecutableContent",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_executable,
	.help = "an attachment is a program, by its content",
    },
    {
	.name = "AttachmentIsPasswordProtected",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_protected,
	.help = "an attachment is protected by a password",
    },
    {
	.name = "AttachmentIsUnsupported",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_unsupported,
	.help = "an attachment has a type that cannot be inspected",
    },
    {
	.name = "AttachmentMatchesPatterns",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_attachment_text,
	.help = "the text of an attachment matches a pattern",
    },
    {
	.name = "AttachmentNameMatchesPatterns",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_attachment_name,
	.help = "the file name of an attachment matches a pattern",
    },
    {
	.name = "AttachmentProcessingLimitExceeded",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_limit,
	.help = "inspection had to stop before the end",
    },
    {
	.name = "AttachmentPropertyContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_attribute_words,
	.subject = &ph_subject_attachment_property,
	.help = "a property of a document holds one of the words",
    },
    {
	.name = "AttachmentSizeOver",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_least,
	.subject = &ph_subject_attachment_size,
	.help = "one attachment is at least this large",
    },
    {
	.name = "BetweenMemberOf1",
	.with = "BetweenMemberOf2",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_between,
	.subject = &ph_subject_pair,
	.help = "sender in one of the groups, recipient in one of the others",
    },
    {
	.name = "ContentCharacterSetContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_charset,
	.help = "the name of a part's character set holds one of the words",
    },
    {
	.name = "From",
	.select = PH_SELECT_LOCATION,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_address,
	.subject = &ph_subject_sender,
	.help = "the sender is one of these",
    },
    {
	.name = "FromAddressContainsWords",
	.select = PH_SELECT_LOCATION,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_sender,
	.help = "the sender's address holds one of the words",
    },
    {
	.name = "FromAddressMatchesPatterns",
	.select = PH_SELECT_LOCATION,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_sender,
	.help = "the sender's address matches a pattern",
    },
    {
	.name = "FromMemberOf",
	.select = PH_SELECT_LOCATION,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_member,
	.subject = &ph_subject_sender,
	.help = "the sender is a member of one of the groups",
    },
    {
	.name = "FromScope",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_word,
	.subject = &ph_subject_from_scope,
	.help = "the sender is inside or outside the organisation",
    },
    {
	.name = "HasClassification",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_name,
	.subject = &ph_subject_classification,
	.help = "the message has this classification",
    },
    {
	.name = "HasNoClassification",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_no_classification,
	.help = "the message has no classification; false: it has one",
    },
    {
	.name = "HasSenderOverride",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_bool,
	.subject = &ph_subject_override,
	.help = "the sender has overridden a policy tip",
    },
    {
	.name = "HeaderContainsWords",
	.with = "HeaderContainsMessageHeader",
	.select = PH_SELECT_FIELD,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_header,
	.help = "a header field holds one of the words",
    },
    {
	.name = "HeaderMatchesPatterns",
	.with = "HeaderMatchesMessageHeader",
	.select = PH_SELECT_FIELD,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_header,
	.help = "a header field matches a pattern",
    },
    {
	.name = "ManagerForEvaluatedUser",
	.with = "ManagerAddresses",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_manager,
	.subject = &ph_subject_pair,
	.help = "the sender's or the recipient's manager is one of these",
    },
    {
	.name = "MessageContainsDataClassifications",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_classified,
	.subject = &ph_subject_classified,
	.help = "the message holds sensitive information of one of these types",
    },
    {
	.name = "MessageSizeOver",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_least,
	.subject = &ph_subject_size,
	.help = "the message is at least this large",
    },
    {
	.name = "MessageTypeMatches",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_word,
	.subject = &ph_subject_message_type,
	.help = "the message is of this type",
    },
    {
	.name = "RecipientADAttributeContainsWords",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_attribute_words,
	.subject = &ph_subject_recipient_attribute,
	.help = "an attribute of the recipient holds one of the words",
    },
    {
	.name = "RecipientADAttributeMatchesPatterns",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_attribute_patterns,
	.subject = &ph_subject_recipient_attribute,
	.help = "an attribute of the recipient matches a pattern",
    },
    {
	.name = "RecipientAddressContainsWords",
	.select = PH_SELECT_TYPE,
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_words,
	.subject = &ph_subject_recipient,
	.help = "the recipient's address holds one of the words",
    },
    {
	.name = "RecipientAddressMatchesPatterns",
	.select = PH_SELECT_TYPE,
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_recipient,
	.help = "the recipient's address matches a pattern",
    },
    {
	.name = "RecipientDomainIs",
	.select = PH_SELECT_TYPE,
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_domain,
	.subject = &ph_subject_recipient,
	.help = "the recipient's domain is one of these, or below one",
    },
    {
	.name = "SCLOver",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_least,
	.subject = &ph_subject_scl,
	.help = "the spam confidence level is at least this",
    },
    {
	.name = "SenderADAttributeContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_attribute_words,
	.subject = &ph_subject_sender_attribute,
	.help = "an attribute of the sender holds one of the words",
    },
    {
	.name = "SenderADAttributeMatchesPatterns",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_attribute_patterns,
	.subject = &ph_subject_sender_attribute,
	.help = "an attribute of the sender matches a pattern",
    },
    {
	.name = "SenderDomainIs",
	.select = PH_SELECT_LOCATION,
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_domain,
	.subject = &ph_subject_sender,
	.help = "the sender's domain is one of these, or below one",
    },
    {
	.name = "SenderIpRanges",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_range,
	.subject = &ph_subject_client_ip,
	.help = "the first client's address is in one of the ranges",
    },
    {
	.name = "SenderManagementRelationship",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_relationship,
	.subject = &ph_subject_pair_message,
	.help = "the sender is a recipient's manager, or reports to one",
    },
    {
	.name = "SentTo",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_address,
	.subject = &ph_subject_recipient,
	.help = "the recipient is one of these; not for groups",
    },
    {
	.name = "SentToMemberOf",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_member,
	.subject = &ph_subject_recipient,
	.help = "the recipient is a member of one of the groups",
    },
    {
	.name = "SentToScope",
	.level = PH_LEVEL_RECIPIENT,
	.compare = &ph_compare_word,
	.subject = &ph_subject_sent_to_scope,
	.help = "the recipient is inside or outside the organisation",
    },
    {
	.name = "SubjectContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_subject,
	.help = "the subject holds one of the words",
    },
    {
	.name = "SubjectMatchesPatterns",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_subject,
	.help = "the subject matches a pattern",
    },
    {
	.name = "SubjectOrBodyContainsWords",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_words,
	.subject = &ph_subject_subject,
	.also = &ph_subject_body,
	.help = "the subject or the body holds one of the words",
    },
    {
	.name = "SubjectOrBodyMatchesPatterns",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_patterns,
	.subject = &ph_subject_subject,
	.also = &ph_subject_body,
	.help = "the subject or the body matches a pattern",
    },
    {
	.name = "WithImportance",
	.level = PH_LEVEL_MESSAGE,
	.compare = &ph_compare_word,
	.subject = &ph_subject_importance,
	.help = "the message has this importance",
    },
    {.name = NULL},
};

static int
compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct ph_condition *)row)->name);
}

const struct ph_condition *
ph_condition_find(const char *name)
{
	return bsearch(name, ph_conditions, G_N_ELEMENTS(ph_conditions) - 1,
		       sizeof(ph_conditions[0]), compare);
}

unsigned
ph_condition_needs(const struct ph_condition *condition)
{
	unsigned needs = condition->subject->needs;

	if (condition->also != NULL)
		needs |= condition->also->needs;
	if (condition->compare == &ph_compare_member ||
	    condition->compare == &ph_compare_address)
		needs |= PH_NEED_DIRECTORY;
	return needs;
}
