#include "lib/state/object.h"
#include "tests/unit/lib/state/objects.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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
	ck_assert_str_eq(ph_object_text(o, "Mode"), "Audit");
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
	    {"rule", "r", "ModerateMessageByUser=a@b.c",
	     "rule r: ModerateMessageByUser: is known but not supported by "
	     "this version"},
	    {"rule", "r", "generatenotification=x",
	     "rule r: generatenotification: is known but not supported"},
	    {"rule", "r", "FromMemberOf=ann",
	     "rule r: FromMemberOf: \"ann\" is not an address"},
	    {"rule", "r", "ExceptIfFrom=ann",
	     "rule r: ExceptIfFrom: \"ann\" is not an address"},
	    {"rule", "r", "RuleErrorAction=Wait",
	     "rule r: RuleErrorAction: \"Wait\" is not one of the words"},
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
	  an_error_shows_little_of_a_long_value, drafts_are_told,
	  equality_is_kind_name_and_values, references_count,
	  wrong_questions_abort, too_much_is_refused)
