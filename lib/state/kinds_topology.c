#include "lib/state/kinds_tables.h"

#include "lib/base/text.h"
#include "lib/state/object.h"
#include "lib/state/value.h"

#include <string.h>

/* Order of enum ph_server_state in lib/routing. */
static const char *const server_states[] = {"Active", "Draining", "Inactive",
					    NULL};
static const char *const server_roles[] = {"FrontendTransport", "HubTransport",
					   "Mailbox", NULL};

const struct ph_field ph_fields_site[] = {
    {"HubSiteEnabled", PH_TYPE_BOOL, .value = "false",
     .help = "mail whose least-cost path leads through this site stops here"},
    {"InboundMailEnabled", PH_TYPE_BOOL, .value = "true",
     .help = "mail from other sites is taken in"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_sitelink[] = {
    {"Sites", PH_TYPE_NAMES, PH_FIELD_REQUIRED, .refers = "site",
     .help = "two or more sites, each reachable from each at this cost"},
    {"Cost", PH_TYPE_INT, .value = "100", .min = 1, .max = 99999,
     .help = "the lowest total cost is the path of mail"},
    {"ExchangeCost", PH_TYPE_INT, .min = 1, .max = 99999,
     .help = "used for mail in place of Cost when set"},
    {"MaxMessageSize", PH_TYPE_SIZE, .value = "unlimited", .min = 64 * PH_KB,
     .max = INT64_MAX,
     .help = "larger messages on a least-cost path over this link bounce"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_server[] = {
    {"Fqdn", PH_TYPE_TEXT, .max = 255,
     .help = "host name; the name of the object when unset"},
    {"Site", PH_TYPE_NAME, .refers = "site", .help = "the site it stands in"},
    {"Roles", PH_TYPE_LIST, .words = server_roles,
     .value = "FrontendTransport,HubTransport,Mailbox",
     .help = "the services that this server has"},
    {"DatabaseAvailabilityGroup", PH_TYPE_NAME, .refers = "dag",
     .help = "the DAG it is in; must agree with the Servers of that DAG"},
    {"Frontend", PH_TYPE_ENDPOINT,
     .help = "where its Front End Transport listens for clients"},
    {"Transport", PH_TYPE_ENDPOINT,
     .help = "where its Transport service listens for other servers"},
    {"Delivery", PH_TYPE_ENDPOINT,
     .help = "where its store driver listens (LMTP)"},
    {"OutboundProxy", PH_TYPE_ENDPOINT,
     .help = "where its front end takes outbound mail"},
    {"State", PH_TYPE_WORD, .value = "Active", .words = server_states,
     .help = "Draining takes nothing new, Inactive is left out"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_dag[] = {
    {"Servers", PH_TYPE_NAMES, .refers = "server",
     .help = "its members; this list is the truth"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

const struct ph_field ph_fields_database[] = {
    {"Servers", PH_TYPE_NAMES, .refers = "server",
     .help = "servers with a copy, in order of activation preference"},
    {"Active", PH_TYPE_NAME, .refers = "server",
     .help = "the server whose copy takes mail; the first of Servers when "
	     "unset"},
    {"Epoch", PH_TYPE_INT, .value = "0", .max = INT64_MAX,
     .help = "grows with each move; a server refuses a lower one"},
    {"AutoActivation", PH_TYPE_BOOL, .value = "false",
     .help = "another copy is activated when the active server is gone"},
    {"ProhibitSendReceiveQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX,
     .help = "size that mail may not make a mailbox exceed which has no quota "
	     "of its own"},
    {"ProhibitSendQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX, .help = "size above which such a mailbox may not send"},
    {"IssueWarningQuota", PH_TYPE_SIZE, .value = "unlimited", .min = 1,
     .max = INT64_MAX,
     .help = "size above which the owner of such a mailbox is warned"},
    {"Comment", PH_TYPE_TEXT, .max = 256, .help = "for people"},
    {NULL},
};

int
ph_check_name(const struct ph_object *object, struct ph_err *err)
{
	if (ph_value_is_name(ph_object_name(object)))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "Name: is not a name; expected at most " G_STRINGIFY(
			      PH_NAME_LIMIT) " bytes of UTF-8 without "
					     "control characters");
}

/* Names in a list must be different: 1, or 0 and *twice_r. */
static int
all_different(const char *const *list, const char **twice_r)
{
	for (size_t i = 0; list[i] != NULL; i++) {
		g_autofree char *a = ph_fold(list[i]);

		for (size_t j = 0; j < i; j++) {
			g_autofree char *b = ph_fold(list[j]);

			*twice_r = list[i];
			if (strcmp(a, b) == 0)
				return 0;
		}
	}
	return 1;
}

static int
check_different(const struct ph_object *object, const char *field,
		struct ph_err *err)
{
	const char *const *list = ph_object_list(object, field);
	g_autofree char *quoted = NULL;
	const char *twice = NULL;

	if (g_strv_length((char **)list) > 1000)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: is too long; expected at most 1000 "
				  "names",
				  field);
	if (all_different(list, &twice))
		return 0;
	quoted = ph_value_quote(twice);
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: %s is there twice; expected different names",
			  field, quoted);
}

int
ph_check_sitelink(const struct ph_object *link, struct ph_err *err)
{
	const char *const *sites = ph_object_list(link, "Sites");

	if (ph_check_name(link, err) < 0)
		return -1;
	if (sites[0] == NULL || sites[1] == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "Sites: a link needs two ends; expected two "
				  "or more sites");
	return check_different(link, "Sites", err);
}

/* Other servers connect to it, so a UNIX socket would be another one there. */
static int
check_endpoint(const struct ph_object *server, const char *field,
	       struct ph_err *err)
{
	const char *text = ph_object_text(server, field);
	struct ph_endpoint endpoint;

	if (text == NULL)
		return 0;
	if (ph_parse_endpoint(text, &endpoint, NULL) < 0 ||
	    endpoint.unix_socket)
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: other servers cannot reach a UNIX "
				  "socket; expected host:port",
				  field);
	return 0;
}

int
ph_check_server(const struct ph_object *server, struct ph_err *err)
{
	static const char *const endpoints[] = {"Frontend", "Transport",
						"Delivery", "OutboundProxy"};
	const char *fqdn = ph_object_text(server, "Fqdn");

	/* It ends up in next hops, file names and tracking rows. */
	if (!ph_value_is_domain(ph_object_name(server)))
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is not fit for a server (blank, "
				  "control character or punctuation); expected "
				  "a host name such as MBX1");
	if (fqdn != NULL && !ph_value_is_domain(fqdn))
		return ph_err_set(err, PH_ERR_PERM,
				  "Fqdn: is not a host name; expected a name "
				  "such as mbx1.example.com");
	for (size_t i = 0; i < G_N_ELEMENTS(endpoints); i++)
		if (check_endpoint(server, endpoints[i], err) < 0)
			return -1;
	return 0;
}

int
ph_check_dag(const struct ph_object *dag, struct ph_err *err)
{
	if (ph_check_name(dag, err) < 0)
		return -1;
	return check_different(dag, "Servers", err);
}

static bool
list_has(const char *const *list, const char *name)
{
	g_autofree char *wanted = ph_fold(name);

	for (size_t i = 0; list[i] != NULL; i++) {
		g_autofree char *folded = ph_fold(list[i]);

		if (strcmp(folded, wanted) == 0)
			return true;
	}
	return false;
}

int
ph_check_database(const struct ph_object *database, struct ph_err *err)
{
	const char *name = ph_object_name(database);
	const char *active = ph_object_text(database, "Active");
	const char *const *servers = ph_object_list(database, "Servers");

	/* The store driver keeps a database in a directory of its name: a
	 * name must not lead out of the store. */
	if (!ph_value_is_name(name) || name[0] == '.' ||
	    strchr(name, '/') != NULL || strlen(name) > 200)
		return ph_err_set(err, PH_ERR_PERM,
				  "Name: is not fit for a directory; expected "
				  "at most 200 bytes without '/' or control "
				  "character, not beginning with a dot");
	if (active != NULL && servers[0] != NULL && !list_has(servers, active))
		return ph_err_set(err, PH_ERR_PERM,
				  "Active: this server has no copy; expected "
				  "one of Servers");
	return check_different(database, "Servers", err);
}
