#include "lib/state/object.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* "Field=value" pairs, a NUL-terminated list; 0 or -1 as ph_object_parse. */
static int
parse(const char *kind, const char *name, const char *const *fields,
      struct ph_object **object_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func(g_free);
	struct ph_pair pairs[32];
	size_t n = 0;

	for (; fields[n] != NULL; n++) {
		char *copy = g_strdup(fields[n]), *equals = strchr(copy, '=');

		g_assert(n < G_N_ELEMENTS(pairs) && equals != NULL);
		*equals = '\0';
		g_ptr_array_add(copies, copy);
		pairs[n] = (struct ph_pair){copy, equals + 1};
	}
	return ph_object_parse(ph_kind_find(kind), name, pairs, n, object_r,
			       err);
}

#define FIELDS(...)               \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define NO_FIELDS             \
	(const char *const[]) \
	{                     \
		NULL          \
	}

static struct ph_object *
good(const char *kind, const char *name, const char *const *fields)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = NULL;

	ck_assert_msg(parse(kind, name, fields, &object, &err) == 0, "%s",
		      err.text);
	return object;
}

/* Refused as PERM, and the text begins so. */
static void
bad(const char *kind, const char *name, const char *const *fields,
    const char *text)
{
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *object = NULL;

	ck_assert_msg(parse(kind, name, fields, &object, &err) == -1,
		      "taken: %s %s", name, fields[0]);
	ck_assert_ptr_null(object);
	ck_assert_int_eq(err.kind, PH_ERR_PERM);
	ck_assert_msg(g_str_has_prefix(err.text, text), "%s, not %s", err.text,
		      text);
	ck_assert_msg(strstr(err.text, "; expected ") != NULL, "%s", err.text);
}

START_TEST(values_are_typed)
{
	struct ph_object *o =
	    good("rule", "Secret",
		 FIELDS("priority=7", "Enabled=$false", "Mode=audit",
			"SubjectContainsWords=secret,\"top, secret\"",
			"ExceptIfFromScope=notinorganization",
			"PrependSubject=[X] "));
	const char *const *words = ph_object_list(o, "SubjectContainsWords");

	ck_assert_str_eq(ph_object_name(o), "Secret");
	ck_assert_str_eq(ph_object_folded(o), "secret");
	ck_assert_ptr_eq(ph_object_kind(o), ph_kind_find("rule"));
	ck_assert_int_eq(ph_object_int(o, "Priority"), 7);
	ck_assert(!ph_object_bool(o, "Enabled"));
	ck_assert(ph_object_has(o, "Enabled"));
	ck_assert_uint_eq(ph_object_word(o, "Mode"), 1);
	ck_assert_str_eq(words[0], "secret");
	ck_assert_str_eq(words[1], "top, secret");
	ck_assert_ptr_null(words[2]);
	ck_assert_uint_eq(ph_object_word(o, "ExceptIfFromScope"), 1);
	ck_assert_uint_eq(ph_object_word(o, "FromScope"), SIZE_MAX);
	/* No separator is added, so the blank must stay. */
	ck_assert_str_eq(ph_object_text(o, "PrependSubject"), "[X] ");
	ph_object_unref(&o);
	ck_assert_ptr_null(o);
	ph_object_unref(&o);
}
END_TEST

START_TEST(numbers_have_units)
{
	struct ph_object *o =
	    good("sendconnector", "Out",
		 FIELDS("AddressSpaces=*", "MaxMessageSize=150 KB",
			"ConnectionInactivityTimeOut=00:01:30"));
	struct ph_object *meta =
	    good("meta", NULL,
		 FIELDS("Organization=4ccf6bd2-b11c-46ba-a1f5-6bd69ea0ba4c",
			"Adopted=1970-01-02T00:00:01Z"));

	ck_assert_int_eq(ph_object_int(o, "MaxMessageSize"), 153600);
	ck_assert_int_eq(ph_object_int(o, "ConnectionInactivityTimeOut"),
			 90000);
	ck_assert_int_eq(ph_object_int(meta, "Adopted"), 86401000);
	ck_assert_str_eq(ph_object_name(meta), "");
	ph_object_unref(&o);
	ph_object_unref(&meta);
}
END_TEST

START_TEST(unset_fields_have_defaults)
{
	struct ph_object *link = good("sitelink", "L", FIELDS("Sites=A,B"));
	struct ph_object *server = good("server", "MBX1", NO_FIELDS);
	struct ph_object *rule = good("rule", "r", NO_FIELDS);

	ck_assert_int_eq(ph_object_int(link, "Cost"), 100);
	ck_assert(!ph_object_has(link, "Cost"));
	ck_assert_str_eq(ph_object_text(link, "Cost"), "100");
	ck_assert_int_eq(ph_object_int(link, "MaxMessageSize"), INT64_MAX);
	ck_assert_int_eq(ph_object_int(link, "ExchangeCost"), 0);
	ck_assert(!ph_object_has(link, "ExchangeCost"));
	ck_assert_ptr_null(ph_object_text(link, "ExchangeCost"));
	ck_assert_uint_eq(
	    g_strv_length((char **)ph_object_list(server, "Roles")), 3);
	ck_assert_uint_eq(ph_object_word(server, "State"), 0);
	ck_assert(ph_object_bool(rule, "Enabled"));
	ck_assert_ptr_null(ph_object_list(rule, "SubjectContainsWords")[0]);
	ck_assert(!ph_object_bool(rule, "DeleteMessage"));
	ph_object_unref(&link);
	ph_object_unref(&server);
	ph_object_unref(&rule);
}
END_TEST

START_TEST(words_of_a_list_are_spelt_alike)
{
	struct ph_object *o =
	    good("server", "MBX1", FIELDS("Roles=mailbox,HUBTRANSPORT"));
	const char *const *roles = ph_object_list(o, "Roles");

	ck_assert_str_eq(roles[0], "Mailbox");
	ck_assert_str_eq(roles[1], "HubTransport");
	ck_assert_ptr_null(roles[2]);
	ph_object_unref(&o);
}
END_TEST

START_TEST(an_empty_value_is_unset)
{
	struct ph_object *o =
	    good("sitelink", "L", FIELDS("Sites=A,B", "Cost=", "Comment="));

	ck_assert(!ph_object_has(o, "Cost"));
	ck_assert_int_eq(ph_object_int(o, "Cost"), 100);
	ck_assert(!ph_object_has(o, "Comment"));
	ph_object_unref(&o);
	bad("sitelink", "L", FIELDS("Sites="),
	    "sitelink L: Sites: is not set; expected a comma separated list "
	    "of names");
}
END_TEST

START_TEST(aliases_become_the_name)
{
	struct ph_object *o =
	    good("recipient", "ann@example.com",
		 FIELDS("RecipientType=MailUser", "TargetAddress=a@b.example",
			"ProxyAddresses=x@example.com",
			"EmailAddresses=y@example.com"));
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(o, &pairs);

	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(pairs[1].field, "EmailAddresses");
	ck_assert_str_eq(pairs[1].value, "y@example.com");
	ck_assert_str_eq(pairs[2].field, "ExternalEmailAddress");
	ck_assert_str_eq(ph_object_text(o, "TargetAddress"), "a@b.example");
	ck_assert(ph_object_has(o, "ProxyAddresses"));
	ph_object_unref(&o);
	/* The name wins, unless it is empty. */
	o = good("recipient", "ann@example.com",
		 FIELDS("RecipientType=MailUser", "TargetAddress=a@b.example",
			"ExternalEmailAddress="));
	ck_assert_str_eq(ph_object_text(o, "ExternalEmailAddress"),
			 "a@b.example");
	ph_object_unref(&o);
}
END_TEST

START_TEST(a_field_given_twice_is_refused)
{
	bad("rule", "r", FIELDS("Mode=Audit", "mode=Enforce"),
	    "rule r: Mode: is given twice");
	bad("rule", "r", FIELDS("Mode=Audit", "Mode=Audit"),
	    "rule r: Mode: is given twice");
	bad("recipient", "a@b.c",
	    FIELDS("RecipientType=MailGroup", "colour=red", "Colour=blue"),
	    "recipient a@b.c: ");
}
END_TEST

START_TEST(addresses_are_normalised)
{
	struct ph_object *o = good(
	    "recipient", "ann@example.com",
	    FIELDS("RecipientType=MailContact",
		   "ExternalEmailAddress=SMTP:Ann@Example.Org",
		   "EmailAddresses=smtp:b@example.com,X500:/o=E/cn=ann,"
		   "SMTP:c@example.com,sip:ann@example.com,d@example.com"));
	const char *const *list = ph_object_list(o, "EmailAddresses");

	ck_assert_str_eq(ph_object_text(o, "ExternalEmailAddress"),
			 "Ann@Example.Org");
	ck_assert_str_eq(list[0], "c@example.com");
	ck_assert_str_eq(list[1], "b@example.com");
	ck_assert_str_eq(list[2], "d@example.com");
	ck_assert_ptr_null(list[3]);
	ph_object_unref(&o);
	bad("recipient", "ann@example.com",
	    FIELDS("RecipientType=MailContact",
		   "ExternalEmailAddress=X400:c=us"),
	    "recipient ann@example.com: ExternalEmailAddress: \"X400:c=us\" is "
	    "not an address");
}
END_TEST

START_TEST(open_kinds_keep_what_they_do_not_know)
{
	struct ph_object *o = good("recipient", "g@example.com",
				   FIELDS("zebra=1", "RecipientType=MailGroup",
					  "Members=a@b.example",
					  "badge=two\nlines", "City=Faro"));
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(o, &pairs);

	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(pairs[0].field, "RecipientType");
	ck_assert_str_eq(pairs[1].field, "Members");
	ck_assert_str_eq(pairs[2].field, "City");
	ck_assert_str_eq(pairs[3].field, "badge");
	ck_assert_str_eq(pairs[4].field, "zebra");
	ck_assert_str_eq(ph_object_text(o, "Zebra"), "1");
	ck_assert_ptr_null(ph_object_text(o, "unheard of"));
	ck_assert(!ph_object_has(o, "unheard of"));
	ph_object_unref(&o);
	bad("recipient", "g@example.com",
	    FIELDS("RecipientType=MailGroup", "a\nb=1"),
	    "recipient g@example.com: a?b: ");
	bad("recipient", "g@example.com",
	    FIELDS("RecipientType=MailGroup", "badge=\x1b[2J"),
	    "recipient g@example.com: badge: ");
}
END_TEST

START_TEST(pairs_follow_the_kind)
{
	struct ph_object *o =
	    good("rule", "r",
		 FIELDS("DeleteMessage=1", "ExceptIfSubjectContainsWords=b",
			"SubjectContainsWords=a",
			"ExceptIfFromScope=InOrganization", "Priority=1"));
	static const char *const order[] = {
	    "Priority", "ExceptIfFromScope", "SubjectContainsWords",
	    "ExceptIfSubjectContainsWords", "DeleteMessage"};
	const struct ph_pair *pairs;
	size_t n = ph_object_pairs(o, &pairs);

	ck_assert_uint_eq(n, G_N_ELEMENTS(order));
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(pairs[i].field, order[i]);
	ck_assert_str_eq(pairs[3].value, "b");
	ph_object_unref(&o);
}
END_TEST

START_TEST(bad_values_are_explained)
{
	static const struct {
		const char *kind, *name, *field, *text;
	} cases[] = {
	    {"rule", "r", "Priority=abc",
	     "rule r: Priority: \"abc\" is not a whole number"},
	    {"rule", "r", "Priority=-1",
	     "rule r: Priority: \"-1\" is out of range"},
	    {"rule", "r", "Enabled=maybe",
	     "rule r: Enabled: \"maybe\" is not a yes or no; expected true or "
	     "false"},
	    {"rule", "r", "Mode=Dry",
	     "rule r: Mode: \"Dry\" is not one of the words; expected one of "
	     "Enforce, Audit, AuditAndNotify"},
	    {"rule", "r", "Colour=red",
	     "rule r: Colour: there is no such field"},
	    {"rule", "r", "SubjectContainWords=x",
	     "rule r: SubjectContainWords: there is no such field; expected "
	     "SubjectContainsWords?"},
	    {"rule", "r", "ExceptIfSubjectContainWords=x",
	     "rule r: ExceptIfSubjectContainWords: there is no such field; "
	     "expected ExceptIfSubjectContainsWords?"},
	    {"rule", "r", "FromMemberOf=a@b.c",
	     "rule r: FromMemberOf: is known but not supported by this "
	     "version"},
	    {"rule", "r", "ExceptIfFrom=a@b.c",
	     "rule r: ExceptIfFrom: is known but not supported"},
	    {"rule", "r", "RuleErrorAction=Ignore",
	     "rule r: RuleErrorAction: is known but not supported"},
	    {"rule", "r", "SubjectContainsWords=\" a\"",
	     "rule r: SubjectContainsWords: \" a\" begins or ends with a "
	     "blank"},
	    {"rule", "r", "SubjectContainsWords=[\"a \"]",
	     "rule r: SubjectContainsWords: \"a \" begins or ends"},
	    {"rule", "r", "SubjectContainsWords=,",
	     "rule r: SubjectContainsWords: \",\" holds nothing"},
	    {"rule", "r", "SubjectContainsWords=[]",
	     "rule r: SubjectContainsWords: \"[]\" holds nothing"},
	    {"rule", "r", "SubjectContainsWords=[\"a\"",
	     "rule r: SubjectContainsWords: "},
	    {"rule", "r", "SubjectContainsWords=[\"a\\nb\"]",
	     "rule r: SubjectContainsWords: "},
	    {"rule", "r", "PrependSubject=a\r\nBcc: x@y",
	     "rule r: PrependSubject: \"a??Bcc: x@y\" holds a control "
	     "character or line break"},
	    {"rule", "r", "PrependSubject=\xff", "rule r: PrependSubject: "},
	    {"sitelink", "L", "Cost=0", "sitelink L: Cost: \"0\" is out of"},
	    {"sitelink", "L", "MaxMessageSize=63KB",
	     "sitelink L: MaxMessageSize: \"63KB\" is out of range; expected a "
	     "size such as 10MB or unlimited, from 64KB"},
	    {"sitelink", "L", "MaxMessageSize=big",
	     "sitelink L: MaxMessageSize: \"big\" is not a size"},
	    {"sendconnector", "c", "ConnectionInactivityTimeOut=2d",
	     "sendconnector c: ConnectionInactivityTimeOut: \"2d\" is out of"},
	    {"sendconnector", "c", "ConnectionInactivityTimeOut=soon",
	     "sendconnector c: ConnectionInactivityTimeOut: \"soon\" is not"},
	    {"meta", NULL, "Adopted=yesterday",
	     "meta: Adopted: \"yesterday\" is not a date"},
	    {"server", "s", "Transport=mbx1",
	     "server s: Transport: \"mbx1\" is not an endpoint; expected "
	     "host:port"},
	    {"server", "s", "Roles=Mailbox,Fax",
	     "server s: Roles: \"Fax\" is not one of the words"},
	    {"server", "s", "Site=a\tb", "server s: Site: "},
	    {"recipient", "a@b.c", "Members=a@b.c,Ann <ann@b.c>",
	     "recipient a@b.c: Members: \"Ann <ann@b.c>\" is not an address"},
	    {"recipient", "a@b.c", "Manager=ann", "recipient a@b.c: Manager: "},
	    {"recipient", "a@b.c", "Manager=a,b@c.d",
	     "recipient a@b.c: Manager: "},
	    {"transportconfig", NULL, "MaxSendSize=x",
	     "transportconfig: MaxSendSize: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		bad(cases[i].kind, cases[i].name, FIELDS(cases[i].field),
		    cases[i].text);
}
END_TEST

/* n characters of two bytes each. */
static char *
filled(const char *field, size_t n)
{
	GString *text = g_string_new(field);

	for (size_t i = 0; i < n; i++)
		g_string_append(text, "\xc3\xa9");
	return g_string_free(text, FALSE);
}

START_TEST(lengths_are_in_characters)
{
	static const struct {
		const char *field;
		size_t limit;
	} cases[] = {
	    {"RejectMessageReasonText=", 256},
	    {"Comments=", 1024},
	    {"SubjectContainsWords=", 128},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *fits = filled(cases[i].field, cases[i].limit);
		g_autofree char *over =
		    filled(cases[i].field, cases[i].limit + 1);
		struct ph_object *o = good("rule", "r", FIELDS(fits));

		ph_object_unref(&o);
		bad("rule", "r", FIELDS(over), "rule r: ");
	}
}
END_TEST

START_TEST(an_error_shows_little_of_a_long_value)
{
	g_autofree char *value = g_strnfill(100000, 'x');
	g_autofree char *field = g_strconcat("Mode=", value, NULL);
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *o = NULL;

	ck_assert_int_eq(parse("rule", "r", FIELDS(field), &o, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "expected one of Enforce"));
}
END_TEST

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

START_TEST(other_kinds_are_checked_as_a_whole)
{
	static const struct {
		const char *kind, *name;
		const char *fields[4];
		const char *text;
	} cases[] = {
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
	struct ph_object *o;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		bad(cases[i].kind, cases[i].name, cases[i].fields,
		    cases[i].text);
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

START_TEST(drafts_are_told)
{
	static const struct {
		bool draft;
		const char *fields[3];
	} cases[] = {
	    {true, {"RejectMessageReasonText=No"}},
	    {true, {"DeleteMessage=1", "Priority=0"}},
	    {true, {"DeleteMessage=1", "ExceptIfSubjectContainsWords=x"}},
	    {true, {"DeleteMessage=1", "State=Enabled"}},
	    {false, {"DeleteMessage=1", "Enabled=true"}},
	    {false, {"DeleteMessage=1", "Enabled=false"}},
	    {false, {"DeleteMessage=1", "SubjectContainsWords=x"}},
	    {false, {"DeleteMessage=0"}},
	    {false, {"SubjectContainsWords=x"}},
	    {false, {"Priority=1"}},
	};
	struct ph_object *o;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		o = good("rule", "r", cases[i].fields);
		ck_assert_msg(ph_object_draft(o) == cases[i].draft, "%s, %s",
			      cases[i].fields[0], cases[i].fields[1]);
		ph_object_unref(&o);
	}
	o = good("site", "s", NO_FIELDS);
	ck_assert(!ph_object_draft(o));
	ph_object_unref(&o);
}
END_TEST

START_TEST(equality_is_kind_name_and_values)
{
	struct ph_object *a = good("dag", "D", FIELDS("Servers=A,B"));
	struct ph_object *same = good("dag", "D", FIELDS("servers=A,B"));
	struct ph_object *value = good("dag", "D", FIELDS("Servers=B,A"));
	struct ph_object *name = good("dag", "d", FIELDS("Servers=A,B"));
	struct ph_object *less = good("dag", "D", NO_FIELDS);
	struct ph_object *kind = good("database", "D", FIELDS("Servers=A,B"));

	ck_assert(ph_object_equal(a, a));
	ck_assert(ph_object_equal(a, same));
	ck_assert(!ph_object_equal(a, value));
	ck_assert(!ph_object_equal(a, name));
	ck_assert(!ph_object_equal(a, less));
	ck_assert(!ph_object_equal(a, kind));
	ph_object_unref(&a);
	ph_object_unref(&same);
	ph_object_unref(&value);
	ph_object_unref(&name);
	ph_object_unref(&less);
	ph_object_unref(&kind);
}
END_TEST

/* A reference outlives the one it was taken from. */
START_TEST(references_count)
{
	struct ph_object *a = good("dag", "D", FIELDS("Servers=A"));
	struct ph_object *b = ph_object_ref(a);

	ph_object_unref(&a);
	ck_assert_str_eq(ph_object_list(b, "Servers")[0], "A");
	ph_object_unref(&b);
}
END_TEST

static void
ask_unknown(const struct ph_object *o)
{
	ph_object_text(o, "Colour");
}

static void
ask_bool_as_int(const struct ph_object *o)
{
	ph_object_int(o, "HubSiteEnabled");
}

static void
ask_bool_as_list(const struct ph_object *o)
{
	ph_object_list(o, "HubSiteEnabled");
}

static void
ask_text_as_bool(const struct ph_object *o)
{
	ph_object_bool(o, "Comment");
}

static void
ask_text_as_word(const struct ph_object *o)
{
	ph_object_word(o, "Comment");
}

START_TEST(wrong_questions_abort)
{
	static void (*const questions[])(const struct ph_object *) = {
	    ask_unknown, ask_bool_as_int, ask_bool_as_list, ask_text_as_bool,
	    ask_text_as_word};
	struct ph_object *o = good("site", "s", NO_FIELDS);

	for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
			signal(SIGABRT, SIG_DFL);
			questions[i](o);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(WIFSIGNALED(status) &&
				  WTERMSIG(status) == SIGABRT,
			      "question %zu", i);
	}
	ph_object_unref(&o);
}
END_TEST

static struct ph_object *
rich_recipient(void)
{
	return good("recipient", "ann@example.com",
		    FIELDS("RecipientType=UserMailbox", "Database=DB1",
			   "EmailAddresses=a@b.example", "badge=\xc3\xa9"));
}

START_TEST(packing_is_undone_by_unpacking)
{
	struct ph_object *objects[] = {
	    rich_recipient(),
	    good("rule", "all \xff bytes",
		 FIELDS("ExceptIfSubjectContainsWords=a,\"b,c\"", "Enabled=0",
			"Comments=two\nlines")),
	    good("site", "empty", NO_FIELDS),
	    good("meta", NULL,
		 FIELDS("Organization=4ccf6bd2-b11c-46ba-a1f5-6bd69ea0ba4c")),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++) {
		struct ph_err err = PH_ERR_INIT;
		struct ph_object *copy = NULL;
		size_t size;
		g_autofree void *data = ph_object_pack(objects[i], &size);

		ck_assert_msg(ph_object_unpack(ph_object_kind(objects[i]), data,
					       size, &copy, &err) == 0,
			      "%s", err.text);
		ck_assert(ph_object_equal(objects[i], copy));
		ph_object_unref(&copy);
		ph_object_unref(&objects[i]);
	}
}
END_TEST

/* A copy of exactly that size, so that reading beyond it is seen. */
static int
unpack_copy(const void *data, size_t size, struct ph_object **object_r)
{
	g_autofree void *exact = g_memdup2(data, size);
	struct ph_err err = PH_ERR_INIT;
	int result = ph_object_unpack(ph_kind_find("recipient"), exact, size,
				      object_r, &err);

	ck_assert(result == 0 ||
		  (err.kind == PH_ERR_PERM && err.text[0] != '\0'));
	return result;
}

START_TEST(a_cut_pack_is_refused)
{
	struct ph_object *o = rich_recipient(), *copy = NULL;
	size_t size;
	g_autofree uint8_t *data = ph_object_pack(o, &size);
	uint8_t longer[1024] = {0};

	for (size_t i = 0; i < size; i++)
		ck_assert_int_eq(unpack_copy(data, i, &copy), -1);
	ck_assert_uint_lt(size, sizeof(longer));
	memcpy(longer, data, size);
	ck_assert_int_eq(unpack_copy(longer, size + 1, &copy), -1);
	ck_assert_ptr_null(copy);
	ph_object_unref(&o);
}
END_TEST

/* C would see the string end there, another reader would not. */
START_TEST(a_nul_in_a_pack_is_refused)
{
	struct ph_object *o = rich_recipient(), *copy = NULL;
	size_t size, checked = 0;
	g_autofree char *data = ph_object_pack(o, &size);

	for (size_t i = 0; i < size; i++) {
		char kept = data[i];

		if (kept != '@' && kept != '1')
			continue;
		data[i] = '\0';
		ck_assert_int_eq(unpack_copy(data, size, &copy), -1);
		data[i] = kept;
		checked++;
	}
	/* Two addresses, and the last byte of DB1. */
	ck_assert_uint_eq(checked, 3);
	ph_object_unref(&o);
}
END_TEST

/* A changed byte may give another object, but only one that is as good. */
static void
check_packs_again(const struct ph_object *object)
{
	struct ph_object *copy = NULL;
	size_t size;
	g_autofree void *data = ph_object_pack(object, &size);

	ck_assert_int_eq(unpack_copy(data, size, &copy), 0);
	ck_assert(ph_object_equal(object, copy));
	ph_object_unref(&copy);
}

START_TEST(a_damaged_pack_does_no_harm)
{
	static const uint8_t changes[] = {0x01, 0x20, 0x80, 0xff};
	struct ph_object *o = rich_recipient();
	size_t size, refused = 0;
	g_autofree uint8_t *data = ph_object_pack(o, &size);

	for (size_t i = 0; i < size * G_N_ELEMENTS(changes); i++) {
		uint8_t *byte = &data[i / G_N_ELEMENTS(changes)];
		uint8_t change = changes[i % G_N_ELEMENTS(changes)];
		struct ph_object *copy = NULL;

		*byte ^= change;
		if (unpack_copy(data, size, &copy) == 0)
			check_packs_again(copy);
		else
			refused++;
		ph_object_unref(&copy);
		*byte ^= change;
	}
	ck_assert_uint_gt(refused, size);
	ph_object_unref(&o);
}
END_TEST

START_TEST(too_much_is_refused)
{
	g_autofree struct ph_pair *pairs = g_new(struct ph_pair, 1025);
	g_autofree char *name = g_strnfill(1025, 'n');
	struct ph_err err = PH_ERR_INIT;
	struct ph_object *o = NULL;

	for (size_t i = 0; i < 1025; i++)
		pairs[i] = (struct ph_pair){"Comment", ""};
	ck_assert_int_eq(
	    ph_object_parse(ph_kind_find("site"), "s", pairs, 1024, &o, &err),
	    0);
	ph_object_unref(&o);
	ck_assert_int_eq(
	    ph_object_parse(ph_kind_find("site"), "s", pairs, 1025, &o, &err),
	    -1);
	bad("site", name, NO_FIELDS, "site nnn");
	ck_assert_int_eq(
	    ph_object_parse(ph_kind_find("site"), name + 1, NULL, 0, &o, &err),
	    0);
	ph_object_unref(&o);
}
END_TEST

UNIT_MAIN("lib/state/object", values_are_typed, numbers_have_units,
	  unset_fields_have_defaults, words_of_a_list_are_spelt_alike,
	  an_empty_value_is_unset, aliases_become_the_name,
	  a_field_given_twice_is_refused, addresses_are_normalised,
	  open_kinds_keep_what_they_do_not_know, pairs_follow_the_kind,
	  bad_values_are_explained, lengths_are_in_characters,
	  an_error_shows_little_of_a_long_value, names_fit_their_use,
	  a_rule_name_has_64_characters, rules_are_checked_as_a_whole,
	  whole_rules_are_taken, other_kinds_are_checked_as_a_whole,
	  address_spaces_are_exchanges, drafts_are_told,
	  equality_is_kind_name_and_values, references_count,
	  wrong_questions_abort, packing_is_undone_by_unpacking,
	  a_cut_pack_is_refused, a_nul_in_a_pack_is_refused,
	  a_damaged_pack_does_no_harm, too_much_is_refused)
