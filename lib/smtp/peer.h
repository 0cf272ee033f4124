#ifndef PH_SMTP_PEER_H
#define PH_SMTP_PEER_H

#include "lib/base/conf.h"
#include "lib/smtp/client.h"

/*
 * [server] peer_tls: how servers of ours speak with each other. What GIO's
 * programs do is here; Postfix asks the map "tls".
 */
enum ph_peer_mode {
	PH_PEER_OFF,
	PH_PEER_MAY,
	PH_PEER_ENCRYPT,
	PH_PEER_VERIFY,
};

/* Texts are borrowed from the configuration; all zero: OFF. */
struct ph_peer_tls {
	enum ph_peer_mode mode;
	const char *cert_file, *key_file, *ca_file; /* NULL or "": none */
};

/* 0, or -1 PERM: settings that contradict each other. */
int ph_peer_tls_read(const struct ph_conf *conf, struct ph_peer_tls *tls_r,
		     struct ph_err *err);

/*
 * As ph_smtp_open, and STARTTLS as tls says; name is the server's Fqdn. Where
 * TLS is only tried and fails, the second try is without. A UNIX socket needs
 * none. With options->deadline all of it ends by then.
 */
int ph_smtp_open_peer(const struct ph_smtp_options *options,
		      const struct ph_peer_tls *tls, const char *name,
		      struct ph_smtp **smtp_r, struct ph_err *err);

#endif
