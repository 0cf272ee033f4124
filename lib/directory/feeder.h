#ifndef PH_DIRECTORY_FEEDER_H
#define PH_DIRECTORY_FEEDER_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/directory/status.h"
#include "lib/state/state.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The writer of the shared directory file: one thread in posthub-policy alone
 * that watches "recipient:" and keeps the file, with its index of addresses,
 * equal to Redis. A change costs what changed. After a broken watch everything
 * is re-read, paced, while the file goes on serving. What is bad in Redis is
 * not taken over: the entry's last good value stays. Nothing is removed while
 * the organisation in Redis is not the one in force, or when more than half
 * (and more than ten) of the entries are gone at once and not adopted
 * (the rule of ph_state_accept, with the state's own verdict).
 */
struct ph_feeder;

/* state is borrowed: for its pool and for the organisation in force. Waits for
 * nothing. -1: PERM, the file cannot be made. */
int ph_feeder_start(const struct ph_conf *conf, struct ph_state *state,
		    struct ph_feeder **feeder_r, struct ph_err *err);
void ph_feeder_stop(struct ph_feeder **feeder);

/* A directory over the feeder's own open file, the caller's to close before
 * the feeder stops: one process must not open the file twice. */
struct ph_directory *ph_feeder_directory(struct ph_feeder *feeder);

/* What "posthub status" shows of the directory (status.h). */
void ph_feeder_status(struct ph_feeder *feeder,
		      struct ph_directory_status *status_r);

#endif
