#include "milters/frontend/outbound.h"

#include "lib/base/clock.h"
#include "lib/base/credential.h"
#include "lib/smtp/login.h"

#include <string.h>
#include <strings.h>

/* The server closes the connection: no answer to what was asked. */
#define CLOSING 421

void
ph_remote_free(struct ph_remote **remotep)
{
	struct ph_remote *remote = *remotep;

	if (remote == NULL)
		return;
	ph_smtp_close(&remote->smtp);
	g_free(remote->host);
	g_free(remote->address);
	g_free(remote);
	*remotep = NULL;
}

static int
limit(const struct ph_remote_question *q, const struct ph_remote *remote,
      struct ph_err *err)
{
	int64_t left = q->deadline - ph_clock_mono();

	if (left <= 0)
		return ph_err_set(err, PH_ERR_TEMP, "out of time");
	ph_smtp_set_timeout(remote->smtp,
			    MIN(left, q->frontend->outbound.timeout));
	return 0;
}

/* An answer of our own in the host's place. Returns 0. */
static int
refuse(struct ph_smtp_reply *reply_r, int code, const char *text)
{
	reply_r->code = code;
	reply_r->lines = g_new0(char *, 2);
	reply_r->lines[0] = g_strdup(text);
	return 0;
}

/* ---- the session --------------------------------------------------------- */

static const char *
hello(const struct ph_remote_question *q)
{
	return ph_object_has(q->way->connector, "Fqdn")
		   ? ph_object_text(q->way->connector, "Fqdn")
		   : ph_frontend_fqdn(q->frontend, q->mail);
}

static int
open_session(const struct ph_remote_question *q, struct ph_remote **remote_r,
	     struct ph_err *err)
{
	const struct ph_frontend *frontend = q->frontend;
	struct ph_smtp_options options = {
	    .endpoint = {.port = q->port},
	    .bind_address =
		*frontend->address != '\0' ? frontend->address : NULL,
	    .hello = hello(q),
	    .helo = true,
	    .force_helo = ph_object_bool(q->way->connector, "ForceHELO"),
	    .connect_timeout = MIN(frontend->outbound.connect_timeout,
				   q->deadline - ph_clock_mono()),
	    .timeout = frontend->outbound.timeout,
	    .final_timeout = frontend->final_timeout,
	};
	struct ph_smtp *smtp = NULL;

	g_strlcpy(options.endpoint.host, q->address,
		  sizeof options.endpoint.host);
	if (options.connect_timeout <= 0)
		return ph_err_set(err, PH_ERR_TEMP, "out of time");
	if (ph_smtp_open(&options, &smtp, err) < 0)
		return -1;
	*remote_r = g_new0(struct ph_remote, 1);
	(*remote_r)->host = g_strdup(q->host);
	(*remote_r)->address = g_strdup(q->address);
	(*remote_r)->port = q->port;
	(*remote_r)->smtp = smtp;
	return 1;
}

static bool
is_below(const char *host, const char *domain)
{
	size_t n = strlen(host), size = strlen(domain);

	return n >= size && strcasecmp(host + n - size, domain) == 0 &&
	       (n == size || host[n - size - 1] == '.');
}

/* The name that the certificate must have. DNS, which anybody can forge, says
 * no more than which host of the domain it is. */
static const char *
name_of(const struct ph_remote_question *q)
{
	const char *domain =
	    q->way->tls_domain != NULL ? q->way->tls_domain : q->domain;

	if (g_str_has_prefix(domain, "*."))
		domain += 2;
	return q->way->verify != PH_TLS_NAME || is_below(q->host, domain)
		   ? q->host
		   : domain;
}

/* 1, or -1: the session is of no more use. A refusal counts for as much as no
 * offer. */
static int
encrypt(const struct ph_remote_question *q, struct ph_remote *remote,
	struct ph_err *err)
{
	const struct ph_tls_options options = {
	    .name = name_of(q),
	    .verify = q->way->verify,
	    .ca_file = q->way->verify == PH_TLS_ANY
			   ? NULL
			   : q->frontend->outbound.ca_file,
	};
	struct ph_smtp_reply reply;

	g_assert(remote != NULL);
	if (ph_smtp_offers(remote->smtp, "STARTTLS")) {
		if (limit(q, remote, err) < 0 ||
		    ph_smtp_start_tls(remote->smtp, &options, &reply, err) < 0)
			return -1;
		remote->encrypted = reply.code == 220;
		ph_smtp_reply_clear(&reply);
	}
	if (remote->encrypted || !q->way->required)
		return 1;
	return ph_err_set(err, PH_ERR_TEMP,
			  "TLS is required, but was not offered");
}

static bool
tells_password(const struct ph_remote_question *q)
{
	return g_str_has_prefix(
	    ph_object_text(q->way->connector, "SmartHostAuthMechanism"),
	    "BasicAuth");
}

/* Connectors that log in have smart hosts alone, so nobody else is told a
 * password. */
static int
log_in(const struct ph_remote_question *q, struct ph_remote *remote,
       struct ph_err *err)
{
	const struct ph_object *connector = q->way->connector;
	GString *line;
	int r;

	g_assert(remote != NULL);
	if (!tells_password(q))
		return 1;
	line = g_string_new(NULL);
	r = ph_credential_read(
	    q->frontend->outbound.credentials,
	    ph_object_text(connector, "AuthenticationCredential"), line, err);
	if (r == 0)
		r = limit(q, remote, err);
	if (r == 0)
		r = ph_smtp_login(remote->smtp, line->str, err);
	explicit_bzero(line->str, line->len);
	g_string_free(line, TRUE);
	return r < 0 ? -1 : 1;
}

/* With TLS that is only tried, the second try is without; not where a password
 * would be told: whoever breaks the handshake would have it. */
static int
begin(const struct ph_remote_question *q, struct ph_remote **remote_r,
      const char **code_r, struct ph_err *err)
{
	*code_r = "4.4.1";
	if (open_session(q, remote_r, err) < 0)
		return -1;
	if (!q->way->tls || encrypt(q, *remote_r, err) == 1)
		return 1;
	ph_remote_free(remote_r);
	*code_r = "4.7.5";
	if (q->way->required || tells_password(q))
		return -1;
	*code_r = "4.4.1";
	return open_session(q, remote_r, err);
}

/* ---- what the message needs ---------------------------------------------- */

static bool
has_param(char *const *params, const char *word)
{
	for (; *params != NULL; params++)
		if (strcasecmp(*params, word) == 0)
			return true;
	return false;
}

/* A client may ask for SMTPUTF8 where nothing needs it. */
static bool
needs_utf8(const struct ph_mail *mail)
{
	const struct ph_recipient *recipient = mail->recipients->pdata[0];
	size_t n = ph_headers_count(mail->headers);

	if (!has_param(mail->params, "SMTPUTF8"))
		return false;
	if (!g_str_is_ascii(mail->sender) || !g_str_is_ascii(recipient->given))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!g_str_is_ascii(ph_headers_at(mail->headers, i)->value))
			return true;
	return false;
}

/* 1, or 0: the message cannot be said to this host. It is not converted: RFC
 * 6152 section 3 and RFC 6531 section 3.2 have it refused. */
static int
check_needs(const struct ph_mail *mail, const struct ph_smtp *smtp,
	    struct ph_smtp_reply *reply_r)
{
	if (needs_utf8(mail) && !ph_smtp_offers(smtp, "SMTPUTF8"))
		return refuse(reply_r, 550,
			      "5.6.7 SMTPUTF8 is required, but was not "
			      "offered by the host");
	if (has_param(mail->params, "BODY=8BITMIME") &&
	    !ph_smtp_offers(smtp, "8BITMIME"))
		return refuse(reply_r, 554,
			      "5.6.3 8BITMIME is required, but was not "
			      "offered by the host");
	return 1;
}

/* ---- envelope ------------------------------------------------------------ */

/* 1 go on, 0 refused with *reply_r, -1 no answer. */
static int
settle(int rc, int good, struct ph_smtp_reply *reply, struct ph_err *err)
{
	g_autofree char *text = NULL;

	if (rc < 0)
		return -1;
	if (reply->code / 100 == good) {
		ph_smtp_reply_clear(reply);
		return 1;
	}
	if (reply->code != CLOSING && reply->code / 100 >= 4)
		return 0;
	text = ph_smtp_reply_format(reply);
	ph_smtp_reply_clear(reply);
	return ph_err_set(err, PH_ERR_TEMP, "%s", text);
}

static GPtrArray *
pick(const struct ph_smtp *smtp, char *const *given)
{
	GPtrArray *list = ph_backend_pick(smtp, given);

	for (guint i = 0; i < list->len; i++)
		if (strcasecmp(list->pdata[i], "SMTPUTF8") == 0 &&
		    !ph_smtp_offers(smtp, "SMTPUTF8"))
			g_ptr_array_remove_index(list, i--);
	g_ptr_array_add(list, NULL);
	return list;
}

static int
say_mail(const struct ph_remote_question *q, const struct ph_remote *remote,
	 struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) list = pick(remote->smtp, q->mail->params);

	if (limit(q, remote, err) < 0)
		return -1;
	return settle(ph_smtp_mail(remote->smtp, q->mail->sender,
				   (const char *const *)list->pdata, reply_r,
				   err),
		      2, reply_r, err);
}

static int
say_rcpt(const struct ph_remote_question *q, const struct ph_remote *remote,
	 struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	const struct ph_recipient *recipient = q->mail->recipients->pdata[0];
	g_autoptr(GPtrArray) list = pick(remote->smtp, recipient->params);

	if (limit(q, remote, err) < 0)
		return -1;
	return settle(ph_smtp_rcpt(remote->smtp, ph_recipient_typed(recipient),
				   (const char *const *)list->pdata, reply_r,
				   err),
		      2, reply_r, err);
}

static int
say_data(const struct ph_remote_question *q, const struct ph_remote *remote,
	 struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	if (limit(q, remote, err) < 0)
		return -1;
	return settle(ph_smtp_data(remote->smtp, reply_r, err), 3, reply_r,
		      err);
}

int
ph_remote_open(const struct ph_remote_question *q, struct ph_remote **remote_r,
	       struct ph_smtp_reply *reply_r, const char **code_r,
	       struct ph_err *err)
{
	static int (*const steps[])(
	    const struct ph_remote_question *q, const struct ph_remote *remote,
	    struct ph_smtp_reply *reply_r,
	    struct ph_err *err) = {say_mail, say_rcpt, say_data};
	int rc;

	*remote_r = NULL;
	*reply_r = (struct ph_smtp_reply){0, NULL};
	rc = begin(q, remote_r, code_r, err);
	if (rc == 1) {
		*code_r = "4.7.8";
		rc = log_in(q, *remote_r, err);
	}
	if (rc == 1) {
		g_assert(*remote_r != NULL);
		rc = check_needs(q->mail, (*remote_r)->smtp, reply_r);
	}
	for (size_t i = 0; rc == 1 && i < G_N_ELEMENTS(steps); i++) {
		*code_r = "4.4.2";
		rc = steps[i](q, *remote_r, reply_r, err);
	}
	if (rc != 1)
		ph_remote_free(remote_r);
	return rc;
}
