#include "lib/fork/plan.h"
#include "tests/unit/milters/transport/forwarders.h"

/* Recipients that forward, and those that may not be written to. */

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

UNIT_MAIN("milters/transport/agents_forward", test_forward,
	  test_forward_members, test_forward_params, test_forward_once,
	  test_refused, test_refused_some)
