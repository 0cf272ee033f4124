#ifndef PH_ROUTING_HOP_H
#define PH_ROUTING_HOP_H

#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>

/*
 * From a next hop back to the send connector that mail goes there by. Postfix
 * asks for TLS policies and passwords by the next hop alone: an element of what
 * connector.h answers, "[192.0.2.1]:25", "smart.test:587", "outside.test".
 * Pure.
 *
 * Two connectors may have a smart host in common, and Postfix does not say
 * which one it goes by. How much TLS is wanted is therefore said by the
 * transport (ph-out-tls, -verify, -secure), which a rule's choice of a
 * connector changes as well; here is only what can make it stricter. Of two the
 * first by name counts.
 */

/* All borrowed. */
struct ph_hop_query {
	const struct ph_snapshot *snapshot;
	const struct ph_topology *topology; /* of that snapshot */
	const char *from;		    /* server, by name */
	const char *hop;
};

/* Appends the policy ("secure match=mx.example") of smtp_tls_policy_maps that
 * a connector with DomainValidation and a TlsDomain gives; false: none does. */
bool ph_hop_tls(const struct ph_hop_query *query, GString *policy);

/* The connector whose AuthenticationCredential the smart host is logged in to
 * with; borrowed; NULL: none. */
const struct ph_object *ph_hop_login(const struct ph_hop_query *query);

#endif
