#ifndef PH_DIRECTORY_REMOTE_H
#define PH_DIRECTORY_REMOTE_H

#include "lib/base/err.h"
#include "lib/directory/directory.h"
#include "lib/state/snapshot.h"
#include "lib/state/state.h"

#include <stdbool.h>

/* Domains outside, and what may go there. */

/* The remotedomain object for a domain outside: that of the domain itself, else
 * the nearest "*." that it is below (or is), else "*". Without case. Borrowed;
 * NULL: there is none. Pure. */
const struct ph_object *ph_remote_find(const struct ph_snapshot *snapshot,
				       const char *domain);

/* Does any remote domain refuse reports? Hardly ever. Pure. */
bool ph_remote_refuses_reports(const struct ph_snapshot *snapshot);

/*
 * May a report go to an address: of a failure (NDREnabled), or of anything else
 * (DeliveryReportEnabled)? Where it goes is the address's own domain or that of
 * its entry's ExternalEmailAddress; inside, yes. 1, 0, or -1: cannot say, and
 * then it goes: a report that is lost is worse than one too many.
 */
int ph_remote_takes_report(struct ph_directory *directory,
			   const struct ph_snapshot *snapshot,
			   const char *address, bool failure,
			   struct ph_err *err);

/* The same of a failure and the state of now, for who makes reports himself;
 * what cannot be said is logged, and true. */
bool ph_remote_may_tell(struct ph_directory *directory, struct ph_state *state,
			const char *address);

#endif
