#include "tests/unit/lib/state/objects.h"

/* What a rule takes and what it refuses, field by field. */

static void
expect_list(const char *text, const char *const *items)
{
	g_autofree char *field =
	    g_strconcat("SubjectMatchesPatterns=", text, NULL);
	struct ph_object *o = good("rule", "r", FIELDS(field));
	const char *const *list = ph_object_list(o, "SubjectMatchesPatterns");

	for (; *items != NULL; items++, list++) {
		ck_assert_msg(*list != NULL, "%s: no %s", text, *items);
		ck_assert_msg(strcmp(*list, *items) == 0, "%s: %s, not %s",
			      text, *list, *items);
	}
	ck_assert_msg(*list == NULL, "%s: %s as well", text, *list);
	ph_object_unref(&o);
}

START_TEST(a_list_of_patterns_is_cut_between_them)
{
	static const struct {
		const char *text;
		const char *items[4];
	} cases[] = {
	    {"a", {"a"}},
	    {"a,b", {"a", "b"}},
	    {"a, b,,c", {"a", "b", "c"}},
	    {"a{2,3},b", {"a{2,3}", "b"}},
	    {"[a,b],c", {"[a,b]", "c"}},
	    {"[^,],c", {"[^,]", "c"}},
	    {"[],]x,c", {"[],]x", "c"}},
	    {"[^],]x,c", {"[^],]x", "c"}},
	    {"[a-z-[,]],c", {"[a-z-[,]]", "c"}},
	    {"[\\],],c", {"[\\],]", "c"}},
	    {"(a,(b,c)),d", {"(a,(b,c))", "d"}},
	    {"a\\,b,c", {"a\\,b", "c"}},
	    {"\\(,\\)", {"\\(", "\\)"}},
	    {"\\[a,b", {"\\[a", "b"}},
	    {"say \"a,b", {"say \"a", "b"}},
	    {"\"a,b\",c", {"a,b", "c"}},
	    {"\"a\"\"b\"", {"a\"b"}},
	    {"[\"a,b\", \"c\\\\d\"]", {"a,b", "c\\d"}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect_list(cases[i].text, cases[i].items);
}
END_TEST

START_TEST(patterns_that_mean_nothing_are_refused)
{
	static const struct {
		const char *field, *text;
	} cases[] = {
	    /* Not in PCRE2. */
	    {"SubjectMatchesPatterns=x(?<=a+)b",
	     "rule r: SubjectMatchesPatterns: \"x(?<=a+)b\" at offset 1: "},
	    {"SubjectMatchesPatterns=(?<b>.)(?<a-b>c)",
	     "rule r: SubjectMatchesPatterns: \"(?<b>.)(?<a-b>c)\" at offset "},
	    /* Not in .NET. */
	    {"SubjectMatchesPatterns=a\\Kb",
	     "rule r: SubjectMatchesPatterns: \"a\\Kb\" at offset 1: "},
	    {"SubjectMatchesPatterns=ab++",
	     "rule r: SubjectMatchesPatterns: \"ab++\" at offset "},
	    {"SubjectMatchesPatterns=(?R)",
	     "rule r: SubjectMatchesPatterns: \"(?R)\" at offset "},
	    {"SubjectMatchesPatterns=\\Qa\\E",
	     "rule r: SubjectMatchesPatterns: \"\\Qa\\E\" at offset 0: "},
	    {"SubjectMatchesPatterns=\\x{41}",
	     "rule r: SubjectMatchesPatterns: \"\\x{41}\" at offset "},
	    /* In neither. The offset counts characters. */
	    {"SubjectMatchesPatterns=\xc3\xa9\xc3\xa9(b",
	     "rule r: SubjectMatchesPatterns: \"\xc3\xa9\xc3\xa9(b\" at "
	     "offset 2: "},
	    {"SubjectMatchesPatterns=[a",
	     "rule r: SubjectMatchesPatterns: \"[a\" at offset "},
	    {"SubjectMatchesPatterns=*a",
	     "rule r: SubjectMatchesPatterns: \"*a\" at offset 0: "},
	    /* Of several the one that is wrong. */
	    {"SubjectOrBodyMatchesPatterns=fine,a)b,also",
	     "rule r: SubjectOrBodyMatchesPatterns: \"a)b\" at offset 1: "},
	    {"ExceptIfAttachmentNameMatchesPatterns=\\",
	     "rule r: ExceptIfAttachmentNameMatchesPatterns: \"\\\" at offset "
	     "0: "},
	    {"SenderADAttributeMatchesPatterns=Title:x(",
	     "rule r: SenderADAttributeMatchesPatterns: \"x(\" at offset 1: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		bad("rule", "r", FIELDS(cases[i].field), cases[i].text);
}
END_TEST

/* What one syntax refuses the other takes. */
START_TEST(legacy_patterns_have_a_syntax_of_their_own)
{
	static const char *const today[] = {"\\bword", "a(?=b)", "\\p{L}"};
	static const char *const legacy[] = {"[a", "a++", "[z-a]", "a{2}{3}",
					     "(?R)"};

	for (size_t i = 0; i < G_N_ELEMENTS(today); i++) {
		g_autofree char *field =
		    g_strconcat("SubjectMatchesPatterns=", today[i], NULL);
		struct ph_object *o = good("rule", "r", FIELDS(field));

		ph_object_unref(&o);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(legacy); i++) {
		g_autofree char *field =
		    g_strconcat("SubjectMatchesPatterns=", legacy[i], NULL);
		struct ph_object *o =
		    good("rule", "r", FIELDS(field, "UseLegacyRegex=yes"));

		ph_object_unref(&o);
		bad("rule", "r", FIELDS(field, "UseLegacyRegex=no"),
		    "rule r: SubjectMatchesPatterns: ");
	}
	bad("rule", "r",
	    FIELDS("SubjectMatchesPatterns=\\bword", "UseLegacyRegex=yes"),
	    "rule r: SubjectMatchesPatterns: \"\\bword\" at offset 0: ");
	bad("rule", "r",
	    FIELDS("SubjectMatchesPatterns=a|*", "UseLegacyRegex=yes"),
	    "rule r: SubjectMatchesPatterns: \"a|*\" at offset 2: ");
}
END_TEST

/* facts/exchange-rules.md section 2. */
static const char *const attributes[] = {
    "City",
    "Company",
    "Country",
    "CustomAttribute1",
    "CustomAttribute15",
    "Department",
    "DisplayName",
    "Email",
    "FaxNumber",
    "FirstName",
    "HomePhoneNumber",
    "Initials",
    "LastName",
    "Manager",
    "MobileNumber",
    "Notes",
    "Office",
    "OtherFaxNumber",
    "OtherHomePhoneNumber",
    "OtherPhoneNumber",
    "PagerNumber",
    "PhoneNumber",
    "POBox",
    "State",
    "Street",
    "Title",
    "UserLogonName",
    "ZipCode",
    "department",
};

START_TEST(attributes_are_exchanges)
{
	static const char *const wrong[] = {
	    "Colour",
	    "CustomAttribute0",
	    "CustomAttribute16",
	    "CustomAttribute",
	    "Depart",
	    "Departments",
	    "CustomAttribute01",
	    "extensionAttribute1",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
		g_autofree char *words = g_strdup_printf(
		    "SenderADAttributeContainsWords=%s:x", attributes[i]);
		g_autofree char *compared =
		    g_strdup_printf("ADComparisonAttribute=%s", attributes[i]);
		struct ph_object *o =
		    good("rule", "r", FIELDS(words, compared));

		ph_object_unref(&o);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *words = g_strdup_printf(
		    "RecipientADAttributeContainsWords=%s:x", wrong[i]);
		g_autofree char *quoted =
		    g_strdup_printf("rule r: RecipientADAttributeContainsWords:"
				    " \"%s:x\" begins with an attribute",
				    wrong[i]);
		g_autofree char *compared =
		    g_strdup_printf("ADComparisonAttribute=%s", wrong[i]);

		bad("rule", "r", FIELDS(words), quoted);
		bad("rule", "r", FIELDS(compared),
		    "rule r: ADComparisonAttribute: ");
	}
}
END_TEST

/* Each field alone, or with those that it needs. */
static const char *const fine[][3] = {
    {"SenderADAttributeContainsWords=\"Department:Sales,Legal\",City:Lisbon"},
    {"AttachmentPropertyContainsWords=Cost Centre:4711"},
    {"ExceptIfADComparisonAttribute=Company"},
    {"ADComparisonAttribute=Company", "ADComparisonOperator=notequal"},
    {"SenderDomainIs=contoso.com,b\xc3\xbc"
     "cher.example"},
    {"RecipientDomainIs=mail.contoso.com"},
    {"SenderIpRanges=192.0.2.1"},
    {"SenderIpRanges=192.0.2.1-192.0.2.9,198.51.100.0/24"},
    {"SenderIpRanges=2001:db8::1,2001:db8::/32"},
    {"SenderIpRanges=0.0.0.0/0,::/0"},
    {"RemoveHeader=X-Mailer"},
    {"RemoveHeader=X-PostHubX"},
    {"SetHeaderName=X-Posthub", "SetHeaderValue=x"},
    {"HeaderMatchesMessageHeader=X-PostHub-SCL", "HeaderMatchesPatterns=9"},
    {"HeaderMatchesMessageHeader=X-A", "HeaderMatchesPatterns=a"},
    {"BetweenMemberOf1=a@b.test", "BetweenMemberOf2=c@d.test,e@f.test"},
    {"ManagerForEvaluatedUser=Sender", "ManagerAddresses=a@b.test"},
    {"ExceptIfManagerForEvaluatedUser=Recipient",
     "ExceptIfManagerAddresses=a@b.test"},
    {"SCLOver=-1"},
    {"SCLOver=9", "SetSCL=-1"},
    {"MessageSizeOver=10MB", "AttachmentSizeOver=1"},
    {"SmtpRejectMessageRejectStatusCode=400"},
    {"SmtpRejectMessageRejectStatusCode=599"},
    {"MessageTypeMatches=oof", "WithImportance=HIGH"},
    {"RedirectMessageTo=a@b.test"},
    {"RecipientAddressType=Original", "SenderAddressLocation=Envelope"},
    {"RuleErrorAction=Defer", "ActivationDate=2026-11-21"},
};

START_TEST(values_that_rules_take)
{
	for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
		struct ph_object *o = good("rule", "r", fine[i]);

		ph_object_unref(&o);
	}
}
END_TEST

static const struct {
	const char *fields[3];
	const char *text;
} wrong[] = {
    {{"SenderADAttributeContainsWords=Department"},
     "rule r: SenderADAttributeContainsWords: \"Department\" is not "
     "Attribute:value"},
    {{"SenderADAttributeContainsWords=Department:"},
     "rule r: SenderADAttributeContainsWords: "},
    {{"SenderADAttributeContainsWords=:Sales"},
     "rule r: SenderADAttributeContainsWords: "},
    /* Without quotes they are two. */
    {{"SenderADAttributeContainsWords=Department:Sales,Legal"},
     "rule r: SenderADAttributeContainsWords: \"Legal\" is not"},
    {{"AttachmentPropertyContainsWords=Department"},
     "rule r: AttachmentPropertyContainsWords: "},
    {{"SenderDomainIs=@contoso.com"},
     "rule r: SenderDomainIs: \"@contoso.com\" is not a domain"},
    {{"SenderDomainIs=contoso.com,a@b.test"},
     "rule r: SenderDomainIs: \"a@b.test\" is not a domain"},
    {{"RecipientDomainIs=*.contoso.com"}, "rule r: RecipientDomainIs: "},
    {{"RecipientDomainIs=.contoso.com"}, "rule r: RecipientDomainIs: "},
    {{"ExceptIfRecipientDomainIs=a b"}, "rule r: ExceptIfRecipientDomainIs: "},
    {{"SenderIpRanges=mail.contoso.com"},
     "rule r: SenderIpRanges: \"mail.contoso.com\" is not a range"},
    {{"SenderIpRanges=192.0.2.256"}, "rule r: SenderIpRanges: "},
    {{"SenderIpRanges=192.0.2.0/33"}, "rule r: SenderIpRanges: "},
    {{"SenderIpRanges=192.0.2.9-192.0.2.1"}, "rule r: SenderIpRanges: "},
    {{"SenderIpRanges=192.0.2.1-2001:db8::1"}, "rule r: SenderIpRanges: "},
    {{"SenderIpRanges=192.0.2.1-"}, "rule r: SenderIpRanges: "},
    {{"SenderIpRanges=2001:db8::/129"}, "rule r: SenderIpRanges: "},
    {{"RemoveHeader=X-PostHub-SCL"},
     "rule r: RemoveHeader: X-PostHub-SCL is posthub's own"},
    {{"RemoveHeader=x-posthub-"}, "rule r: RemoveHeader: "},
    {{"RemoveHeader=X-A:"}, "rule r: RemoveHeader: "},
    {{"ADComparisonOperator=Equal"},
     "rule r: ADComparisonOperator: is one half of a pair; expected "
     "ADComparisonAttribute as well"},
    {{"ADComparisonAttribute=Company", "ExceptIfADComparisonOperator=Equal"},
     "rule r: ExceptIfADComparisonOperator: is one half"},
    {{"HeaderMatchesPatterns=a"}, "rule r: HeaderMatchesPatterns: is one half"},
    {{"HeaderMatchesMessageHeader=X-A", "HeaderContainsWords=a"}, "rule r: H"},
    {{"BetweenMemberOf2=a@b.test"}, "rule r: BetweenMemberOf2: is one half"},
    {{"ManagerAddresses=a@b.test"}, "rule r: ManagerAddresses: is one half"},
    {{"RejectMessageReasonText=No", "RedirectMessageTo=a@b.test"},
     "rule r: RejectMessageReasonText: contradicts RedirectMessageTo"},
    {{"RejectMessageEnhancedStatusCode=5.7.1", "RedirectMessageTo=a@b.test"},
     "rule r: RejectMessageEnhancedStatusCode: contradicts"},
    {{"SCLOver=-2"}, "rule r: SCLOver: \"-2\" is out of range"},
    {{"SetSCL=10"}, "rule r: SetSCL: \"10\" is out of range"},
    {{"MessageSizeOver=large"}, "rule r: MessageSizeOver: "},
    {{"SmtpRejectMessageRejectStatusCode=399"}, "rule r: Smtp"},
    {{"SmtpRejectMessageRejectStatusCode=600"}, "rule r: Smtp"},
    {{"MessageTypeMatches=OOF,Signed"}, "rule r: MessageTypeMatches: "},
    {{"From=ann"}, "rule r: From: \"ann\" is not an address"},
};

START_TEST(values_that_rules_refuse)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		bad("rule", "r", wrong[i].fields, wrong[i].text);
}
END_TEST

START_TEST(a_word_has_128_characters)
{
	g_autofree char *fits = filled("SubjectOrBodyContainsWords=", 128);
	g_autofree char *over = filled("SubjectOrBodyContainsWords=", 129);
	struct ph_object *o = good("rule", "r", FIELDS(fits));

	ph_object_unref(&o);
	bad("rule", "r", FIELDS(over), "rule r: SubjectOrBodyContainsWords: ");
}
END_TEST

/* Whatever the value: a rule that would do half of what it says is none. */
START_TEST(what_does_not_run_is_refused_with_a_reason)
{
	static const char *const later[] = {
	    "ModerateMessageByUser=a@b.test",
	    "ModerateMessageByManager=yes",
	    "ApplyHtmlDisclaimerText=<p>text</p>",
	    "ApplyHtmlDisclaimerLocation=Append",
	    "GenerateIncidentReport=a@b.test",
	    "IncidentReportContent=Sender",
	    "GenerateNotification=text",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(later); i++) {
		g_auto(GStrv) parts = g_strsplit(later[i], "=", 2);
		g_autofree char *text =
		    g_strdup_printf("rule r: %s: is known but not supported "
				    "by this version; expected it to be unset",
				    parts[0]);

		bad("rule", "r", FIELDS("Comments=c", later[i]), text);
	}
	bad("rule", "r", FIELDS("ApplyRightsProtectionTemplate=Do Not Forward"),
	    "rule r: ApplyRightsProtectionTemplate: needs Microsoft's rights "
	    "management (AD RMS) and is not supported here");
}
END_TEST

UNIT_MAIN("lib/state/kinds_rule", a_list_of_patterns_is_cut_between_them,
	  patterns_that_mean_nothing_are_refused,
	  legacy_patterns_have_a_syntax_of_their_own, attributes_are_exchanges,
	  values_that_rules_take, values_that_rules_refuse,
	  a_word_has_128_characters, what_does_not_run_is_refused_with_a_reason)
