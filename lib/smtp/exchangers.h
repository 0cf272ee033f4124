#ifndef PH_SMTP_EXCHANGERS_H
#define PH_SMTP_EXCHANGERS_H

#include "lib/base/dns.h"

#include <glib.h>
#include <stdint.h>

/*
 * Which hosts take mail for a domain, and at which addresses (RFC 5321 section
 * 5.1, RFC 7505). Asks DNS by a function, which a test replaces.
 */
struct ph_exchangers {
	/* As ph_dns_find. */
	int (*find)(void *ctx, const char *name, enum ph_dns_type type,
		    int64_t deadline, GPtrArray **records_r,
		    struct ph_err *err);
	void *ctx;
};

/*
 * 1: *hosts_r (g_ptr_array_unref) has the hosts as struct ph_dns_record, best
 * first, equals shuffled; without MX the domain itself. 0: the domain says that
 * it takes no mail. -1: TEMP.
 */
int ph_exchangers_hosts(const struct ph_exchangers *exchangers,
			const char *domain, GRand *random, int64_t deadline,
			GPtrArray **hosts_r, struct ph_err *err);

/* 1: *addresses_r (g_ptr_array_unref) has texts, IPv6 first. 0: the host has
 * none. -1: TEMP; one family will do. */
int ph_exchangers_addresses(const struct ph_exchangers *exchangers,
			    const char *host, int64_t deadline,
			    GPtrArray **addresses_r, struct ph_err *err);

#endif
