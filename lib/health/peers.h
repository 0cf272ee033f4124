#ifndef PH_HEALTH_PEERS_H
#define PH_HEALTH_PEERS_H

#include "lib/base/conf.h"
#include "lib/routing/topology.h"
#include "lib/state/state.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Which server of ours is behind a client's address. The names that server:
 * objects give their services are looked up in the background, when they
 * change and once a minute, so that nobody who asks waits for a name server. A
 * name that cannot be looked up keeps the addresses it had, after a restart as
 * well: an outage is no reason to distrust a peer.
 */
struct ph_peers;

/*
 * program: in whose <program>.peers in the state directory addresses are kept.
 * topology: row of the state's derive table that ph_topology_build fills. The
 * state is borrowed and has to outlive the thread. Never fails.
 */
struct ph_peers *ph_peers_start(const struct ph_conf *conf, const char *program,
				struct ph_state *state, size_t topology);
void ph_peers_stop(struct ph_peers **peers); /* NULL is fine */

/*
 * As ph_topology_peer, and by the addresses that were looked up. peers NULL is
 * fine: the topology alone. Borrowed from the topology; NULL: nobody of ours.
 */
const struct ph_server *ph_peers_find(struct ph_peers *peers,
				      const struct ph_topology *topology,
				      const char *host_or_address);

/*
 * False: a client that is nobody of ours may be a server of ours all the same,
 * since nothing was looked up yet, or there is one of which no address is known
 * because no name server answers. It must not be refused for good as the
 * stranger that it may not be. peers NULL: true.
 */
bool ph_peers_sure(struct ph_peers *peers);

/* path: of the file, NULL: none. What is in it is known from the beginning. */
struct ph_peers *ph_peers_new(const char *path);
/* One round of looking up what the topology names, on the caller's thread;
 * recall: of what is known, without asking anybody. */
void ph_peers_look_up(struct ph_peers *peers,
		      const struct ph_topology *topology);
void ph_peers_recall(struct ph_peers *peers,
		     const struct ph_topology *topology);

#endif
