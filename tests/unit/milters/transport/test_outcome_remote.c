#include "tests/unit/milters/transport/outcome.h"

/* Remote domains. */

#define REPLY "Auto-Submitted", " auto-replied (vacation)"
#define FORWARD "Auto-Submitted", " auto-forwarded"

static const struct remote_case {
	const char *name;
	const char *field, *value;
	const char *to, *going; /* going NULL: dropped as a whole */
} remotes[] = {
    {"any mail", "Subject", " hello", "a@quiet.test b@away.test",
     "a@quiet.test b@away.test"},
    {"a reply", REPLY, "a@quiet.test z@b.test", "z@b.test"},
    {"a reply, below *.", REPLY, "b@x.away.test b@away.test z@b.test",
     "z@b.test"},
    {"a reply to nobody else", REPLY, "a@quiet.test", NULL},
    {"forwarded", FORWARD, "a@quiet.test b@away.test", "a@quiet.test"},
    {"one of ours is not outside", REPLY, "u@a.test a@quiet.test", "u@a.test"},
};

START_TEST(test_remote_domains)
{
	for (size_t i = 0; i < G_N_ELEMENTS(remotes); i++) {
		const struct remote_case *c = &remotes[i];
		struct ph_mail *mail = make_mail("x@b.test");
		struct ph_rules_result result;
		g_autofree char *going = NULL;

		ph_headers_add(mail->headers, c->field, c->value);
		result = make_result(mail);
		add_recipients(mail, c->to);
		apply(mail, &result, c->going == NULL);
		going = going_of(mail);
		ck_assert_msg(c->going == NULL || strcmp(going, c->going) == 0,
			      "%s: %s", c->name, going);
		ck_assert_msg((mail->verdict.decision == PH_DECISION_DISCARD) ==
				  (c->going == NULL),
			      "%s: verdict", c->name);
		ph_rules_result_clear(&result);
		mail_clear(&mail);
	}
}
END_TEST

UNIT_MAIN("milters/transport/outcome_remote", test_remote_domains)
