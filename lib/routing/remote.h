#ifndef PH_ROUTING_REMOTE_H
#define PH_ROUTING_REMOTE_H

#include "lib/state/snapshot.h"

/* The remotedomain object for a domain outside: that of the domain itself, else
 * the nearest "*." that it is below (or is), else "*". Without case. Borrowed;
 * NULL: there is none. Pure. */
const struct ph_object *ph_remote_find(const struct ph_snapshot *snapshot,
				       const char *domain);

#endif
