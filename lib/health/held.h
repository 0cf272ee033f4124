#ifndef PH_HEALTH_HELD_H
#define PH_HEALTH_HELD_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/routing/topology.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which mailbox databases this server holds just now, for the other programs
 * of the host: posthub-delivery alone takes leases (holder.h), and writes what
 * it has into state_dir/held each second. Its times are those of the machine's
 * monotonic clock, which all processes share; of another boot they count for
 * nothing. No daemon that writes: what needs a lease runs out by itself.
 */
struct ph_held; /* who asks */

/* Borrows conf; never fails. */
struct ph_held *ph_held_open(const struct ph_conf *conf);
void ph_held_close(struct ph_held **held); /* NULL is fine */

/*
 * May this server work on the database, which is active here, under the Epoch
 * that the topology tells? 1; 0 and why: another server may have it by now, or
 * its copy is not ready. Cheap: no I/O where nothing has to be held, else one
 * small file is read. Any thread.
 */
int ph_held_check(const struct ph_held *held,
		  const struct ph_database *database, struct ph_err *err);

/* Has to be held: it is activated automatically, or its copy has to be made
 * ready. Else any number of servers may think that it is theirs. */
bool ph_held_needed(const struct ph_conf *conf,
		    const struct ph_database *database);

/* ---- for the writer ----------------------------------------------------- */

struct ph_held_row {
	const char *database;
	int64_t epoch;
	int64_t until; /* of ph_clock_mono */
};

/* Replaces the file; not durable, since it is of no use after a crash. 0 or
 * -1 TEMP. */
int ph_held_write(const struct ph_conf *conf, const struct ph_held_row *rows,
		  size_t n, struct ph_err *err);

#endif
