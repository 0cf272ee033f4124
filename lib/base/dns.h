#ifndef PH_BASE_DNS_H
#define PH_BASE_DNS_H

#include "lib/base/err.h"

#include <glib.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/*
 * DNS by the resolver of the C library, with a deadline on each question and,
 * where wanted, with servers of one's own. No search list, no /etc/hosts.
 * Blocking; thread-safe.
 */
enum ph_dns_type {
	PH_DNS_A,
	PH_DNS_AAAA,
	PH_DNS_MX,
};

struct ph_dns_record {
	char *value; /* of MX a host name, "" is the root; else an address */
	unsigned preference; /* of MX */
};
void ph_dns_record_free(void *record);

#define PH_DNS_SERVERS 3 /* what the C library takes */

struct ph_dns {
	struct sockaddr_in servers[PH_DNS_SERVERS];
	size_t n; /* 0: those of /etc/resolv.conf */
};

/* "192.0.2.1, 192.0.2.2:5353"; "": none. 0, or -1 PERM. */
int ph_dns_parse(const char *text, struct ph_dns *dns_r, struct ph_err *err);

/*
 * 1: *records_r (g_ptr_array_unref) has one struct ph_dns_record or more, in
 * the order of the answer; aliases were followed. 0: there are certainly none,
 * or no such name. -1: TEMP, no server could say by the deadline (monotonic;
 * the library counts in whole seconds, and may be one a server late).
 */
int ph_dns_find(const struct ph_dns *dns, const char *name,
		enum ph_dns_type type, int64_t deadline, GPtrArray **records_r,
		struct ph_err *err);

#endif
