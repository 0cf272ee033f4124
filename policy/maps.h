#ifndef PH_POLICY_MAPS_H
#define PH_POLICY_MAPS_H

#include "lib/base/err.h"
#include "lib/base/socketmap.h"
#include "lib/directory/directory.h"
#include "lib/health/peers.h"
#include "lib/routing/topology.h"
#include "lib/smtp/peer.h"
#include "lib/state/snapshot.h"
#include "policy/rates.h"

#include <glib.h>

/*
 * The tables that Postfix asks by socketmap. Answers are functions of what
 * struct ph_sources holds, without I/O but for the directory and passwords.
 */

/* All borrowed, for one request. */
struct ph_sources {
	struct ph_directory *directory;
	const struct ph_snapshot *snapshot; /* NULL: none at all yet */
	const struct ph_topology *topology; /* NULL with it */
	const char *server;		    /* this server's name */
	struct ph_peers *peers;		    /* or NULL */
	const char *credentials; /* directory of passwords; or NULL */
	const struct ph_peer_tls *peer_tls; /* NULL: nothing is said of it */
	struct ph_rates *rates;		    /* NULL: nothing is counted */
};

struct ph_map {
	const char *name; /* as Postfix's main.cf has it: map_names.h */
	/* 1: found, the value was appended; 0: certainly not; -1. key is valid
	 * UTF-8 without control characters. */
	int (*lookup)(const struct ph_sources *sources, const char *key,
		      GString *value, struct ph_err *err);
};

/* All maps; ends with name NULL. */
extern const struct ph_map ph_maps[];
const struct ph_map *ph_map_find(const char *name); /* NULL: none */

/*
 * Appends the reply to a request; never fails. What could not be said is
 * copied to err for whoever logs (NULL is fine).
 */
void ph_map_answer(const struct ph_sources *sources,
		   const struct ph_smap_request *request, GString *out,
		   struct ph_err *err);

#endif
