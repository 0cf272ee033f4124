#include "tests/unit/milters/transport/message.h"

/* Groups whose members a message goes to, or that stay whole. */

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

UNIT_MAIN("milters/transport/agents_groups", test_groups, test_group_params,
	  test_whole_groups, test_originator, test_members)
