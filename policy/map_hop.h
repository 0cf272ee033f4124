#ifndef PH_POLICY_MAP_HOP_H
#define PH_POLICY_MAP_HOP_H

#include "policy/maps.h"

/*
 * Rows of ph_maps that Postfix's SMTP client asks, by next hop ("[h]:25",
 * "example.com"). It asks for host names and parent domains as well, which have
 * no answer.
 */
int ph_map_tls(const struct ph_sources *sources, const char *key,
	       GString *value, struct ph_err *err);

/* "user:password", from the file that the connector names. A file that cannot
 * be read is -1 TEMP, so that mail waits; no error says what is in it. */
int ph_map_sasl(const struct ph_sources *sources, const char *key,
		GString *value, struct ph_err *err);

#endif
