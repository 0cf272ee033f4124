#include "lib/routing/connector.h"
#include "tests/unit/lib/routing/world.h"

/*
 * facts/exchange-routing.md section 5, worked out on paper. Three sites in a
 * row at cost 10 a link, a server in each; D stands alone. Connectors are
 * asked for x@mail.contoso.com unless the row says otherwise.
 */
#define SITES                                                    \
	"site A\nsite B\nsite C\nsite D\n"                       \
	"sitelink AB Sites=A,B Cost=10\n"                        \
	"sitelink BC Sites=B,C Cost=10\n"                        \
	"server M1 Site=A\nserver M2 Site=B\nserver M3 Site=C\n" \
	"server M4 Site=D\n"
#define TO "x@mail.contoso.com"
#define NOBODY "retry:4.4.4 No send connector for mail.contoso.com"
#define TOO_LARGE                                                            \
	"error:5.3.4 ROUTING.SizeLimit; message size exceeds fixed maximum " \
	"size for route"

static const struct {
	const char *rule;
	const char *world; /* connectors, after SITES */
	const char *from;
	const char *address; /* NULL: TO */
	uint64_t size;
	const char *connector;
	bool tls;
	const char *want;
} rows[] = {
    /* Which connectors there are to choose from. */
    {"none: the message waits", "", "M1", .want = NOBODY},
    {"the domain stands in the reason as it was written", "", "M1",
     "x@Contoso.COM", .want = "retry:4.4.4 No send connector for Contoso.COM"},
    {"* holds every domain", "sendconnector C AddressSpaces=*\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"Enabled false: kept, not used",
     "sendconnector C AddressSpaces=* Enabled=false\n", "M1", .want = NOBODY},
    {"a domain alone holds none below it",
     "sendconnector C AddressSpaces=contoso.com\n", "M1", .want = NOBODY},
    {"nor one above it", "sendconnector C AddressSpaces=a.mail.contoso.com\n",
     "M1", .want = NOBODY},
    {"*.domain holds those below",
     "sendconnector C AddressSpaces=*.contoso.com\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"however far below", "sendconnector C AddressSpaces=*.com\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"*.domain holds the domain itself",
     "sendconnector C AddressSpaces=*.contoso.com\n", "M1", "x@contoso.com",
     .want = "ph-out:contoso.com"},
    {"*.domain ends at a dot", "sendconnector C AddressSpaces=*.contoso.com\n",
     "M1", "x@notcontoso.com",
     .want = "retry:4.4.4 No send connector for notcontoso.com"},
    {"domains compare without case",
     "sendconnector C AddressSpaces=*.CONTOSO.com\n", "M1",
     "x@MAIL.Contoso.Com", .want = "ph-out:mail.contoso.com"},
    {"outside ASCII, too",
     "sendconnector C AddressSpaces=*.\xc3\x89t\xc3\xa9.fr\n", "M1",
     "x@\xc3\xa9T\xc3\xa9.fr", .want = "ph-out:\xc3\xa9t\xc3\xa9.fr"},
    {"SMTP may be said", "sendconnector C AddressSpaces=smtp:*.contoso.com;7\n",
     "M1", .want = "ph-out:mail.contoso.com"},
    {"other types are for other mail",
     "sendconnector C AddressSpaces=X400:*;1 SmartHosts=s.test\n", "M1",
     .want = NOBODY},
    {"-- is for Edge servers", "sendconnector C AddressSpaces=--\n", "M1",
     .want = NOBODY},
    {"one of several spaces will do",
     "sendconnector C AddressSpaces=a.test,contoso.com,*.contoso.com\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"the query may be a domain", "sendconnector C AddressSpaces=contoso.com\n",
     "M1", "contoso.com", .want = "ph-out:contoso.com"},

    /* 1. size */
    {"MaxMessageSize: the limit itself passes",
     "sendconnector C AddressSpaces=* MaxMessageSize=1000\n", "M1",
     .size = 1000, .want = "ph-out:mail.contoso.com"},
    {"one byte over: another connector, less specific",
     "sendconnector C AddressSpaces=mail.contoso.com MaxMessageSize=1000\n"
     "sendconnector D AddressSpaces=* SmartHosts=d.test\n",
     "M1", .size = 1001, .want = "ph-out:d.test:25"},
    {"only the size fails: refused for good",
     "sendconnector C AddressSpaces=* MaxMessageSize=1000\n", "M1",
     .size = 1001, .want = TOO_LARGE},
    {"size and scope fail: no connector",
     "sendconnector C AddressSpaces=* MaxMessageSize=1000 "
     "IsScopedConnector=true SourceTransportServers=M2\n",
     "M1", .size = 1001, .want = NOBODY},
    {"a size that is not known is no reason",
     "sendconnector C AddressSpaces=* MaxMessageSize=1000\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"35 MB when nothing is said", "sendconnector C AddressSpaces=*\n", "M1",
     .size = 36700161, .want = TOO_LARGE},
    {"unlimited", "sendconnector C AddressSpaces=* MaxMessageSize=unlimited\n",
     "M1", .size = INT64_MAX, .want = "ph-out:mail.contoso.com"},
    {"0 is no limit", "sendconnector C AddressSpaces=* MaxMessageSize=0\n",
     "M1", .size = INT64_MAX, .want = "ph-out:mail.contoso.com"},

    /* 2. scope */
    {"scoped: seen in the site of its source",
     "server M5 Site=A\nsendconnector C AddressSpaces=* IsScopedConnector=true "
     "SourceTransportServers=M5\n",
     "M1", .want = "ph-hub:[m5.test]:2525"},
    {"scoped: not seen elsewhere",
     "sendconnector C AddressSpaces=* IsScopedConnector=true "
     "SourceTransportServers=M2\n",
     "M1", .want = NOBODY},
    {"not scoped: seen in the whole organisation",
     "sendconnector C AddressSpaces=* SourceTransportServers=M2\n", "M1",
     .want = "ph-hub:[m2.test]:2525"},

    /* 3. specificity */
    {"the domain itself before *.domain",
     "sendconnector C AddressSpaces=*.mail.contoso.com SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=mail.contoso.com SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"the longer *.domain before the shorter",
     "sendconnector C AddressSpaces=*.com SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=*.contoso.com SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"*.domain before *",
     "sendconnector C AddressSpaces=* SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=*.com SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"specificity beats cost: *.contoso.com;100 wins over *;1",
     "sendconnector C AddressSpaces=*;1 SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=*.contoso.com;100 SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"and distance",
     "sendconnector C AddressSpaces=* SourceTransportServers=M1\n"
     "sendconnector D AddressSpaces=*.com SourceTransportServers=M3\n",
     "M1", .want = "ph-hub:[m3.test]:2525, [m2.test]:2525"},

    /* 4. cost */
    {"the lower cost of equal spaces",
     "sendconnector C AddressSpaces=*;20 SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=*;19 SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"1 when none is said",
     "sendconnector C AddressSpaces=*;2 SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=* SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"link costs count: 10 + 1 before 20 + 1",
     "sendconnector C AddressSpaces=* SourceTransportServers=M3\n"
     "sendconnector D AddressSpaces=* SourceTransportServers=M2\n",
     "M1", .want = "ph-hub:[m2.test]:2525"},
    {"both are added: 20 + 1 before 10 + 12",
     "sendconnector C AddressSpaces=*;12 SourceTransportServers=M2\n"
     "sendconnector D AddressSpaces=*;1 SourceTransportServers=M3\n",
     "M1", .want = "ph-hub:[m3.test]:2525, [m2.test]:2525"},
    {"a far connector may be cheaper than one here",
     "sendconnector C AddressSpaces=*;12 SourceTransportServers=M1\n"
     "sendconnector D AddressSpaces=*;1 SourceTransportServers=M2\n",
     "M1", .want = "ph-hub:[m2.test]:2525"},
    {"of two spaces of a connector the cheaper",
     "sendconnector C AddressSpaces=*;9,*;2 SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=*;3 SmartHosts=d.test\n",
     "M1", .want = "ph-out:c.test:25"},

    /* 5. proximity, 6. name */
    {"this server before its site, at equal cost",
     "server M5 Site=A\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M5\n"
     "sendconnector D AddressSpaces=* SourceTransportServers=M1 "
     "SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"this site before another, at equal cost",
     "server M5 Site=A\n"
     "sendconnector C AddressSpaces=*;1 SourceTransportServers=M2\n"
     "sendconnector D AddressSpaces=*;11 SourceTransportServers=M5\n",
     "M1", .want = "ph-hub:[m5.test]:2525"},
    {"fewer hops, at equal cost",
     "sendconnector C AddressSpaces=*;1 SourceTransportServers=M3\n"
     "sendconnector D AddressSpaces=*;11 SourceTransportServers=M2\n",
     "M1", .want = "ph-hub:[m2.test]:2525"},
    {"then the lower name, without case",
     "sendconnector b AddressSpaces=* SmartHosts=b.test\n"
     "sendconnector A AddressSpaces=* SmartHosts=a.test\n"
     "sendconnector C AddressSpaces=* SmartHosts=c.test\n",
     "M1", .want = "ph-out:a.test:25"},

    /* Source servers. */
    {"with no source server named each server sends",
     "sendconnector C AddressSpaces=*\n", "M3",
     .want = "ph-out:mail.contoso.com"},
    {"a source server sends itself, whoever else is one",
     "sendconnector C AddressSpaces=* SourceTransportServers=M2,m1\n", "M1",
     .want = "ph-out:mail.contoso.com"},
    {"also while it is Draining",
     "server M5 Site=A State=Draining\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M1,M5\n",
     "M5", .want = "ph-out:mail.contoso.com"},
    {"others: nearest site first, then by name",
     "server M0 Site=C\nserver M5 Site=B\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M3,M5,M0,M2\n",
     "M1",
     .want = "ph-hub:[m2.test]:2525, [m5.test]:2525, [m0.test]:2525, "
	     "[m3.test]:2525"},
    {"each once",
     "sendconnector C AddressSpaces=* SourceTransportServers=M2,m2,M2\n", "M1",
     .want = "ph-hub:[m2.test]:2525"},
    {"hub sites on the path are stopped at",
     "site H HubSiteEnabled=true\nsite Z\nsitelink AH Sites=A,H Cost=1\n"
     "sitelink HZ Sites=H,Z Cost=1\nserver MH Site=H\nserver MZ Site=Z\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=MZ\n",
     "M1", .want = "ph-hub:[mh.test]:2525"},
    {"a source in a hub site: those beside it as well, itself first",
     "site H HubSiteEnabled=true\nsitelink AH Sites=A,H Cost=1\n"
     "server MA Site=H\nserver MH Site=H\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=MH\n",
     "M1", .want = "ph-hub:[mh.test]:2525, [ma.test]:2525"},
    {"Draining sources are left out",
     "server M5 Site=A State=Draining\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M5,M2\n",
     "M1", .want = "ph-hub:[m2.test]:2525"},
    {"unless there is no other",
     "server M5 Site=A State=Draining\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M5\n",
     "M1", .want = "ph-hub:[m5.test]:2525"},
    {"Inactive ones always: the next connector",
     "server M5 Site=A State=Inactive\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M5\n"
     "sendconnector D AddressSpaces=*;50 SmartHosts=d.test\n",
     "M1", .want = "ph-out:d.test:25"},
    {"a source that is not connected",
     "sendconnector C AddressSpaces=* SourceTransportServers=M4\n", "M1",
     .want = NOBODY},
    {"a source behind a site that takes no mail",
     "site E InboundMailEnabled=false\nsitelink AE Sites=A,E\n"
     "server M5 Site=E\n"
     "sendconnector C AddressSpaces=* SourceTransportServers=M5\n",
     "M1", .want = NOBODY},
    {"a source that does not exist is not \"each server\"",
     "sendconnector C AddressSpaces=* SourceTransportServers=M9\n", "M1",
     .want = NOBODY},
    {"asked by a server that does not exist",
     "sendconnector C AddressSpaces=*\n", "M9",
     .want = NOBODY ": server M9 does not exist"},

    /* Where the mail goes. */
    {"smart hosts in their order: name, [name], address, with port",
     "sendconnector C AddressSpaces=* "
     "SmartHosts=a.test,\"[b.test]:587\",192.0.2.7:26,\"[192.0.2.8]\"\n",
     "M1",
     .want = "ph-out:a.test:25, [b.test]:587, [192.0.2.7]:26, "
	     "[192.0.2.8]:25"},
    {"IPv6 with and without brackets",
     "sendconnector C AddressSpaces=* "
     "SmartHosts=2001:db8::7,\"[2001:db8::8]:26\",\"[IPv6:2001:db8::9]\"\n",
     "M1",
     .want = "ph-out:[ipv6:2001:db8::7]:25, [ipv6:2001:db8::8]:26, "
	     "[ipv6:2001:db8::9]:25"},
    {"Port, where a smart host has none of its own",
     "sendconnector C AddressSpaces=* Port=2500 SmartHosts=a.test,b.test:26\n",
     "M1", .want = "ph-out:a.test:2500, b.test:26"},
    {"Port of the MX hosts", "sendconnector C AddressSpaces=* Port=2500\n",
     "M1", .want = "ph-out:mail.contoso.com:2500"},
    {"RequireTLS",
     "sendconnector C AddressSpaces=* RequireTLS=true SmartHosts=a.test\n",
     "M1", .want = "ph-out-tls:a.test:25"},
    {"TLS because a rule says so", "sendconnector C AddressSpaces=*\n", "M1",
     .tls = true, .want = "ph-out-tls:mail.contoso.com"},
    {"a rule that wants TLS beats IgnoreSTARTTLS",
     "sendconnector C AddressSpaces=* IgnoreSTARTTLS=true\n", "M1", .tls = true,
     .want = "ph-out-tls:mail.contoso.com"},
    {"IgnoreSTARTTLS", "sendconnector C AddressSpaces=* IgnoreSTARTTLS=true\n",
     "M1", .want = "ph-out-plain:mail.contoso.com"},
    {"TlsAuthLevel EncryptionOnly",
     "sendconnector C AddressSpaces=* RequireTLS=true "
     "TlsAuthLevel=EncryptionOnly\n",
     "M1", .want = "ph-out-tls:mail.contoso.com"},
    {"TlsAuthLevel CertificateValidation",
     "sendconnector C AddressSpaces=* RequireTLS=true "
     "TlsAuthLevel=CertificateValidation\n",
     "M1", .want = "ph-out-verify:mail.contoso.com"},
    {"TlsAuthLevel DomainValidation; a rule that wants TLS takes nothing away",
     "sendconnector C AddressSpaces=* RequireTLS=true "
     "TlsAuthLevel=DomainValidation\n",
     "M1", .tls = true, .want = "ph-out-secure:mail.contoso.com"},
    {"a password is not said in clear where TLS is wanted for it",
     "sendconnector C AddressSpaces=* SmartHosts=a.test "
     "SmartHostAuthMechanism=BasicAuthRequireTLS "
     "AuthenticationCredential=a\n",
     "M1", .want = "ph-out-tls:a.test:25"},
    {"DomainSecureEnabled, of a partner",
     "transportconfig - TLSSendDomainSecureList=Mail.Contoso.com\n"
     "sendconnector C AddressSpaces=* DomainSecureEnabled=true\n",
     "M1", .want = "ph-out-secure:mail.contoso.com"},
    {"DomainSecureEnabled, of others",
     "transportconfig - TLSSendDomainSecureList=contoso.com\n"
     "sendconnector C AddressSpaces=* DomainSecureEnabled=true\n",
     "M1", .want = "ph-out:mail.contoso.com"},
    {"a partner, by a connector that does not care",
     "transportconfig - TLSSendDomainSecureList=mail.contoso.com\n"
     "sendconnector C AddressSpaces=*\n",
     "M1", .want = "ph-out:mail.contoso.com"},
    {"ten smart hosts at most",
     "sendconnector C AddressSpaces=* SmartHosts=a,b,c,d,e,f,g,h,i,j,k,l\n",
     "M1",
     .want = "ph-out:a:25, b:25, c:25, d:25, e:25, f:25, g:25, h:25, i:25, "
	     "j:25"},
    {"neither smart hosts nor DNS",
     "sendconnector C AddressSpaces=* DNSRoutingEnabled=false\n", "M1",
     .want = NOBODY},
    {"a domain that would be another next hop",
     "sendconnector C AddressSpaces=*\n", "M1", "x@inet:contoso.com",
     .want = "retry:4.4.4 No send connector for inet:contoso.com"},
    {"or have a port", "sendconnector C AddressSpaces=*\n", "M1",
     "x@contoso.com:26",
     .want = "retry:4.4.4 No send connector for contoso.com:26"},
    {"a domain with a wide blank", "sendconnector C AddressSpaces=*\n", "M1",
     "x@a\xe3\x80\x80"
     "b.test",
     .want = "retry:4.4.4 No send connector for a\xe3\x80\x80"
	     "b.test"},
    {"no address at all", "sendconnector C AddressSpaces=*\n", "M1", "a b@",
     .want = "retry:4.4.4 No route"},

    /* A connector by name. */
    {"a rule's connector: its address spaces do not matter",
     "sendconnector C AddressSpaces=* SmartHosts=c.test\n"
     "sendconnector D AddressSpaces=other.test SmartHosts=d.test\n",
     "M1", .connector = "d", .want = "ph-out:d.test:25"},
    {"its source servers do",
     "sendconnector D AddressSpaces=other.test SourceTransportServers=M2\n",
     "M1", .connector = "D", .want = "ph-hub:[m2.test]:2525"},
    {"it does not exist: no other is taken",
     "sendconnector C AddressSpaces=*\n", "M1", .connector = "D",
     .want = "retry:4.4.4 Send connector D does not exist"},
    {"it is not enabled", "sendconnector D AddressSpaces=* Enabled=false\n",
     "M1", .connector = "D",
     .want = "retry:4.4.4 Send connector D is not enabled"},
    {"it is scoped to another site",
     "sendconnector D AddressSpaces=* IsScopedConnector=true "
     "SourceTransportServers=M2\n",
     "M1", .connector = "D",
     .want = "retry:4.4.4 Send connector D is scoped to another site"},
    {"it is too small", "sendconnector D AddressSpaces=* MaxMessageSize=1000\n",
     "M1", .size = 1001, .connector = "D", .want = TOO_LARGE},
    {"a name that tries to be two lines", "", "M1", .connector = "D\r\nX: y",
     .want = "retry:4.4.4 Send connector D??X: y does not exist"},
};

static void
ask(const struct world *w, size_t i, struct ph_connector_route *route_r)
{
	const struct ph_connector_query query = {
	    .snapshot = w->snapshot,
	    .topology = w->topology,
	    .from = rows[i].from,
	    .address = rows[i].address ? rows[i].address : TO,
	    .size = rows[i].size,
	    .connector = rows[i].connector,
	    .require_tls = rows[i].tls,
	    .explain = true,
	};

	ph_connector_find(&query, route_r);
}

/* What goes together whatever the question was. */
static void
check_shape(const char *rule, const struct ph_connector_route *route)
{
	bool found =
	    route->type == PH_CONNECTOR_OUT || route->type == PH_CONNECTOR_HUB;

	ck_assert_msg((route->nexthop != NULL) == found, "%s", rule);
	ck_assert_msg((route->connector != NULL) == found, "%s", rule);
	ck_assert_msg((route->reason != NULL) == !found, "%s", rule);
	ck_assert_ptr_nonnull(route->why);
	ck_assert_msg(route->why[0] != NULL, "%s", rule);
	for (const char *p = found ? route->nexthop : ""; *p; p++)
		ck_assert_msg((unsigned char)*p > ' ' ||
				  (*p == ' ' && p[-1] == ','),
			      "%s: %s", rule, route->nexthop);
}

START_TEST(test_connectors)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strconcat(SITES, rows[i].world, NULL);
		g_autofree char *answer = NULL;
		struct ph_connector_route route;
		struct world w;

		world_open(&w, text);
		ask(&w, i, &route);
		answer = ph_connector_format(&route);
		ck_assert_msg(!strcmp(answer, rows[i].want),
			      "%s: \"%s\", expected \"%s\"", rows[i].rule,
			      answer, rows[i].want);
		check_shape(rows[i].rule, &route);
		ph_connector_clear(&route);
		ck_assert_ptr_null(route.why);
		world_close(&w);
	}
}
END_TEST

static void
find(const struct world *w, const char *from,
     struct ph_connector_route *route_r)
{
	const struct ph_connector_query query = {.snapshot = w->snapshot,
						 .topology = w->topology,
						 .from = from,
						 .address = TO};

	ph_connector_find(&query, route_r);
}

START_TEST(test_ten_servers)
{
	g_autoptr(GString) text = g_string_new(SITES);
	g_autoptr(GString) names = g_string_new("M2");
	g_auto(GStrv) hops = NULL;
	struct ph_connector_route route;
	struct world w;

	for (int i = 10; i < 23; i++) {
		g_string_append_printf(text, "server N%d Site=B\n", i);
		g_string_append_printf(names, ",N%d", i);
	}
	g_string_append_printf(text,
			       "sendconnector C AddressSpaces=* "
			       "SourceTransportServers=%s\n",
			       names->str);
	world_open(&w, text->str);
	find(&w, "M1", &route);
	hops = g_strsplit(route.nexthop, ", ", -1);
	ck_assert_uint_eq(g_strv_length(hops), 10);
	ck_assert_str_eq(hops[0], "ph-hub:[m2.test]:2525");
	ck_assert_str_eq(hops[9], "[n18.test]:2525");
	ck_assert_ptr_null(route.why);
	ph_connector_clear(&route);
	world_close(&w);
}
END_TEST

START_TEST(test_why)
{
	static const char *const want[] = {
	    "connector A is not enabled",
	    "connector B: delivery group is its source servers",
	    "the nearest of them is in site B: least-cost path A > B (link AB, "
	    "cost 10), cost 10, hops 1",
	    "connector B: address space *, cost 11, in another site",
	    "connector C: address space *.contoso.com;50, cost 50, on this "
	    "server",
	    "C before B: more specific address space",
	    "connector D has no address space that holds the domain",
	    "connector E: delivery group is its source servers",
	    "the nearest of them is in site B: least-cost path A > B (link AB, "
	    "cost 10), cost 10, hops 1",
	    "connector E: address space *.contoso.com;40, cost 50, in another "
	    "site",
	    "C before E: nearer",
	    "connector C: sent from here",
	};
	const struct ph_connector_query none = {.from = "M1",
						.address = "x@outside.test"};
	struct ph_connector_query query = none;
	struct ph_connector_route route;
	struct world w;

	world_open(&w, SITES
		   "sendconnector A AddressSpaces=* Enabled=false\n"
		   "sendconnector B AddressSpaces=* SourceTransportServers=M2\n"
		   "sendconnector C AddressSpaces=*.contoso.com;50 "
		   "SourceTransportServers=M1\n"
		   "sendconnector D AddressSpaces=other.test\n"
		   "sendconnector E AddressSpaces=*.contoso.com;40 "
		   "SourceTransportServers=M2\n");
	query.snapshot = w.snapshot;
	query.topology = w.topology;
	query.address = TO;
	query.explain = true;
	ph_connector_find(&query, &route);
	for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
		ck_assert_ptr_nonnull(route.why[i]);
		ck_assert_str_eq(route.why[i], want[i]);
	}
	ck_assert_ptr_null(route.why[G_N_ELEMENTS(want)]);
	ck_assert_str_eq(ph_object_name(route.connector), "C");
	ph_connector_clear(&route);
	world_close(&w);
}
END_TEST

/* Whichever of the hops takes it, a message comes to a server that sends. */
static void
follow(const struct world *w, const char *from, int hops)
{
	struct ph_connector_route route;
	g_auto(GStrv) names = NULL;

	ck_assert_msg(hops < 8, "a loop at %s", from);
	find(w, from, &route);
	if (hops > 0)
		ck_assert_int_ne(route.type, PH_CONNECTOR_NONE);
	if (route.type == PH_CONNECTOR_HUB) {
		names = g_strsplit(route.nexthop + strlen("ph-hub:"), ", ", -1);
		for (char **name = names; *name; name++) {
			g_autofree char *server =
			    g_strndup(*name + 1, strcspn(*name + 1, "."));

			follow(w, server, hops + 1);
		}
	}
	ph_connector_clear(&route);
}

START_TEST(test_no_loops)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(7);

	for (int round = 0; round < 200; round++) {
		g_autoptr(GString) text = g_string_new(NULL);
		struct world w;

		for (int i = 0; i < 5; i++)
			g_string_append_printf(
			    text, "site S%d HubSiteEnabled=%d\n", i,
			    g_rand_int_range(random, 0, 2));
		for (int i = 0; i < 6; i++) {
			int a = g_rand_int_range(random, 0, 5);
			int b = (a + g_rand_int_range(random, 1, 5)) % 5;

			g_string_append_printf(
			    text, "sitelink L%d Sites=S%d,S%d Cost=%d\n", i, a,
			    b, g_rand_int_range(random, 1, 4));
		}
		for (int i = 0; i < 7; i++)
			g_string_append_printf(
			    text, "server M%d Site=S%d State=%s\n", i,
			    g_rand_int_range(random, 0, 5),
			    g_rand_int_range(random, 0, 5) ? "Active"
							   : "Draining");
		for (int i = 0; i < 4; i++)
			g_string_append_printf(
			    text,
			    "sendconnector C%d AddressSpaces=%s;%d "
			    "SourceTransportServers=M%d,M%d "
			    "IsScopedConnector=%d\n",
			    i, i == 3 ? "*.com" : "*",
			    g_rand_int_range(random, 1, 6),
			    g_rand_int_range(random, 0, 7),
			    g_rand_int_range(random, 0, 7),
			    g_rand_int_range(random, 0, 5) == 0);
		world_open(&w, text->str);
		for (int i = 0; i < 7; i++) {
			g_autofree char *from = g_strdup_printf("M%d", i);

			follow(&w, from, 0);
		}
		world_close(&w);
	}
}
END_TEST

UNIT_MAIN("lib/routing/connector", test_connectors, test_ten_servers, test_why,
	  test_no_loops)
