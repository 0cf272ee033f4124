#include "lib/base/clock.h"
#include "lib/directory/ldap_private.h"

#include <errno.h>
#include <sasl/sasl.h>
#include <string.h>
#include <unistd.h>

/* Who we are: by a password, by TLS or the socket, or by Kerberos. */

static int
finish(struct ph_ldap_conn *conn, int id, int64_t deadline, struct ph_err *err)
{
	LDAPMessage *answer = NULL;
	int code = LDAP_SUCCESS, rc;

	if (ph_ldap_conn_await(conn, id, "bind", deadline, &answer, err) < 0)
		return -1;
	rc = ldap_parse_result(conn->ld, answer, &code, NULL, NULL, NULL, NULL,
			       1);
	if (rc == LDAP_SUCCESS && code == LDAP_SUCCESS)
		return 0;
	return ph_ldap_conn_fail(conn, rc != LDAP_SUCCESS ? rc : code, "bind",
				 err);
}

static int
bind_with(struct ph_ldap_conn *conn, const char *dn, const char *mechanism,
	  char *password, int64_t deadline, struct ph_err *err)
{
	struct berval secret = {password != NULL ? strlen(password) : 0,
				password};
	int id = 0;
	int rc =
	    ldap_sasl_bind(conn->ld, dn, mechanism, &secret, NULL, NULL, &id);

	if (rc != LDAP_SUCCESS)
		return ph_ldap_conn_fail(conn, rc, "connect", err);
	return finish(conn, id, deadline, err);
}

static int
bind_simple(struct ph_ldap_conn *conn, const struct ph_ldap_settings *settings,
	    int64_t deadline, struct ph_err *err)
{
	return bind_with(conn, settings->bind_dn, LDAP_SASL_SIMPLE,
			 settings->password, deadline, err);
}

static int
bind_external(struct ph_ldap_conn *conn,
	      const struct ph_ldap_settings *settings, int64_t deadline,
	      struct ph_err *err)
{
	(void)settings;
	return bind_with(conn, NULL, "EXTERNAL", NULL, deadline, err);
}

/* ---- Kerberos ----------------------------------------------------------- */

/*
 * The Kerberos library asks its servers by itself and takes its own time, so it
 * has a thread: one that is late is left behind with its handle, and closes
 * that when the library has given up.
 */
struct attempt {
	LDAP *ld;
	int64_t deadline;

	GMutex lock;
	GCond changed;
	bool done, left;
	int rc;
};

static void
attempt_free(struct attempt *attempt)
{
	g_mutex_clear(&attempt->lock);
	g_cond_clear(&attempt->changed);
	g_free(attempt);
}

/* Asked for names and passwords we have none: who we are says the ticket. */
static int
give_nothing(LDAP *ld, unsigned flags, void *defaults, void *prompts)
{
	(void)ld;
	(void)flags;
	(void)defaults;
	for (sasl_interact_t *p = prompts; p->id != SASL_CB_LIST_END; p++) {
		p->result = "";
		p->len = 0;
	}
	return LDAP_SUCCESS;
}

static int
negotiate(const struct attempt *attempt)
{
	LDAPMessage *answer = NULL;
	const char *mechanism = NULL;
	int id = 0, rc;

	for (;;) {
		struct timeval left = ph_ldap_until(attempt->deadline);

		rc = ldap_sasl_interactive_bind(
		    attempt->ld, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET,
		    give_nothing, NULL, answer, &mechanism, &id);
		ldap_msgfree(answer);
		if (rc != LDAP_SASL_BIND_IN_PROGRESS)
			return rc;
		answer = NULL;
		if (ldap_result(attempt->ld, id, LDAP_MSG_ALL, &left,
				&answer) == 0)
			return LDAP_TIMEOUT;
		if (answer == NULL)
			return LDAP_SERVER_DOWN;
	}
}

static void *
run(void *data)
{
	struct attempt *attempt = data;
	const int rc = negotiate(attempt);
	bool left;

	g_mutex_lock(&attempt->lock);
	attempt->rc = rc;
	attempt->done = true;
	left = attempt->left;
	g_cond_signal(&attempt->changed);
	g_mutex_unlock(&attempt->lock);
	if (left) {
		(void)ldap_unbind_ext(attempt->ld, NULL, NULL);
		attempt_free(attempt);
	}
	return NULL;
}

/* The result code. *left_r: attempt and its handle are the thread's. */
static int
await(struct attempt *attempt, int64_t deadline, bool *left_r)
{
	const int64_t until =
	    g_get_monotonic_time() + MAX(deadline - ph_clock_mono(), 1) * 1000;
	int rc = LDAP_TIMEOUT;

	g_mutex_lock(&attempt->lock);
	while (!attempt->done &&
	       g_cond_wait_until(&attempt->changed, &attempt->lock, until))
		;
	*left_r = attempt->left = !attempt->done;
	if (attempt->done)
		rc = attempt->rc;
	g_mutex_unlock(&attempt->lock);
	return rc;
}

/* Without TLS what follows is sealed by Kerberos; with it Active Directory
 * refuses to have it sealed twice. The name of the server is the one of the
 * URI, not what an unprotected DNS makes of it. */
static int
set_options(LDAP *ld, bool tls)
{
	const char *wanted = tls ? "noplain,noanonymous,maxssf=0"
				 : "noplain,noanonymous,minssf=1";
	const int binding = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT;

	if (ldap_set_option(ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) !=
		LDAP_OPT_SUCCESS ||
	    ldap_set_option(ld, LDAP_OPT_X_SASL_SECPROPS, wanted) !=
		LDAP_OPT_SUCCESS)
		return LDAP_PARAM_ERROR;
	return tls ? ldap_set_option(ld, LDAP_OPT_X_SASL_CBINDING, &binding)
		   : LDAP_SUCCESS;
}

/* The library says only that it has no ticket. */
static int
check_keytab(const struct ph_ldap_conn *conn, const char *keytab,
	     struct ph_err *err)
{
	if (keytab == NULL || *keytab == '\0' || access(keytab, R_OK) == 0)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s: bind with Kerberos: %s: %s",
			  conn->uri, keytab, g_strerror(errno));
}

static int
bind_gssapi(struct ph_ldap_conn *conn, const struct ph_ldap_settings *settings,
	    int64_t deadline, struct ph_err *err)
{
	struct attempt *attempt;
	GThread *thread;
	bool left;
	int rc = set_options(conn->ld, settings->tls != PH_LDAP_TLS_OFF);

	if (rc != LDAP_SUCCESS)
		return ph_ldap_conn_fail(conn, rc, "Kerberos", err);
	if (check_keytab(conn, settings->keytab, err) < 0)
		return -1;
	attempt = g_new0(struct attempt, 1);
	attempt->ld = conn->ld;
	attempt->deadline = deadline;
	g_mutex_init(&attempt->lock);
	g_cond_init(&attempt->changed);
	thread = g_thread_try_new("kerberos", run, attempt, NULL);
	if (thread == NULL) {
		attempt_free(attempt);
		return ph_err_set(err, PH_ERR_TEMP, "%s: no thread to bind in",
				  conn->uri);
	}
	g_thread_unref(thread);
	rc = await(attempt, deadline, &left);
	if (left)
		conn->ld = NULL;
	else
		attempt_free(attempt);
	if (rc == LDAP_TIMEOUT)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: bind with Kerberos: no answer in time",
				  conn->uri);
	return rc == LDAP_SUCCESS
		   ? 0
		   : ph_ldap_conn_fail(conn, rc, "bind with Kerberos", err);
}

int
ph_ldap_conn_bind(struct ph_ldap_conn *conn,
		  const struct ph_ldap_settings *settings, int64_t deadline,
		  struct ph_err *err)
{
	static int (*const ways[])(struct ph_ldap_conn * conn,
				   const struct ph_ldap_settings *settings,
				   int64_t deadline, struct ph_err *err) = {
	    [PH_LDAP_SIMPLE] = bind_simple,
	    [PH_LDAP_EXTERNAL] = bind_external,
	    [PH_LDAP_GSSAPI] = bind_gssapi,
	};

	return ways[settings->bind](conn, settings, deadline, err);
}
