#ifndef PH_POLICY_MAP_OUTBOUND_H
#define PH_POLICY_MAP_OUTBOUND_H

#include "policy/maps.h"

/*
 * Row of ph_maps for the Postfix of a front end that keeps mail for outside in
 * its own queue ([frontend] outbound = relay): next hops of send connectors
 * with FrontendProxyEnabled, and for domains of ours (reports about that mail)
 * Transport services. A full address always has an answer.
 */
int ph_map_outbound(const struct ph_sources *sources, const char *key,
		    GString *value, struct ph_err *err);

#endif
