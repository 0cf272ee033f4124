#ifndef PH_HEALTH_PROBE_H
#define PH_HEALTH_PROBE_H

#include "lib/base/err.h"
#include "lib/base/text.h"
#include "lib/smtp/peer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One service asked again and again over a connection that is kept: MAIL
 * FROM:<>, which smtpd answers only when its milters do, and RSET. Blocking,
 * not thread-safe.
 */
struct ph_probe;

struct ph_probe_target {
	struct ph_endpoint endpoint;
	bool lmtp;
	const char *bind_address; /* or NULL */
	const char *hello;
	int64_t timeout; /* ms, of each step */
	struct ph_peer_tls tls;
};

struct ph_probe *ph_probe_new(void);
void ph_probe_free(struct ph_probe **probe);

/*
 * 1: MAIL was answered 250. 0: it was refused, err has the server's words. -1:
 * there is no answer. A kept connection that has gone is no answer of the
 * service: a new one is tried at once. The target may change between calls.
 */
int ph_probe_ask(struct ph_probe *probe, const struct ph_probe_target *target,
		 struct ph_err *err);

#endif
