#ifndef PH_BASE_TLS_H
#define PH_BASE_TLS_H

#include "lib/base/err.h"
#include "lib/base/stream.h"

#include <stdbool.h>

/*
 * TLS over a stream that is connected already (STARTTLS), by GIO. Every wait
 * has the stream's timeout as its limit.
 */
enum ph_tls_verify {
	PH_TLS_ANY,  /* encryption alone: any certificate will do */
	PH_TLS_CA,   /* of an authority that is known, for whatever name */
	PH_TLS_NAME, /* and for this name */
};

struct ph_tls_options {
	const char *name; /* of the server, for SNI and PH_TLS_NAME; NULL: no
			   * SNI, and not with PH_TLS_NAME */
	enum ph_tls_verify verify;
	const char *ca_file; /* PEM; NULL or "": the system's authorities */
	const char *cert_file, *key_file; /* ours, PEM; NULL or "": none */
};

/*
 * The handshake: all reads and writes of the stream go through TLS after it.
 * 0, or -1: TEMP, the far end or its certificate will not do, and the stream
 * is of no more use; PERM, a file of ours cannot be read.
 */
int ph_tls_start(struct ph_stream *stream, const struct ph_tls_options *options,
		 struct ph_err *err);

/*
 * The server's side: cert_file is needed, name and verify are not looked at. A
 * client may have a certificate or not, and any will do: ph_tls_proves says
 * what it is worth. As ph_tls_start.
 */
int ph_tls_accept(struct ph_stream *stream,
		  const struct ph_tls_options *options, struct ph_err *err);

/* Has the far end of a stream with TLS shown a certificate of an authority in
 * ca_file, for this host name? */
bool ph_tls_proves(const struct ph_stream *stream, const char *name);

#endif
