#include "lib/state/kinds.h"
#include "lib/state/object.h"
#include "lib/state/value.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Conditions of New-TransportRule on a Mailbox server. */
static const char *const conditions[] = {
    "From",
    "FromScope",
    "FromMemberOf",
    "FromAddressContainsWords",
    "FromAddressMatchesPatterns",
    "SenderADAttributeContainsWords",
    "SenderADAttributeMatchesPatterns",
    "HasSenderOverride",
    "SenderIpRanges",
    "SenderDomainIs",
    "SentTo",
    "SentToScope",
    "SentToMemberOf",
    "RecipientAddressContainsWords",
    "RecipientAddressMatchesPatterns",
    "RecipientADAttributeContainsWords",
    "RecipientADAttributeMatchesPatterns",
    "RecipientDomainIs",
    "SubjectOrBodyContainsWords",
    "SubjectOrBodyMatchesPatterns",
    "SubjectContainsWords",
    "SubjectMatchesPatterns",
    "AttachmentContainsWords",
    "AttachmentMatchesPatterns",
    "AttachmentIsUnsupported",
    "AttachmentNameMatchesPatterns",
    "AttachmentExtensionMatchesWords",
    "AttachmentSizeOver",
    "AttachmentProcessingLimitExceeded",
    "AttachmentHasExecutableContent",
    "AttachmentIsPasswordProtected",
    "AttachmentPropertyContainsWords",
    "AnyOfRecipientAddressContainsWords",
    "AnyOfRecipientAddressMatchesPatterns",
    "MessageContainsDataClassifications",
    "AnyOfToHeader",
    "AnyOfToHeaderMemberOf",
    "AnyOfCcHeader",
    "AnyOfCcHeaderMemberOf",
    "AnyOfToCcHeader",
    "AnyOfToCcHeaderMemberOf",
    "MessageSizeOver",
    "ContentCharacterSetContainsWords",
    "SenderManagementRelationship",
    "BetweenMemberOf1",
    "BetweenMemberOf2",
    "ManagerForEvaluatedUser",
    "ManagerAddresses",
    "ADComparisonAttribute",
    "ADComparisonOperator",
    "MessageTypeMatches",
    "HasClassification",
    "HasNoClassification",
    "SCLOver",
    "WithImportance",
    "HeaderContainsMessageHeader",
    "HeaderContainsWords",
    "HeaderMatchesMessageHeader",
    "HeaderMatchesPatterns",
};

static const char *const actions[] = {
    "ModerateMessageByUser",
    "ModerateMessageByManager",
    "RedirectMessageTo",
    "RejectMessageReasonText",
    "RejectMessageEnhancedStatusCode",
    "DeleteMessage",
    "BlindCopyTo",
    "AddToRecipients",
    "CopyTo",
    "AddManagerAsRecipientType",
    "ApplyHtmlDisclaimerText",
    "RemoveHeader",
    "SetHeaderName",
    "SetHeaderValue",
    "ApplyClassification",
    "SetSCL",
    "ApplyRightsProtectionTemplate",
    "RouteMessageOutboundRequireTls",
    "RouteMessageOutboundConnector",
    "PrependSubject",
    "GenerateIncidentReport",
    "GenerateNotification",
    "SetAuditSeverity",
    "StopRuleProcessing",
    "Disconnect",
    "LogEventText",
    "Quarantine",
    "SmtpRejectMessageRejectText",
    "SmtpRejectMessageRejectStatusCode",
};

static const char *const properties[] = {
    "Priority",
    "Mode",
    "Enabled",
    "State",
    "ActivationDate",
    "ExpiryDate",
    "RuleErrorAction",
    "RuleSubType",
    "DlpPolicy",
    "SenderAddressLocation",
    "RecipientAddressType",
    "Comments",
    "UseLegacyRegex",
    "RuleVersion",
    "ApplyHtmlDisclaimerLocation",
    "ApplyHtmlDisclaimerFallbackAction",
    "IncidentReportContent",
    "IncidentReportOriginalMail",
};

/* What this version does not act on. */
static const char *const later[] = {
    "ModerateMessageByUser",
    "ModerateMessageByManager",
    "ApplyHtmlDisclaimerText",
    "ApplyHtmlDisclaimerLocation",
    "ApplyHtmlDisclaimerFallbackAction",
    "ApplyRightsProtectionTemplate",
    "GenerateIncidentReport",
    "IncidentReportContent",
    "IncidentReportOriginalMail",
    "GenerateNotification",
    NULL,
};

static bool
is_one_line(const char *text)
{
	return text != NULL && text[0] != '\0' && strchr(text, '\n') == NULL &&
	       g_utf8_validate(text, -1, NULL);
}

START_TEST(every_kind_is_complete)
{
	size_t n = 0;

	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++, n++) {
		ck_assert_msg(is_one_line(k->help), "%s: help", k->name);
		ck_assert_ptr_nonnull(k->fields);
		ck_assert_ptr_nonnull(k->fields[0].name);
		ck_assert_uint_eq(ph_kind_index(k), n);
		ck_assert_ptr_eq(ph_kind_find(k->name), k);
		if (k->alias != NULL)
			ck_assert_ptr_eq(ph_kind_find(k->alias), k);
		if ((k->flags & PH_KIND_STRING) != 0) {
			ck_assert_str_eq(k->fields[0].name, "Value");
			ck_assert_ptr_null(k->fields[1].name);
		}
	}
	ck_assert_uint_eq(ph_kind_count(), n);
}
END_TEST

START_TEST(all_kinds_of_the_contract_are_there)
{
	static const struct {
		const char *name;
		unsigned flags;
	} kinds[] = {
	    {"rule", 0},
	    {"site", 0},
	    {"sitelink", 0},
	    {"server", 0},
	    {"dag", 0},
	    {"database", 0},
	    {"sendconnector", 0},
	    {"receiveconnector", 0},
	    {"domain", 0},
	    {"remotedomain", 0},
	    {"messageclassification", 0},
	    {"systemmessage", 0},
	    {"dataclassification", PH_KIND_STRING},
	    {"transportconfig", PH_KIND_SINGLETON},
	    {"transportservice", 0},
	    {"mailboxtransport", 0},
	    {"setup", PH_KIND_INTERNAL},
	    {"meta", PH_KIND_SINGLETON | PH_KIND_INTERNAL},
	    {"recipient", PH_KIND_DIRECTORY | PH_KIND_OPEN},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const struct ph_kind *kind = ph_kind_find(kinds[i].name);

		ck_assert_msg(kind != NULL, "%s", kinds[i].name);
		ck_assert_uint_eq(kind->flags, kinds[i].flags);
	}
	ck_assert_uint_eq(ph_kind_count(), G_N_ELEMENTS(kinds));
	ck_assert_ptr_eq(ph_kind_find("AcceptedDomain"),
			 ph_kind_find("domain"));
	ck_assert_ptr_null(ph_kind_find("alive"));
	ck_assert_ptr_null(ph_kind_find(""));
}
END_TEST

static void
check_row(const struct ph_kind *kind, const struct ph_field *f)
{
	bool word = f->type == PH_TYPE_WORD;
	bool names = f->type == PH_TYPE_NAME || f->type == PH_TYPE_NAMES;
	unsigned of_rules = PH_FIELD_CONDITION | PH_FIELD_ACTION;
	g_autofree char *where = g_strdup_printf("%s.%s", kind->name, f->name);
	g_autofree char *expected = ph_field_expected(f);
	bool except = true;

	ck_assert_msg(is_one_line(f->help), "%s: help", where);
	ck_assert_msg(strlen(f->help) <= 120, "%s: help is long", where);
	ck_assert_msg(is_one_line(expected), "%s", where);
	ck_assert_msg(f->words == NULL || word || f->type == PH_TYPE_LIST,
		      "%s: words", where);
	ck_assert_msg(!word || (f->words != NULL && f->words[0] != NULL),
		      "%s: no words", where);
	ck_assert_msg(f->refers == NULL || names, "%s: refers", where);
	ck_assert_msg(f->refers == NULL || ph_kind_find(f->refers) != NULL,
		      "%s: refers to nothing", where);
	ck_assert_msg(f->min <= f->max, "%s: limits", where);
	ck_assert_msg(strcmp(kind->name, "rule") == 0 ||
			  (f->flags & of_rules) == 0,
		      "%s: condition or action", where);
	ck_assert_msg((f->flags & of_rules) != of_rules, "%s", where);
	ck_assert_msg((f->flags & PH_FIELD_REQUIRED) == 0 || f->value == NULL,
		      "%s: required, with a default", where);
	/* No other row has the name or the alias. */
	ck_assert_msg(ph_kind_field(kind, f->name, &except) == f, "%s", where);
	ck_assert(!except);
	if (f->alias != NULL)
		ck_assert_msg(ph_kind_field(kind, f->alias, NULL) == f, "%s",
			      where);
}

START_TEST(every_field_is_complete)
{
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++)
		for (const struct ph_field *f = k->fields; f->name; f++)
			check_row(k, f);
}
END_TEST

START_TEST(defaults_are_of_their_type)
{
	for (const struct ph_kind *k = ph_kinds; k->name != NULL; k++)
		for (const struct ph_field *f = k->fields; f->name; f++) {
			struct ph_err err = PH_ERR_INIT;
			struct ph_value value;

			if (f->value == NULL)
				continue;
			ck_assert_msg(
			    ph_value_parse(f, f->value, &value, &err) == 0,
			    "%s.%s: %s", k->name, f->name, err.text);
			ph_value_clear(&value);
		}
}
END_TEST

static void
expect_rows(const char *const *names, size_t n, unsigned flags)
{
	const struct ph_kind *rule = ph_kind_find("rule");
	unsigned mask = PH_FIELD_CONDITION | PH_FIELD_ACTION;

	for (size_t i = 0; i < n; i++) {
		const struct ph_field *f = ph_kind_field(rule, names[i], NULL);

		ck_assert_msg(f != NULL, "%s is missing", names[i]);
		ck_assert_str_eq(f->name, names[i]);
		ck_assert_msg((f->flags & mask) == flags, "%s: flags",
			      names[i]);
	}
}

START_TEST(the_rule_table_is_exchanges)
{
	const struct ph_kind *rule = ph_kind_find("rule");
	size_t n = 0;

	expect_rows(conditions, G_N_ELEMENTS(conditions), PH_FIELD_CONDITION);
	expect_rows(actions, G_N_ELEMENTS(actions), PH_FIELD_ACTION);
	expect_rows(properties, G_N_ELEMENTS(properties), 0);
	for (const struct ph_field *f = rule->fields; f->name != NULL; f++)
		n += (f->flags & PH_FIELD_CONDITION) != 0;
	ck_assert_uint_eq(n, G_N_ELEMENTS(conditions));
	ck_assert_uint_eq(n, 59);
}
END_TEST

/* Rights management is Microsoft's: that will not come. */
START_TEST(only_what_runs_is_supported)
{
	const struct ph_kind *rule = ph_kind_find("rule");
	size_t n = 0;

	for (const struct ph_field *f = rule->fields; f->name != NULL; f++) {
		bool unsupported = (f->flags & PH_FIELD_UNSUPPORTED) != 0;

		ck_assert_msg(unsupported == g_strv_contains(later, f->name),
			      "%s", f->name);
		ck_assert_msg(
		    ((f->flags & PH_FIELD_IMPOSSIBLE) != 0) ==
			(strcmp(f->name, "ApplyRightsProtectionTemplate") == 0),
		    "%s", f->name);
		n += unsupported;
	}
	ck_assert_uint_eq(n, G_N_ELEMENTS(later) - 1);
}
END_TEST

START_TEST(a_condition_has_an_exception)
{
	const struct ph_kind *rule = ph_kind_find("rule");
	bool except;

	for (size_t i = 0; i < G_N_ELEMENTS(conditions); i++) {
		g_autofree char *twin =
		    g_strconcat("ExceptIf", conditions[i], NULL);

		except = false;
		ck_assert_ptr_eq(ph_kind_field(rule, twin, &except),
				 ph_kind_field(rule, conditions[i], NULL));
		ck_assert(except);
	}
	ck_assert_ptr_nonnull(
	    ph_kind_field(rule, "exceptifFROMscope", &except));
	ck_assert_ptr_null(ph_kind_field(rule, "ExceptIfPriority", &except));
	ck_assert_ptr_null(
	    ph_kind_field(rule, "ExceptIfDeleteMessage", &except));
	ck_assert_ptr_null(ph_kind_field(rule, "ExceptIf", NULL));
	ck_assert_ptr_null(
	    ph_kind_field(ph_kind_find("site"), "ExceptIfName", NULL));
}
END_TEST

START_TEST(aliases_name_the_same_row)
{
	const struct ph_kind *recipient = ph_kind_find("recipient");

	ck_assert_str_eq(ph_kind_field(recipient, "proxyaddresses", NULL)->name,
			 "EmailAddresses");
	ck_assert_str_eq(ph_kind_field(recipient, "TargetAddress", NULL)->name,
			 "ExternalEmailAddress");
}
END_TEST

START_TEST(misspelt_names_are_guessed)
{
	static const struct {
		const char *kind, *name, *guess;
	} cases[] = {
	    {"rule", "SubjectContainWords", "SubjectContainsWords"},
	    {"rule", "subjectcontainswrods", "SubjectContainsWords"},
	    {"rule", "Piority", "Priority"},
	    {"rule", "Reject", "RejectMessageReasonText"},
	    {"rule", "ExceptIfSubjectContainWords",
	     "ExceptIfSubjectContainsWords"},
	    {"rule", "Colour", NULL},
	    {"rule", "", NULL},
	    {"sitelink", "Costs", "Cost"},
	    {"server", "FQD", "Fqdn"},
	    {"server", "Fxxn", NULL},
	    {"server", "x", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *guess =
		    ph_kind_suggest(ph_kind_find(cases[i].kind), cases[i].name);

		ck_assert_msg(g_strcmp0(guess, cases[i].guess) == 0,
			      "%s: %s, not %s", cases[i].name, guess,
			      cases[i].guess);
	}
}
END_TEST

START_TEST(a_long_name_costs_nothing)
{
	g_autofree char *name = g_strnfill(1000000, 'a');

	ck_assert_ptr_null(ph_kind_suggest(ph_kind_find("rule"), name));
}
END_TEST

START_TEST(expectations_are_said_in_words)
{
	static const struct {
		const char *kind, *field, *text;
	} cases[] = {
	    {"rule", "Mode", "one of Enforce, Audit, AuditAndNotify"},
	    {"rule", "RejectMessageReasonText",
	     "a text, at most 256 characters"},
	    {"rule", "SCLOver", "a whole number, from -1 to 9"},
	    {"sitelink", "Cost", "a whole number, from 1 to 99999"},
	    {"sitelink", "MaxMessageSize",
	     "a size such as 10MB or unlimited, from 64KB"},
	    {"sendconnector", "ConnectionInactivityTimeOut",
	     "a time span such as 30s, 5m or 00:10:00, from 1s to 1d"},
	    {"server", "Roles",
	     "a comma separated list of FrontendTransport, HubTransport, "
	     "Mailbox"},
	    {"server", "Site", "a name (site)"},
	    {"recipient", "RecipientLimits",
	     "a whole number or unlimited, from 0 to 2147483647"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = ph_field_expected(ph_kind_field(
		    ph_kind_find(cases[i].kind), cases[i].field, NULL));

		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(misspelt_kinds_are_guessed)
{
	static const struct {
		const char *name, *kind;
	} cases[] = {
	    {"rul", "rule"},
	    {"Rule", "rule"},
	    {"rules", "rule"},
	    {"recipients", "recipient"},
	    {"accepted-domain", "domain"},
	    {"send_connector", "sendconnector"},
	    {"dagg", "dag"},
	    {"colour", NULL},
	    {"x", NULL},
	    {"", NULL},
	};
	g_autofree char *name = g_strnfill(5000, 'r');

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct ph_kind *kind = ph_kind_nearest(cases[i].name);

		ck_assert_pstr_eq(kind ? kind->name : NULL, cases[i].kind);
	}
	ck_assert_ptr_null(ph_kind_nearest(name));
}
END_TEST

UNIT_MAIN("lib/state/kinds", every_kind_is_complete,
	  all_kinds_of_the_contract_are_there, every_field_is_complete,
	  defaults_are_of_their_type, the_rule_table_is_exchanges,
	  only_what_runs_is_supported, a_condition_has_an_exception,
	  aliases_name_the_same_row, misspelt_names_are_guessed,
	  misspelt_kinds_are_guessed, a_long_name_costs_nothing,
	  expectations_are_said_in_words)
