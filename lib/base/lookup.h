#ifndef PH_BASE_LOOKUP_H
#define PH_BASE_LOOKUP_H

#include "lib/base/err.h"

#include <netdb.h>
#include <stdint.h>

/*
 * The addresses of a host as the C library knows them (/etc/hosts, DNS), with a
 * deadline: getaddrinfo(3) takes as long as resolv.conf says, which can be more
 * than a caller has. Thread-safe.
 *
 * The question runs on a thread of its own. A caller whose time is over leaves
 * it behind; whoever asks the same meanwhile waits for the same answer, so that
 * of names that nobody answers for there is one thread each, and
 * PH_LOOKUP_LIMIT of all. Further ones wait for a place.
 */
struct ph_lookup;

#define PH_LOOKUP_LIMIT 64

/*
 * flags are of struct addrinfo's hints, AI_NUMERICSERV is always among them;
 * the socket type is SOCK_STREAM; deadline is monotonic ms. An address in
 * numbers asks nobody, and needs no time. 0: *lookup_r is the caller's; -1:
 * TEMP, no such name, or no answer.
 */
int ph_lookup_run(const char *host, int port, int flags, int64_t deadline,
		  struct ph_lookup **lookup_r, struct ph_err *err);

/* One at least; borrowed. Others may look at the same: not to be changed. */
const struct addrinfo *ph_lookup_list(const struct ph_lookup *lookup);
void ph_lookup_unref(struct ph_lookup **lookup); /* NULL is fine */

#endif
