#include "lib/smtp/peer.h"

int
ph_peer_tls_read(const struct ph_conf *conf, struct ph_peer_tls *tls_r,
		 struct ph_err *err)
{
	*tls_r = (struct ph_peer_tls){
	    /* Words and modes have the same order. */
	    .mode = (enum ph_peer_mode)ph_conf_word(conf, "server", "peer_tls"),
	    .cert_file = ph_conf_text(conf, "server", "tls_cert"),
	    .key_file = ph_conf_text(conf, "server", "tls_key"),
	    .ca_file = ph_conf_text(conf, "server", "tls_ca"),
	};
	if (tls_r->mode >= PH_PEER_ENCRYPT && *tls_r->cert_file == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] tls_cert: is needed for peer_tls "
				  "encrypt and verify");
	if (tls_r->mode == PH_PEER_VERIFY && *tls_r->ca_file == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "[server] tls_ca: is needed for peer_tls "
				  "verify");
	return 0;
}

/* 1: from now on encrypted, or left in clear as it may be; 0: TLS did not come
 * about, *err says why. -1: PERM, a file of ours. */
static int
encrypt(struct ph_smtp *smtp, const struct ph_peer_tls *tls, const char *name,
	struct ph_err *err)
{
	const struct ph_tls_options options = {
	    .name = name,
	    .verify = tls->mode == PH_PEER_VERIFY ? PH_TLS_NAME : PH_TLS_ANY,
	    .ca_file = tls->ca_file,
	    .cert_file = tls->cert_file,
	    .key_file = tls->key_file,
	};
	struct ph_smtp_reply reply = {0, NULL};
	struct ph_err why = PH_ERR_INIT;

	if (ph_smtp_offers(smtp, "STARTTLS") &&
	    ph_smtp_start_tls(smtp, &options, &reply, &why) < 0) {
		ph_err_set(err, why.kind, "%s", why.text);
		return why.kind == PH_ERR_PERM ? -1 : 0;
	}
	if (reply.code == 220 || tls->mode == PH_PEER_MAY) {
		ph_smtp_reply_clear(&reply);
		return 1;
	}
	ph_smtp_reply_clear(&reply);
	ph_err_set(err, PH_ERR_TEMP, "TLS is required, but was not offered");
	return 0;
}

int
ph_smtp_open_peer(const struct ph_smtp_options *options,
		  const struct ph_peer_tls *tls, const char *name,
		  struct ph_smtp **smtp_r, struct ph_err *err)
{
	struct ph_err why = PH_ERR_INIT;
	int r;

	if (ph_smtp_open(options, smtp_r, err) < 0)
		return -1;
	if (tls->mode == PH_PEER_OFF || options->endpoint.unix_socket)
		return 0;
	ph_smtp_set_deadline(*smtp_r, options->deadline);
	r = encrypt(*smtp_r, tls, name, &why);
	ph_smtp_set_deadline(*smtp_r, 0);
	if (r == 1)
		return 0;
	ph_smtp_close(smtp_r);
	if (r == 0 && tls->mode == PH_PEER_MAY)
		return ph_smtp_open(options, smtp_r, err);
	return ph_err_set(err, PH_ERR_TEMP, "%s:%d: %s", options->endpoint.host,
			  options->endpoint.port, why.text);
}
