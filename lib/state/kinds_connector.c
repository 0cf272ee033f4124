#include "lib/state/kinds_tables.h"

#include "lib/base/text.h"
#include "lib/state/object.h"
#include "lib/state/smart_host.h"
#include "lib/state/value.h"

#include <string.h>

static const char *const smart_host_auth[] = {"None",
					      "BasicAuth",
					      "BasicAuthRequireTLS",
					      "ExchangeServer",
					      "ExternalAuthoritative",
					      NULL};
static const char *const tls_levels[] = {
    "EncryptionOnly", "CertificateValidation", "DomainValidation", NULL};
static const char *const error_policies[] = {"Default", "DowngradeDnsFailures",
					     "DowngradeCustomFailures",
					     "UpgradeCustomFailures", NULL};
static const char *const logging_levels[] = {"None", "Verbose", NULL};
static const char *const transport_roles[] = {"FrontendTransport",
					      "HubTransport", NULL};
static const char *const auth_mechanisms[] = {"None",
					      "Tls",
					      "Integrated",
					      "BasicAuth",
					      "BasicAuthRequireTLS",
					      "ExchangeServer",
					      "ExternalAuthoritative",
					      NULL};
static const char *const permission_groups[] = {"None",
						"AnonymousUsers",
						"ExchangeUsers",
						"ExchangeServers",
						"ExchangeLegacyServers",
						"Partners",
						"Custom",
						NULL};
static const char *const size_modes[] = {"Enabled", "EnabledWithoutValue",
					 "Disabled", NULL};
static const char *const rate_sources[] = {"None", "IPAddress", "User", "All",
					   NULL};

const struct ph_field ph_fields_sendconnector[] = {
    {"Enabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: the connector is kept but not used"},
    {"AddressSpaces", PH_TYPE_LIST, PH_FIELD_REQUIRED,
     .help = "[Type:]space[;cost]: *, contoso.com, *.contoso.com; Type SMTP "
	     "and cost 1 when left out"},
    {"SourceTransportServers", PH_TYPE_NAMES, .refers = "server",
     .help = "servers that send through it; each one when none is named"},
    {"SmartHosts", PH_TYPE_LIST,
     .help = "hosts in place of the domain's MX: name (its own MX, or "
	     "address), [name], address; each may have :port"},
    {"SmartHostAuthMechanism", PH_TYPE_WORD, .value = "None",
     .words = smart_host_auth,
     .help = "how a smart host is logged in to: BasicAuth with TLS if it is "
	     "offered, BasicAuthRequireTLS over TLS alone"},
    {"AuthenticationCredential", PH_TYPE_TEXT, .max = 64,
     .help =
	 "file in [policy] credentials of the servers that send, whose first "
	 "line is user:password"},
    {"DNSRoutingEnabled", PH_TYPE_BOOL,
     .help = "the domain's MX is looked up; true when there are no SmartHosts"},
    {"Port", PH_TYPE_INT, .value = "25", .min = 1, .max = 65535,
     .help = "port of the smart hosts or MX hosts"},
    {"FrontendProxyEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "sent through the OutboundProxy of a front-end server"},
    {"RequireTLS", PH_TYPE_BOOL, .value = "false",
     .help = "over TLS or not at all"},
    {"TlsAuthLevel", PH_TYPE_WORD, .words = tls_levels,
     .help = "what the certificate must prove: nothing, the name of the host "
	     "that is connected to, TlsDomain; needs RequireTLS"},
    {"TlsDomain", PH_TYPE_TEXT, .max = 255,
     .help = "name in the certificate, with DomainValidation: mx.example, or "
	     "*.example; the recipient's domain when unset"},
    {"TlsCertificateName", PH_TYPE_TEXT, PH_FIELD_SETUP, .max = 512,
     .help = "<I>issuer<S>subject of the client certificate"},
    {"DomainSecureEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "as with DomainValidation for the domains in "
	     "TLSSendDomainSecureList"},
    {"IgnoreSTARTTLS", PH_TYPE_BOOL, .value = "false",
     .help = "TLS is not used even when it is offered"},
    {"MaxMessageSize", PH_TYPE_SIZE, .value = "35MB", .max = INT64_MAX,
     .help = "larger messages do not use this connector"},
    {"ConnectionInactivityTimeOut", PH_TYPE_SPAN, PH_FIELD_KEPT, .value = "10m",
     .min = PH_SECOND, .max = PH_DAY,
     .help = "how long an idle connection is kept"},
    {"SmtpMaxMessagesPerConnection", PH_TYPE_INT, PH_FIELD_KEPT, .value = "20",
     .max = INT32_MAX, .help = "then a new connection is made; 0: no limit"},
    {"ErrorPolicies", PH_TYPE_LIST, PH_FIELD_KEPT, .value = "Default",
     .words = error_policies,
     .help = "which failures are made temporary or permanent"},
    {"IsScopedConnector", PH_TYPE_BOOL, .value = "false",
     .help = "seen only by servers in the site of its source servers"},
    {"Fqdn", PH_TYPE_TEXT, PH_FIELD_SETUP, .max = 255,
     .help = "name given in EHLO; the server's own when unset"},
    {"UseExternalDNSServersEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT,
     .value = "false",
     .help = "the external DNS servers of the server are asked"},
    {"ForceHELO", PH_TYPE_BOOL, PH_FIELD_SETUP, .value = "false",
     .help = "HELO in place of EHLO"},
    {"CloudServicesMailEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "false",
     .help = "headers of the organisation are kept under other names"},
    {"ProtocolLoggingLevel", PH_TYPE_WORD, PH_FIELD_KEPT, .value = "None",
     .words = logging_levels, .help = "whether sessions are logged"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_receiveconnector[] = {
    {"Enabled", PH_TYPE_BOOL, .value = "true",
     .help = "false: the connector is kept but not used"},
    {"Server", PH_TYPE_NAME, .refers = "server", .help = "whose it is"},
    {"TransportRole", PH_TYPE_WORD, PH_FIELD_SETUP, .words = transport_roles,
     .help = "where the server has a Postfix instance for each, the one that "
	     "listens; unset: both"},
    {"Bindings", PH_TYPE_LIST, PH_FIELD_SETUP,
     .help = "address:port it listens on, and by which a client is known to be "
	     "its"},
    {"RemoteIPRanges", PH_TYPE_RANGES,
     .value = "0.0.0.0-255.255.255.255,::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:"
	      "ffff",
     .help = "clients it is for; the most specific range wins"},
    {"AuthMechanism", PH_TYPE_LIST, PH_FIELD_SETUP, .words = auth_mechanisms,
     .help = "what is offered: smtpd_tls_security_level, "
	     "smtpd_sasl_auth_enable, smtpd_tls_auth_only"},
    {"PermissionGroups", PH_TYPE_LIST, .words = permission_groups,
     .help = "who may send through it; unset: as Postfix says"},
    {"Banner", PH_TYPE_TEXT, PH_FIELD_SETUP, .max = 512,
     .help = "greeting, beginning with 220: smtpd_banner"},
    {"Fqdn", PH_TYPE_TEXT, PH_FIELD_SETUP, .max = 255,
     .help = "name given in the greeting and in Received: myhostname"},
    {"ServiceDiscoveryFqdn", PH_TYPE_TEXT, PH_FIELD_KEPT, .max = 255,
     .help = "name that clients are told"},
    {"TlsCertificateName", PH_TYPE_TEXT, PH_FIELD_SETUP, .max = 512,
     .help = "<I>issuer<S>subject of its certificate: smtpd_tls_chain_files"},
    {"ConnectionTimeout", PH_TYPE_SPAN, PH_FIELD_KEPT, .value = "10m",
     .min = PH_SECOND, .max = PH_DAY, .help = "longest connection"},
    {"ConnectionInactivityTimeout", PH_TYPE_SPAN, PH_FIELD_SETUP,
     .min = PH_SECOND, .max = PH_DAY,
     .help = "how long an idle client is kept: smtpd_timeout"},
    {"MaxHeaderSize", PH_TYPE_SIZE, PH_FIELD_SETUP, .max = INT64_MAX,
     .help = "a longer header is cut: header_size_limit"},
    {"MaxMessageSize", PH_TYPE_SIZE, .value = "36MB", .max = INT64_MAX,
     .help = "a larger message is refused"},
    {"MaxRecipientsPerMessage", PH_TYPE_INT, .value = "200", .min = 1,
     .max = 512000, .help = "further recipients are put off with 452"},
    {"MaxHopCount", PH_TYPE_INT, PH_FIELD_SETUP, .max = 500,
     .help = "Received fields at most: hopcount_limit"},
    {"MaxLocalHopCount", PH_TYPE_INT, PH_FIELD_KEPT, .value = "8", .max = 50,
     .help = "Received fields of servers of ours at most; 0: no limit"},
    {"MaxInboundConnection", PH_TYPE_INT, PH_FIELD_UNLIMITED | PH_FIELD_SETUP,
     .min = 1, .max = INT32_MAX,
     .help = "connections at once: the column maxproc"},
    {"MaxInboundConnectionPerSource", PH_TYPE_INT,
     PH_FIELD_UNLIMITED | PH_FIELD_SETUP, .min = 1, .max = 10000,
     .help = "connections at once of one address: "
	     "smtpd_client_connection_count_limit"},
    {"MaxInboundConnectionPercentagePerSource", PH_TYPE_INT, PH_FIELD_KEPT,
     .value = "2", .min = 1, .max = 100,
     .help = "share of the free connections that one address may have"},
    {"MaxLogonFailures", PH_TYPE_INT, PH_FIELD_KEPT, .value = "3", .max = 10,
     .help = "then the connection is closed"},
    {"MaxProtocolErrors", PH_TYPE_INT, PH_FIELD_UNLIMITED | PH_FIELD_SETUP,
     .max = INT32_MAX,
     .help = "then the connection is closed: smtpd_hard_error_limit"},
    {"MessageRateLimit", PH_TYPE_INT, PH_FIELD_UNLIMITED, .value = "unlimited",
     .min = 1, .max = INT32_MAX,
     .help = "messages a minute, on all servers together"},
    {"MessageRateSource", PH_TYPE_WORD, .value = "IPAddress",
     .words = rate_sources, .help = "whose messages are counted together"},
    {"TarpitInterval", PH_TYPE_SPAN, .value = "5s", .max = 10 * PH_MINUTE,
     .help = "how long a 5xx reply of posthub-policy to a stranger waits"},
    {"AuthTarpitInterval", PH_TYPE_SPAN, PH_FIELD_KEPT, .value = "5s",
     .max = 10 * PH_MINUTE, .help = "how long a reply to a failed login waits"},
    {"RequireTLS", PH_TYPE_BOOL, .value = "false",
     .help = "mail is taken over TLS alone"},
    {"RequireEHLODomain", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "false",
     .help = "EHLO must give a name"},
    {"DomainSecureEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT, .value = "false",
     .help = "mutual TLS with domains that are set up for it"},
    {"SizeEnabled", PH_TYPE_WORD, PH_FIELD_SETUP, .words = size_modes,
     .help = "how SIZE is offered: smtpd_discard_ehlo_keywords, as for the "
	     "next five"},
    {"BinaryMimeEnabled", PH_TYPE_BOOL, PH_FIELD_KEPT,
     .help = "BINARYMIME is offered"},
    {"ChunkingEnabled", PH_TYPE_BOOL, PH_FIELD_SETUP,
     .help = "CHUNKING is offered"},
    {"DeliveryStatusNotificationEnabled", PH_TYPE_BOOL, PH_FIELD_SETUP,
     .help = "DSN is offered"},
    {"EightBitMimeEnabled", PH_TYPE_BOOL, PH_FIELD_SETUP,
     .help = "8BITMIME is offered"},
    {"EnhancedStatusCodesEnabled", PH_TYPE_BOOL, PH_FIELD_SETUP,
     .help = "ENHANCEDSTATUSCODES is offered"},
    {"PipeliningEnabled", PH_TYPE_BOOL, PH_FIELD_SETUP,
     .help = "PIPELINING is offered"},
    {"RejectReservedTopLevelRecipientDomains", PH_TYPE_BOOL, .value = "false",
     .help = "recipients below test, example, invalid, localhost are refused"},
    {"RejectReservedSecondLevelRecipientDomains", PH_TYPE_BOOL,
     .value = "false",
     .help = "recipients below example.com, .net, .org are refused"},
    {"RejectSingleLabelRecipientDomains", PH_TYPE_BOOL, .value = "false",
     .help = "recipients in a domain without a dot are refused"},
    {"ProtocolLoggingLevel", PH_TYPE_WORD, PH_FIELD_KEPT, .value = "None",
     .words = logging_levels, .help = "whether sessions are logged"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

/* "*", "--", "contoso.com", "*.contoso.com"; never "*contoso.com". */
static bool
is_smtp_space(const char *space)
{
	if (strcmp(space, "*") == 0 || strcmp(space, "--") == 0)
		return true;
	if (g_str_has_prefix(space, "*."))
		space += 2;
	return ph_value_is_domain(space);
}

static bool
is_address_space(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ";", 3);
	const char *colon = strchr(parts[0], ':');
	int64_t cost = 1;

	if (parts[1] != NULL &&
	    (parts[2] != NULL || ph_parse_int(parts[1], &cost, NULL) < 0 ||
	     cost < 1 || cost > 100))
		return false;
	if (colon == NULL)
		return is_smtp_space(parts[0]);
	if (g_ascii_strncasecmp(parts[0], "smtp:", 5) == 0)
		return is_smtp_space(colon + 1);
	return colon != parts[0] && colon[1] != '\0';
}

static int
check_spaces(const struct ph_object *connector, struct ph_err *err)
{
	const char *const *list = ph_object_list(connector, "AddressSpaces");

	for (; *list != NULL; list++) {
		g_autofree char *quoted = NULL;

		if (is_address_space(*list))
			continue;
		quoted = ph_value_quote(*list);
		return ph_err_set(err, PH_ERR_PERM,
				  "AddressSpaces: %s is no address space; "
				  "expected [Type:]space[;cost] with *, "
				  "contoso.com or *.contoso.com and a cost "
				  "from 1 to 100",
				  quoted);
	}
	return 0;
}

/* One that is left out would send its mail by another connector. */
static int
check_smart_hosts(const struct ph_object *connector, struct ph_err *err)
{
	const char *const *list = ph_object_list(connector, "SmartHosts");

	for (; *list != NULL; list++) {
		struct ph_smart_host host;
		g_autofree char *quoted = NULL;

		if (ph_smart_host_parse(*list, 25, &host))
			continue;
		quoted = ph_value_quote(*list);
		return ph_err_set(err, PH_ERR_PERM,
				  "SmartHosts: %s is no host; expected a name, "
				  "[name] or an address, each with :port or "
				  "without",
				  quoted);
	}
	return 0;
}

static int
check_bindings(const struct ph_object *connector, struct ph_err *err)
{
	const char *const *list = ph_object_list(connector, "Bindings");

	for (; *list != NULL; list++) {
		struct ph_endpoint at;
		g_autofree char *quoted = NULL;

		if (!g_str_has_prefix(*list, "inet:") &&
		    ph_parse_endpoint(*list, &at, NULL) == 0 && at.port > 0)
			continue;
		quoted = ph_value_quote(*list);
		return ph_err_set(err, PH_ERR_PERM,
				  "Bindings: %s is no address and port; "
				  "expected such as 192.0.2.1:25, 0.0.0.0:25 "
				  "or [::]:25",
				  quoted);
	}
	return 0;
}

static bool
is_tls_domain(const char *name)
{
	return ph_value_is_domain(g_str_has_prefix(name, "*.") ? name + 2
							       : name);
}

static int
check_tls(const struct ph_object *connector, struct ph_err *err)
{
	const char *level = ph_object_text(connector, "TlsAuthLevel");
	const char *name = ph_object_text(connector, "TlsDomain");

	if (level != NULL && !ph_object_bool(connector, "RequireTLS"))
		return ph_err_set(err, PH_ERR_PERM,
				  "TlsAuthLevel: is not looked at without TLS; "
				  "expected RequireTLS true as well");
	if (name != NULL && !is_tls_domain(name))
		return ph_err_set(err, PH_ERR_PERM,
				  "TlsDomain: is no domain; expected "
				  "mx.example.com or *.example.com");
	/* Else any certificate of any smart host's name would do. */
	if (level != NULL && strcmp(level, "DomainValidation") == 0 &&
	    name == NULL && ph_object_has(connector, "SmartHosts"))
		return ph_err_set(err, PH_ERR_PERM,
				  "TlsDomain: is needed for DomainValidation "
				  "of SmartHosts; expected the name in their "
				  "certificate");
	if (ph_object_bool(connector, "DomainSecureEnabled") &&
	    ph_object_has(connector, "SmartHosts"))
		return ph_err_set(err, PH_ERR_PERM,
				  "DomainSecureEnabled: is about the domain's "
				  "own hosts; expected no SmartHosts");
	if (ph_object_bool(connector, "ForceHELO") &&
	    (ph_object_bool(connector, "RequireTLS") ||
	     ph_object_bool(connector, "DomainSecureEnabled")))
		return ph_err_set(err, PH_ERR_PERM,
				  "ForceHELO: HELO has no STARTTLS; expected "
				  "neither RequireTLS nor DomainSecureEnabled");
	if (ph_object_bool(connector, "IgnoreSTARTTLS") &&
	    (ph_object_bool(connector, "RequireTLS") ||
	     ph_object_bool(connector, "DomainSecureEnabled")))
		return ph_err_set(err, PH_ERR_PERM,
				  "IgnoreSTARTTLS: contradicts RequireTLS and "
				  "DomainSecureEnabled; expected one of them");
	return 0;
}

static int
check_login(const struct ph_object *connector, struct ph_err *err)
{
	const char *how = ph_object_text(connector, "SmartHostAuthMechanism");
	const char *file =
	    ph_object_text(connector, "AuthenticationCredential");

	if (file != NULL && (*file == '.' || strchr(file, '/') != NULL))
		return ph_err_set(err, PH_ERR_PERM,
				  "AuthenticationCredential: is no file name; "
				  "expected one without / and . at its start");
	if (!g_str_has_prefix(how, "BasicAuth"))
		return 0;
	if (ph_object_bool(connector, "ForceHELO"))
		return ph_err_set(err, PH_ERR_PERM,
				  "ForceHELO: HELO has no AUTH; expected "
				  "SmartHostAuthMechanism None");
	if (file == NULL || !ph_object_has(connector, "SmartHosts"))
		return ph_err_set(err, PH_ERR_PERM,
				  "SmartHostAuthMechanism: needs somewhere to "
				  "log in, and as whom; expected SmartHosts "
				  "and AuthenticationCredential as well");
	if (strcmp(how, "BasicAuthRequireTLS") == 0 &&
	    ph_object_bool(connector, "IgnoreSTARTTLS"))
		return ph_err_set(err, PH_ERR_PERM,
				  "IgnoreSTARTTLS: contradicts "
				  "BasicAuthRequireTLS; expected one of them");
	return 0;
}

int
ph_check_sendconnector(const struct ph_object *connector, struct ph_err *err)
{
	const char *fqdn = ph_object_text(connector, "Fqdn");

	if (ph_check_name(connector, err) < 0 ||
	    check_spaces(connector, err) < 0 ||
	    check_smart_hosts(connector, err) < 0)
		return -1;
	if (fqdn != NULL && !ph_value_is_domain(fqdn))
		return ph_err_set(err, PH_ERR_PERM,
				  "Fqdn: is not a host name; expected a name "
				  "such as mail.example.com");
	if (ph_object_has(connector, "SmartHosts") &&
	    ph_object_bool(connector, "DNSRoutingEnabled"))
		return ph_err_set(err, PH_ERR_PERM,
				  "DNSRoutingEnabled: contradicts SmartHosts; "
				  "expected one of them");
	return check_tls(connector, err) < 0 ? -1 : check_login(connector, err);
}

int
ph_check_receiveconnector(const struct ph_object *connector, struct ph_err *err)
{
	const char *banner = ph_object_text(connector, "Banner");
	const char *fqdn = ph_object_text(connector, "Fqdn");

	if (ph_check_name(connector, err) < 0 ||
	    check_bindings(connector, err) < 0)
		return -1;
	if (banner != NULL && !g_str_has_prefix(banner, "220 "))
		return ph_err_set(err, PH_ERR_PERM,
				  "Banner: is no greeting; expected 220, a "
				  "blank, the server's name and a text");
	if (banner != NULL && strpbrk(banner, "{}") != NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "Banner: has a brace, which master.cf cannot "
				  "hold; expected a text without { and }");
	if (fqdn != NULL && !ph_value_is_domain(fqdn))
		return ph_err_set(err, PH_ERR_PERM,
				  "Fqdn: is not a host name; expected a name "
				  "such as mail.example.com");
	return 0;
}
