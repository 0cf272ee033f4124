#include "tests/unit/milters/transport/outcome.h"

/* Ways out. */

#define SIZE_LIMIT \
	"ROUTING.SizeLimit; message size exceeds fixed maximum size for route"

static const struct route_case {
	const char *name;
	const char *connector, *tls; /* header fields; NULL: none */
	bool came; /* with the message, from the server that ran the rules */
	const char *to;
	const char *going, *plan;
	const char *route; /* of the message itself; NULL: none */
	uint64_t size;	   /* 0: a small one */
} routes[] = {
    {"nothing is asked for", .to = "u@a.test z@b.test",
     .going = "u@a.test z@b.test"},
    {"a connector, and all are outside: in place", .connector = "Bank",
     .to = "y@b.test z@c.test", .going = "y@b.test z@c.test",
     .route = "ph-out:bank.test:25"},
    {"a connector, and all are inside", .connector = "Bank", .to = "u@a.test",
     .going = "u@a.test"},
    {"a connector, inside and outside", .connector = "Bank",
     .to = "u@a.test z@b.test", .going = "#0 #1",
     .plan = "copy u@a.test, X-PostHub-Outbound-Connector=Bank; "
	     "copy z@b.test, X-PostHub-Outbound-Connector=Bank, "
	     "X-PostHub-Route=ph-out:bank.test:25"},
    {"the same from another server: who is inside gets it as it came",
     .connector = "Bank", .came = true, .to = "u@a.test z@b.test",
     .going = "#0 u@a.test",
     .plan = "copy z@b.test, X-PostHub-Route=ph-out:bank.test:25"},
    {"TLS, one way out: in place", .tls = "true", .to = "y@b.test z@c.test",
     .going = "y@b.test z@c.test", .route = "ph-out-tls:out.test:25"},
    {"TLS, two ways out", .tls = "true", .came = true,
     .to = "y@b.test x@bank.test z@c.test", .going = "#0 #1",
     .plan = "copy y@b.test z@c.test, X-PostHub-Route=ph-out-tls:out.test:25; "
	     "copy x@bank.test, X-PostHub-Route=ph-out-tls:bank.test:25"},
    {"too large for a connector: another one", .to = "z@sized.test",
     .size = 2000, .going = "z@sized.test", .route = "ph-out:out.test:25"},
    {"as large as it may be", .to = "z@sized.test", .size = 1000,
     .going = "z@sized.test"},
    {"too large for some", .came = true, .to = "z@sized.test y@b.test u@a.test",
     .size = 2000, .going = "#0 u@a.test y@b.test",
     .plan = "copy z@sized.test, X-PostHub-Route=ph-out:out.test:25"},
    {"a connector and TLS", .connector = "Bank", .tls = "true",
     .to = "z@b.test", .going = "z@b.test", .route = "ph-out-tls:bank.test:25"},
    {"too large for a connector: the next one", .to = "x@bank.test",
     .going = "x@bank.test", .route = "ph-out:out.test:25", .size = 2 << 20},
    {"not too large for it", .to = "x@bank.test", .going = "x@bank.test",
     .size = 1 << 20},
    {"too large for a link: that recipient alone is told",
     .to = "u@a.test v@a.test", .going = "#0 u@a.test",
     .plan = "report v@a.test, 550 5.3.4 " SIZE_LIMIT, .size = (64 << 10) + 1},
    {"not too large for it", .to = "u@a.test v@a.test",
     .going = "u@a.test v@a.test", .size = 64 << 10},
};

static void
run_route(const struct route_case *c)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result;
	g_autofree char *going = NULL;
	g_autofree char *text = NULL;
	struct ph_plan *plan;
	const char *route;

	if (!c->came)
		result = make_result(mail);
	if (c->connector != NULL)
		ph_mail_set_header(mail, PH_HEADER_CONNECTOR, c->connector,
				   NULL);
	if (c->tls != NULL)
		ph_mail_set_header(mail, PH_HEADER_REQUIRE_TLS, c->tls, NULL);
	if (c->came)
		ph_rules_result_init(&result, mail);
	add_recipients(mail, c->to);
	if (c->size > 0)
		mail->size = c->size;
	apply(mail, &result, 0);
	going = going_of(mail);
	ck_assert_msg(strcmp(going, c->going) == 0, "%s: %s", c->name, going);
	plan = read_plan(mail);
	text = show_plan(plan);
	ck_assert_msg(strcmp(text, c->plan != NULL ? c->plan : "") == 0,
		      "%s: %s", c->name, text);
	route = ph_headers_raw(mail->headers, PH_HEADER_ROUTE, 0);
	ck_assert_msg(g_strcmp0(route, c->route) == 0, "%s: %s", c->name,
		      route);
	ph_plan_free(&plan);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}

START_TEST(test_routes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
		run_route(&routes[i]);
}
END_TEST

/* With no connector that is large enough. */
START_TEST(test_route_too_large)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);

	mail->size = 40 << 20;
	add_recipients(mail, "z@sized.test y@b.test");
	apply(mail, &result, 1);
	ck_assert_int_eq(mail->verdict.decision, PH_DECISION_REJECT);
	ck_assert_str_eq(mail->verdict.enhanced, "5.3.4");
	ck_assert_ptr_nonnull(strstr(mail->verdict.text, "ROUTING.SizeLimit"));
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* A copy that is refused or dropped is not routed. */
START_TEST(test_route_refused)
{
	struct ph_mail *mail = make_mail("x@b.test");
	struct ph_rules_result result = make_result(mail);

	ph_mail_set_header(mail, PH_HEADER_CONNECTOR, "Bank", NULL);
	add_recipients(mail, "z@b.test u@a.test");
	ph_verdict_reject(&mail->verdict, PH_RULES_AGENT, "5.7.1", "no");
	apply(mail, &result, 1);
	ck_assert_str_eq(mail->verdict.text, "no");
	ck_assert_uint_eq(count_plans(), 0);
	ck_assert_uint_eq(result.copies->len, 1);
	ph_rules_result_clear(&result);
	mail_clear(&mail);
}
END_TEST

/* Who somebody is, nobody can say: TLS or a connector that a rule wants must
 * not be left out. */
START_TEST(test_route_directory_away)
{
	static const struct {
		const char *field, *value;
		enum ph_err_kind kind;
		int expected;
	} cases[] = {
	    {PH_HEADER_REQUIRE_TLS, "true", PH_ERR_TEMP, -1},
	    {PH_HEADER_CONNECTOR, "Bank", PH_ERR_TEMP, -1},
	    {PH_HEADER_REQUIRE_TLS, "true", PH_ERR_PERM, 0},
	    {NULL, NULL, PH_ERR_TEMP, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ph_mail *mail = make_mail("x@b.test");
		struct ph_rules_result result = make_result(mail);

		ph_directory_close(&mail->directory);
		mail->directory = ph_directory_failing(cases[i].kind, "away");
		if (cases[i].field != NULL)
			ph_mail_set_header(mail, cases[i].field, cases[i].value,
					   NULL);
		add_recipients(mail, "y@b.test");
		apply(mail, &result, cases[i].expected);
		ck_assert_uint_eq(count_plans(), 0);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
}
END_TEST

UNIT_MAIN("milters/transport/outcome_route", test_routes, test_route_too_large,
	  test_route_refused, test_route_directory_away)
