#ifndef PH_STORE_DELIVERY_ARRIVALS_PRIVATE_H
#define PH_STORE_DELIVERY_ARRIVALS_PRIVATE_H

#include "store/delivery/arrivals.h"

#include <glib.h>
#include <stdbool.h>

/*
 * Inside arrivals*.c only. One way of telling: a bounded queue and threads that
 * send what is in it in its order.
 */
struct ph_outlet;

struct ph_outlet_ops {
	const char *name; /* in the log */
	guint limit;	  /* texts that may wait */
	guint batch;	  /* texts sent at once, at most */
	int64_t gather;	  /* ms that the first of them waits for more */
	/* n GBytes. 0, or -1 with err: they are given up. *worker is the
	 * thread's own, NULL at first. */
	int (*send)(struct ph_outlet *outlet, void **worker,
		    GBytes *const *texts, guint n, struct ph_err *err);
	void (*free_worker)(void *worker); /* NULL: there is nothing to free */
};

struct ph_outlet {
	const struct ph_outlet_ops *ops;
	void *target; /* whom send tells: borrowed of its maker */
	int64_t timeout;
	int stop_fd;  /* readable once a stop was asked for */
	GMutex mutex; /* what follows */
	GCond more;
	GQueue waiting; /* GBytes */
	guint idle;	/* threads that wait for more */
	bool stopping, failing;
	bool full; /* since it was last half empty, which was logged */
	uint64_t dropped, dropped_now; /* in all; since it fails */
	GPtrArray *threads;
};

extern const struct ph_outlet_ops ph_outlet_redis;   /* struct ph_redis */
extern const struct ph_outlet_ops ph_outlet_command; /* char **argv */
extern const struct ph_outlet_ops ph_outlet_web;     /* char *url */
/* Before the first of its workers. */
void ph_outlet_web_prepare(void);

bool ph_outlet_stopping(struct ph_outlet *outlet);

#endif
