#include "tests/unit/milters/transport/message.h"

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

/* Who logs in at a server of ours says nothing in its name. */
START_TEST(test_user_at_a_server)
{
	struct ph_client client = make_client("", "192.0.2.1");
	struct ph_mail *mail = make_mail(&client, "hello");

	forge(mail);
	ph_mail_add_recipient(mail, "z@b.test", NULL);
	g_free(mail->login);
	mail->login = g_strdup("u");
	ck_assert_int_eq(run(mail), 0);
	ck_assert(!mail->trusted);
	ck_assert_int_eq(mail->auth_as, PH_AUTH_INTERNAL);
	ck_assert_str_eq(mail->original_ip, "192.0.2.1");
	check_header(mail, "X-PostHub-Rules-Executed", "MBX2");
	check_header(mail, "X-PostHub-Anything", NULL);
	mail_clear(&mail);
	client_clear(&client);
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

/* What says that it comes from a server of ours waits while addresses of
 * servers cannot be looked up; nobody else does. */
START_TEST(test_server_that_is_not_known_yet)
{
	static const struct {
		const char *login;
		bool says;
		int expected;
	} cases[] = {{"", true, 1}, {"", false, 0}, {"u", true, 0}};
	struct ph_client client = make_client("", "203.0.113.5");

	transport.peers = ph_peers_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail(&client, "hello");

		ph_mail_add_recipient(mail, "z@b.test", NULL);
		g_free(mail->login);
		mail->login = g_strdup(cases[i].login);
		if (cases[i].says)
			forge(mail);
		ck_assert_int_eq(run(mail), cases[i].expected);
		if (cases[i].expected == 1)
			ck_assert_int_eq(mail->verdict.decision,
					 PH_DECISION_DEFER);
		mail_clear(&mail);
	}
	ph_peers_stop(&transport.peers);
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

/* ---- header firewall ---------------------------------------------------- */

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

/* ---- rules -------------------------------------------------------------- */

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

UNIT_MAIN("milters/transport/agents", test_stranger, test_trusted, test_auth,
	  test_user_at_a_server, test_many_forged,
	  test_server_that_is_not_known_yet, test_resolve, test_directory_away,
	  test_firewall, test_exempt, test_defer, test_severity)
