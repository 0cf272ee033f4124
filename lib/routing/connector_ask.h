#ifndef PH_ROUTING_CONNECTOR_ASK_H
#define PH_ROUTING_CONNECTOR_ASK_H

#include "lib/routing/connector.h"
#include "lib/routing/connector_private.h"
#include "lib/routing/topology_private.h"

/* What the files that answer one question about connectors share. */

/* A connector that would do, as seen from the asking server. */
struct ph_connector_candidate {
	const struct ph_object *connector;
	struct ph_space space;
	int64_t cost;	  /* of the path and of the address space */
	size_t distance;  /* 0 this server, 1 this site, 2 and more farther */
	GArray *hops;	  /* struct ph_candidate, to a source server; NULL: this
			   * server is one */
	uint64_t limit;	  /* of the links to there; 0: none */
	const char *link; /* whose it is */
	char *out;	  /* what a source server does with the mail */
	char *proxies;	  /* through whom this server does it; NULL: itself */
};

/* One question while it is answered. */
struct ph_connector_ask {
	const struct ph_connector_query *query;
	const struct ph_server *from;
	char *domain;	   /* folded */
	bool drain;	   /* Draining servers count as well */
	const char *fault; /* why the last connector does not do */
	bool too_large;	   /* that was the only fault of one */
	struct ph_connector_candidate best; /* connector NULL: none yet */
	GPtrArray *why;			    /* NULL: not asked for */
};

/* One line of "why", if it was asked for. */
void ph_connector_note(struct ph_connector_ask *ask, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
/* The connector does not do, and why; returns false. */
bool ph_connector_skip(struct ph_connector_ask *ask,
		       const struct ph_object *connector, const char *fault);

/* ---- connector_way.c ---------------------------------------------------- */

/* Can mail for the candidate leave from here, or reach a server that sends it?
 * Fills hops, cost, distance and limits; false: skipped. */
bool ph_connector_way(struct ph_connector_ask *ask,
		      struct ph_connector_candidate *candidate);

#endif
