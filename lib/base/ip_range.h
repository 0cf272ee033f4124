#ifndef PH_BASE_IP_RANGE_H
#define PH_BASE_IP_RANGE_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Ranges of IP addresses as Exchange writes them: "192.0.2.1",
 * "192.0.2.1-192.0.2.9", "192.0.2.0/24", and the same with IPv6. Pure.
 */
struct ph_ip_range {
	uint8_t first[16], last[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* 0, or -1 PERM: what is wrong, without the value. */
int ph_ip_range_parse(const char *text, struct ph_ip_range *range_r,
		      struct ph_err *err);

/* An address with or without the brackets of "[192.0.2.1]"; false as well if it
 * is none. */
bool ph_ip_range_has(const struct ph_ip_range *range, const char *address);

#endif
