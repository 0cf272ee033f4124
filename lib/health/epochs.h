#ifndef PH_HEALTH_EPOCHS_H
#define PH_HEALTH_EPOCHS_H

#include "lib/base/err.h"
#include "lib/routing/topology.h"

#include <stdint.h>

/*
 * The highest Epoch that this server has seen of each mailbox database, on
 * disk: a Redis that comes back with older data, or a replica that missed the
 * last move, must not make two servers active one after the other without
 * either knowing. A text file, a line a database: "<Epoch> <name>".
 * Thread-safe.
 */
struct ph_epochs;

/* A file that is not there is empty. 0; -1 TEMP, or PERM: damaged. */
int ph_epochs_open(const char *path, struct ph_epochs **epochs_r,
		   struct ph_err *err);
void ph_epochs_close(struct ph_epochs **epochs); /* NULL is fine */

/* Takes in what a topology says; durable when it returns. 0, or -1 TEMP: in
 * memory it counts all the same. */
int ph_epochs_note(struct ph_epochs *epochs, const struct ph_topology *topology,
		   struct ph_err *err);

/* Without case; -1: none was seen. */
int64_t ph_epochs_highest(struct ph_epochs *epochs, const char *database);

#endif
