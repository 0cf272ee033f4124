#include "policy/receive.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/routing/receive.h"
#include "policy/client.h"

#include <string.h>
#include <strings.h>

/* Exchange's words, where it has some. */
#define NOT_AUTHENTICATED "530 5.7.1 Client was not authenticated"
#define NOT_ALLOWED "550 5.7.1 Client does not have permissions to submit mail"
#define NEEDS_TLS "530 5.7.0 Must issue a STARTTLS command first"
#define TOO_OFTEN                                                         \
	"421 4.4.2 Message submission rate for this client has exceeded " \
	"the configured limit"
#define TOO_MANY "452 4.5.3 Too many recipients"
#define TOO_LARGE_TEXT "5.3.4 Message size exceeds fixed maximum message size"
#define TOO_LARGE "552 " TOO_LARGE_TEXT
/* Until 2026 smtpd forgets to end the transaction that is refused at the end
 * of the data: without hanging up (521), the next message by this connection
 * is a "nested MAIL command" and bounced. */
#define TOO_LARGE_END "521 " TOO_LARGE_TEXT

/* One request while it is looked at. */
struct ask {
	const struct ph_sources *sources;
	const struct ph_request *request;
	struct ph_receive_session *session; /* or NULL */
	const struct ph_object *connector;
	const char *login, *address;
	bool first; /* recipient of its message */
};

void
ph_receive_session_clear(struct ph_receive_session *session)
{
	g_free(session->instance);
	*session = (struct ph_receive_session){NULL, 0};
}

static int64_t
number(const struct ask *ask, const char *name)
{
	return g_ascii_strtoll(ph_policy_attribute(ask->request, name), NULL,
			       10);
}

/* Is this request the first of another message? */
static bool
begin_message(struct ask *ask)
{
	const char *instance = ph_policy_attribute(ask->request, "instance");
	struct ph_receive_session *session = ask->session;

	if (session == NULL || *instance == '\0')
		return false;
	if (g_strcmp0(session->instance, instance) == 0)
		return false;
	g_free(session->instance);
	session->instance = g_strdup(instance);
	session->recipients = 0;
	return true;
}

/* ---- what is asked: each NULL, or the refusal ---------------------------- */

static bool
has_group(const struct ask *ask, const char *group)
{
	const char *const *list =
	    ph_object_list(ask->connector, "PermissionGroups");

	for (; *list != NULL; list++)
		if (strcasecmp(*list, group) == 0)
			return true;
	return false;
}

/* A connector that says nothing of groups leaves it to Postfix. */
static const char *
check_groups(struct ask *ask)
{
	if (!ph_object_has(ask->connector, "PermissionGroups"))
		return NULL;
	if (*ask->login != '\0')
		return has_group(ask, "ExchangeUsers") ||
			       has_group(ask, "AnonymousUsers")
			   ? NULL
			   : NOT_ALLOWED;
	return has_group(ask, "AnonymousUsers") || has_group(ask, "Partners")
		   ? NULL
		   : NOT_AUTHENTICATED;
}

static const char *
check_tls(struct ask *ask)
{
	const char *tls =
	    ph_policy_attribute(ask->request, "encryption_protocol");

	return ph_object_bool(ask->connector, "RequireTLS") && *tls == '\0'
		   ? NEEDS_TLS
		   : NULL;
}

static const struct {
	const char *field, *domain;
	bool below; /* what is below it counts, too */
	const char *refusal;
} reserved[] = {
#define TOP "RejectReservedTopLevelRecipientDomains"
#define SECOND "RejectReservedSecondLevelRecipientDomains"
#define TOP_TEXT "501 5.1.4 Recipient address reserved by RFC 2606"
#define SECOND_TEXT "501 5.1.5 Recipient address reserved by RFC 2606"
    {TOP, "test", true, TOP_TEXT},
    {TOP, "example", true, TOP_TEXT},
    {TOP, "invalid", true, TOP_TEXT},
    {TOP, "localhost", true, TOP_TEXT},
    {SECOND, "example.com", true, SECOND_TEXT},
    {SECOND, "example.net", true, SECOND_TEXT},
    {SECOND, "example.org", true, SECOND_TEXT},
};

static bool
is_in(const char *domain, const char *parent)
{
	size_t n = strlen(domain), m = strlen(parent);

	return n >= m && strcasecmp(domain + n - m, parent) == 0 &&
	       (n == m || domain[n - m - 1] == '.');
}

static const char *
check_domain(struct ask *ask)
{
	const char *recipient = ph_policy_attribute(ask->request, "recipient");
	const char *at = strrchr(recipient, '@');

	if (at == NULL)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(reserved); i++)
		if (ph_object_bool(ask->connector, reserved[i].field) &&
		    is_in(at + 1, reserved[i].domain))
			return reserved[i].refusal;
	return strchr(at, '.') == NULL &&
		       ph_object_bool(ask->connector,
				      "RejectSingleLabelRecipientDomains")
		   ? "501 5.1.6 Recipient addresses in single label domains "
		     "not accepted"
		   : NULL;
}

static bool
is_too_large(const struct ask *ask)
{
	return number(ask, "size") >
	       ph_object_int(ask->connector, "MaxMessageSize");
}

/* What the client says by SIZE=. */
static const char *
check_size(struct ask *ask)
{
	return is_too_large(ask) ? TOO_LARGE : NULL;
}

/* What has come. */
static const char *
check_size_end(struct ask *ask)
{
	return is_too_large(ask) ? TOO_LARGE_END : NULL;
}

static bool
is_over(struct ask *ask, const char *who, int64_t limit)
{
	g_autofree char *folded = ph_fold(who);
	g_autofree char *name =
	    g_strdup_printf("%s:%s", ph_object_name(ask->connector), folded);

	return ph_rates_count(ask->sources->rates, name, ph_clock_wall()) >
	       limit;
}

static const char *
check_rate(struct ask *ask)
{
	int64_t limit = ph_object_int(ask->connector, "MessageRateLimit");
	const char *by = ph_object_text(ask->connector, "MessageRateSource");
	bool all = strcmp(by, "All") == 0, over = false;

	if (limit == INT64_MAX || !ask->first || ask->sources->rates == NULL)
		return NULL;
	if (all || strcmp(by, "IPAddress") == 0)
		over = is_over(ask, ask->address, limit);
	if ((all || strcmp(by, "User") == 0) && *ask->login != '\0')
		over = is_over(ask, ask->login, limit) || over;
	return over ? TOO_OFTEN : NULL;
}

/* The last one, because it counts. */
static const char *
check_count(struct ask *ask)
{
	int64_t max = ph_object_int(ask->connector, "MaxRecipientsPerMessage");

	if (ask->session == NULL || ask->session->instance == NULL)
		return NULL;
	if (ask->session->recipients >= max)
		return TOO_MANY;
	ask->session->recipients++;
	return NULL;
}

/* ---- all of them, in order ---------------------------------------------- */

static const struct {
	const char *state;
	const char *(*check)(struct ask *ask);
} checks[] = {
    {"RCPT", check_groups},
    {"RCPT", check_tls},
    {"RCPT", check_rate},
    {"RCPT", check_domain},
    {"RCPT", check_size},
    {"RCPT", check_count},
    {"END-OF-MESSAGE", check_size_end},
};

static const struct ph_object *
find_connector(const struct ask *ask)
{
	const struct ph_receive_query query = {
	    .snapshot = ask->sources->snapshot,
	    .server = ask->sources->server,
	    .address = ph_policy_attribute(ask->request, "server_address"),
	    .port = (int)number(ask, "server_port"),
	    .client = ask->address,
	};

	return ph_receive_find(&query);
}

void
ph_receive_check(const struct ph_sources *sources,
		 const struct ph_request *request,
		 struct ph_receive_session *session,
		 struct ph_receive_answer *answer)
{
	const char *state = ph_policy_attribute(request, "protocol_state");
	struct ask ask = {
	    .sources = sources,
	    .request = request,
	    .session = session,
	    .login = ph_policy_attribute(request, "sasl_username"),
	    .address = ph_policy_attribute(request, "client_address"),
	};

	if (ph_client_peer(sources, request) != NULL)
		return;
	ask.connector = find_connector(&ask);
	if (ask.connector == NULL)
		return;
	ask.first = begin_message(&ask);
	if (*ask.login == '\0')
		answer->tarpit = ph_object_int(ask.connector, "TarpitInterval");
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		const char *refusal = NULL;

		if (strcmp(checks[i].state, state) == 0)
			refusal = checks[i].check(&ask);
		if (refusal == NULL)
			continue;
		g_string_assign(answer->text, refusal);
		return;
	}
}
