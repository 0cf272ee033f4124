#ifndef PH_TRACKING_SHIP_H
#define PH_TRACKING_SHIP_H

#include "lib/base/err.h"
#include "lib/state/redis.h"

#include <stdint.h>

/*
 * Sends every row of every tracking log file of a directory, whichever daemon
 * wrote it, to the Redis stream of events and its index, in the order of the
 * files. How far each file was sent is kept in a file of its own; after a
 * crash or an unanswered request some rows are sent again, which readers
 * recognise by the log-id. Not thread-safe.
 */
struct ph_ship;

struct ph_ship_options {
	const char *directory;
	const char *position;	/* path of the file that says how far */
	const char *server;	/* short name, a field of each event */
	struct ph_redis *redis; /* borrowed */
	int64_t stream_size;	/* bytes of memory for the stream */
	int64_t stream_age;	/* ms */
};

struct ph_ship *ph_ship_new(const struct ph_ship_options *options);
/* Saves how far it came. NULL is fine. */
void ph_ship_free(struct ph_ship **ship);

/*
 * Sends some rows, at most a few hundred. 1: there may be more; 0: all is
 * sent; -1: Redis is away or refuses, or a file cannot be read, which keeps no
 * other from being sent: the rows wait, call again later.
 */
int ph_ship_run(struct ph_ship *ship, struct ph_err *err);

#endif
