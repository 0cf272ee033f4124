#ifndef PH_MILTERS_HOST_BUDGET_H
#define PH_MILTERS_HOST_BUDGET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that all sessions share, in bytes: what one message may take is
 * limited, but many at once would take many times that. Thread-safe.
 */
struct ph_budget {
	gsize limit; /* 0: none */
	gsize used;  /* the budget's own */
};

/* False: it would pass the limit; nothing was taken. */
bool ph_budget_take(struct ph_budget *budget, size_t size);
/* Gives back what was taken. */
void ph_budget_give(struct ph_budget *budget, size_t size);

#endif
