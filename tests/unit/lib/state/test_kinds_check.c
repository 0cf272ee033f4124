#include "lib/state/object.h"
#include "tests/unit/lib/state/objects.h"
#include "tests/unit/unit.h"

START_TEST(names_fit_their_use)
{
	static const struct {
		const char *kind, *name, *field;
	} fine[] =
	    {
		{"rule", "Any name, with: all / sorts \xff\x01", "Enabled=1"},
		{"server", "MBX1", "Fqdn=mbx1.example.com"},
		{"server", "mbx-1.example.com", "Site=Lisbon"},
		{"database", "Mailbox Database 01", "Servers=MBX1,MBX2"},
		{"domain", "example.com", "Default=1"},
		{"domain",
		 "b\xc3\xbc"
		 "cher.example",
		 "Default=1"},
		{"remotedomain", "*", "NDREnabled=1"},
		{"remotedomain", "*.example.com", "NDREnabled=1"},
		{"recipient", "\"ann b\"@example.com",
		 "RecipientType=MailGroup"},
	    },
	  wrong[] = {
	      {"rule", "", "Enabled=1"},
	      {"server", "mbx 1", "Site=Lisbon"},
	      {"server", "mbx\n1", "Site=Lisbon"},
	      {"server", "mbx1,mbx2", "Site=Lisbon"},
	      {"server", "mbx]1", "Site=Lisbon"},
	      {"server", "a/b", "Site=Lisbon"},
	      {"server", "MBX1", "Fqdn=mbx 1"},
	      {"server", "MBX1", "Transport=unix:/tmp/x"},
	      {"database", "../etc", "Servers=MBX1"},
	      {"database", ".", "Servers=MBX1"},
	      {"database", "a/b", "Servers=MBX1"},
	      {"database", "a\nb", "Servers=MBX1"},
	      {"site", "a\r\nb", "HubSiteEnabled=1"},
	      {"domain", "*.example.com", "Default=1"},
	      {"domain", "example..com", "Default=1"},
	      {"domain", "example.com.", "Default=1"},
	      {"domain", "ann@example.com", "Default=1"},
	      {"domain", "a b", "Default=1"},
	      {"domain", ".example.com", "Default=1"},
	      {"domain", "-example.com", "Default=1"},
	      {"remotedomain", "*example.com", "NDREnabled=1"},
	      {"recipient", "ann", "RecipientType=MailGroup"},
	      {"recipient", "ann@", "RecipientType=MailGroup"},
	      {"recipient", "a b@example.com", "RecipientType=MailGroup"},
	  };

	for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
		struct ph_object *o =
		    good(fine[i].kind, fine[i].name, FIELDS(fine[i].field));

		ck_assert_str_eq(ph_object_name(o), fine[i].name);
		ph_object_unref(&o);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		bad(wrong[i].kind, wrong[i].name, FIELDS(wrong[i].field),
		    wrong[i].kind);
}
END_TEST

START_TEST(a_rule_name_has_64_characters)
{
	g_autofree char *fits = filled("", 64), *over = filled("", 65);
	struct ph_object *o = good("rule", fits, NO_FIELDS);

	ph_object_unref(&o);
	bad("rule", over, NO_FIELDS, "rule ");
}
END_TEST

START_TEST(rules_are_checked_as_a_whole)
{
	static const struct {
		const char *fields[3];
		const char *text;
	} cases[] = {
	    {{"HeaderContainsMessageHeader=X-A"},
	     "rule r: HeaderContainsMessageHeader: is one half of a pair; "
	     "expected HeaderContainsWords as well"},
	    {{"HeaderContainsWords=a"},
	     "rule r: HeaderContainsWords: is one half"},
	    {{"ExceptIfHeaderContainsMessageHeader=X-A"},
	     "rule r: ExceptIfHeaderContainsMessageHeader: is one half"},
	    /* The other half must be of the same side. */
	    {{"ExceptIfHeaderContainsMessageHeader=X-A",
	      "HeaderContainsWords=a"},
	     "rule r: HeaderContainsWords: is one half"},
	    {{"SetHeaderName=X-A"}, "rule r: SetHeaderName: is one half"},
	    {{"SetHeaderValue=a"}, "rule r: SetHeaderValue: is one half"},
	    {{"SetHeaderName=x-posthub-scl", "SetHeaderValue=9"},
	     "rule r: SetHeaderName: x-posthub-scl is posthub's own"},
	    {{"SetHeaderName=X A", "SetHeaderValue=9"},
	     "rule r: SetHeaderName: \"X A\" holds a character"},
	    {{"SetHeaderName=X-A:", "SetHeaderValue=9"},
	     "rule r: SetHeaderName: "},
	    {{"SetHeaderName=X-\xc3\xa9", "SetHeaderValue=9"},
	     "rule r: SetHeaderName: "},
	    {{"SetHeaderName=X-A", "SetHeaderValue=a\nb"},
	     "rule r: SetHeaderValue: "},
	    {{"RejectMessageEnhancedStatusCode=5.7.2"},
	     "rule r: RejectMessageEnhancedStatusCode: \"5.7.2\" is not "
	     "allowed; expected 5.7.1 or 5.7.900 to 5.7.999"},
	    {{"RejectMessageEnhancedStatusCode=5.7.899"}, "rule r: Reject"},
	    {{"RejectMessageEnhancedStatusCode=5.7.90"}, "rule r: Reject"},
	    {{"RejectMessageEnhancedStatusCode=5.7.9000"}, "rule r: Reject"},
	    {{"RejectMessageEnhancedStatusCode=5.7.9a0"}, "rule r: Reject"},
	    {{"RejectMessageEnhancedStatusCode=4.7.1"}, "rule r: Reject"},
	    {{"Enabled=true", "State=Disabled"},
	     "rule r: State: contradicts Enabled"},
	    {{"Enabled=no", "State=Enabled"},
	     "rule r: State: contradicts Enabled"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		bad("rule", "r", cases[i].fields, cases[i].text);
}
END_TEST

START_TEST(whole_rules_are_taken)
{
	static const char *const cases[][3] = {
	    {"HeaderContainsMessageHeader=X-A", "HeaderContainsWords=a"},
	    {"ExceptIfHeaderContainsMessageHeader=X-A",
	     "ExceptIfHeaderContainsWords=a"},
	    {"SetHeaderName=X-Spam", "SetHeaderValue=yes"},
	    {"RejectMessageEnhancedStatusCode=5.7.1"},
	    {"RejectMessageEnhancedStatusCode=5.7.900"},
	    {"RejectMessageEnhancedStatusCode=5.7.999",
	     "RejectMessageReasonText=No"},
	    {"Enabled=false", "State=Disabled"},
	    {"State=Disabled"},
	    {"Comments=two\nlines"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_object *o = good("rule", "r", cases[i]);

		ph_object_unref(&o);
	}
}
END_TEST

static const struct {
	const char *kind, *name;
	const char *fields[7];
	const char *text;
} wholes[] = {
    {"sitelink", "L", {"Sites=A"}, "sitelink L: Sites: a link needs"},
    {"sitelink",
     "L",
     {"Sites=A,B,a"},
     "sitelink L: Sites: \"a\" is there twice"},
    {"dag", "D", {"Servers=A,a"}, "dag D: Servers: \"a\" is there"},
    {"database",
     "DB1",
     {"Servers=A,B", "Active=C"},
     "database DB1: Active: this server has no copy; expected one of "
     "Servers"},
    {"database",
     "DB1",
     {"Servers=A,A"},
     "database DB1: Servers: \"A\" is there twice"},
    {"sendconnector",
     "c",
     {"SmartHosts=h"},
     "sendconnector c: AddressSpaces: is not set"},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "SmartHosts=h", "DNSRoutingEnabled=true"},
     "sendconnector c: DNSRoutingEnabled: contradicts SmartHosts"},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "TlsAuthLevel=DomainValidation"},
     "sendconnector c: TlsAuthLevel: "},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "RequireTLS=1", "IgnoreSTARTTLS=1"},
     "sendconnector c: IgnoreSTARTTLS: "},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "IgnoreSTARTTLS=1", "DomainSecureEnabled=1"},
     "sendconnector c: IgnoreSTARTTLS: "},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "RequireTLS=1", "TlsDomain=a b"},
     "sendconnector c: TlsDomain: is no domain"},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "RequireTLS=1", "SmartHosts=h",
      "TlsAuthLevel=DomainValidation"},
     "sendconnector c: TlsDomain: is needed"},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "SmartHosts=h", "SmartHostAuthMechanism=BasicAuth"},
     "sendconnector c: SmartHostAuthMechanism: "},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "AuthenticationCredential=../x"},
     "sendconnector c: AuthenticationCredential: "},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "SmartHosts=h", "SmartHostAuthMechanism=BasicAuth",
      "AuthenticationCredential=a", "ForceHELO=true"},
     "sendconnector c: ForceHELO: HELO has no AUTH"},
    {"sendconnector",
     "c",
     {"AddressSpaces=*", "RequireTLS=true", "ForceHELO=true"},
     "sendconnector c: ForceHELO: HELO has no STARTTLS"},
    {"receiveconnector",
     "c",
     {"Banner=welcome"},
     "receiveconnector c: Banner: "},
    {"receiveconnector",
     "c",
     {"Banner=220 a {b}"},
     "receiveconnector c: Banner: has a brace"},
    {"receiveconnector", "c", {"Fqdn=a b"}, "receiveconnector c: Fqdn: "},
    {"systemmessage",
     "m",
     {"Text=t", "DsnCode=2.1.1"},
     "systemmessage m: DsnCode: "},
    {"meta",
     NULL,
     {"Organization=letsexchange"},
     "meta: Organization: is not a UUID"},
    {"meta",
     NULL,
     {"Organization=4ccf6bd2-b11c-46ba-a1f5-6bd69ea0ba4c", "Schema=2"},
     "meta: Schema: is newer"},
    {"recipient",
     "a@b.c",
     {"Database=DB1"},
     "recipient a@b.c: RecipientType: is not set; expected one of "
     "UserMailbox, MailUser"},
    {"recipient",
     "a@b.c",
     {"RecipientType=UserMailbox"},
     "recipient a@b.c: Database: a UserMailbox needs one"},
    {"recipient",
     "a@b.c",
     {"RecipientType=MailContact"},
     "recipient a@b.c: ExternalEmailAddress: "},
};

START_TEST(other_kinds_are_checked_as_a_whole)
{
	struct ph_object *o;

	for (size_t i = 0; i < G_N_ELEMENTS(wholes); i++)
		bad(wholes[i].kind, wholes[i].name, wholes[i].fields,
		    wholes[i].text);
	o = good("database", "DB1", FIELDS("Servers=A,B", "Active=b"));
	ph_object_unref(&o);
	/* One copy needs no list. */
	o = good("database", "DB1", FIELDS("Active=A"));
	ph_object_unref(&o);
}
END_TEST

START_TEST(address_spaces_are_exchanges)
{
	static const char *const fine[] = {
	    "*",  "*;1",	  "contoso.com;100",  "SMTP:*.contoso.com;5",
	    "--", "X400:c=us;10", "smtp:contoso.com",
	};
	static const char *const wrong[] = {
	    "*contoso.com", "*;0", "*;101", "*;1;2", "*;x",
	    "SMTP:",	    ":x",  "a b",   "*.*",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
		g_autofree char *field =
		    g_strconcat("AddressSpaces=", fine[i], NULL);
		struct ph_object *o = good("sendconnector", "c", FIELDS(field));

		ph_object_unref(&o);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *field =
		    g_strconcat("AddressSpaces=", wrong[i], NULL);

		bad("sendconnector", "c", FIELDS(field),
		    "sendconnector c: AddressSpaces: ");
	}
}
END_TEST

/* Each item alone; wrong ones are refused by their field's name. */
static void
items(const char *kind, const char *other, const char *field,
      const char *const *fine, const char *const *wrong)
{
	for (; *fine != NULL; fine++) {
		g_autofree char *text =
		    g_strdup_printf("%s=\"%s\"", field, *fine);
		struct ph_object *o = good(kind, "c", FIELDS(text, other));

		ph_object_unref(&o);
	}
	for (; *wrong != NULL; wrong++) {
		g_autofree char *text =
		    g_strdup_printf("%s=\"%s\"", field, *wrong);
		g_autofree char *said =
		    g_strdup_printf("%s c: %s: ", kind, field);

		bad(kind, "c", FIELDS(text, other), said);
	}
}

START_TEST(hosts_and_ranges_of_connectors_can_be_read)
{
	static const char *const hosts[] = {
	    "smart.example",	"smart.example:587",  "[smart.example]:587",
	    "192.0.2.7:26",	"[192.0.2.8]",	      "2001:db8::7",
	    "[2001:db8::8]:26", "[IPv6:2001:db8::9]", NULL};
	static const char *const no_hosts[] = {"a;b",
					       "a b",
					       "[c",
					       "[d]x",
					       "e:0",
					       "f:65536",
					       "g:h",
					       ":25",
					       "[]",
					       "10.0.0",
					       "-y",
					       "y..z",
					       "[2001:db8::1",
					       "[ipv6:1.2.3.4:5]",
					       NULL};
	static const char *const bindings[] = {"0.0.0.0:25", "[::]:587",
					       "192.0.2.10:465", NULL};
	static const char *const no_bindings[] = {
	    "x",      "192.0.2.10", "192.0.2.10:0", ":25",
	    "a b:25", "/run/x",	    "inet:h:25",    NULL};
	static const char *const ranges[] = {
	    "192.0.2.0/24", "192.0.2.1-192.0.2.9", "2001:db8::1", NULL};
	static const char *const no_ranges[] = {"x", "192.0.2.9-192.0.2.1",
						"192.0.2.0/33", NULL};

	items("sendconnector", "AddressSpaces=*", "SmartHosts", hosts,
	      no_hosts);
	items("receiveconnector", "Server=S", "Bindings", bindings,
	      no_bindings);
	items("receiveconnector", "Server=S", "RemoteIPRanges", ranges,
	      no_ranges);
}
END_TEST

UNIT_MAIN("lib/state/kinds_check", names_fit_their_use,
	  a_rule_name_has_64_characters, rules_are_checked_as_a_whole,
	  whole_rules_are_taken, other_kinds_are_checked_as_a_whole,
	  address_spaces_are_exchanges,
	  hosts_and_ranges_of_connectors_can_be_read)
