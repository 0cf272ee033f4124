#ifndef PH_INSPECT_POOL_H
#define PH_INSPECT_POOL_H

#include "lib/inspect/inspector.h"

#include <stdint.h>

/* Inside lib/inspect: the program's side of its workers. Thread-safe. */
struct ph_pool;

struct ph_worker {
	uint32_t id;
	int fd;
	uint32_t served; /* messages */
	uint32_t cpu;	 /* ms, as it says */
	unsigned layers;
};

struct ph_pool *ph_pool_new(const struct ph_inspector_options *options);
void ph_pool_free(struct ph_pool **pool);

/* A worker that has said hello, before the deadline (monotonic, ms); NULL and
 * *err: TEMP. It goes back by one of the two below. */
struct ph_worker *ph_pool_take(struct ph_pool *pool, int64_t deadline,
			       struct ph_err *err);
void ph_pool_put(struct ph_pool *pool, struct ph_worker *worker);
/* Kills it; its wait status, or -1: nobody knows. */
int ph_pool_end(struct ph_pool *pool, struct ph_worker *worker);

/* Waits until fd can be read. 1, 0 the deadline has passed, -1. */
int ph_pool_wait(int fd, int64_t deadline);

#endif
