#include "lib/base/clock.h"
#include "lib/directory/ldap_entry.h"
#include "lib/directory/ldap_private.h"

#include <string.h>

/* One message of a server; a group with 100,000 members has 10 MB. */
#define MESSAGE_LIMIT ((ber_len_t)64 << 20)
#define KEEPALIVE_S 60

#define ACTIVE_DIRECTORY_OID "1.2.840.113556.1.4.800"

void
ph_ldap_settings_clear(struct ph_ldap_settings *settings)
{
	g_strfreev(settings->uris);
	g_free(settings->base);
	g_free(settings->ca_file);
	g_free(settings->cert_file);
	g_free(settings->key_file);
	g_free(settings->bind_dn);
	g_free(settings->password);
	g_free(settings->keytab);
	memset(settings, 0, sizeof *settings);
}

const char *
ph_ldap_server_name(enum ph_ldap_server server)
{
	static const char *const names[] = {
	    [PH_LDAP_UNKNOWN] = "an unknown server",
	    [PH_LDAP_ACTIVE_DIRECTORY] = "Active Directory",
	    [PH_LDAP_OPENLDAP] = "OpenLDAP",
	    [PH_LDAP_389] = "389 Directory Server",
	};

	return names[server];
}

enum ph_ldap_server
ph_ldap_conn_server(const struct ph_ldap_conn *conn)
{
	return conn->server;
}

bool
ph_ldap_conn_broken(const struct ph_ldap_conn *conn)
{
	return conn->broken;
}

/* ---- errors and waiting ------------------------------------------------- */

int
ph_ldap_conn_fail(struct ph_ldap_conn *conn, int rc, const char *what,
		  struct ph_err *err)
{
	char *more = NULL;

	if (rc < 0 || rc == LDAP_UNAVAILABLE)
		conn->broken = true;
	(void)ldap_get_option(conn->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	(void)ph_err_set(err, PH_ERR_TEMP, "%s: %s: %s%s%s", conn->uri, what,
			 ldap_err2string(rc), more && *more ? ": " : "",
			 more ? more : "");
	ldap_memfree(more);
	return -1;
}

static int
fail_late(struct ph_ldap_conn *conn, const char *what, struct ph_err *err)
{
	conn->broken = true;
	return ph_err_set(err, PH_ERR_TEMP, "%s: %s: no answer in time",
			  conn->uri, what);
}

struct timeval
ph_ldap_until(int64_t deadline)
{
	const int64_t ms = MAX(deadline - ph_clock_mono(), 1);

	return (struct timeval){.tv_sec = (time_t)(ms / 1000),
				.tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

int
ph_ldap_conn_await(struct ph_ldap_conn *conn, int id, const char *what,
		   int64_t deadline, LDAPMessage **answer_r, struct ph_err *err)
{
	struct timeval left = ph_ldap_until(deadline);
	int rc = ldap_result(conn->ld, id, LDAP_MSG_ALL, &left, answer_r);

	if (rc > 0)
		return 0;
	if (rc == 0)
		return fail_late(conn, what, err);
	(void)ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &rc);
	return ph_ldap_conn_fail(conn, rc < 0 ? rc : LDAP_SERVER_DOWN, what,
				 err);
}

/* ---- connecting --------------------------------------------------------- */

/* libldap reads ldap.conf and the environment: all that matters is set. */
static int
set_options(LDAP *ld, int64_t timeout_ms)
{
	const int version = LDAP_VERSION3, deref = LDAP_DEREF_NEVER, none = 0,
		  idle = KEEPALIVE_S, probes = 3;
	struct timeval timeout = ph_ldap_until(ph_clock_mono() + timeout_ms);
	ber_len_t limit = MESSAGE_LIMIT;
	Sockbuf *socket = NULL;
	const struct {
		int option;
		const void *value;
	} rows[] = {
	    {LDAP_OPT_PROTOCOL_VERSION, &version},
	    {LDAP_OPT_DEREF, &deref},
	    {LDAP_OPT_SIZELIMIT, &none},
	    {LDAP_OPT_TIMELIMIT, &none},
	    {LDAP_OPT_REFERRALS, LDAP_OPT_OFF},
	    {LDAP_OPT_RESTART, LDAP_OPT_ON},
	    {LDAP_OPT_NETWORK_TIMEOUT, &timeout},
	    {LDAP_OPT_TIMEOUT, &timeout},
	    {LDAP_OPT_X_KEEPALIVE_IDLE, &idle},
	    {LDAP_OPT_X_KEEPALIVE_PROBES, &probes},
	    {LDAP_OPT_X_KEEPALIVE_INTERVAL, &idle},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (ldap_set_option(ld, rows[i].option, rows[i].value) !=
		    LDAP_OPT_SUCCESS)
			return LDAP_PARAM_ERROR;
	if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &socket) ==
		LDAP_OPT_SUCCESS &&
	    socket != NULL)
		(void)ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING,
				       &limit);
	return LDAP_SUCCESS;
}

/*
 * No list of ciphers: Debian 12's libldap would want GnuTLS's words, Debian
 * 13's OpenSSL's. Both know the number of the oldest protocol.
 */
static int
set_tls(LDAP *ld, const struct ph_ldap_settings *settings)
{
	const int demand = LDAP_OPT_X_TLS_DEMAND,
		  oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
	const struct {
		int option;
		const void *value;
		const char *file; /* in its place */
	} rows[] = {
	    {LDAP_OPT_X_TLS_REQUIRE_CERT, &demand, NULL},
	    {LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest, NULL},
	    {LDAP_OPT_X_TLS_CACERTFILE, NULL, settings->ca_file},
	    {LDAP_OPT_X_TLS_CERTFILE, NULL, settings->cert_file},
	    {LDAP_OPT_X_TLS_KEYFILE, NULL, settings->key_file},
	    {LDAP_OPT_X_TLS_NEWCTX, &client, NULL},
	};

	if (settings->tls == PH_LDAP_TLS_OFF)
		return LDAP_SUCCESS;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *file = rows[i].file;

		if (rows[i].value == NULL && (file == NULL || *file == '\0'))
			continue;
		if (ldap_set_option(ld, rows[i].option,
				    file != NULL ? file : rows[i].value) !=
		    LDAP_OPT_SUCCESS)
			return LDAP_LOCAL_ERROR;
	}
	return LDAP_SUCCESS;
}

static int
make_handle(const struct ph_ldap_settings *settings, const char *uri,
	    int64_t timeout_ms, LDAP **ld_r)
{
	int rc = ldap_initialize(ld_r, uri);

	if (rc == LDAP_SUCCESS)
		rc = set_options(*ld_r, timeout_ms);
	if (rc == LDAP_SUCCESS)
		rc = set_tls(*ld_r, settings);
	return rc;
}

/* That is how the Kerberos library is told; what it gets by it stays in memory.
 */
static void
use_keytab(const struct ph_ldap_settings *settings)
{
	if (settings->bind != PH_LDAP_GSSAPI || settings->keytab == NULL ||
	    *settings->keytab == '\0')
		return;
	(void)g_setenv("KRB5_CLIENT_KTNAME", settings->keytab, TRUE);
	(void)g_setenv("KRB5CCNAME", "MEMORY:posthub", TRUE);
}

int
ph_ldap_settings_check(const struct ph_ldap_settings *settings,
		       struct ph_err *err)
{
	use_keytab(settings);
	for (char **uri = settings->uris; *uri != NULL; uri++) {
		const bool ldaps = g_ascii_strncasecmp(*uri, "ldaps:", 6) == 0;
		LDAP *ld = NULL;
		int rc;

		if (ldaps != (settings->tls == PH_LDAPS))
			return ph_err_set(err, PH_ERR_PERM,
					  "%s does not go with tls; ldaps:// "
					  "needs tls = ldaps, and the reverse",
					  *uri);
		rc =
		    make_handle(settings, *uri, settings->connect_timeout, &ld);
		if (ld != NULL)
			(void)ldap_unbind_ext(ld, NULL, NULL);
		if (rc == LDAP_LOCAL_ERROR)
			return ph_err_set(err, PH_ERR_PERM,
					  "TLS cannot be set up; expected PEM "
					  "files in ca_file, cert_file, "
					  "key_file");
		if (rc != LDAP_SUCCESS)
			return ph_err_set(err, PH_ERR_PERM, "%s: %s", *uri,
					  ldap_err2string(rc));
	}
	return 0;
}

static bool
has_value(const struct ph_ldap_entry *entry, const char *attribute,
	  const char *start)
{
	const GPtrArray *values = ph_ldap_entry_values(entry, attribute);

	for (guint i = 0; values != NULL && i < values->len; i++)
		if (g_ascii_strncasecmp(values->pdata[i], start,
					strlen(start)) == 0)
			return true;
	return false;
}

static enum ph_ldap_server
recognise(const struct ph_ldap_entry *root)
{
	if (has_value(root, "supportedCapabilities", ACTIVE_DIRECTORY_OID))
		return PH_LDAP_ACTIVE_DIRECTORY;
	if (has_value(root, "objectClass", "OpenLDAProotDSE"))
		return PH_LDAP_OPENLDAP;
	if (has_value(root, "vendorName", "389 "))
		return PH_LDAP_389;
	return PH_LDAP_UNKNOWN;
}

static int
look_around(struct ph_ldap_conn *conn, const char *base, int64_t deadline,
	    struct ph_err *err)
{
	static const char *const of_root[] = {
	    "supportedCapabilities", "objectClass", "vendorName", NULL};
	static const char *const nothing[] = {LDAP_NO_ATTRS, NULL};
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func(ph_ldap_entry_free);
	struct ph_ldap_query query = {"", true, "(objectClass=*)", of_root, 1};

	if (ph_ldap_conn_search(conn, &query, deadline, found, err) < 0)
		return -1;
	if (found->len > 0)
		conn->server = recognise(found->pdata[0]);
	g_ptr_array_set_size(found, 0);
	query.base = base;
	query.attributes = nothing;
	if (ph_ldap_conn_search(conn, &query, deadline, found, err) < 0)
		return -1;
	return found->len > 0
		   ? 0
		   : ph_err_set(err, PH_ERR_TEMP,
				"%s: \"%s\" is not there, or not to be seen by "
				"us",
				conn->uri, base);
}

int
ph_ldap_conn_open(const struct ph_ldap_settings *settings, const char *uri,
		  int64_t deadline, struct ph_ldap_conn **conn_r,
		  struct ph_err *err)
{
	struct ph_ldap_conn *conn = g_new0(struct ph_ldap_conn, 1);
	int r = 0, rc;

	conn->uri = g_strdup(uri);
	rc = make_handle(settings, uri, MAX(deadline - ph_clock_mono(), 1),
			 &conn->ld);
	if (rc != LDAP_SUCCESS)
		r = ph_err_set(err, PH_ERR_TEMP, "%s: %s", uri,
			       ldap_err2string(rc));
	if (r == 0 && settings->tls == PH_LDAP_STARTTLS) {
		rc = ldap_start_tls_s(conn->ld, NULL, NULL);
		if (rc != LDAP_SUCCESS)
			r = ph_ldap_conn_fail(conn, rc, "StartTLS", err);
	}
	if (r == 0)
		r = ph_ldap_conn_bind(conn, settings, deadline, err);
	if (r == 0)
		r = look_around(conn, settings->base, deadline, err);
	if (r < 0)
		ph_ldap_conn_close(&conn);
	*conn_r = conn;
	return r;
}

void
ph_ldap_conn_close(struct ph_ldap_conn **conn)
{
	if (*conn == NULL)
		return;
	if ((*conn)->ld != NULL)
		(void)ldap_unbind_ext((*conn)->ld, NULL, NULL);
	g_free((*conn)->uri);
	g_free(*conn);
	*conn = NULL;
}
