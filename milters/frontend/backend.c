#include "milters/frontend/backend.h"

#include "lib/base/clock.h"

#include <string.h>
#include <strings.h>

/* The server says that it closes the connection (RFC 5321 section 3.8): no
 * answer to what was asked. */
#define CLOSING 421

void
ph_backend_free(struct ph_backend **backendp)
{
	struct ph_backend *backend = *backendp;

	if (backend == NULL)
		return;
	ph_smtp_close(&backend->smtp);
	g_free(backend->name);
	g_free(backend);
	*backendp = NULL;
}

/* RFC 5321 section 4.5.3.1 has 512, and Postfix takes 2,048. */
#define PATH_LIMIT 1500

bool
ph_backend_can_say(const char *address, char *const *params)
{
	size_t size = strlen(address);

	for (const char *p = address; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	for (; *params != NULL; params++) {
		size += strlen(*params) + 1;
		for (const char *p = *params; *p != '\0'; p++)
			if ((unsigned char)*p <= ' ' || *p == 0x7f)
				return false;
	}
	return size <= PATH_LIMIT;
}

int
ph_backend_limit(const struct ph_frontend *frontend,
		 const struct ph_backend *backend, int64_t deadline,
		 struct ph_err *err)
{
	int64_t left = deadline - ph_clock_mono();

	if (left <= 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: out of time",
				  backend->name);
	ph_smtp_set_timeout(backend->smtp, MIN(left, frontend->timeout));
	return 0;
}

/* -1 with the server's words if this "answer" ends the connection. */
static int
check_closing(const struct ph_backend *backend, struct ph_smtp_reply *reply,
	      struct ph_err *err)
{
	g_autofree char *text = NULL;

	if (reply->code != CLOSING)
		return 0;
	text = ph_smtp_reply_format(reply);
	ph_smtp_reply_clear(reply);
	return ph_err_set(err, PH_ERR_TEMP, "%s: %s", backend->name, text);
}

/* ---- parameters ---------------------------------------------------------- */

/* What a client may say of its message, and who has to offer it. Without
 * SMTPUTF8 the server's refusal is the right answer. AUTH= is not here: it is
 * ours to say. */
static const struct {
	const char *prefix;
	const char *keyword; /* NULL: said in any case */
} params[] = {
    {"SIZE=", "SIZE"}, {"BODY=", "8BITMIME"}, {"SMTPUTF8", NULL},
    {"RET=", "DSN"},   {"ENVID=", "DSN"},     {"NOTIFY=", "DSN"},
    {"ORCPT=", "DSN"},
};

static bool
may_say(const struct ph_smtp *smtp, const char *param)
{
	for (size_t i = 0; i < G_N_ELEMENTS(params); i++)
		if (strncasecmp(param, params[i].prefix,
				strlen(params[i].prefix)) == 0)
			return params[i].keyword == NULL ||
			       ph_smtp_offers(smtp, params[i].keyword);
	return false;
}

GPtrArray *
ph_backend_pick(const struct ph_smtp *smtp, char *const *given)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

	for (; *given != NULL; given++)
		if (may_say(smtp, *given))
			g_ptr_array_add(out, g_strdup(*given));
	return out;
}

/* RFC 4954 section 5; the login is encoded as xtext. */
static char *
auth_param(const struct ph_frontend *frontend, const struct ph_mail *mail)
{
	const char *who = *mail->login != '\0' ? mail->login : NULL;
	GString *out;

	if (who == NULL && *mail->author != '\0' &&
	    ph_frontend_trusts(frontend, mail))
		who = mail->author;
	if (who == NULL)
		return NULL;
	out = g_string_new("AUTH=");
	if (strcmp(who, "<>") == 0)
		g_string_append(out, who);
	else
		ph_smtp_append_xtext(out, who);
	return g_string_free(out, FALSE);
}

/* ---- steps --------------------------------------------------------------- */

/* A step: 1 go on, 0 refused with *reply_r, -1 no answer. */
static int
settle(const struct ph_backend *backend, int rc, struct ph_smtp_reply *reply,
       struct ph_err *err)
{
	if (rc < 0 || check_closing(backend, reply, err) < 0)
		return -1;
	if (reply->code / 100 != 2)
		return 0;
	ph_smtp_reply_clear(reply);
	return 1;
}

static int
say_client(const struct ph_backend *backend, const struct ph_mail *mail,
	   struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	const struct ph_client *client = mail->client;
	g_autofree char *address =
	    g_strconcat(strchr(client->address, ':') != NULL ? "IPV6:" : "",
			client->address, NULL);
	const char *const pairs[] = {
	    "NAME",   client->name,
	    "ADDR",   address,
	    "PROTO",  "ESMTP",
	    "HELO",   client->helo,
	    "IDENT",  mail->queue_id,
	    "SOURCE", client->private_socket ? "LOCAL" : "REMOTE",
	    NULL};
	int rc = settle(backend,
			ph_smtp_xforward(backend->smtp, pairs, reply_r, err),
			reply_r, err);

	/* It is for the server's log: the mail can go on without. */
	ph_smtp_reply_clear(reply_r);
	return rc < 0 ? -1 : 1;
}

static int
say_sender(const struct ph_frontend *frontend, const struct ph_backend *backend,
	   const struct ph_mail *mail, struct ph_smtp_reply *reply_r,
	   struct ph_err *err)
{
	g_autoptr(GPtrArray) list =
	    ph_backend_pick(backend->smtp, mail->params);
	char *auth = auth_param(frontend, mail);

	if (auth != NULL)
		g_ptr_array_add(list, auth);
	g_ptr_array_add(list, NULL);
	return settle(backend,
		      ph_smtp_mail(backend->smtp, mail->sender,
				   (const char *const *)list->pdata, reply_r,
				   err),
		      reply_r, err);
}

int
ph_backend_rcpt(const struct ph_frontend *frontend,
		const struct ph_backend *backend,
		const struct ph_recipient *recipient, int64_t deadline,
		struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) list =
	    ph_backend_pick(backend->smtp, recipient->params);

	g_ptr_array_add(list, NULL);
	if (ph_backend_limit(frontend, backend, deadline, err) < 0 ||
	    ph_smtp_rcpt(backend->smtp, ph_recipient_typed(recipient),
			 (const char *const *)list->pdata, reply_r, err) < 0)
		return -1;
	return check_closing(backend, reply_r, err);
}

static int
say_recipients(const struct ph_frontend *frontend,
	       const struct ph_backend *backend, const struct ph_mail *mail,
	       guint n, int64_t deadline, struct ph_smtp_reply *reply_r,
	       struct ph_err *err)
{
	for (guint i = 0; i < n; i++) {
		int rc = settle(backend,
				ph_backend_rcpt(frontend, backend,
						mail->recipients->pdata[i],
						deadline, reply_r, err),
				reply_r, err);

		if (rc != 1)
			return rc;
	}
	return 1;
}

static int
converse(const struct ph_frontend *frontend, struct ph_backend *backend,
	 const struct ph_mail *mail, guint n, int64_t deadline,
	 struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	int rc;

	if (ph_backend_limit(frontend, backend, deadline, err) < 0)
		return -1;
	if (say_client(backend, mail, reply_r, err) < 0)
		return -1;
	if (ph_backend_limit(frontend, backend, deadline, err) < 0)
		return -1;
	rc = say_sender(frontend, backend, mail, reply_r, err);
	return rc != 1 ? rc
		       : say_recipients(frontend, backend, mail, n, deadline,
					reply_r, err);
}

static int
open_session(const struct ph_frontend *frontend, const struct ph_mail *mail,
	     const struct ph_server *server, int64_t deadline,
	     struct ph_backend **backend_r, struct ph_err *err)
{
	struct ph_smtp_options options = {
	    .endpoint = server->service[PH_SERVICE_TRANSPORT],
	    .bind_address =
		*frontend->address != '\0' ? frontend->address : NULL,
	    .hello = ph_frontend_fqdn(frontend, mail),
	    .connect_timeout =
		MIN(frontend->connect_timeout, deadline - ph_clock_mono()),
	    .deadline = deadline,
	    .timeout = frontend->timeout,
	    .final_timeout = frontend->final_timeout,
	};
	struct ph_smtp *smtp = NULL;

	if (options.connect_timeout <= 0) {
		ph_err_set(err, PH_ERR_TEMP, "out of time");
		return -1;
	}
	if (ph_smtp_open_peer(&options, &frontend->tls, server->fqdn, &smtp,
			      err) < 0)
		return -1;
	*backend_r = g_new0(struct ph_backend, 1);
	(*backend_r)->name = g_strdup(server->name);
	(*backend_r)->endpoint = options.endpoint;
	(*backend_r)->smtp = smtp;
	return 0;
}

static bool
is_with(const struct ph_backend *backend, const struct ph_server *server)
{
	const struct ph_endpoint *a,
	    *b = &server->service[PH_SERVICE_TRANSPORT];

	if (backend == NULL)
		return false;
	a = &backend->endpoint;
	return strcmp(backend->name, server->name) == 0 && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

int
ph_backend_begin(const struct ph_frontend *frontend, const struct ph_mail *mail,
		 guint n, const struct ph_server *server,
		 struct ph_backend **spare, int64_t deadline,
		 struct ph_backend **backend_r, struct ph_smtp_reply *reply_r,
		 struct ph_err *err)
{
	struct ph_backend *backend = NULL;
	int rc = -1;

	*reply_r = (struct ph_smtp_reply){0, NULL};
	if (is_with(*spare, server)) {
		backend = g_steal_pointer(spare);
		rc = converse(frontend, backend, mail, n, deadline, reply_r,
			      err);
		/* An old session can be the trouble: it ages, and one whose
		 * MTA has lost its milter answers 451 as long as it lives. */
		if (rc != 1) {
			ph_smtp_reply_clear(reply_r);
			ph_backend_free(&backend);
		}
	}
	if (backend == NULL) {
		if (open_session(frontend, mail, server, deadline, &backend,
				 err) < 0)
			return -1;
		rc = converse(frontend, backend, mail, n, deadline, reply_r,
			      err);
	}
	if (rc != 1)
		ph_backend_free(&backend);
	*backend_r = backend;
	return rc;
}
