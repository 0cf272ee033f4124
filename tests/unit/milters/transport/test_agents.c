#include "lib/fork/plan.h"
#include "lib/routing/topology.h"
#include "milters/transport/rules/names.h"
#include "milters/transport/rules/ruleset.h"
#include "milters/transport/transport.h"
#include "tests/unit/unit.h"

#include <string.h>

/* One message through the agents of posthub-transport, as server MBX2. */
static const struct ph_derive derive[] = {
    [PH_DERIVED_TOPOLOGY] = {"topology", ph_topology_build, ph_topology_free,
			     NULL},
    [PH_DERIVED_RULES] = {"rules", ph_ruleset_build, ph_ruleset_free, NULL},
    [PH_DERIVED] = {NULL, NULL, NULL, NULL},
};

struct object {
	const char *kind, *name;
	struct ph_pair pairs[5];
};

static const struct object objects[] = {
    {"site", "S1", {{NULL, NULL}}},
    {"domain", "a.test", {{"DomainType", "Authoritative"}, {"Default", "yes"}}},
    {"server",
     "MBX1",
     {{"Fqdn", "mbx1.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.1:2525"}}},
    {"server",
     "MBX2",
     {{"Fqdn", "mbx2.a.test"},
      {"Site", "S1"},
      {"Transport", "192.0.2.2:2525"}}},
    {"rule",
     "Ext",
     {{"ExceptIfFromScope", "InOrganization"},
      {"PrependSubject", "[EXT] "},
      {"Enabled", "yes"}}},
    {"rule",
     "Secret",
     {{"SubjectContainsWords", "secret"},
      {"RejectMessageReasonText", "no"},
      {NULL, NULL}}},
    {"rule",
     "Drop",
     {{"SubjectContainsWords", "drop"},
      {"DeleteMessage", "yes"},
      {NULL, NULL}}},
};

static const struct object entries[] = {
    {"recipient",
     "key@a.test",
     {{"RecipientType", "UserMailbox"},
      {"PrimarySmtpAddress", "u@a.test"},
      {"EmailAddresses", "v@a.test,w@a.test"},
      {"Database", "DB1"}}},
    {"recipient",
     "all@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "v@a.test,y@b.test,some@a.test"}}},
    {"recipient",
     "some@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "x@b.test,y@b.test"}}},
    {"recipient",
     "boss@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ReportToManagerEnabled", "yes"}}},
    {"recipient",
     "quiet@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ReportToOriginatorEnabled", "no"}}},
    {"recipient",
     "far@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ExpansionServer", "MBX1"}}},
    {"recipient",
     "near@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "x@b.test"},
      {"ExpansionServer", "mbx2"},
      {"SendOofMessageToOriginatorEnabled", "yes"}}},
    {"recipient",
     "dynamic@a.test",
     {{"RecipientType", "DynamicDistributionGroup"},
      {"RecipientFilter", "Title -eq 'x'"}}},
    {"recipient",
     "mixed@a.test",
     {{"RecipientType", "MailGroup"},
      {"Members", "boss@a.test,far@a.test,near@a.test,dynamic@a.test"}}},
};

static struct ph_object *
parse(const struct object *from)
{
	struct ph_object *object = NULL;
	struct ph_err err = PH_ERR_INIT;
	size_t n = 0;

	while (n < G_N_ELEMENTS(from->pairs) && from->pairs[n].field != NULL)
		n++;
	ck_assert_msg(ph_object_parse(ph_kind_find(from->kind), from->name,
				      from->pairs, n, &object, &err) == 0,
		      "%s", err.text);
	return object;
}

static void
unref_object(void *data)
{
	struct ph_object *object = data;

	ph_object_unref(&object);
}

/* With further objects, which end with kind NULL. */
static struct ph_snapshot *
make_snapshot(const struct object *more)
{
	g_autoptr(GPtrArray) made =
	    g_ptr_array_new_with_free_func(unref_object);

	for (size_t i = 0; i < G_N_ELEMENTS(objects); i++)
		g_ptr_array_add(made, parse(&objects[i]));
	for (; more != NULL && more->kind != NULL; more++)
		g_ptr_array_add(made, parse(more));
	return ph_snapshot_build((const struct ph_object *const *)made->pdata,
				 made->len, derive);
}

static struct ph_directory *
make_directory(void)
{
	struct ph_object *made[G_N_ELEMENTS(entries)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		made[i] = parse(&entries[i]);
	directory = ph_directory_memory((const struct ph_object *const *)made,
					G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
		ph_object_unref(&made[i]);
	return directory;
}

static struct ph_transport transport = {
    .server = "MBX2",
    .connector = (char[]){"MBX2\\Default MBX2"},
    .resolve = true,
    .report_to_strangers = true,
    .loop_limit = 3,
};

static struct ph_client
make_client(const char *name, const char *address)
{
	return (struct ph_client){
	    .name = g_strdup(name),
	    .address = g_strdup(address),
	    .helo = g_strdup("helo.test"),
	    .server_address = g_strdup("192.0.2.2"),
	    .private_socket = *address == '\0',
	};
}

static void
client_clear(struct ph_client *client)
{
	g_free(client->name);
	g_free(client->address);
	g_free(client->helo);
	g_free(client->server_address);
}

static struct ph_mail *
make_mail(const struct ph_client *client, const char *subject)
{
	struct ph_mail *mail = ph_mail_new(client, "x@b.test");

	mail->snapshot = make_snapshot(NULL);
	mail->directory = make_directory();
	g_free(mail->queue_id);
	mail->queue_id = g_strdup("Q1");
	mail->size = 100;
	ph_headers_add(mail->headers, "Message-ID", "<1@b.test>");
	ph_headers_add(mail->headers, "Date", "today");
	ph_headers_add(mail->headers, "From", "X <x@b.test>");
	ph_headers_add(mail->headers, "Subject", subject);
	return mail;
}

static void
mail_clear(struct ph_mail **mail)
{
	ph_directory_close(&(*mail)->directory);
	ph_mail_free(mail);
}

/* 1: a verdict. */
static int
run(struct ph_mail *mail)
{
	struct ph_err err = PH_ERR_INIT;
	int r = ph_resolve_agent.on_message(mail, &transport, &err);

	if (r == 0)
		r = ph_rules_agent.on_message(mail, &transport, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	return r;
}

static void
check_header(const struct ph_mail *mail, const char *name, const char *value)
{
	const char *is = ph_headers_raw(mail->headers, name, 0);

	ck_assert_msg(g_strcmp0(is, value) == 0, "%s: %s", name,
		      is != NULL ? is : "none");
	ck_assert_ptr_null(ph_headers_raw(mail->headers, name, 1));
}

static void
forge(struct ph_mail *mail)
{
	ph_headers_add(mail->headers, "X-PostHub-AuthAs", "Internal");
	ph_headers_add(mail->headers, "x-posthub-rules-executed", "MBX1");
	ph_headers_add(mail->headers, "X-PostHub-Network-Message-Id",
		       "0D28A029-f4ac-8bc3-b9d4-1ef7626de61e");
	ph_headers_add(mail->headers, "X-PostHub-OriginalClientIPAddress",
		       "198.51.100.7");
	ph_headers_add(mail->headers, "X-PostHub-Anything", "1");
}

START_TEST(test_stranger)
{
	struct ph_client client = make_client("", "203.0.113.5");
	struct ph_mail *mail = make_mail(&client, "hello");

	forge(mail);
	ph_mail_add_recipient(mail, "z@b.test", NULL);
	g_free(mail->author);
	mail->author = g_strdup("u@a.test");
	ck_assert_int_eq(run(mail), 0);
	ck_assert(!mail->trusted);
	ck_assert_int_eq(mail->auth_as, PH_AUTH_ANONYMOUS);
	check_header(mail, "X-PostHub-AuthAs", "Anonymous");
	check_header(mail, "X-PostHub-AuthSource", "mbx2.a.test");
	check_header(mail, "X-PostHub-OriginalClientIPAddress", "203.0.113.5");
	check_header(mail, "X-PostHub-Rules-Executed", "MBX2");
	check_header(mail, "X-PostHub-Anything", NULL);
	check_header(mail, "Subject", "[EXT] hello");
	ck_assert_str_ne(mail->nmid, "0d28a029-f4ac-8bc3-b9d4-1ef7626de61e");
	check_header(mail, "X-PostHub-Network-Message-Id", mail->nmid);
	mail_clear(&mail);
	client_clear(&client);
}
END_TEST

/* By address, by name, and on a socket of ours. */
START_TEST(test_trusted)
{
	static const char *const clients[][2] = {
	    {"", "192.0.2.1"}, {"mbx1.a.test", "198.51.100.1"}, {"", ""}};

	for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
		struct ph_client client =
		    make_client(clients[i][0], clients[i][1]);
		struct ph_mail *mail = make_mail(&client, "secret");

		forge(mail);
		ph_mail_add_recipient(mail, "z@b.test", NULL);
		ck_assert_int_eq(run(mail), 0);
		ck_assert(mail->trusted);
		ck_assert_int_eq(mail->auth_as, PH_AUTH_INTERNAL);
		ck_assert_str_eq(mail->original_ip, "198.51.100.7");
		ck_assert_str_eq(mail->nmid,
				 "0d28a029-f4ac-8bc3-b9d4-1ef7626de61e");
		check_header(mail, "X-PostHub-Rules-Executed", "MBX1");
		check_header(mail, "X-PostHub-Anything", "1");
		/* The rules have run elsewhere. */
		check_header(mail, "Subject", "secret");
		ck_assert_ptr_null(mail->info);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

START_TEST(test_auth)
{
	static const struct {
		const char *address, *login, *author;
		enum ph_auth_as auth_as;
	} cases[] = {
	    {"203.0.113.5", "u", "", PH_AUTH_INTERNAL},
	    {"203.0.113.5", "", "u@a.test", PH_AUTH_ANONYMOUS},
	    {"192.0.2.1", "", "u@a.test", PH_AUTH_INTERNAL},
	    {"192.0.2.1", "", "<>", PH_AUTH_ANONYMOUS},
	    {"192.0.2.1", "", "", PH_AUTH_ANONYMOUS},
	    {"", "", "", PH_AUTH_ANONYMOUS},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		ph_mail_add_recipient(mail, "z@b.test", NULL);
		g_free(mail->login);
		g_free(mail->author);
		mail->login = g_strdup(cases[i].login);
		mail->author = g_strdup(cases[i].author);
		ck_assert_int_eq(run(mail), 0);
		ck_assert_int_eq(mail->auth_as, cases[i].auth_as);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

START_TEST(test_many_forged)
{
	struct ph_client client = make_client("", "203.0.113.5");

	for (int n = 50; n <= 51; n++) {
		struct ph_mail *mail = make_mail(&client, "hello");

		ph_mail_add_recipient(mail, "z@b.test", NULL);
		for (int i = 0; i < n; i++)
			ph_headers_add(mail->headers, "X-PostHub-A", "1");
		ck_assert_int_eq(run(mail), n > 50);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* "given>address" or "given-" for one that is removed. */
static char *
recipients_of(const struct ph_mail *mail)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		g_string_append_printf(out, "%s%s%s ", r->given,
				       r->removed ? "-" : ">",
				       r->removed ? "" : r->address);
	}
	return g_string_free(out, FALSE);
}

START_TEST(test_resolve)
{
	static const char *const cases[][2] = {
	    {"u@a.test", "u@a.test>u@a.test "},
	    {"U@A.test", "U@A.test>U@A.test "},
	    {"v@a.test", "v@a.test>u@a.test "},
	    {"v@a.test w@a.test", "v@a.test>u@a.test w@a.test- "},
	    {"v@a.test u@a.test", "v@a.test- u@a.test>u@a.test "},
	    {"V@a.test U@a.test", "V@a.test- U@a.test>U@a.test "},
	    {"none@a.test z@b.test",
	     "none@a.test>none@a.test z@b.test>z@b.test "},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_auto(GStrv) given = g_strsplit(cases[i][0], " ", -1);
		g_autofree char *is = NULL;

		for (char **g = given; *g != NULL; g++)
			ph_mail_add_recipient(mail, *g, NULL);
		ck_assert_int_eq(run(mail), 0);
		is = recipients_of(mail);
		ck_assert_str_eq(is, cases[i][1]);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

START_TEST(test_directory_away)
{
	static const struct {
		enum ph_err_kind kind;
		int verdict;
	} cases[] = {{PH_ERR_TEMP, 1}, {PH_ERR_PERM, 0}};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_autofree char *is = NULL;

		ph_directory_close(&mail->directory);
		mail->directory = ph_directory_failing(cases[i].kind, "away");
		ph_mail_add_recipient(mail, "v@a.test", NULL);
		ck_assert_int_eq(run(mail), cases[i].verdict);
		if (cases[i].verdict == 1) {
			ck_assert_str_eq(mail->verdict.code, "451");
			ck_assert_str_eq(mail->verdict.enhanced, "4.4.3");
		}
		is = recipients_of(mail);
		ck_assert_str_eq(is, "v@a.test>v@a.test ");
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* ---- header firewall ------------------------------------------------------
 */

/* What rules of ours have written, and what strangers may not write. */
static const char *const own_fields[] = {
    PH_HEADER_SCL,	 PH_HEADER_CLASSIFICATION, PH_HEADER_OVERRIDE,
    PH_HEADER_CONNECTOR, PH_HEADER_REQUIRE_TLS,	   PH_HEADER_ROUTE,
};

/* Who has logged in may answer a policy tip. */
START_TEST(test_firewall)
{
	static const struct {
		const char *address, *login;
		bool kept;
	} cases[] = {
	    {"203.0.113.5", "", false},
	    {"203.0.113.5", "u", false},
	    {"192.0.2.1", "", true},
	    {"", "", true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		g_free(mail->login);
		mail->login = g_strdup(cases[i].login);
		for (size_t j = 0; j < G_N_ELEMENTS(own_fields); j++) {
			g_autofree char *lower =
			    g_ascii_strdown(own_fields[j], -1);

			ph_headers_add(mail->headers, lower, "mine");
		}
		ph_headers_add(mail->headers, PH_HEADER_LOOP, "2");
		ck_assert_int_eq(
		    ph_resolve_agent.on_message(mail, &transport, NULL), 0);
		for (size_t j = 0; j < G_N_ELEMENTS(own_fields); j++) {
			bool may =
			    *cases[i].login != '\0' &&
			    strcmp(own_fields[j], PH_HEADER_OVERRIDE) == 0;

			check_header(mail, own_fields[j],
				     cases[i].kept || may ? "mine" : NULL);
		}
		/* It has to survive outside. */
		check_header(mail, PH_HEADER_LOOP, "2");
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

/* ---- groups ---------------------------------------------------------------
 */

static char *
going_of(const struct ph_mail *mail)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		if (!r->removed)
			g_string_append_printf(
			    out, "%s%s", out->len > 0 ? " " : "", r->address);
	}
	return g_string_free(out, FALSE);
}

static void
use_objects(struct ph_mail *mail, const struct object *more)
{
	ph_snapshot_unref(&mail->snapshot);
	mail->snapshot = make_snapshot(more);
}

/* For one recipient; changes nothing that is looked at here. */
#define LOOKS_AT_RECIPIENTS                                                    \
	{                                                                      \
		"rule", "R",                                                   \
		{                                                              \
			{"SentTo", "nobody@b.test"}, {"SetHeaderName", "X-Y"}, \
			{                                                      \
				"SetHeaderValue", "1"                          \
			}                                                      \
		}                                                              \
	}

START_TEST(test_groups)
{
	static const struct {
		const char *name;
		struct object more[3];
		const char *to, *going;
	} cases[] = {
	    {"no rule looks at recipients",
	     {{NULL}},
	     "all@a.test",
	     "u@a.test y@b.test x@b.test"},
	    {"a rule does",
	     {LOOKS_AT_RECIPIENTS},
	     "all@a.test",
	     "u@a.test y@b.test x@b.test"},
	    {"a member who is named as well gets it once",
	     {LOOKS_AT_RECIPIENTS},
	     "y@b.test all@a.test",
	     "y@b.test u@a.test x@b.test"},
	    {"two groups with the same member",
	     {LOOKS_AT_RECIPIENTS},
	     "some@a.test all@a.test",
	     "x@b.test y@b.test u@a.test"},
	    {"a rule that looks at the message alone",
	     {{"rule",
	       "R",
	       {{"AnyOfRecipientAddressContainsWords", "nobody"},
		{"DeleteMessage", "yes"}}}},
	     "all@a.test",
	     "u@a.test y@b.test x@b.test"},
	    {"as many as may be",
	     {LOOKS_AT_RECIPIENTS,
	      {"transportconfig", "", {{"ExpansionSizeLimit", "3"}}}},
	     "all@a.test",
	     "u@a.test y@b.test x@b.test"},
	    {"one more: left whole",
	     {LOOKS_AT_RECIPIENTS,
	      {"transportconfig", "", {{"ExpansionSizeLimit", "2"}}}},
	     "all@a.test",
	     "all@a.test"},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_auto(GStrv) to = g_strsplit(cases[i].to, " ", -1);
		g_autofree char *is = NULL;

		use_objects(mail, cases[i].more);
		for (char **t = to; *t != NULL; t++)
			ph_mail_add_recipient(mail, *t, NULL);
		ck_assert_int_eq(run(mail), 0);
		is = going_of(mail);
		ck_assert_msg(strcmp(is, cases[i].going) == 0, "%s: %s",
			      cases[i].name, is);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* Reports about a member name the group, and NOTIFY is the group's. */
START_TEST(test_group_params)
{
	static const struct object more[] = {LOOKS_AT_RECIPIENTS, {NULL}};
	struct ph_client client = make_client("", "203.0.113.5");
	struct ph_mail *mail = make_mail(&client, "hello");
	const char *const params[] = {"NOTIFY=NEVER", NULL};

	use_objects(mail, more);
	ph_mail_add_recipient(mail, "some@a.test", params);
	ck_assert_int_eq(run(mail), 0);
	ck_assert_uint_eq(mail->recipients->len, 3);
	for (guint i = 1; i < 3; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];

		ck_assert_ptr_null(r->given);
		ck_assert_str_eq(r->params[0], "NOTIFY=NEVER");
		ck_assert_str_eq(r->params[1], "ORCPT=rfc822;some@a.test");
	}
	mail_clear(&mail);
	client_clear(&client);
}
END_TEST

/* What a group wants that copies of its own are needed for is done behind the
 * queue, where also the rules look at its members. */
START_TEST(test_whole_groups)
{
	static const struct {
		const char *to, *going, *replies;
		bool executed;
	} cases[] = {
	    {"some@a.test", "x@b.test y@b.test", "OOF", false},
	    {"some@a.test", "some@a.test", NULL, true},
	    {"some@a.test z@b.test", "z@b.test x@b.test y@b.test", NULL, false},
	    {"boss@a.test", "boss@a.test", NULL, false},
	    {"quiet@a.test", "quiet@a.test", NULL, false},
	    {"far@a.test", "far@a.test", NULL, false},
	    {"near@a.test", "x@b.test", NULL, false},
	    {"dynamic@a.test", "dynamic@a.test", NULL, false},
	    {"mixed@a.test", "boss@a.test far@a.test dynamic@a.test x@b.test",
	     "OOF", false},
	};
	struct ph_client client = make_client("", "192.0.2.1");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_auto(GStrv) to = g_strsplit(cases[i].to, " ", -1);
		g_autofree char *is = NULL;

		if (cases[i].executed)
			ph_headers_add(mail->headers,
				       "X-PostHub-Rules-Executed", "MBX1");
		for (char **t = to; *t != NULL; t++)
			ph_mail_add_recipient(mail, *t, NULL);
		ck_assert_int_eq(run(mail), 0);
		is = going_of(mail);
		ck_assert_msg(strcmp(is, cases[i].going) == 0, "%s: %s",
			      cases[i].to, is);
		check_header(mail, "X-Auto-Response-Suppress",
			     cases[i].replies);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* Who has logged in is told to those who open the group. */
START_TEST(test_originator)
{
	struct ph_client client = make_client("", "192.0.2.1");
	static const struct {
		const char *author, *to, *originator;
	} cases[] = {
	    {"w@a.test", "boss@a.test", "w@a.test"},
	    {"x@b.test", "boss@a.test", NULL},
	    {"w@a.test", "some@a.test", NULL},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");

		g_free(mail->author);
		mail->author = g_strdup(cases[i].author);
		ph_mail_add_recipient(mail, cases[i].to, NULL);
		ck_assert_int_eq(run(mail), 0);
		check_header(mail, "X-PostHub-Originator", cases[i].originator);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* A copy for members of a group has passed the rules but those that look at
 * single recipients. */
START_TEST(test_members)
{
	static const struct object more[] = {
	    {"rule",
	     "For Z",
	     {{"SentTo", "z@b.test"}, {"PrependSubject", "[z] "}}},
	    {"rule",
	     "End",
	     {{"SubjectContainsWords", "hello"},
	      {"Priority", "0"},
	      {"StopRuleProcessing", "yes"},
	      {"SetHeaderName", "X-End"},
	      {"SetHeaderValue", "yes"}}},
	    {NULL}};
	static const struct {
		const char *address, *subject;
		bool expanded, ended;
	} cases[] = {
	    {"", "[z] hello", true, false},
	    {"", "hello", true, true},
	    {"", "hello", false, false},
	    {"192.0.2.1", "hello", true, false},
	};
	g_autofree char *ended = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		if (ended == NULL) {
			use_objects(mail, more);
			ph_mail_add_recipient(mail, "boss@a.test", NULL);
			ck_assert_int_eq(run(mail), 0);
			check_header(mail, "Subject", "hello");
			check_header(mail, "X-End", "yes");
			ended = g_strdup(ph_headers_raw(
			    mail->headers, "X-PostHub-Rules-Ended", 0));
			ck_assert_ptr_nonnull(ended);
			mail_clear(&mail);
			mail = make_mail(&client, "hello");
		}
		use_objects(mail, more);
		if (cases[i].expanded)
			ph_headers_add(mail->headers, "X-PostHub-Expanded",
				       "boss@a.test");
		if (cases[i].ended)
			ph_headers_add(mail->headers, "X-PostHub-Rules-Ended",
				       ended);
		ph_headers_add(mail->headers, "X-PostHub-Resolved", "MBX2");
		ph_headers_add(mail->headers, "X-PostHub-Rules-Executed",
			       "MBX2");
		ph_headers_add(mail->headers, "X-PostHub-AuthAs", "Internal");
		ph_mail_add_recipient(mail, "z@b.test", NULL);
		ck_assert_int_eq(run(mail), 0);
		check_header(mail, "Subject", cases[i].subject);
		check_header(mail, "X-End", NULL);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

/* ---- rules ----------------------------------------------------------------
 */

/* What a server of ours makes, without a sender, is looked at by no rule. */
START_TEST(test_exempt)
{
	static const struct {
		const char *address, *sender, *auth_as;
		bool exempt;
	} cases[] = {
	    {"192.0.2.1", "", NULL, true},
	    {"", "", NULL, true},
	    {"192.0.2.1", "x@b.test", NULL, false},
	    {"192.0.2.1", "", "Anonymous", false},
	    {"203.0.113.5", "", NULL, false},
	    {"203.0.113.5", "", "Internal", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		g_free(mail->sender);
		mail->sender = g_strdup(cases[i].sender);
		if (cases[i].auth_as != NULL)
			ph_headers_add(mail->headers, "X-PostHub-AuthAs",
				       cases[i].auth_as);
		ph_mail_add_recipient(mail, "z@b.test", NULL);
		ck_assert_int_eq(run(mail), 0);
		check_header(mail, "Subject",
			     cases[i].exempt ? "hello" : "[EXT] hello");
		/* The next server would not know that it is exempt. */
		check_header(mail, "X-PostHub-Rules-Executed", "MBX2");
		ck_assert_int_eq(mail->info == NULL, cases[i].exempt);
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

/* A rule that needs the directory, and a directory that is away: for the
 * sender of the message, when the recipients are known already. */
#define NEEDS_DIRECTORY(action)                                                \
	{                                                                      \
		"rule", "Needs",                                               \
		{                                                              \
			{"SenderADAttributeContainsWords",                     \
			 "Department:Sales"},                                  \
			    {"SetHeaderName", "X-Y"}, {"SetHeaderValue", "1"}, \
			{                                                      \
				"RuleErrorAction", action                      \
			}                                                      \
		}                                                              \
	}

static void
lose_directory(struct ph_mail *mail)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_int_eq(ph_resolve_agent.on_message(mail, &transport, &err),
			 0);
	ph_directory_close(&mail->directory);
	mail->directory = ph_directory_failing(PH_ERR_TEMP, "away");
}

START_TEST(test_defer)
{
	static const struct object refused[] = {
	    /* The copy of u is split off, so that the message itself is z's,
	     * who is refused before it is known that all try again. */
	    {"rule",
	     "A",
	     {{"RecipientDomainIs", "a.test"},
	      {"PrependSubject", "[x] "},
	      {"Priority", "0"}}},
	    {"rule",
	     "B",
	     {{"RecipientDomainIs", "b.test"},
	      {"RejectMessageReasonText", "no"},
	      {"Priority", "1"}}},
	    NEEDS_DIRECTORY("Defer"),
	    {NULL}};
	static const struct object ignore[] = {NEEDS_DIRECTORY("Ignore"),
					       {NULL}};
	static const struct object defer[] = {NEEDS_DIRECTORY("Defer"), {NULL}};
	static const struct {
		const struct object *more;
		int r;
	} cases[] = {{ignore, 0}, {defer, 1}, {refused, 1}};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		struct ph_err err = PH_ERR_INIT;

		use_objects(mail, cases[i].more);
		ph_mail_add_recipient(mail, "v@a.test", NULL);
		ph_mail_add_recipient(mail, "z@b.test", NULL);
		lose_directory(mail);
		ck_assert_int_eq(
		    ph_rules_agent.on_message(mail, &transport, &err),
		    cases[i].r);
		if (cases[i].r == 1) {
			ck_assert_int_eq(mail->verdict.decision,
					 PH_DECISION_DEFER);
			ck_assert_str_eq(mail->verdict.code, "451");
			ck_assert_str_eq(mail->verdict.enhanced, "4.7.1");
		}
		check_header(mail, "X-Y", NULL);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

START_TEST(test_severity)
{
	static const struct {
		const char *severity, *mode, *item;
	} cases[] = {
	    {"Low", "Enforce", "|action=SetAuditSeverity|sev=1|mode=Enforce;"},
	    {"Medium", "Enforce",
	     "|action=SetAuditSeverity|sev=2|mode=Enforce;"},
	    {"High", "Audit", "|action=SetAuditSeverity|sev=3|mode=Audit;"},
	    {"High", "AuditAndNotify",
	     "|action=SetAuditSeverity|sev=3|mode=AuditAndNotify;"},
	    {"DoNotAudit", "Enforce", NULL},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct object more[] = {
		    {"rule",
		     "R",
		     {{"SubjectContainsWords", "hello"},
		      {"SetAuditSeverity", cases[i].severity},
		      {"Mode", cases[i].mode}}},
		    {NULL}};
		struct ph_mail *mail = make_mail(&client, "hello");

		use_objects(mail, more);
		ph_mail_add_recipient(mail, "z@b.test", NULL);
		ck_assert_int_eq(run(mail), 0);
		if (cases[i].item != NULL)
			ck_assert_ptr_nonnull(
			    strstr(mail->info->str, cases[i].item));
		else
			ck_assert_ptr_null(
			    strstr(mail->info->str, "SetAuditSeverity"));
		/* The other rule's. */
		ck_assert_ptr_nonnull(
		    strstr(mail->info->str,
			   "|action=PrependSubject|sev=1|mode=Enforce;"));
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* ---- forwarding ----------------------------------------------------------
 */

/* What each forwards to: "only" to u, "both" to u and keeps it, "out" to a
 * contact, "g" to the group all; ring1 and ring2 to each other. */
static const struct object forwarders[] = {
    {"recipient",
     "only@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "v@a.test"}}},
    {"recipient",
     "both@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "v@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "c@a.test",
     {{"RecipientType", "MailContact"},
      {"ExternalEmailAddress", "c@out.test"}}},
    {"recipient",
     "out@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "c@a.test"}}},
    {"recipient",
     "g@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "some@a.test"}}},
    {"recipient",
     "ring1@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "ring2@a.test"}}},
    {"recipient",
     "ring2@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "ring1@a.test"}}},
    {"recipient",
     "pair1@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "pair2@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "pair2@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "pair1@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "closed@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"AcceptMessagesOnlyFrom", "w@a.test"}}},
    {"recipient",
     "small@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"MaxReceiveSize", "99"}}},
    {"recipient",
     "toclosed@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "closed@a.test"},
      {"DeliverToMailboxAndForward", "yes"}}},
    {"recipient",
     "fwd@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "only@a.test,both@a.test,g@a.test,c@a.test"}}},
    {"recipient",
     "back@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "circle@a.test"}}},
    {"recipient",
     "circle@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "back@a.test"}}},
    {"recipient",
     "wide@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "back@a.test,circle@a.test,u@a.test,widen@a.test"}}},
    {"recipient",
     "widen@a.test",
     {{"RecipientType", "UserMailbox"},
      {"Database", "DB1"},
      {"ForwardingAddress", "wide@a.test"}}},
    {"recipient",
     "ofclosed@a.test",
     {{"RecipientType", "MailUniversalDistributionGroup"},
      {"Members", "closed@a.test,u@a.test"}}},
};

static void
add_forwarders(struct ph_mail *mail)
{
	struct ph_object
	    *made[G_N_ELEMENTS(entries) + G_N_ELEMENTS(forwarders)];

	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		made[i] = parse(i < G_N_ELEMENTS(entries)
				    ? &entries[i]
				    : &forwarders[i - G_N_ELEMENTS(entries)]);
	ph_directory_close(&mail->directory);
	mail->directory = ph_directory_memory(
	    (const struct ph_object *const *)made, G_N_ELEMENTS(made));
	for (size_t i = 0; i < G_N_ELEMENTS(made); i++)
		ph_object_unref(&made[i]);
}

static void
add_given(struct ph_mail *mail, const char *to)
{
	g_auto(GStrv) given = g_strsplit(to, " ", -1);

	for (char **g = given; *g != NULL; g++)
		ph_mail_add_recipient(mail, *g, NULL);
}

START_TEST(test_forward)
{
	static const struct {
		const char *to, *going;
	} cases[] = {
	    {"only@a.test", "u@a.test"},
	    {"both@a.test", "both@a.test u@a.test"},
	    {"both@a.test only@a.test v@a.test u@a.test",
	     "both@a.test u@a.test"},
	    {"c@a.test", "c@out.test"},
	    {"c@a.test c@out.test", "c@out.test"},
	    {"out@a.test", "c@out.test"},
	    {"out@a.test c@a.test", "c@out.test"},
	    {"g@a.test", "x@b.test y@b.test"},
	    {"pair1@a.test", "pair1@a.test pair2@a.test"},
	    {"pair1@a.test pair2@a.test", "pair1@a.test pair2@a.test"},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_autofree char *is = NULL;

		add_forwarders(mail);
		add_given(mail, cases[i].to);
		ck_assert_int_eq(run(mail), 0);
		is = going_of(mail);
		ck_assert_msg(strcmp(is, cases[i].going) == 0, "%s: %s",
			      cases[i].to, is);
		check_header(mail, "X-PostHub-Resolved", "MBX2");
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* Members that forward, also to a group or back to their own. */
START_TEST(test_forward_members)
{
	static const struct {
		const char *to, *going; /* NULL: refused, 5.4.6 */
	} cases[] = {
	    {"fwd@a.test", "both@a.test c@out.test u@a.test x@b.test y@b.test"},
	    {"g@a.test", "x@b.test y@b.test"},
	    {"circle@a.test", NULL},
	    {"back@a.test", NULL},
	    {"wide@a.test", "u@a.test"},
	};
	struct ph_client client = make_client("", "203.0.113.5");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");
		g_autofree char *is = NULL;
		g_auto(GStrv) words = NULL;

		add_forwarders(mail);
		add_given(mail, cases[i].to);
		ck_assert_int_eq(run(mail), cases[i].going == NULL);
		if (cases[i].going == NULL) {
			ck_assert_str_eq(mail->verdict.enhanced, "5.4.6");
			mail_clear(&mail);
			continue;
		}
		is = going_of(mail);
		words = g_strsplit(cases[i].going, " ", -1);
		ck_assert_uint_eq(strlen(is), strlen(cases[i].going));
		for (char **w = words; *w != NULL; w++)
			ck_assert_msg(strstr(is, *w) != NULL, "%s: %s",
				      cases[i].to, is);
		mail_clear(&mail);
	}
	client_clear(&client);
}
END_TEST

/* A report about it names the recipient that the sender knows. */
START_TEST(test_forward_params)
{
	static const char *const given[] = {"NOTIFY=FAILURE", NULL};
	struct ph_client client = make_client("", "203.0.113.5");
	struct ph_mail *mail = make_mail(&client, "hello");
	const struct ph_recipient *r;

	add_forwarders(mail);
	ph_mail_add_recipient(mail, "both@a.test", given);
	ck_assert_int_eq(run(mail), 0);
	ck_assert_uint_eq(mail->recipients->len, 2);
	r = mail->recipients->pdata[1];
	ck_assert_ptr_null(r->given);
	ck_assert_str_eq(r->address, "u@a.test");
	ck_assert_str_eq(r->params[0], "NOTIFY=FAILURE");
	ck_assert_str_eq(r->params[1], "ORCPT=rfc822;both@a.test");
	ck_assert_ptr_null(r->params[2]);
	mail_clear(&mail);
	client_clear(&client);
}
END_TEST

/* A server of ours has done it before; a stranger only says so. */
START_TEST(test_forward_once)
{
	static const struct {
		const char *address, *going;
	} cases[] = {
	    {"192.0.2.1", "both@a.test closed@a.test"},
	    {"203.0.113.5", "both@a.test u@a.test"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");
		g_autofree char *is = NULL;

		add_forwarders(mail);
		ph_headers_add(mail->headers, "X-PostHub-Resolved", "MBX1");
		add_given(mail,
			  i == 0 ? "both@a.test closed@a.test" : "both@a.test");
		ck_assert_int_eq(run(mail), 0);
		is = going_of(mail);
		ck_assert_str_eq(is, cases[i].going);
		check_header(mail, "X-PostHub-Resolved",
			     i == 0 ? "MBX1" : "MBX2");
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *to, *address, *login, *author, *sender, *enhanced;
	} cases[] = {
	    {"ring1@a.test", "203.0.113.5", "", "", "x@b.test", "5.4.6"},
	    {"ring1@a.test ring2@a.test", "203.0.113.5", "", "", "x@b.test",
	     "5.4.6"},
	    {"small@a.test", "203.0.113.5", "", "", "x@b.test", "5.2.3"},
	    {"closed@a.test", "203.0.113.5", "", "", "x@b.test", "5.7.1"},
	    /* The envelope sender of a stranger, and AUTH=, count for nothing.
	     */
	    {"closed@a.test", "203.0.113.5", "", "u@a.test", "u@a.test",
	     "5.7.1"},
	    {"closed@a.test", "203.0.113.5", "z@a.test", "", "u@a.test",
	     "5.7.1"},
	    {"closed@a.test", "203.0.113.5", "V@a.test", "", "x@b.test", NULL},
	    {"closed@a.test", "203.0.113.5", "v", "", "x@b.test", NULL},
	    {"closed@a.test", "192.0.2.1", "", "u@a.test", "x@b.test", NULL},
	    {"closed@a.test", "192.0.2.1", "", "+75@a.test", "x@b.test", NULL},
	    {"closed@a.test", "192.0.2.1", "", "z@a.test", "u@a.test", "5.7.1"},
	    {"closed@a.test", "192.0.2.1", "", "", "u@a.test", "5.7.1"},
	    /* A notice of the system. */
	    {"closed@a.test", "192.0.2.1", "", "", "", NULL},
	    {"closed@a.test", "203.0.113.5", "", "", "", "5.7.1"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", cases[i].address);
		struct ph_mail *mail = make_mail(&client, "hello");

		add_forwarders(mail);
		g_free(mail->login);
		g_free(mail->author);
		g_free(mail->sender);
		mail->login = g_strdup(cases[i].login);
		mail->author = g_strdup(cases[i].author);
		mail->sender = g_strdup(cases[i].sender);
		add_given(mail, cases[i].to);
		ck_assert_msg(run(mail) == (cases[i].enhanced != NULL),
			      "row %zu", i);
		if (cases[i].enhanced != NULL) {
			ck_assert_str_eq(mail->verdict.code, "550");
			ck_assert_str_eq(mail->verdict.enhanced,
					 cases[i].enhanced);
		}
		mail_clear(&mail);
		client_clear(&client);
	}
}
END_TEST

/* Recipients of the message and of its plan's groups, those of a report behind
 * its code. */
static char *
plan_of(const struct ph_mail *mail)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mail->recipients->len; i++) {
		const struct ph_recipient *r = mail->recipients->pdata[i];
		g_auto(GStrv) words = g_strsplit(r->address, "@", 2);
		const struct ph_plan_group *group;
		struct ph_plan *plan = NULL;
		size_t n;

		if (r->removed)
			continue;
		if (strcmp(words[1], PH_FORK_DOMAIN) != 0) {
			g_string_append_printf(out, "%s ", r->address);
			continue;
		}
		ck_assert_int_eq(
		    ph_plans_read(transport.plans, words[0], &plan, &n, NULL),
		    1);
		group = plan->groups->pdata[n];
		if (group->kind == PH_PLAN_REPORT)
			g_string_append_printf(out, "%s %s ", group->code,
					       group->enhanced);
		for (guint j = 0; j < group->recipients->len; j++) {
			const struct ph_plan_recipient *to =
			    group->recipients->pdata[j];

			g_string_append_printf(out, "%s ", to->address);
		}
		ph_plan_free(&plan);
	}
	return g_string_free(out, FALSE);
}

/* Some are refused: the others get it, and the sender, who is one of ours, a
 * report from behind the queue. */
START_TEST(test_refused_some)
{
	static const struct object more[] = {LOOKS_AT_RECIPIENTS, {NULL}};
	static const struct {
		const char *to, *plan;
		bool open;
	} cases[] = {
	    {"u@a.test closed@a.test", "u@a.test 550 5.7.1 closed@a.test ",
	     false},
	    {"toclosed@a.test", "toclosed@a.test 550 5.7.1 closed@a.test ",
	     false},
	    {"u@a.test ring1@a.test small@a.test",
	     "u@a.test 550 5.4.6 ring1@a.test 550 5.2.3 small@a.test ", false},
	    {"ofclosed@a.test", "u@a.test 550 5.7.1 closed@a.test ", true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_client client = make_client("", "203.0.113.5");
		struct ph_mail *mail = make_mail(&client, "hello");
		char *directory = unit_mkdir();
		g_autofree char *is = NULL;

		ck_assert_int_eq(
		    ph_plans_open(directory, &transport.plans, NULL), 0);
		add_forwarders(mail);
		if (cases[i].open)
			use_objects(mail, more);
		g_free(mail->login);
		mail->login = g_strdup("z@a.test");
		add_given(mail, cases[i].to);
		ck_assert_int_eq(run(mail), 0);
		is = plan_of(mail);
		ck_assert_msg(strcmp(is, cases[i].plan) == 0, "%s: %s",
			      cases[i].to, is);
		ph_plans_close(&transport.plans);
		mail_clear(&mail);
		unit_rmdir(&directory);
		client_clear(&client);
	}
}
END_TEST

/* ---- tracking rows ------------------------------------------------------ */

static bool
collect(struct ph_track_record *record, void *context)
{
	GPtrArray *rows = context;
	struct ph_track_record *copy = g_new0(struct ph_track_record, 1);

	for (int c = 0; c < PH_COLUMNS; c++)
		ph_track_set(copy, (enum ph_column)c,
			     ph_track_get(record, (enum ph_column)c));
	g_ptr_array_add(rows, copy);
	return true;
}

static void
free_row(void *row)
{
	ph_track_clear(row);
	g_free(row);
}

/* The rows that a message with that subject leaves, under further rules. */
static GPtrArray *
track_more(const struct ph_client *client, const char *subject,
	   const struct object *more, const char *to)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
	char *directory = unit_mkdir();
	struct ph_track_options options = {.directory = directory,
					   .prefix = "MSGTRK",
					   .server = "MBX2",
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_mail *mail = make_mail(client, subject);
	g_autofree char *plans = g_build_filename(directory, "forks", NULL);
	g_auto(GStrv) recipients = g_strsplit(to, " ", -1);
	struct ph_err err = PH_ERR_INIT;
	uint64_t bad = 0;

	ck_assert_int_eq(ph_track_log_open(&options, &transport.track, &err),
			 0);
	ck_assert_int_eq(ph_plans_open(plans, &transport.plans, &err), 0);
	add_forwarders(mail);
	use_objects(mail, more);
	for (char **r = recipients; *r != NULL; r++)
		ph_mail_add_recipient(mail, *r, NULL);
	(void)run(mail);
	ph_track_rows(&transport, mail);
	ck_assert_int_eq(
	    ph_track_log_read(directory, 0, collect, rows, &bad, &err), 0);
	ck_assert_uint_eq(bad, 0);
	ph_track_log_close(&transport.track);
	ph_plans_close(&transport.plans);
	mail_clear(&mail);
	unit_rmdir(&directory);
	return rows;
}

static GPtrArray *
track(const struct ph_client *client, const char *subject)
{
	return track_more(client, subject, NULL, "v@a.test z@b.test");
}

static void
check_row(const GPtrArray *rows, guint i, enum ph_column column,
	  const char *value)
{
	ck_assert_uint_lt(i, rows->len);
	ck_assert_str_eq(ph_track_get(rows->pdata[i], column), value);
}

START_TEST(test_rows_accept)
{
	struct ph_client client = make_client("", "203.0.113.5");
	GPtrArray *rows = track(&client, "hello");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 0, PH_COL_SOURCE, "SMTP");
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "helo.test");
	check_row(rows, 0, PH_COL_SERVER_HOSTNAME, "MBX2");
	check_row(rows, 0, PH_COL_CONNECTOR_ID, "MBX2\\Default MBX2");
	check_row(rows, 0, PH_COL_MESSAGE_ID, "<1@b.test>");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "v@a.test;z@b.test");
	check_row(rows, 0, PH_COL_RECIPIENT_COUNT, "2");
	check_row(rows, 0, PH_COL_TOTAL_BYTES, "100");
	check_row(rows, 0, PH_COL_MESSAGE_SUBJECT, "hello");
	check_row(rows, 0, PH_COL_SENDER_ADDRESS, "x@b.test");
	check_row(rows, 0, PH_COL_RETURN_PATH, "x@b.test");
	check_row(rows, 0, PH_COL_DIRECTIONALITY, "Incoming");
	check_row(rows, 0, PH_COL_ORIGINAL_CLIENT_IP, "203.0.113.5");
	check_row(rows, 0, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	check_row(rows, 1, PH_COL_SOURCE, "ROUTING");
	check_row(rows, 1, PH_COL_EVENT_ID, "RESOLVE");
	check_row(rows, 1, PH_COL_CLIENT_HOSTNAME, "MBX2");
	check_row(rows, 1, PH_COL_RECIPIENT_ADDRESS, "u@a.test");
	check_row(rows, 1, PH_COL_RECIPIENT_COUNT, "1");
	check_row(rows, 1, PH_COL_RELATED_RECIPIENT_ADDRESS, "v@a.test");
	check_row(rows, 1, PH_COL_MESSAGE_ID, "<1@b.test>");
	check_row(rows, 2, PH_COL_SOURCE, "AGENT");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_CLIENT_HOSTNAME, "MBX2");
	check_row(rows, 2, PH_COL_SERVER_HOSTNAME, "");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS, "u@a.test;z@b.test");
	check_row(rows, 2, PH_COL_MESSAGE_SUBJECT, "[EXT] hello");
	ck_assert_ptr_nonnull(
	    strstr(ph_track_get(rows->pdata[2], PH_COL_CUSTOM_DATA),
		   "|action=PrependSubject|sev=1|mode=Enforce;S:CompCost="));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_peer)
{
	struct ph_client client = make_client("", "192.0.2.1");
	GPtrArray *rows = track(&client, "hello");

	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "mbx1.a.test");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_reject)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "a secret");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 1, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 2, PH_COL_SOURCE, "AGENT");
	check_row(rows, 2, PH_COL_SOURCE_CONTEXT, "Transport Rule Agent");
	ck_assert(g_str_has_prefix(
	    ph_track_get(rows->pdata[2], PH_COL_RECIPIENT_STATUS),
	    "[{LED=550 5.7.1 TRANSPORT.RULES.RejectMessage;"));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_discard)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track(&client, "drop it");

	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_CLIENT_HOSTNAME, "c.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 3, PH_COL_EVENT_ID, "DROP");
	check_row(rows, 3, PH_COL_SOURCE, "AGENT");
	check_row(rows, 3, PH_COL_CUSTOM_DATA, "S:QueueId=Q1");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* One is dropped, another refused, a third gets it: who is refused is told, and
 * his row is written with the report. */
START_TEST(test_rows_parts)
{
	static const struct object more[] = {
	    {"rule",
	     "A",
	     {{"SentTo", "d@b.test"},
	      {"DeleteMessage", "yes"},
	      {"Priority", "0"}}},
	    {"rule",
	     "B",
	     {{"SentTo", "r@b.test"},
	      {"RejectMessageReasonText", "no"},
	      {"Priority", "1"}}},
	    {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows =
	    track_more(&client, "hello", more, "v@a.test d@b.test r@b.test");

	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS,
		  "v@a.test;d@b.test;r@b.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS,
		  "u@a.test;d@b.test;r@b.test");
	check_row(rows, 3, PH_COL_EVENT_ID, "DROP");
	check_row(rows, 3, PH_COL_RECIPIENT_ADDRESS, "d@b.test");
	check_row(rows, 3, PH_COL_SOURCE_CONTEXT, "Transport Rule Agent");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* Nobody is told, so there is a row here and now. */
START_TEST(test_rows_untold)
{
	static const struct object more[] = {
	    {"rule",
	     "B",
	     {{"SentTo", "r@b.test"}, {"RejectMessageReasonText", "no"}}},
	    {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows;

	transport.report_to_strangers = false;
	rows = track_more(&client, "hello", more, "v@a.test r@b.test");
	transport.report_to_strangers = true;
	ck_assert_uint_eq(rows->len, 4);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 3, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 3, PH_COL_RECIPIENT_ADDRESS, "r@b.test");
	ck_assert(g_str_has_prefix(
	    ph_track_get(rows->pdata[3], PH_COL_RECIPIENT_STATUS),
	    "[{LED=550 5.7.1 TRANSPORT.RULES.RejectMessage;"));
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

/* Each with the address before beside it; who is in a circle has it already. */
START_TEST(test_rows_forward)
{
	static const struct {
		const char *event, *to, *from;
	} expected[] = {
	    {"REDIRECT", "u@a.test", "only@a.test"},
	    {"RESOLVE", "c@out.test", "c@a.test"},
	    {"REDIRECT", "pair2@a.test", "pair1@a.test"},
	    {"DUPLICATEREDIRECT", "pair1@a.test", "pair2@a.test"},
	};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", NULL,
				     "only@a.test c@a.test pair1@a.test");

	ck_assert_uint_eq(rows->len, G_N_ELEMENTS(expected) + 2);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
		check_row(rows, i + 1, PH_COL_SOURCE, "ROUTING");
		check_row(rows, i + 1, PH_COL_EVENT_ID, expected[i].event);
		check_row(rows, i + 1, PH_COL_RECIPIENT_ADDRESS,
			  expected[i].to);
		check_row(rows, i + 1, PH_COL_RELATED_RECIPIENT_ADDRESS,
			  expected[i].from);
	}
	check_row(rows, rows->len - 1, PH_COL_EVENT_ID, "AGENTINFO");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_refused)
{
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", NULL, "closed@a.test");

	ck_assert_uint_eq(rows->len, 1);
	check_row(rows, 0, PH_COL_EVENT_ID, "FAIL");
	check_row(rows, 0, PH_COL_SOURCE_CONTEXT, "Resolver");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "closed@a.test");
	check_row(rows, 0, PH_COL_RECIPIENT_STATUS,
		  "550 5.7.1 Sender is not allowed to send to closed@a.test"
		  ": ask its owner to let you in; RESOLVER.RST.NotAuthorized; "
		  "not authorized");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

START_TEST(test_rows_expand)
{
	static const struct object more[] = {LOOKS_AT_RECIPIENTS, {NULL}};
	struct ph_client client = make_client("c.test", "203.0.113.5");
	GPtrArray *rows = track_more(&client, "hello", more, "some@a.test");

	ck_assert_uint_eq(rows->len, 3);
	check_row(rows, 0, PH_COL_EVENT_ID, "RECEIVE");
	check_row(rows, 0, PH_COL_RECIPIENT_ADDRESS, "some@a.test");
	check_row(rows, 1, PH_COL_EVENT_ID, "EXPAND");
	check_row(rows, 1, PH_COL_SOURCE, "ROUTING");
	check_row(rows, 1, PH_COL_RELATED_RECIPIENT_ADDRESS, "some@a.test");
	check_row(rows, 1, PH_COL_RECIPIENT_ADDRESS, "x@b.test;y@b.test");
	check_row(rows, 2, PH_COL_EVENT_ID, "AGENTINFO");
	check_row(rows, 2, PH_COL_RECIPIENT_ADDRESS, "x@b.test;y@b.test");
	g_ptr_array_unref(rows);
	client_clear(&client);
}
END_TEST

UNIT_MAIN("milters/transport/agents", test_stranger, test_trusted, test_auth,
	  test_many_forged, test_resolve, test_directory_away, test_firewall,
	  test_groups, test_group_params, test_whole_groups, test_originator,
	  test_members, test_forward, test_forward_members, test_forward_params,
	  test_forward_once, test_refused, test_refused_some, test_exempt,
	  test_defer, test_severity, test_rows_accept, test_rows_peer,
	  test_rows_reject, test_rows_discard, test_rows_parts,
	  test_rows_untold, test_rows_forward, test_rows_refused,
	  test_rows_expand)
