#include "store/submission/imap_conf.h"

#include "lib/base/credential.h"
#include "store/mailbox/folder.h"

#include <string.h>

static enum ph_imap_security
security_of(const char *word)
{
	if (strcmp(word, "starttls") == 0)
		return PH_IMAP_STARTTLS;
	return strcmp(word, "imaps") == 0 ? PH_IMAP_TLS : PH_IMAP_PLAIN;
}

static const char *
text(const struct ph_conf *conf, const char *name)
{
	return ph_conf_text(conf, "submission", name);
}

/* The name of a folder for a command, g_free; NULL: it is none. */
static char *
folder(const struct ph_conf *conf, const char *setting, struct ph_err *err)
{
	const char *name = text(conf, setting);
	bool good = *name != '\0' && g_utf8_validate(name, -1, NULL);

	for (const char *p = name; *p != '\0' && good; p++)
		good = !g_ascii_iscntrl(*p);
	if (good)
		return ph_folder_imap(name);
	(void)ph_err_set(err, PH_ERR_PERM,
			 "[submission] %s: \"%s\": is no name of a folder; "
			 "expected UTF-8 without control characters",
			 setting, name);
	return NULL;
}

static int
read_folders(const struct ph_conf *conf, struct ph_imap_server *server,
	     struct ph_err *err)
{
	if ((server->outbox = folder(conf, "imap_outbox", err)) != NULL &&
	    (server->sent = folder(conf, "imap_sent", err)) != NULL &&
	    (server->drafts = folder(conf, "imap_drafts", err)) != NULL)
		return 0;
	return -1;
}

int
ph_imap_server_read(const struct ph_conf *conf, struct ph_imap_server *server_r,
		    struct ph_err *err)
{
	memset(server_r, 0, sizeof(*server_r));
	if (*text(conf, "imap") == '\0')
		return 0;
	if (*text(conf, "imap_user") == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[submission] imap_user is not set");
	if (ph_parse_endpoint(text(conf, "imap"), &server_r->endpoint, err) < 0)
		return ph_err_wrap(err, "[submission] imap");
	if (ph_password_read(text(conf, "imap_password_file"),
			     &server_r->password, err) < 0)
		return ph_err_wrap(err, "[submission] imap_password_file");
	server_r->user = text(conf, "imap_user");
	server_r->security = security_of(text(conf, "imap_tls"));
	server_r->tls.verify = PH_TLS_NAME;
	server_r->tls.name = server_r->endpoint.host;
	server_r->tls.ca_file = text(conf, "imap_ca_file");
	server_r->connect_timeout =
	    ph_conf_int(conf, "submission", "connect_timeout");
	server_r->timeout = ph_conf_int(conf, "submission", "timeout");
	return read_folders(conf, server_r, err) < 0 ? -1 : 1;
}

void
ph_imap_server_clear(struct ph_imap_server *server)
{
	ph_secret_free(&server->password);
	g_clear_pointer(&server->outbox, g_free);
	g_clear_pointer(&server->sent, g_free);
	g_clear_pointer(&server->drafts, g_free);
}
