#include "policy/receive.h"
#include "tests/unit/policy/sources.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define CONNECTORS                                                   \
	ORG "receiveconnector Anyone RemoteIPRanges=203.0.113.0/25 " \
	    "PermissionGroups=AnonymousUsers MaxMessageSize=10KB "   \
	    "MaxRecipientsPerMessage=2 TarpitInterval=3s\n"          \
	    "receiveconnector Open RemoteIPRanges=203.0.113.1\n"     \
	    "receiveconnector Users RemoteIPRanges=203.0.113.2 "     \
	    "PermissionGroups=ExchangeUsers RequireTLS=true\n"       \
	    "receiveconnector None RemoteIPRanges=203.0.113.3 "      \
	    "PermissionGroups=None\n"                                \
	    "receiveconnector Partner RemoteIPRanges=203.0.113.4 "   \
	    "PermissionGroups=Partners "                             \
	    "RejectReservedTopLevelRecipientDomains=true "           \
	    "RejectReservedSecondLevelRecipientDomains=true "        \
	    "RejectSingleLabelRecipientDomains=true\n"               \
	    "receiveconnector Rate RemoteIPRanges=203.0.113.5 "      \
	    "MessageRateLimit=2\n"                                   \
	    "receiveconnector User RemoteIPRanges=203.0.113.6 "      \
	    "MessageRateLimit=2 MessageRateSource=User\n"            \
	    "receiveconnector All RemoteIPRanges=203.0.113.7 "       \
	    "MessageRateLimit=2 MessageRateSource=All\n"             \
	    "receiveconnector Off RemoteIPRanges=203.0.113.8 "       \
	    "MessageRateLimit=1 MessageRateSource=None\n"            \
	    "receiveconnector Peer RemoteIPRanges=192.0.2.0/24 "     \
	    "PermissionGroups=None MaxMessageSize=1KB\n"             \
	    "server MBX3 Transport=192.0.2.3:2525\n"
#define RCPT "protocol_state=RCPT\n"
#define EOM "protocol_state=END-OF-MESSAGE\n"
#define CLIENT(n) "client_address=203.0.113." #n "\n"

/* One connection of Postfix's. */
struct asked {
	struct org org;
	struct world world;
	struct ph_receive_session session;
	int64_t tarpit;
};

static void
begin(struct asked *a)
{
	*a = (struct asked){.session = {NULL, 0}};
	org_open(&a->org);
	world_open(&a->world, CONNECTORS);
	a->org.sources.snapshot = a->world.snapshot;
	a->org.sources.topology = a->world.topology;
	a->org.sources.rates = ph_rates_new(NULL);
}

static void
end(struct asked *a)
{
	ph_receive_session_clear(&a->session);
	ph_rates_free(&a->org.sources.rates);
	world_close(&a->world);
	org_close(&a->org);
}

static char *
ask(struct asked *a, const char *attributes)
{
	struct ph_request *request = ph_request_new();
	GString *text = g_string_new(NULL);
	struct ph_receive_answer answer = {text, 0};

	ph_request_feed(request, attributes, strlen(attributes));
	ph_request_feed(request, "\n", 1);
	ck_assert_int_eq(ph_request_next(request, NULL), 1);
	ph_receive_check(&a->org.sources, request, &a->session, &answer);
	a->tarpit = answer.tarpit;
	ph_request_free(&request);
	return g_string_free(text, FALSE);
}

static void
expect(struct asked *a, const char *attributes, const char *code)
{
	g_autofree char *reply = ask(a, attributes);

	if (*code == '\0')
		ck_assert_msg(*reply == '\0', "%s%s", attributes, reply);
	else
		ck_assert_msg(g_str_has_prefix(reply, code), "%s%s", attributes,
			      reply);
}

START_TEST(test_single)
{
	static const struct {
		const char *attributes, *code;
	} rows[] = {
	    /* Nobody's connector: nothing is asked. */
	    {RCPT "client_address=198.51.100.1\nsize=999999999\n", ""},
	    {RCPT "client_address=\n", ""},
	    /* Groups. */
	    {RCPT CLIENT(1), ""},
	    {RCPT CLIENT(2), "530 5.7.1 "},
	    {RCPT CLIENT(2) "sasl_username=u\n", "530 5.7.0 "},
	    {RCPT CLIENT(2) "sasl_username=u\nencryption_protocol=TLSv1.3\n",
	     ""},
	    {RCPT CLIENT(3), "530 5.7.1 "},
	    {RCPT CLIENT(3) "sasl_username=u\n", "550 5.7.1 "},
	    {RCPT CLIENT(4), ""},
	    {RCPT CLIENT(4) "sasl_username=u\n", "550 5.7.1 "},
	    {RCPT CLIENT(9), ""},
	    {RCPT CLIENT(9) "sasl_username=u\n", ""},
	    /* Sizes: as said at RCPT, as come at the end. */
	    {RCPT CLIENT(9) "size=10240\n", ""},
	    {RCPT CLIENT(9) "size=10241\n", "552 5.3.4 "},
	    {EOM CLIENT(9) "size=10240\n", ""},
	    {EOM CLIENT(9) "size=10241\n", "521 5.3.4 "},
	    {"protocol_state=DATA\n" CLIENT(9) "size=10241\n", ""},
	    /* Domains that nobody can have. */
	    {RCPT CLIENT(4) "recipient=a@b.test\n", "501 5.1.4 "},
	    {RCPT CLIENT(4) "recipient=a@LOCALHOST\n", "501 5.1.4 "},
	    {RCPT CLIENT(4) "recipient=a@b.example.com\n", "501 5.1.5 "},
	    {RCPT CLIENT(4) "recipient=a@example.org\n", "501 5.1.5 "},
	    {RCPT CLIENT(4) "recipient=a@host\n", "501 5.1.6 "},
	    {RCPT CLIENT(4) "recipient=a@latest\n", "501 5.1.6 "},
	    {RCPT CLIENT(4) "recipient=a@notexample.com\n", ""},
	    {RCPT CLIENT(4) "recipient=postmaster\n", ""},
	    {RCPT CLIENT(1) "recipient=a@b.test\n", ""},
	    /* Servers of ours. */
	    {RCPT "client_address=192.0.2.4\n", "530 5.7.1 "},
	    {RCPT "client_address=192.0.2.3\n", ""},
	    {EOM "client_address=192.0.2.3\nsize=999999\n", ""},
	};
	struct asked a;

	begin(&a);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		expect(&a, rows[i].attributes, rows[i].code);
	end(&a);
}
END_TEST

/* Each message of its own, whatever was refused before. */
START_TEST(test_recipients)
{
	struct asked a;

	begin(&a);
	for (int message = 1; message <= 2; message++) {
		g_autofree char *text =
		    g_strdup_printf(RCPT CLIENT(9) "instance=%d\n", message);

		expect(&a, text, "");
		expect(&a, text, "");
		expect(&a, text, "452 4.5.3 ");
		expect(&a, text, "452 4.5.3 ");
	}
	end(&a);
}
END_TEST

/* Messages are counted, not recipients. */
START_TEST(test_rates)
{
	static const struct {
		const char *attributes, *code;
	} rows[] = {
	    {RCPT CLIENT(5) "instance=1\n", ""},
	    {RCPT CLIENT(5) "instance=1\n", ""},
	    {RCPT CLIENT(5) "instance=1\n", ""},
	    {RCPT CLIENT(5) "instance=2\nsasl_username=u\n", ""},
	    {EOM CLIENT(5) "instance=2\n", ""},
	    {RCPT CLIENT(5) "instance=3\n", "421 4.4.2 "},
	    {RCPT CLIENT(6) "instance=4\nsasl_username=u\n", ""},
	    {RCPT CLIENT(6) "instance=5\nsasl_username=U\n", ""},
	    {RCPT CLIENT(6) "instance=6\nsasl_username=u\n", "421 4.4.2 "},
	    {RCPT CLIENT(6) "instance=7\nsasl_username=v\n", ""},
	    {RCPT CLIENT(6) "instance=8\n", ""},
	    {RCPT CLIENT(6) "instance=9\n", ""},
	    {RCPT CLIENT(6) "instance=10\n", ""},
	    {RCPT CLIENT(7) "instance=11\nsasl_username=u\n", ""},
	    {RCPT CLIENT(7) "instance=12\nsasl_username=v\n", ""},
	    {RCPT CLIENT(7) "instance=13\nsasl_username=w\n", "421 4.4.2 "},
	    {RCPT CLIENT(8) "instance=14\n", ""},
	    {RCPT CLIENT(8) "instance=15\n", ""},
	};
	struct asked a;

	begin(&a);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		expect(&a, rows[i].attributes, rows[i].code);
	end(&a);
}
END_TEST

START_TEST(test_tarpit)
{
	struct asked a;

	begin(&a);
	expect(&a, RCPT CLIENT(9), "");
	ck_assert_int_eq(a.tarpit, 3000);
	expect(&a, RCPT CLIENT(9) "sasl_username=u\n", "");
	ck_assert_int_eq(a.tarpit, 0);
	expect(&a, RCPT "client_address=192.0.2.3\n", "");
	ck_assert_int_eq(a.tarpit, 0);
	expect(&a, RCPT "client_address=198.51.100.1\n", "");
	ck_assert_int_eq(a.tarpit, 0);
	end(&a);
}
END_TEST

UNIT_MAIN("policy/receive", test_single, test_recipients, test_rates,
	  test_tarpit)
