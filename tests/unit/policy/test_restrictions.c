#include "policy/restrictions.h"
#include "tests/unit/policy/sources.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define DUNNO "action=DUNNO\n\n"

static char *
ask(const struct ph_sources *sources, const char *text, struct ph_err *err)
{
	struct ph_request *request = ph_request_new();
	GString *out = g_string_new(NULL);

	ph_request_feed(request, text, strlen(text));
	ck_assert_int_eq(ph_request_next(request, NULL), 1);
	ph_restrictions_answer(sources, request, out, err);
	ph_request_free(&request);
	return g_string_free(out, FALSE);
}

static void
check_rcpt(const struct ph_sources *sources, const char *recipient,
	   const char *expected)
{
	g_autofree char *text =
	    g_strdup_printf("request=smtpd_access_policy\nprotocol_state=RCPT\n"
			    "sender=a@outside.test\nrecipient=%s\n\n",
			    recipient);
	g_autofree char *reply = ask(sources, text, NULL);

	ck_assert_msg(strcmp(reply, expected) == 0, "%s: %s", recipient, reply);
}

START_TEST(test_recipients)
{
	static const struct {
		const char *recipient, *reply;
	} rows[] = {
	    {"nuno@test.org", DUNNO},
	    {"N@TEST.ORG", DUNNO},
	    {"c@test.org", DUNNO},
	    {"all@test.org", DUNNO},
	    {"any@relay.test", DUNNO},
	    {"x@outside.test", DUNNO},
	    {"n@legacy.test", DUNNO},
	    {"postmaster", DUNNO},
	    {"", DUNNO},
	    {"nobody@test.org",
	     "action=550 5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; "
	     "not found\n\n"},
	    {"nobody@a.tree.test",
	     "action=550 5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; "
	     "not found\n\n"},
	    {"two@test.org", "action=550 5.1.4 Recipient address is ambiguous; "
			     "RESOLVER.ADR.Ambiguous; ambiguous address\n\n"},
	    {"\xff@test.org",
	     "action=501 5.1.3 Bad recipient address syntax\n\n"},
	};
	struct org org;

	org_open(&org);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_rcpt(&org.sources, rows[i].recipient, rows[i].reply);
	org_close(&org);
}
END_TEST

START_TEST(test_cannot_say)
{
	struct org org;

	org_open(&org);
	org.sources.directory = org.down;
	check_rcpt(&org.sources, "nuno@test.org",
		   "action=451 4.4.3 Recipient directory is not available\n\n");
	check_rcpt(&org.sources, "nobody@test.org",
		   "action=451 4.4.3 Recipient directory is not available\n\n");
	check_rcpt(&org.sources, "x@outside.test", DUNNO);
	org.sources.snapshot = NULL;
	check_rcpt(&org.sources, "x@outside.test",
		   "action=451 4.3.0 Temporary system problem\n\n");
	org_close(&org);
}
END_TEST

START_TEST(test_other_states)
{
	static const char *const states[] = {
	    "CONNECT", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "ETRN", "",
	};
	struct org org;

	org_open(&org);
	org.sources.snapshot = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
		g_autofree char *text = g_strdup_printf(
		    "protocol_state=%s\nrecipient=nobody@test.org\n\n",
		    states[i]);
		g_autofree char *reply = ask(&org.sources, text, NULL);

		ck_assert_str_eq(reply, DUNNO);
	}
	org_close(&org);
}
END_TEST

UNIT_MAIN("policy/restrictions", test_recipients, test_cannot_say,
	  test_other_states)
