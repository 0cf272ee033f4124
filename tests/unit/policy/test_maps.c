#include "lib/state/map_names.h"
#include "policy/maps.h"
#include "tests/unit/policy/sources.h"
#include "tests/unit/unit.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define NOT_FOUND "NOTFOUND "
#define UNKNOWN \
	"OK error:5.1.1 User unknown; RESOLVER.ADR.ExRecipNotFound; not found"
#define SYNTAX "OK error:5.1.3 Bad recipient address syntax"

struct row {
	const char *map, *key, *reply;
};

/* The words of the reply, without the netstring around them. */
static char *
ask(const struct ph_sources *sources, const char *map, const char *key,
    struct ph_err *err)
{
	const struct ph_smap_request request = {map, key};
	g_autoptr(GString) out = g_string_new(NULL);
	char *end;
	guint64 size;

	ph_map_answer(sources, &request, out, err);
	size = g_ascii_strtoull(out->str, &end, 10);
	ck_assert_int_eq(*end, ':');
	ck_assert_uint_eq((size_t)(end + 1 - out->str) + size + 1, out->len);
	ck_assert_int_eq(out->str[out->len - 1], ',');
	return g_strndup(end + 1, size);
}

static void
check(const struct ph_sources *sources, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		g_autofree char *reply =
		    ask(sources, rows[i].map, rows[i].key, NULL);

		ck_assert_msg(strcmp(reply, rows[i].reply) == 0,
			      "%s %s: \"%s\", expected \"%s\"", rows[i].map,
			      rows[i].key, reply, rows[i].reply);
	}
}

START_TEST(test_transport)
{
	static const struct row rows[] = {
	    {"transport", "nuno@test.org", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "N@test.org", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "n@legacy.test", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "mota@test.org", "OK ph-hub:[mbx2.test]:2525"},
	    {"transport", "nobody@test.org", UNKNOWN},
	    {"transport", "nobody@a.tree.test", UNKNOWN},
	    {"transport", "x@relay.test",
	     "OK retry:4.4.4 No send connector for relay.test"},
	    {"transport", "x@outside.test",
	     "OK retry:4.4.4 No send connector for outside.test"},
	    {"transport", "double-bounce@mbx1.test",
	     "OK retry:4.4.4 No send connector for mbx1.test"},
	    {"transport", "c@test.org",
	     "OK retry:4.4.4 No send connector for outside.test"},
	    {"transport", "d@partner.test",
	     "OK retry:4.4.4 No send connector for Partner.test"},
	    {"transport", "some@test.org",
	     "OK ph-expand:unix:posthub/expand.sock"},
	    {"transport", "near@test.org",
	     "OK ph-expand:unix:posthub/expand.sock"},
	    {"transport", "far@test.org", "OK ph-hub:[mbx2.test]:2525"},
	    {"transport", "off@test.org",
	     "OK retry:4.4.4 No route to the expansion server MBX9"},
	    {"transport", "both@test.org", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "pair@test.org", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "ring1@test.org",
	     "OK error:5.4.6 Mail is forwarded in a circle; RESOLVER.FWD.Loop; "
	     "there is a forwarding loop configured in the directory"},
	    {"transport", "all@test.org",
	     "OK ph-expand:unix:posthub/expand.sock"},
	    {"transport", "two@test.org",
	     "OK error:5.1.4 Recipient address is ambiguous; "
	     "RESOLVER.ADR.Ambiguous; ambiguous address"},
	    {"transport", "0123456789abcdef@fork.posthub.invalid",
	     "OK ph-fork:unix:posthub/fork.sock"},
	    {"transport", "x@FORK.posthub.invalid",
	     "OK ph-fork:unix:posthub/fork.sock"},
	    {"transport", "*", NOT_FOUND},
	    {"transport", "", NOT_FOUND},
	    {"transport", "<>", NOT_FOUND},
	    {"transport", "test.org", NOT_FOUND},
	    {"transport", ".test.org", NOT_FOUND},
	    {"transport", "@test.org", NOT_FOUND},
	    {"transport", "MAILER-DAEMON", NOT_FOUND},
	    {"transport", "x\x01y", NOT_FOUND},
	    {"transport", "x\x01@test.org", SYNTAX},
	    {"transport", "\xff@test.org", SYNTAX},
	    {"transport", "x@[192.0.2.1]", SYNTAX},
	};
	struct org org;

	org_open(&org);
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	org_close(&org);
}
END_TEST

/* A login that holds a separator would be two others. */
START_TEST(test_login)
{
	static const struct row rows[] = {
	    {"login", "nuno@test.org",
	     "OK n@legacy.test,n@test.org,nuno@test.org"},
	    {"login", "N@Legacy.test",
	     "OK n@legacy.test,n@test.org,nuno@test.org"},
	    {"login", "shared@test.org",
	     "OK login,n@legacy.test,n@test.org,nuno@test.org,shared@test.org"},
	    {"login", "nobody@test.org", "OK ,"},
	    {"login", "nobody@a.tree.test", "OK ,"},
	    {"login", "x@relay.test", NOT_FOUND},
	    {"login", "x@outside.test", NOT_FOUND},
	    {"login", "two@test.org",
	     "TEMP who may send as <two@test.org>: two@test.org belongs to "
	     "both recipient:mota@test.org and recipient:b@test.org"},
	    {"login", "", NOT_FOUND},
	    {"login", "<>", NOT_FOUND},
	    {"login", "nuno", NOT_FOUND},
	    {"login", "@test.org", NOT_FOUND},
	};
	struct org org;

	org_open(&org);
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	org_close(&org);
}
END_TEST

/* Addresses outside, with connectors: on this server, on the other one. */
START_TEST(test_transport_connector)
{
	static const struct row rows[] = {
	    {"transport", "x@outside.test", "OK ph-out:outside.test"},
	    {"transport", "x@Outside.Test", "OK ph-out:outside.test"},
	    {"transport", "x@relay.test",
	     "OK ph-out-tls:[192.0.2.1]:25, smart.test:587"},
	    {"transport", "d@partner.test", "OK ph-hub:[mbx2.test]:2525"},
	    {"transport", "c@test.org", "OK ph-hub:[mbx1.test]:2525"},
	    {"transport", "nuno@test.org", "OK ph-mailbox:[mbx1.test]:475"},
	    {"transport", "nobody@test.org", UNKNOWN},
	    {"transport", "all@test.org",
	     "OK ph-expand:unix:posthub/expand.sock"},
	    {"transport", "outside.test", NOT_FOUND},
	    {"transport", "x@[192.0.2.1]", SYNTAX},
	    {"transport", "x@a,b", SYNTAX},
	    {"transport", "x@outside.test:2525",
	     "OK retry:4.4.4 No send connector for outside.test:2525"},
	    {"recipient", "x@outside.test", NOT_FOUND},
	};
	struct org org;
	struct world world;

	org_open(&org);
	world_open(&world,
		   ORG "sendconnector Internet AddressSpaces=*\n"
		       "sendconnector Partner AddressSpaces=partner.test "
		       "SourceTransportServers=MBX2\n"
		       "sendconnector Relay AddressSpaces=relay.test "
		       "SmartHosts=192.0.2.1,smart.test:587 RequireTLS=true\n");
	org.sources.snapshot = world.snapshot;
	org.sources.topology = world.topology;
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	world_close(&world);
	org_close(&org);
}
END_TEST

/* What Postfix's client asks about a next hop. */
#define CONNECTORS                                                         \
	"sendconnector Bank AddressSpaces=bank.test RequireTLS=true "      \
	"SmartHosts=192.0.2.1,in.bank.test:587,2001:db8::7 "               \
	"TlsAuthLevel=DomainValidation TlsDomain=mx.bank.test "            \
	"SmartHostAuthMechanism=BasicAuth AuthenticationCredential=bank\n" \
	"sendconnector Elsewhere AddressSpaces=else.test RequireTLS=true " \
	"SourceTransportServers=MBX2 SmartHosts=else.test "                \
	"TlsAuthLevel=DomainValidation TlsDomain=else.test "               \
	"SmartHostAuthMechanism=BasicAuth AuthenticationCredential=bank\n" \
	"sendconnector Internet AddressSpaces=*\n"                         \
	"sendconnector Lost AddressSpaces=lost.test SmartHosts=lost.test " \
	"SmartHostAuthMechanism=BasicAuth AuthenticationCredential=lost\n" \
	"sendconnector Mute AddressSpaces=mute.test SmartHosts=mute.test " \
	"SmartHostAuthMechanism=BasicAuth AuthenticationCredential=mute\n" \
	"sendconnector Off AddressSpaces=off.test SmartHosts=off.test "    \
	"SmartHostAuthMechanism=BasicAuth AuthenticationCredential=bank "  \
	"Enabled=false\n"                                                  \
	"sendconnector Open AddressSpaces=open.test SmartHosts=open.test " \
	"AuthenticationCredential=bank\n"                                  \
	"sendconnector Partner AddressSpaces=*.partner.test Port=587 "     \
	"RequireTLS=true TlsAuthLevel=DomainValidation "                   \
	"TlsDomain=*.partner.test\n"                                       \
	"sendconnector Strict AddressSpaces=strict.test RequireTLS=true "  \
	"TlsAuthLevel=DomainValidation\n"

START_TEST(test_hops)
{
	static const struct row rows[] = {
	    {"tls", "[192.0.2.1]:25", "OK secure match=mx.bank.test"},
	    {"tls", "in.bank.test:587", "OK secure match=mx.bank.test"},
	    {"tls", "IN.Bank.test:587", "OK secure match=mx.bank.test"},
	    {"tls", "[ipv6:2001:db8::7]:25", "OK secure match=mx.bank.test"},
	    {"tls", "[192.0.2.1]:26", NOT_FOUND},
	    {"tls", "192.0.2.1", NOT_FOUND},
	    {"tls", "in.bank.test", NOT_FOUND},
	    {"tls", "bank.test", NOT_FOUND},
	    {"tls", "partner.test:587", "OK secure match=.partner.test"},
	    {"tls", "a.partner.test:587", "OK secure match=.partner.test"},
	    {"tls", ".partner.test", NOT_FOUND},
	    {"tls", "strict.test", NOT_FOUND},
	    {"tls", "outside.test", NOT_FOUND},
	    {"tls", "else.test:25", NOT_FOUND},
	    {"tls", "", NOT_FOUND},
	    {"tls", "*", NOT_FOUND},
	    {"tls", "\xff", NOT_FOUND},
	    {"sasl", "[192.0.2.1]:25", "OK post hub:se cret:"},
	    {"sasl", "in.bank.test:587", "OK post hub:se cret:"},
	    {"sasl", "in.bank.test", NOT_FOUND},
	    {"sasl", "open.test:25", NOT_FOUND},
	    {"sasl", "off.test:25", NOT_FOUND},
	    {"sasl", "else.test:25", NOT_FOUND},
	    {"sasl", "outside.test", NOT_FOUND},
	    {"sasl", "", NOT_FOUND},
	};
	g_autofree char *directory = g_dir_make_tmp("ph.XXXXXX", NULL);
	g_autofree char *bank = g_build_filename(directory, "bank", NULL);
	g_autofree char *mute = g_build_filename(directory, "mute", NULL);
	g_autofree char *lost = NULL, *empty = NULL;
	struct org org;
	struct world world;

	ck_assert(
	    g_file_set_contents(bank, "post hub:se cret:\nmore\n", -1, NULL));
	ck_assert(g_file_set_contents(mute, "hidden\nx:y\n", -1, NULL));
	org_open(&org);
	world_open(&world, ORG CONNECTORS);
	org.sources.snapshot = world.snapshot;
	org.sources.topology = world.topology;
	org.sources.credentials = directory;
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	lost = ask(&org.sources, "sasl", "lost.test:25", NULL);
	ck_assert(g_str_has_prefix(lost, "TEMP send connector Lost: "));
	empty = ask(&org.sources, "sasl", "mute.test:25", NULL);
	ck_assert(g_str_has_prefix(empty, "TEMP send connector Mute: "));
	ck_assert_ptr_null(strstr(empty, "hidden"));
	world_close(&world);
	org_close(&org);
	ck_assert_int_eq(g_unlink(bank), 0);
	ck_assert_int_eq(g_unlink(mute), 0);
	ck_assert_int_eq(g_rmdir(directory), 0);
}
END_TEST

/* [server] peer_tls. */
START_TEST(test_peers)
{
	static const struct {
		enum ph_peer_mode mode;
		const char *reply;
	} rows[] = {
	    {PH_PEER_OFF, "OK none"},
	    {PH_PEER_MAY, "OK may"},
	    {PH_PEER_ENCRYPT, "OK encrypt"},
	    {PH_PEER_VERIFY, "OK secure match=mbx2.test"},
	};
	struct org org;

	org_open(&org);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct ph_peer_tls tls = {.mode = rows[i].mode};
		const struct row asked[] = {
		    {"tls", "[mbx2.test]:2525", rows[i].reply},
		    {"tls", "[MBX2.test]:475", rows[i].reply},
		    {"tls", "mbx2.test", NOT_FOUND},
		    {"tls", "[outside.test]:25", NOT_FOUND},
		};

		org.sources.peer_tls = &tls;
		check(&org.sources, asked, G_N_ELEMENTS(asked));
	}
	org_close(&org);
}
END_TEST

/* A full address is never "not found", however odd it is. */
START_TEST(test_transport_never_not_found)
{
	static const char *const keys[] = {
	    "lost@test.org",
	    "x@",
	    "a@b@test.org",
	    "\"a@b\"@test.org",
	    "a b@test.org",
	    "x@@",
	    "x@.",
	    "x@a..b",
	    "<x@test.org>",
	    "x@test.org.",
	    "\"@test.org",
	    "x@a,b",
	    "\xc3\xa9@\xc3\xa9.test",
	};
	g_autofree char *local = g_strnfill(9000, 'x');
	g_autofree char *address = g_strconcat(local, "@test.org", NULL);
	struct org org;
	char *reply;

	org_open(&org);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		reply = ask(&org.sources, "transport", keys[i], NULL);
		ck_assert_msg(g_str_has_prefix(reply, "OK retry:4.4.4 ") ||
				  g_str_has_prefix(reply, "OK error:5.1."),
			      "%s: %s", keys[i], reply);
		g_free(reply);
	}
	reply = ask(&org.sources, "transport", address, NULL);
	ck_assert_str_eq(reply, SYNTAX);
	g_free(reply);
	org_close(&org);
}
END_TEST

START_TEST(test_others)
{
	static const struct row rows[] = {
	    {"recipient", "nuno@test.org", "OK OK"},
	    {"recipient", "N@LEGACY.test", "OK OK"},
	    {"recipient", "c@test.org", "OK OK"},
	    {"recipient", "two@test.org", "OK OK"},
	    {"recipient", "any@relay.test", "OK OK"},
	    {"recipient", "nobody@test.org", NOT_FOUND},
	    {"recipient", "x@outside.test", NOT_FOUND},
	    {"recipient", "@relay.test", NOT_FOUND},
	    {"recipient", "relay.test", NOT_FOUND},
	    {"recipient", "\xff@test.org", NOT_FOUND},
	    {"domain", "test.org", "OK OK"},
	    {"domain", "TEST.org", "OK OK"},
	    {"domain", "a.tree.test", "OK OK"},
	    {"domain", "a.test.org", NOT_FOUND},
	    {"domain", ".test.org", NOT_FOUND},
	    {"domain", "outside.test", NOT_FOUND},
	    {"domain", "x@test.org", NOT_FOUND},
	    {"domain", "*", NOT_FOUND},
	    {"domain", "", NOT_FOUND},
	    {"domain", "\xff", NOT_FOUND},
	    {"alias", "n@test.org", "OK Nuno@test.org"},
	    {"alias", "nuno@test.org", NOT_FOUND},
	    {"alias", "NUNO@test.org", NOT_FOUND},
	    {"alias", "nobody@test.org", NOT_FOUND},
	    {"alias", "two@test.org", NOT_FOUND},
	    {"alias", "x@relay.test", NOT_FOUND},
	    {"alias", "c@test.org", "OK c@outside.test"},
	    {"alias", "only@test.org", "OK Nuno@test.org"},
	    {"alias", "both@test.org", "OK both@test.org,x@outside.test"},
	    {"alias", "pair@test.org", NOT_FOUND},
	    {"alias", "lost2@test.org", "OK nobody@test.org"},
	    {"alias", "ring1@test.org", NOT_FOUND},
	    {"alias", "x@outside.test", NOT_FOUND},
	    {"alias", "@test.org", NOT_FOUND},
	    {"alias", "test.org", NOT_FOUND},
	    {"server", "mbx2.test", "OK OK"},
	    {"server", "MBX2.test", "OK OK"},
	    {"server", "outside.test", NOT_FOUND},
	    {"server", "192.0.2.1", NOT_FOUND},
	    {"server", "", NOT_FOUND},
	    {"owner", "nuno@test.org", "PERM there is no map \"owner\""},
	    {"Transport", "nuno@test.org",
	     "PERM there is no map \"Transport\""},
	};
	struct org org;

	org_open(&org);
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	org_close(&org);
}
END_TEST

START_TEST(test_directory_down)
{
	static const struct row rows[] = {
	    {"transport", "nuno@test.org", "TEMP down"},
	    {"transport", "nobody@test.org", "TEMP down"},
	    {"transport", "x@fork.posthub.invalid",
	     "OK ph-fork:unix:posthub/fork.sock"},
	    {"transport", "*", NOT_FOUND},
	    {"recipient", "nuno@test.org", "TEMP down"},
	    {"recipient", "nobody@test.org", "TEMP down"},
	    {"alias", "n@test.org", "TEMP down"},
	    {"domain", "test.org", "OK OK"},
	    {"server", "mbx1.test", "OK OK"},
	};
	struct ph_err err = PH_ERR_INIT;
	struct org org;
	char *reply;

	org_open(&org);
	org.sources.directory = org.down;
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	reply = ask(&org.sources, "transport", "nuno@test.org", &err);
	ck_assert_int_eq(err.kind, PH_ERR_TEMP);
	g_free(reply);
	org_close(&org);
}
END_TEST

START_TEST(test_no_state)
{
	static const struct row rows[] = {
	    {"transport", "nuno@test.org",
	     "TEMP no state of the organisation yet"},
	    {"recipient", "nobody@test.org",
	     "TEMP no state of the organisation yet"},
	    {"domain", "test.org", "TEMP no state of the organisation yet"},
	    {"alias", "n@test.org", "TEMP no state of the organisation yet"},
	    {"server", "mbx1.test", "TEMP no state of the organisation yet"},
	    {"transport", "*", NOT_FOUND},
	    {"transport", "x@fork.posthub.invalid",
	     "OK ph-fork:unix:posthub/fork.sock"},
	};
	struct org org;

	org_open(&org);
	org.sources.snapshot = NULL;
	org.sources.topology = NULL;
	check(&org.sources, rows, G_N_ELEMENTS(rows));
	org_close(&org);
}
END_TEST

/* Every name that is shown has a row, and answers. */
START_TEST(test_table)
{
	struct org org;
	size_t n = 0;

	org_open(&org);
	for (const struct ph_map *map = ph_maps; map->name != NULL; map++) {
		g_autofree char *reply =
		    ask(&org.sources, map->name, "*", NULL);

		ck_assert_ptr_eq(ph_map_find(map->name), map);
		ck_assert_str_eq(map->name, ph_map_names[n].name);
		ck_assert_uint_gt(strlen(ph_map_names[n].help), 10);
		ck_assert_str_eq(reply, NOT_FOUND);
		n++;
	}
	ck_assert_ptr_null(ph_map_names[n].name);
	org_close(&org);
}
END_TEST

UNIT_MAIN("policy/maps", test_transport, test_transport_connector, test_hops,
	  test_peers, test_login, test_transport_never_not_found, test_others,
	  test_directory_down, test_no_state, test_table)
