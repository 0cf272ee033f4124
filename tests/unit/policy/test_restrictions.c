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
	ph_restrictions_answer(sources, request, NULL, out, err);
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

/* ---- may this sender send to it? ----------------------------------------- */

#define STRANGER "client_address=203.0.113.5\n"
#define PEER(n) "client_address=192.0.2." #n "\n"
#define AUTH_REQUIRED                                                        \
	"action=550 5.7.1 inside@test.org takes mail of "                    \
	"authenticated senders only: log in, or ask its owner to take mail " \
	"from outside"                                                       \
	"; RESOLVER.RST.AuthRequired; authentication required\n\n"
#define NOT_AUTHORIZED                                       \
	"action=550 5.7.1 Sender is not allowed to send to " \
	"staff@test.org: ask its owner to let you in; "      \
	"RESOLVER.RST.NotAuthorized; not authorized\n\n"
#define NO_NAMES \
	"action=451 4.4.3 Servers of ours cannot be told from others now\n\n"
#define TOO_LARGE                                                     \
	"action=550 5.2.3 Message is too large for inside@test.org; " \
	"RESOLVER.RST.RecipSizeLimit; message too large for this "    \
	"recipient\n\n"

START_TEST(test_senders)
{
	static const struct {
		const char *client, *recipient, *reply;
	} rows[] = {
	    {STRANGER, "inside@test.org", AUTH_REQUIRED},
	    {STRANGER "sasl_username=x@far.test\n", "inside@test.org", DUNNO},
	    {STRANGER "sasl_username=u\nsize=10240\n", "inside@test.org",
	     DUNNO},
	    {STRANGER "sasl_username=u\nsize=10241\n", "inside@test.org",
	     TOO_LARGE},
	    {STRANGER "size=10241\n", "inside@test.org", TOO_LARGE},
	    {STRANGER "size=10241\n", "nuno@test.org", DUNNO},
	    {STRANGER, "staff@test.org", NOT_AUTHORIZED},
	    /* What a stranger says of himself counts for nothing. */
	    {STRANGER "sender=nuno@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	    {STRANGER "sasl_sender=nuno@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	    {STRANGER "sasl_username=n@legacy.test\n", "staff@test.org", DUNNO},
	    {STRANGER "sasl_username=nuno\n", "staff@test.org", DUNNO},
	    {STRANGER "sasl_username=mota@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	    /* Front ends pass on who has logged in. */
	    {PEER(9), "inside@test.org", AUTH_REQUIRED},
	    {PEER(9) "sasl_sender=<>\n", "inside@test.org", AUTH_REQUIRED},
	    {PEER(9) "sasl_sender=nuno\n", "staff@test.org", DUNNO},
	    {PEER(9) "sasl_sender=+6Euno@test.org\n", "staff@test.org", DUNNO},
	    {PEER(9) "sasl_sender=mota@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	    {"client_address=203.0.113.5\nclient_name=fe.test\n",
	     "inside@test.org", AUTH_REQUIRED},
	    /* Other servers say so in the header; that is not known yet. */
	    {PEER(2), "inside@test.org", DUNNO},
	    {PEER(2), "staff@test.org", DUNNO},
	    {PEER(2) "size=10241\n", "inside@test.org", DUNNO},
	    {PEER(2) "sasl_sender=mota@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	    {PEER(2), "nobody@test.org",
	     "action=550 5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; "
	     "not found\n\n"},
	};
	struct org org;
	struct world world;

	org_open(&org);
	world_open(&world,
		   "site A\n"
		   "domain test.org Default=true\n"
		   "server FE Site=A Roles=FrontendTransport Fqdn=fe.test "
		   "Frontend=192.0.2.9:25\n"
		   "server MBX2 Site=A Fqdn=mbx2.test "
		   "Transport=192.0.2.2:2525\n");
	org.sources.snapshot = world.snapshot;
	org.sources.topology = world.topology;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
		    g_strdup_printf("protocol_state=RCPT\n%srecipient=%s\n\n",
				    rows[i].client, rows[i].recipient);
		g_autofree char *reply = ask(&org.sources, text, NULL);

		ck_assert_msg(strcmp(reply, rows[i].reply) == 0, "%s%s: %s",
			      rows[i].client, rows[i].recipient, reply);
	}
	world_close(&world);
	org_close(&org);
}
END_TEST

START_TEST(test_forwarding)
{
	static const struct {
		const char *recipient, *reply;
	} rows[] = {
	    {"only@test.org", DUNNO},
	    {"both@test.org", DUNNO},
	    {"pair@test.org", DUNNO},
	    {"lost2@test.org",
	     "action=550 5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; "
	     "not found\n\n"},
	    {"ring2@test.org",
	     "action=550 5.4.6 Mail is forwarded in a circle; "
	     "RESOLVER.FWD.Loop; there is a forwarding loop configured in the "
	     "directory\n\n"},
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

/* Whoever has the address of a server of ours, and does not speak as one. */
START_TEST(test_peer_tls)
{
	static const struct {
		enum ph_peer_mode mode;
		const char *client, *code;
	} rows[] = {
	    {PH_PEER_MAY, PEER(2), "DUNNO"},
	    {PH_PEER_ENCRYPT, STRANGER, "DUNNO"},
	    {PH_PEER_ENCRYPT, PEER(2), "454 4.7.0 "},
	    {PH_PEER_ENCRYPT, PEER(2) "encryption_protocol=TLSv1.3\n", "DUNNO"},
	    {PH_PEER_VERIFY, STRANGER, "DUNNO"},
	    {PH_PEER_VERIFY, PEER(2), "454 4.7.0 "},
	    {PH_PEER_VERIFY, PEER(2) "encryption_protocol=TLSv1.3\n",
	     "454 4.7.0 "},
	    {PH_PEER_VERIFY,
	     PEER(2) "encryption_protocol=TLSv1.3\nccert_subject=x.test\n",
	     "454 4.7.0 "},
	    {PH_PEER_VERIFY,
	     PEER(2) "encryption_protocol=TLSv1.3\nccert_subject=mbx2\n",
	     "DUNNO"},
	};
	struct org org;
	struct world world;

	org_open(&org);
	world_open(&world, "domain test.org\nserver MBX2 Fqdn=mbx2.test "
			   "Transport=192.0.2.2:2525\n");
	org.sources.snapshot = world.snapshot;
	org.sources.topology = world.topology;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_peer_tls tls = {.mode = rows[i].mode};
		g_autofree char *text = g_strdup_printf(
		    "protocol_state=RCPT\nrecipient=nuno@test.org\n%s\n",
		    rows[i].client);
		g_autofree char *want =
		    g_strdup_printf("action=%s", rows[i].code);
		g_autofree char *reply = NULL;

		org.sources.peer_tls = &tls;
		reply = ask(&org.sources, text, NULL);
		ck_assert_msg(g_str_has_prefix(reply, want), "row %zu: %s", i,
			      reply);
	}
	world_close(&world);
	org_close(&org);
}
END_TEST

/* A server of ours whose address nobody can look up would be refused as a
 * stranger, and would return the mail. */
START_TEST(test_server_that_is_not_known_yet)
{
	static const struct {
		const char *client, *recipient, *reply;
	} rows[] = {
	    {STRANGER, "inside@test.org", NO_NAMES},
	    {STRANGER, "staff@test.org", NO_NAMES},
	    {STRANGER, "nuno@test.org", DUNNO},
	    {STRANGER "sasl_username=mota@test.org\n", "staff@test.org",
	     NOT_AUTHORIZED},
	};
	struct org org;

	org_open(&org);
	org.sources.peers = ph_peers_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text =
		    g_strdup_printf("request=smtpd_access_policy\n"
				    "protocol_state=RCPT\n%srecipient=%s\n\n",
				    rows[i].client, rows[i].recipient);
		g_autofree char *reply = ask(&org.sources, text, NULL);

		ck_assert_msg(strcmp(reply, rows[i].reply) == 0, "%zu: %s", i,
			      reply);
	}
	ph_peers_stop(&org.sources.peers);
	org_close(&org);
}
END_TEST

UNIT_MAIN("policy/restrictions", test_peer_tls, test_recipients, test_senders,
	  test_server_that_is_not_known_yet, test_forwarding, test_cannot_say,
	  test_other_states)
