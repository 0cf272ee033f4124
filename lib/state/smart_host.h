#ifndef PH_STATE_SMART_HOST_H
#define PH_STATE_SMART_HOST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A smart host as an administrator of Exchange or of Postfix writes it: a name
 * (whose MX is looked up, then its address), a name in brackets (its address
 * alone), an address with or without brackets; each with ":port" after it.
 * Pure.
 */
struct ph_smart_host {
	char host[256];
	bool brackets; /* no MX */
	bool v6;
	int64_t port;
};

/* port: where none is given. */
bool ph_smart_host_parse(const char *text, int64_t port,
			 struct ph_smart_host *host_r);

/* What a next hop may hold without becoming another one. Not limited to ASCII:
 * Postfix turns a domain into its A-labels. */
bool ph_is_dns_name(const char *name);

#endif
