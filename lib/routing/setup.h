#ifndef PH_ROUTING_SETUP_H
#define PH_ROUTING_SETUP_H

#include "lib/routing/topology.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Fields of connectors that Postfix reads only from master.cf (PH_FIELD_SETUP
 * in the kinds table). "posthub setup connectors" writes them there, and notes
 * in setup:<server> which connectors it wrote and what they said, so that every
 * server knows what is in force and what is pending. Pure functions of a
 * snapshot; no I/O.
 */

/* Is one of these fields set? */
bool ph_setup_has(const struct ph_object *connector);

/*
 * Enabled connectors of a server that set such fields, receive connectors
 * first, each kind by name: receive connectors of the server or of none; send
 * connectors that it is a source of, if not through a front end, whose proxy
 * reads these fields from Redis. Borrowed elements; g_ptr_array_unref.
 */
GPtrArray *ph_setup_connectors(const struct ph_snapshot *snapshot,
			       const struct ph_server *server);

/* "sendconnector:Internet=0123456789abcdef": the connector and what it says in
 * such fields, for ph_setup_field; g_free. */
char *ph_setup_mark(const struct ph_object *connector);

/* A server may have a Postfix instance for each role, HubTransport and
 * FrontendTransport, and each is set up by itself: the field of setup:<server>
 * that is its own, static. */
const char *ph_setup_field(const char *role);

/* Is the connector for the instance of this role? */
bool ph_setup_is_of(const struct ph_object *connector, const char *role);

/* Of the marks that are noted for the instance of this role, those whose
 * connector is still there for it; g_ptr_array_unref. False: not all are. */
bool ph_setup_kept(const struct ph_snapshot *snapshot,
		   const struct ph_server *server, const char *role,
		   GPtrArray **kept_r);

struct ph_setup_pending {
	const char *server; /* borrowed from the topology */
	char *connector;    /* "sendconnector:Internet" */
	const char *change; /* "new", "changed", "removed" */
};
void ph_setup_pending_free(gpointer pending);

/* What the server's Postfix does not do yet, or does still; elements are
 * struct ph_setup_pending; g_ptr_array_unref. */
GPtrArray *ph_setup_pending(const struct ph_snapshot *snapshot,
			    const struct ph_server *server);

/* ---- transports of send connectors --------------------------------------- */

/* Has the server transports in master.cf for this connector alone? */
bool ph_setup_applied(const struct ph_snapshot *snapshot, const char *server,
		      const struct ph_object *connector);

/* Such a transport's name: "ph-out-tls-for-internet" for "ph-out-tls" and
 * Internet; g_free. */
char *ph_setup_transport(const char *transport,
			 const struct ph_object *connector);

/* The transports for any connector: one for each degree of TLS;
 * NULL-terminated. */
const char *const *ph_setup_transports(void);

#endif
