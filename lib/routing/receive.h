#ifndef PH_ROUTING_RECEIVE_H
#define PH_ROUTING_RECEIVE_H

#include "lib/state/snapshot.h"

#include <stdbool.h>

/*
 * Which receive connector a client comes in by: a pure function of a snapshot,
 * so that limits and tracking rows say the same. Source:
 * facts/exchange-routing.md section 6.
 */

/* All borrowed. */
struct ph_receive_query {
	const struct ph_snapshot *snapshot;
	const char *server;  /* ours, by name */
	const char *address; /* that the client connected to; "": not known */
	int port;	     /* the same; 0: not known */
	const char *client;  /* its address */
};

/*
 * Of the enabled connectors of this server (or of no server: they are
 * everybody's), whose Bindings hold address and port (those without Bindings
 * hold all) and whose RemoteIPRanges hold the client: the one with the smallest
 * such range, then the one that is bound to the address itself, then the lowest
 * name. Borrowed from the snapshot; NULL: none.
 */
const struct ph_object *ph_receive_find(const struct ph_receive_query *query);

/* "192.0.2.1:25", "[2001:db8::1]:25": host (g_free; without brackets, "" for
 * 0.0.0.0 and ::, which are any address) and port. false: it is none. */
bool ph_receive_binding(const char *text, char **host_r, int *port_r);

/* Of two connectors: less than 0 when the first one's largest range is larger
 * than the second one's, which is to say that it is the more general one. */
int ph_receive_compare(const struct ph_object *a, const struct ph_object *b);

#endif
